use crate::scene::{Plugin, Scene, number};

#[tokio::test]
async fn what_was_replaced_is_gone_when_the_last_execution_has_ended() {
    let scene = Scene::new();
    scene.folder("guest", "acme/guest", &number(1));
    scene.reload().await;
    let planned = scene.find("acme/guest");
    let (first, second) = (scene.registry.edition(), scene.registry.edition());
    scene.folder("guest", "acme/guest", &number(2));
    scene.reload().await;
    let later = scene.registry.edition();
    assert_eq!(scene.call_in(&first, &planned).await, 1);
    assert_eq!(scene.call_in(&second, &planned).await, 1);
    assert_eq!(scene.call_in(&later, &planned).await, 2);
    assert_eq!(scene.alive(), 2);
    drop(first);
    assert_eq!(scene.call_in(&second, &planned).await, 1);
    assert_eq!(scene.alive(), 2);
    drop(second);
    // A plan that somebody keeps does not keep the plugin.
    assert_eq!(scene.alive(), 1);
    assert_eq!(scene.call_in(&later, &planned).await, 2);
    assert_eq!(scene.alive(), 1);
}

#[tokio::test]
async fn an_execution_that_began_in_between_ends_with_what_was_there_then() {
    let scene = Scene::new();
    scene.folder("guest", "acme/guest", &number(0));
    scene.reload().await;
    let planned = scene.find("acme/guest");
    let mut editions = vec![scene.registry.edition()];
    for round in 1..=20 {
        scene.folder("guest", "acme/guest", &number(round));
        scene.reload().await;
        editions.push(scene.registry.edition());
    }
    assert_eq!(scene.alive(), 21);
    for (round, edition) in (0..).zip(&editions) {
        assert_eq!(scene.call_in(edition, &planned).await, round);
    }
    // The oldest one holds what it began with, and nothing that came after it.
    let newest = editions.pop().unwrap();
    editions.drain(1..);
    assert_eq!(scene.alive(), 2);
    assert_eq!(scene.call_in(&editions[0], &planned).await, 0);
    editions.clear();
    assert_eq!(scene.alive(), 1);
    assert_eq!(scene.call_in(&newest, &planned).await, 20);
}

#[tokio::test]
async fn a_long_row_of_editions_ends_without_a_deep_stack() {
    let scene = Scene::new();
    scene.folder("guest", "acme/guest", &number(1));
    scene.reload().await;
    let oldest = scene.registry.edition();
    let prepared = scene
        .registry
        .prepare_plugin(&scene.root.path().join("guest"), &scene.options())
        .await
        .unwrap();
    let same = jackfield_registry::discovery::Replacing::SameVersion;
    for _ in 0..20_000 {
        scene.registry.install_plugin(&prepared, same).unwrap();
    }
    drop(oldest);
    assert_eq!(scene.call("acme/guest").await, 1);
}

#[tokio::test]
async fn a_version_that_follows_another_in_its_package_leaves_it_to_those_who_began_with_it() {
    let scene = Scene::new();
    scene.folder("guest", "acme/guest", &number(1));
    scene.reload().await;
    let planned = scene.find("acme/guest");
    let before = scene.registry.edition();
    let next = Plugin {
        version: "1.1.0",
        ..number(2)
    };
    scene.folder("guest", "acme/guest", &next);
    let report = scene.reload().await;
    assert_eq!(
        report.reloaded[0].instead_of[0].version.to_string(),
        "1.0.0"
    );
    let names: Vec<_> = scene
        .registry
        .plugins()
        .iter()
        .map(|one| one.origin.to_string())
        .collect();
    assert_eq!(names.len(), 1, "{names:?}");
    assert_eq!(scene.call_in(&before, &planned).await, 1);
    assert_eq!(scene.call("acme/guest").await, 2);
    // Whoever has no plan for it finds what its edition has.
    let newest = jackfield_types::VersionSelector::Newest;
    let name = planned.node_type();
    let found = scene.registry.resolve_in(&before, name, &newest).unwrap();
    assert_eq!(found.version().to_string(), "1.0.0");
    let now = scene.registry.edition();
    assert!(scene.registry.current_in(&now, &planned).is_none());
    let found = scene.registry.resolve_in(&now, name, &newest).unwrap();
    assert_eq!(found.version().to_string(), "1.1.0");
}

#[tokio::test]
async fn what_is_removed_on_purpose_is_gone_for_old_executions_too() {
    let scene = Scene::new();
    scene.folder("guest", "acme/guest", &number(1));
    scene.reload().await;
    let planned = scene.find("acme/guest");
    let before = scene.registry.edition();
    scene.folder("guest", "acme/guest", &number(2));
    scene.reload().await;
    assert_eq!(scene.call_in(&before, &planned).await, 1);
    let plugin = "acme/guest".parse().unwrap();
    assert_eq!(scene.registry.remove_plugin(&plugin, None).len(), 1);
    assert!(scene.registry.current_in(&before, &planned).is_none());
    let newest = jackfield_types::VersionSelector::Newest;
    let found = scene
        .registry
        .resolve_in(&before, planned.node_type(), &newest);
    assert!(found.is_err());
}
