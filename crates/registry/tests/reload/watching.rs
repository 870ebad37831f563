use std::sync::Arc;
use std::time::Duration;

use jackfield_plugin_api::CancellationToken;
use jackfield_registry::discovery::{PluginWatchHandle, ReloadReport, WatchEnded, WatchTiming};
use jackfield_types::ErrorCode;
use tokio::sync::watch::Receiver;
use tokio::task::JoinHandle;

use crate::scene::{Plugin, Scene, number};

/// A watch that runs.
struct Watched {
    handle: PluginWatchHandle,
    reports: Receiver<Arc<ReloadReport>>,
    shutdown: CancellationToken,
    running: JoinHandle<()>,
}

/// Only notices lead to reloads: nothing is found by looking from time to time.
fn timing() -> WatchTiming {
    WatchTiming {
        quiet: Duration::from_millis(20),
        rescan: Duration::from_secs(3_600),
        ..WatchTiming::default()
    }
}

impl Watched {
    fn start(scene: &Scene, timing: WatchTiming) -> Self {
        let (watch, handle) =
            scene
                .registry
                .watch_plugins(scene.folders(), scene.options(), timing);
        let shutdown = CancellationToken::new();
        Self {
            reports: handle.reports(),
            running: tokio::spawn(watch.run(shutdown.clone())),
            handle,
            shutdown,
        }
    }

    async fn until(&mut self, is_it: impl Fn(&ReloadReport) -> bool) {
        self.reports.wait_for(|report| is_it(report)).await.unwrap();
    }

    async fn end(self) {
        self.shutdown.cancel();
        self.running.await.unwrap();
        assert_eq!(self.handle.reload().await.unwrap_err(), WatchEnded);
    }
}

#[tokio::test]
async fn what_changes_in_a_folder_is_reloaded() {
    let scene = Scene::new();
    scene.folder("guest", "acme/guest", &number(1));
    let mut watched = Watched::start(&scene, timing());
    watched.until(|report| report.reloaded.len() == 1).await;
    assert_eq!(scene.call("acme/guest").await, 1);
    scene.folder("guest", "acme/guest", &number(2));
    let is_second =
        |report: &ReloadReport| report.reloaded.iter().any(|one| !one.instead_of.is_empty());
    watched.until(is_second).await;
    assert_eq!(scene.call("acme/guest").await, 2);
    let broken = Plugin {
        component: "no number".to_owned(),
        ..number(0)
    };
    scene.folder("guest", "acme/guest", &broken);
    watched.until(|report| report.refused.len() == 1).await;
    assert_eq!(scene.call("acme/guest").await, 2);
    scene.archive("other.jfp", "acme/other", &number(7));
    watched
        .until(|report| report.reloaded.len() == 1 && report.refused.len() == 1)
        .await;
    assert_eq!(scene.call("acme/other").await, 7);
    scene.remove("guest");
    watched.until(|report| report.removed.len() == 1).await;
    assert!(scene.registry.versions("acme/guest").is_empty());
    watched.end().await;
}

#[tokio::test]
async fn a_reload_that_is_asked_for_sees_what_was_written_before() {
    let scene = Scene::new();
    let late = WatchTiming {
        quiet: Duration::from_secs(3_600),
        patience: Duration::from_secs(3_600),
        ..timing()
    };
    let mut watched = Watched::start(&scene, late);
    watched.reports.changed().await.unwrap();
    for round in 1..=5 {
        scene.folder("guest", "acme/guest", &number(round));
        let report = watched.handle.reload().await.unwrap();
        assert_eq!(report.reloaded.len(), 1, "{report:?}");
        assert_eq!(scene.call("acme/guest").await, round);
    }
    watched.end().await;
}

#[tokio::test]
async fn reloading_gives_no_notice_of_itself() {
    let scene = Scene::new();
    scene.folder("guest", "acme/guest", &number(1));
    let mut watched = Watched::start(&scene, timing());
    watched.reports.changed().await.unwrap();
    // What a reload reads would lead to another one, and that to the next, within this time.
    let again = tokio::time::timeout(Duration::from_millis(300), watched.reports.changed());
    assert!(again.await.is_err());
    watched.end().await;
}

/// Nothing leads to a reload but being asked for one.
fn still() -> WatchTiming {
    WatchTiming {
        quiet: Duration::from_secs(3_600),
        patience: Duration::from_secs(3_600),
        ..timing()
    }
}

#[tokio::test]
async fn a_plugin_that_changes_before_it_was_ever_used_serves_as_what_it_is_now() {
    let scene = Scene::new();
    scene.folder("guest", "acme/guest", &number(1));
    scene
        .registry
        .discover_plugins(&scene.folders(), &scene.options());
    let mut watched = Watched::start(&scene, still());
    watched.reports.changed().await.unwrap();
    let (before, planned) = (scene.registry.edition(), scene.find("acme/guest"));
    scene.folder("guest", "acme/guest", &number(2));
    // The notice is there, and nobody acted upon it: a call does not fail for it, it waits.
    assert_eq!(scene.execute("acme/guest").await.unwrap(), 2);
    // An execution that began before cannot have called what is gone, and gets what is there.
    assert!(planned.is_retired());
    assert!(scene.registry.current_in(&before, &planned).is_none());
    let newest = jackfield_types::VersionSelector::Newest;
    let name = planned.node_type();
    let found = scene.registry.resolve_in(&before, name, &newest).unwrap();
    assert!(!found.is_retired());
    watched.end().await;
}

#[tokio::test]
async fn a_plugin_that_is_gone_before_it_was_ever_used_is_unknown() {
    let scene = Scene::new();
    scene.folder("guest", "acme/guest", &number(1));
    scene
        .registry
        .discover_plugins(&scene.folders(), &scene.options());
    let mut watched = Watched::start(&scene, still());
    watched.reports.changed().await.unwrap();
    scene.remove("guest");
    let error = scene.execute("acme/guest").await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::UNKNOWN_NODE_TYPE);
    watched.end().await;
}

#[tokio::test]
async fn where_nobody_watches_a_changed_package_is_an_error_that_says_what_to_do() {
    let scene = Scene::new();
    scene.folder("guest", "acme/guest", &number(1));
    scene
        .registry
        .discover_plugins(&scene.folders(), &scene.options());
    let watched = Watched::start(&scene, still());
    watched.end().await;
    scene.folder("guest", "acme/guest", &number(2));
    let error = scene.execute("acme/guest").await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::INVALID_PACKAGE);
    assert!(error.to_string().contains("has the digest"), "{error}");
}
