use std::sync::Arc;

use jackfield_registry::discovery::{DiscoveryOptions, LockFile, PackageLimits, PluginHost};
use jackfield_registry::trust::{SecretKey, Signatures, TrustRules, sign_package};

use crate::scene::{Plugin, Scene, number};

#[tokio::test]
async fn plugins_come_and_go_with_their_packages() {
    let scene = Scene::new();
    scene.folder("one", "acme/one", &number(1));
    scene.archive("two.jfp", "acme/two", &number(2));
    let report = scene.reload().await;
    assert_eq!((report.found, report.reloaded.len()), (2, 2), "{report:?}");
    assert!(report.reloaded.iter().all(|one| one.instead_of.is_empty()));
    let report = scene.reload().await;
    assert_eq!(
        (report.unchanged, report.has_changes()),
        (2, false),
        "{report:?}"
    );
    let (planned, before) = (scene.find("acme/one"), scene.registry.edition());
    scene.remove("one");
    let report = scene.reload().await;
    assert_eq!(report.removed.len(), 1);
    assert!(scene.registry.versions("acme/one").is_empty());
    assert_eq!(scene.call_in(&before, &planned).await, 1);
    drop(before);
    assert_eq!((scene.alive(), scene.registry.plugins().len()), (1, 1));
    assert_eq!(scene.call("acme/two").await, 2);
}

#[tokio::test]
async fn what_discovery_found_is_reloaded_like_the_rest() {
    let scene = Scene::new();
    scene.folder("guest", "acme/guest", &number(1));
    scene
        .registry
        .discover_plugins(&scene.folders(), &scene.options());
    assert_eq!(scene.reload().await.unchanged, 1);
    assert_eq!(scene.call("acme/guest").await, 1);
    scene.folder("guest", "acme/guest", &number(2));
    assert_eq!(scene.reload().await.reloaded.len(), 1);
    assert_eq!(scene.call("acme/guest").await, 2);
}

#[tokio::test]
async fn a_folder_that_is_out_of_reach_takes_nothing_with_it() {
    let scene = Scene::new();
    scene.folder("guest", "acme/guest", &number(1));
    scene.reload().await;
    let away = scene.root.path().with_extension("away");
    std::fs::rename(scene.root.path(), &away).unwrap();
    let report = scene.reload().await;
    assert_eq!(
        (report.refused.len(), report.removed.len()),
        (1, 0),
        "{report:?}"
    );
    assert_eq!(scene.call("acme/guest").await, 1);
    std::fs::rename(&away, scene.root.path()).unwrap();
    assert_eq!(scene.reload().await.unchanged, 1);
}

#[tokio::test]
async fn the_first_folder_counts() {
    let scene = Scene::new();
    scene.archive("b.jfp", "acme/guest", &number(1));
    scene.reload().await;
    let above = tempfile::TempDir::new().unwrap();
    let folders = vec![above.path().to_path_buf(), scene.root.path().to_path_buf()];
    let options = scene.options();
    scene.archive("a.jfp", "acme/guest", &number(2));
    // Two with different contents in one folder cannot both be meant.
    let report = scene.registry.reload_plugins(&folders, &options).await;
    assert_eq!(report.refused.len(), 1, "{report:?}");
    std::fs::rename(scene.root.path().join("a.jfp"), above.path().join("a.jfp")).unwrap();
    let report = scene.registry.reload_plugins(&folders, &options).await;
    assert_eq!(report.shadowed.len(), 1, "{report:?}");
    assert_eq!(scene.call("acme/guest").await, 2);
    std::fs::remove_file(above.path().join("a.jfp")).unwrap();
    let report = scene.registry.reload_plugins(&folders, &options).await;
    assert_eq!(
        (report.reloaded.len(), report.removed.len()),
        (1, 0),
        "{report:?}"
    );
    assert_eq!(scene.call("acme/guest").await, 1);
    assert_eq!(scene.alive(), 1);
}

#[tokio::test]
async fn versions_in_packages_of_their_own_live_side_by_side() {
    let scene = Scene::new();
    scene.folder("old", "acme/guest", &number(1));
    let next = Plugin {
        version: "2.0.0",
        ..number(2)
    };
    scene.folder("new", "acme/guest", &next);
    assert_eq!(scene.reload().await.reloaded.len(), 2);
    assert_eq!(scene.registry.versions("acme/guest").len(), 2);
    assert_eq!(scene.call("acme/guest").await, 2);
    scene.remove("new");
    assert_eq!(scene.reload().await.removed.len(), 1);
    assert_eq!(scene.call("acme/guest").await, 1);
}

#[tokio::test]
async fn a_plugin_waits_for_the_one_that_it_needs() {
    let scene = Scene::new();
    let needy = |plugin: Plugin| {
        let manifest = "\n[[dependencies]]\nplugin = \"acme/z\"\nversion = \"^1\"\n";
        Plugin {
            more: format!("{}{manifest}", plugin.more),
            ..plugin
        }
    };
    scene.folder("a", "acme/a", &needy(number(1)));
    let report = scene.reload().await;
    assert_eq!(
        (report.refused.len(), report.reloaded.len()),
        (1, 0),
        "{report:?}"
    );
    scene.folder("z", "acme/z", &number(2));
    let report = scene.reload().await;
    assert_eq!(
        (report.refused.len(), report.reloaded.len()),
        (0, 2),
        "{report:?}"
    );
    assert_eq!(scene.call("acme/a").await, 1);
    assert!(scene.registry.refused_plugins().is_empty());
}

#[tokio::test]
async fn plugins_that_need_each_other_are_named_with_the_whole_way() {
    let scene = Scene::new();
    for (id, need) in [
        ("acme/a", "acme/b"),
        ("acme/b", "acme/c"),
        ("acme/c", "acme/b"),
    ] {
        let more = format!("\n[[dependencies]]\nplugin = \"{need}\"\n");
        scene.folder(&id[5..], id, &Plugin { more, ..number(1) });
    }
    let report = scene.reload().await;
    let refused = report.refused.iter().map(|one| one.reason.to_string());
    assert_eq!(
        refused.collect::<Vec<_>>(),
        [
            "it needs a plugin that is not there: acme/a → acme/b → acme/c → acme/b",
            "it needs itself: acme/b → acme/c → acme/b",
            "it needs itself: acme/c → acme/b → acme/c",
        ]
    );
}

/// Options that trust this key with the plugins of `acme`, or nobody, and demand signatures.
fn trusting(scene: &Scene, key: Option<&SecretKey>) -> DiscoveryOptions {
    let mut rules = TrustRules::new(Signatures::Required);
    if let Some(key) = key {
        let acme = "acme".parse().unwrap();
        rules.trust(&acme, key.public_key(), &[]).unwrap();
    }
    let host = Arc::clone(&scene.host) as Arc<dyn PluginHost>;
    DiscoveryOptions::new(host, Arc::new(rules))
}

#[tokio::test]
async fn whom_nobody_trusts_any_more_goes_and_who_signs_later_counts() {
    let scene = Scene::new();
    let key = SecretKey::generate().unwrap();
    scene.folder("guest", "acme/guest", &number(1));
    let folders = scene.folders();
    // Taken though nobody signed it, and then somebody did: its digest is what it was.
    assert_eq!(scene.reload().await.reloaded.len(), 1);
    assert_eq!(scene.find("acme/guest").origin().unwrap().signer, None);
    let limits = PackageLimits::default();
    sign_package(&scene.root.path().join("guest"), &key, &limits).unwrap();
    let options = trusting(&scene, Some(&key));
    let report = scene.registry.reload_plugins(&folders, &options).await;
    assert_eq!(report.reloaded.len(), 1, "{report:?}");
    let origin = scene.find("acme/guest").origin().cloned().unwrap();
    assert_eq!(origin.signer.as_deref(), Some("acme"));
    let report = scene.registry.reload_plugins(&folders, &options).await;
    assert_eq!((report.unchanged, report.has_changes()), (1, false));
    // The key was lost, and with it what it signed.
    let (planned, before) = (scene.find("acme/guest"), scene.registry.edition());
    let options = trusting(&scene, None);
    let report = scene.registry.reload_plugins(&folders, &options).await;
    assert_eq!((report.refused.len(), report.removed.len()), (1, 1));
    assert!(scene.registry.versions("acme/guest").is_empty());
    assert!(scene.registry.current_in(&before, &planned).is_none());
    assert_eq!(scene.registry.refused_plugins().len(), 1);
    drop((planned, before));
    assert_eq!(scene.alive(), 0);
}

#[tokio::test]
async fn what_is_pinned_no_more_goes() {
    let scene = Scene::new();
    scene.folder("guest", "acme/guest", &number(1));
    scene.reload().await;
    let mut lock = LockFile::new();
    lock.pin(scene.find("acme/guest").origin().unwrap());
    let (folders, locked) = (scene.folders(), |lock: &LockFile| {
        scene.options().lock(Arc::new(lock.clone()))
    });
    let report = scene
        .registry
        .reload_plugins(&folders, &locked(&lock))
        .await;
    assert_eq!(report.unchanged, 1, "{report:?}");
    lock.release(&"acme/guest".parse().unwrap(), None);
    let report = scene
        .registry
        .reload_plugins(&folders, &locked(&lock))
        .await;
    assert_eq!(report.removed.len(), 1, "{report:?}");
}

#[tokio::test]
async fn a_package_that_is_not_trusted_stands_for_no_other_one() {
    let (scene, key) = (Scene::new(), SecretKey::generate().unwrap());
    scene.folder("guest", "acme/guest", &number(1));
    let limits = PackageLimits::default();
    sign_package(&scene.root.path().join("guest"), &key, &limits).unwrap();
    let above = Scene::new();
    above.folder("guest", "acme/guest", &number(2));
    let folders = [above.folders(), scene.folders()].concat();
    let options = trusting(&scene, Some(&key));
    let report = scene.registry.reload_plugins(&folders, &options).await;
    assert_eq!(
        (report.refused.len(), report.reloaded.len()),
        (1, 1),
        "{report:?}"
    );
    assert_eq!(scene.call("acme/guest").await, 1);
}

#[tokio::test]
async fn what_goes_on_in_the_first_folder_still_counts() {
    let (scene, above) = (Scene::new(), Scene::new());
    scene.folder("guest", "acme/guest", &number(1));
    above.folder("guest", "acme/guest", &number(2));
    let folders = [above.folders(), scene.folders()].concat();
    let options = scene.options();
    let report = scene.registry.reload_plugins(&folders, &options).await;
    assert_eq!(report.shadowed.len(), 1, "{report:?}");
    // Somebody is still writing it: that is no reason to take the other one for a while.
    std::fs::write(above.root.path().join("guest/plugin.toml"), "id = ").unwrap();
    let report = scene.registry.reload_plugins(&folders, &options).await;
    assert_eq!(
        (report.refused.len(), report.reloaded.len()),
        (1, 0),
        "{report:?}"
    );
    assert_eq!(scene.call("acme/guest").await, 2);
}

#[tokio::test]
async fn a_version_takes_no_node_type_from_another_one() {
    let scene = Scene::new();
    scene.folder("old", "acme/guest", &number(1));
    scene.reload().await;
    // The node type of 1.0.0, in a package of 2.0.0 that lies beside it.
    let greedy = Plugin {
        version: "2.0.0",
        more: "version = \"1.0.0\"\n".to_owned(),
        ..number(2)
    };
    scene.folder("new", "acme/guest", &greedy);
    let report = scene.reload().await;
    assert_eq!(
        (report.refused.len(), report.reloaded.len()),
        (1, 0),
        "{report:?}"
    );
    let reason = report.refused[0].reason.to_string();
    let expected = "node type `acme/guest` 1.0.0 is provided by `acme/guest` 1.0.0 already, from `";
    assert!(reason.starts_with(expected), "{reason}");
    assert!(reason.ends_with("/old`"), "{reason}");
    assert_eq!(scene.call("acme/guest").await, 1);
    // In the place of the old one it may have what that had.
    scene.remove("new");
    scene.folder("old", "acme/guest", &greedy);
    let report = scene.reload().await;
    assert_eq!(
        (report.refused.len(), report.reloaded.len()),
        (0, 1),
        "{report:?}"
    );
    assert_eq!(scene.call("acme/guest").await, 2);
}
