use std::sync::Arc;
use std::time::Duration;

use jackfield_plugin_api::CancellationToken;
use jackfield_registry::discovery::{PluginWatchHandle, ReloadReport, WatchEnded, WatchTiming};
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
