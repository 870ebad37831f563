//! Watching folders of plugins, and reloading what changes in them.
//!
//! The watch only says *that* something changed; what follows from it is
//! [`reload_plugins`](crate::Registry::reload_plugins), which looks for itself. So a lost or late
//! notice delays a reload and does nothing worse, and from time to time it looks without one.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jackfield_plugin_api::CancellationToken;
use notify::event::{AccessKind, AccessMode};
use notify::{ErrorKind, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::{Instant, timeout, timeout_at};

use super::install::off_thread;
use super::{DiscoveryOptions, ReloadReport};
use crate::Registry;

/// So many requests for a reload wait at most; more wait outside.
const REQUESTS: usize = 16;

/// When a watch reloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatchTiming {
    /// After a change it waits until nothing has changed for so long: whoever copies a package does
    /// so file by file.
    pub quiet: Duration,
    /// But not longer than this.
    pub patience: Duration,
    /// It looks again after so long without any notice. Where the system cannot give notice, that
    /// is how changes are found.
    pub rescan: Duration,
}

impl Default for WatchTiming {
    fn default() -> Self {
        Self {
            quiet: Duration::from_millis(100),
            patience: Duration::from_secs(2),
            rescan: Duration::from_secs(60),
        }
    }
}

/// Watches folders of plugins as long as [`run`](Self::run) runs.
#[must_use = "it does nothing until it runs"]
pub struct PluginWatch {
    registry: Registry,
    folders: Vec<PathBuf>,
    options: DiscoveryOptions,
    timing: WatchTiming,
    notices: Arc<Notify>,
    /// `None` where the system has none.
    watcher: Option<RecommendedWatcher>,
    requests: mpsc::Receiver<oneshot::Sender<Arc<ReloadReport>>>,
    reports: watch::Sender<Arc<ReloadReport>>,
    /// Its own handle, until it runs.
    handle: Option<PluginWatchHandle>,
    /// Whether it was said that the system gives no notice of all changes.
    has_warned: bool,
}

/// A hold on a [`PluginWatch`] that runs. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct PluginWatchHandle {
    requests: mpsc::Sender<oneshot::Sender<Arc<ReloadReport>>>,
    reports: watch::Receiver<Arc<ReloadReport>>,
}

/// The watch does not run any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the folders of plugins are not watched any more")]
pub struct WatchEnded;

impl Registry {
    /// Begins to watch folders of plugins. Changes from now on are seen; they are acted upon when
    /// the watch runs, which begins with a reload. What is there already is loaded at its first use
    /// if [`discover_plugins`](Self::discover_plugins) found it before; what a reload finds is loaded
    /// at once, to be tried. This blocks as long as it takes to go through the
    /// folders once.
    pub fn watch_plugins(
        &self,
        folders: Vec<PathBuf>,
        options: DiscoveryOptions,
        timing: WatchTiming,
    ) -> (PluginWatch, PluginWatchHandle) {
        let notices = Arc::new(Notify::new());
        let (ask, requests) = mpsc::channel(REQUESTS);
        let (reports, read) = watch::channel(Arc::default());
        let handle = PluginWatchHandle {
            requests: ask,
            reports: read,
        };
        let mut watched = PluginWatch {
            registry: self.clone(),
            folders,
            options,
            timing,
            watcher: watcher(&notices),
            notices,
            requests,
            reports,
            handle: Some(handle.clone()),
            has_warned: false,
        };
        watched.watch();
        (watched, handle)
    }
}

/// What the system offers to give notice of changes by.
fn watcher(notices: &Arc<Notify>) -> Option<RecommendedWatcher> {
    let notices = Arc::clone(notices);
    let made = notify::recommended_watcher(move |event: notify::Result<Event>| {
        if event.as_ref().map_or(true, is_change) {
            notices.notify_one();
        }
    });
    match made {
        Ok(watcher) => Some(watcher),
        Err(error) => {
            let error = &error as &dyn Error;
            tracing::warn!(target: "registry", error, "plugins are not watched, only looked at from time to time");
            None
        }
    }
}

/// Whether it is more than somebody reading, as a reload does.
fn is_change(event: &Event) -> bool {
    match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) => false,
        EventKind::Any
        | EventKind::Create(_)
        | EventKind::Modify(_)
        | EventKind::Remove(_)
        | EventKind::Other => true,
    }
}

impl PluginWatch {
    /// Reloads whenever something changed, until it is shut down. Its future may be dropped at any
    /// time: no plugin is replaced in part.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut waiting = Vec::new();
        if let Some(handle) = self.handle.take() {
            self.registry.inner().reloads.begin_watch(handle);
        }
        loop {
            // Folders that were not there before may be now. Going through them takes its time.
            self = off_thread(move || {
                self.watch();
                self
            })
            .await;
            let report = tokio::select! {
                () = shutdown.cancelled() => return,
                // Dropped only at the end of the watch, when nobody waits for it.
                report = self.registry.reload_plugins(&self.folders, &self.options) => Arc::new(report),
            };
            self.reports.send_replace(Arc::clone(&report));
            for asked in waiting.drain(..) {
                // Whoever asked may have gone.
                let _ = oneshot::Sender::send(asked, Arc::clone(&report));
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                // A notice is kept until the next time when this is dropped before it was taken;
                // one that was taken is followed by a reload.
                () = reason_to_look(&self.notices, self.timing) => {}
                // Nobody else takes requests, and none is lost when this is dropped.
                Some(asked) = self.requests.recv() => waiting.push(asked),
            }
            while let Ok(asked) = self.requests.try_recv() {
                waiting.push(asked);
            }
        }
    }

    fn watch(&mut self) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        for folder in &self.folders {
            let Err(error) = watcher.watch(folder, RecursiveMode::Recursive) else {
                continue;
            };
            let is_absent = match &error.kind {
                ErrorKind::PathNotFound => true,
                ErrorKind::Io(error) => error.kind() == io::ErrorKind::NotFound,
                _ => false,
            };
            if is_absent || self.has_warned {
                continue;
            }
            self.has_warned = true;
            tracing::warn!(
                target: "registry",
                folder = %folder.display(),
                error = &error as &dyn Error,
                "folder of plugins not watched as a whole, only looked at from time to time"
            );
        }
    }
}

/// Waits for changes and for their end, or until it is time to look without any.
async fn reason_to_look(notices: &Notify, timing: WatchTiming) {
    if timeout(timing.rescan, notices.notified()).await.is_err() {
        return;
    }
    let latest = Instant::now() + timing.patience;
    loop {
        let quiet = (Instant::now() + timing.quiet).min(latest);
        if timeout_at(quiet, notices.notified()).await.is_err() || Instant::now() >= latest {
            return;
        }
    }
}

impl PluginWatchHandle {
    /// Reloads now, without waiting for a notice or for quiet, and gives what came of it: all that
    /// was changed before this was called is taken into account.
    ///
    /// # Errors
    /// [`WatchEnded`].
    pub async fn reload(&self) -> Result<Arc<ReloadReport>, WatchEnded> {
        let (asked, answer) = oneshot::channel();
        self.requests.send(asked).await.map_err(|_| WatchEnded)?;
        answer.await.map_err(|_| WatchEnded)
    }

    /// Whether the watch can still be asked.
    pub(super) fn is_running(&self) -> bool {
        !self.requests.is_closed()
    }

    /// The latest report, and the ones that come: one of several in quick succession may be missed.
    pub fn reports(&self) -> watch::Receiver<Arc<ReloadReport>> {
        self.reports.clone()
    }
}

impl fmt::Debug for PluginWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginWatch")
            .field("folders", &self.folders)
            .field("timing", &self.timing)
            .finish_non_exhaustive()
    }
}
