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
