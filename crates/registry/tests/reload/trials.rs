use std::sync::atomic::Ordering;

use jackfield_registry::discovery::RefusalReason;

use crate::scene::{Plugin, Scene, number};

fn with_example(plugin: Plugin, output: u64) -> Plugin {
    let more = format!(
        "[[nodeTypes.examples]]\ntitle = \"it counts\"\noutput = [[{{ result = {output} }}]]\n"
    );
    Plugin { more, ..plugin }
}

#[tokio::test]
async fn what_does_not_do_what_it_says_replaces_nothing() {
    let scene = Scene::new();
    scene.folder("guest", "acme/guest", &with_example(number(1), 1));
    assert_eq!(scene.reload().await.reloaded[0].tried, 1);
    scene.folder("guest", "acme/guest", &with_example(number(2), 3));
    let report = scene.reload().await;
    assert!(report.reloaded.is_empty());
    let reason = &report.refused[0].reason;
    assert!(
        matches!(reason, RefusalReason::Example { title, .. } if title == "it counts"),
        "{reason}"
    );
    assert_eq!(scene.call("acme/guest").await, 1);
    assert_eq!(scene.alive(), 1);
    // It is not tried again as long as nothing changes.
    let loads = scene.host.loads.load(Ordering::SeqCst);
    let again = scene.reload().await;
    assert_eq!((again.refused.len(), again.reloaded.len()), (1, 0));
    assert_eq!(scene.host.loads.load(Ordering::SeqCst), loads);
    scene.folder("guest", "acme/guest", &with_example(number(2), 2));
    assert_eq!(scene.reload().await.reloaded.len(), 1);
    assert_eq!(scene.call("acme/guest").await, 2);
    assert_eq!(scene.alive(), 1);
}

#[tokio::test]
async fn a_broken_package_replaces_nothing_and_what_it_was_to_replace_stays_in_memory() {
    let scene = Scene::new();
    scene.folder("guest", "acme/guest", &number(1));
    scene.reload().await;
    let broken = Plugin {
        component: "no number".to_owned(),
        ..number(0)
    };
    scene.folder("guest", "acme/guest", &broken);
    assert_eq!(scene.reload().await.refused.len(), 1);
    // Whoever asks why nothing changed is told, though the plugin is there.
    assert_eq!(scene.registry.refused_plugins().len(), 1);
    // It could not be loaded again from what lies there now.
    scene.registry.cache().clear();
    assert_eq!(scene.call("acme/guest").await, 1);
    std::fs::write(scene.root.path().join("guest/plugin.toml"), "no manifest").unwrap();
    assert_eq!(scene.reload().await.refused.len(), 1);
    scene.registry.cache().clear();
    assert_eq!(scene.call("acme/guest").await, 1);
    scene.folder("guest", "acme/guest", &number(1));
    assert_eq!(scene.reload().await.unchanged, 1);
    assert!(scene.registry.refused_plugins().is_empty());
    // It is like any other again: what the cache drops is gone.
    scene.registry.cache().clear();
    assert_eq!(scene.alive(), 0);
    assert_eq!(scene.call("acme/guest").await, 1);
}

#[tokio::test]
async fn an_example_that_panics_replaces_nothing() {
    let scene = Scene::new();
    let panics = Plugin {
        component: "1 panics".to_owned(),
        ..number(1)
    };
    scene.folder("guest", "acme/guest", &with_example(panics, 1));
    let report = scene.reload().await;
    let reason = report.refused[0].reason.to_string();
    assert!(reason.contains("on purpose"), "{reason}");
    assert_eq!(scene.alive(), 0);
}

#[tokio::test]
async fn an_example_that_reaches_out_is_left_out() {
    let scene = Scene::new();
    let keeps = Plugin {
        component: "1 keeps".to_owned(),
        ..number(1)
    };
    scene.folder("guest", "acme/guest", &with_example(keeps, 1));
    let report = scene.reload().await;
    let reloaded = &report.reloaded[0];
    assert_eq!((reloaded.tried, reloaded.untried), (0, 1));
}

#[tokio::test]
async fn a_host_that_panics_ends_no_reload() {
    let scene = Scene::new();
    scene.folder("guest", "acme/guest", &number(1));
    scene.reload().await;
    let breaks = Plugin {
        component: "2 breaks the host".to_owned(),
        ..number(2)
    };
    scene.folder("guest", "acme/guest", &breaks);
    scene.folder("other", "acme/other", &number(3));
    let report = scene.reload().await;
    assert_eq!((report.refused.len(), report.reloaded.len()), (1, 1));
    let reason = report.refused[0].reason.to_string();
    assert!(
        reason.contains("it panicked: ") && reason.contains("on purpose"),
        "{reason}"
    );
    assert_eq!(scene.call("acme/guest").await, 1);
    assert_eq!(scene.call("acme/other").await, 3);
}

#[tokio::test(start_paused = true)]
async fn a_plugin_that_dawdles_over_its_examples_keeps_others_waiting_no_longer() {
    let scene = Scene::new();
    let dawdles = |examples: usize| {
        let example = "[[nodeTypes.examples]]\ntitle = \"it takes its time\"\n";
        Plugin {
            component: "1 dawdles".to_owned(),
            more: example.repeat(examples),
            ..number(1)
        }
    };
    scene.folder("guest", "acme/guest", &dawdles(4));
    scene.folder("other", "acme/other", &dawdles(50));
    let began = tokio::time::Instant::now();
    let report = scene.reload().await;
    assert_eq!(
        (report.refused.len(), report.reloaded.len()),
        (1, 1),
        "{report:?}"
    );
    assert!(began.elapsed() < std::time::Duration::from_secs(250));
    assert_eq!(report.reloaded[0].tried, 4);
}
