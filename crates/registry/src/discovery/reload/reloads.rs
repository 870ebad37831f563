use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jackfield_types::Digest;
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::Editions;
use crate::discovery::{PluginLoadError, PluginRefusal, PluginWatchHandle, RefusalReason};
use crate::{LoadError, Registration, Registry};

/// What a registry keeps about reloads.
pub(crate) struct Reloads {
    pub(crate) editions: Editions,
    /// One reload at a time: what was read first must not replace what was read later.
    pub(super) turn: Semaphore,
    /// What was tried and will fail again as long as it has this content.
    hopeless: Mutex<BTreeMap<PathBuf, (Digest, Arc<PluginRefusal>)>>,
    /// The watches that run, or ended not long ago.
    watches: Mutex<Vec<PluginWatchHandle>>,
}

impl Default for Reloads {
    fn default() -> Self {
        Self {
            editions: Editions::default(),
            turn: Semaphore::new(1),
            hopeless: Mutex::default(),
            watches: Mutex::default(),
        }
    }
}

impl Reloads {
    /// Notes a watch that begins to run.
    pub(in crate::discovery) fn begin_watch(&self, watch: PluginWatchHandle) {
        let mut watches = self.watches.lock();
        watches.retain(PluginWatchHandle::is_running);
        watches.push(watch);
    }

    fn watches(&self) -> Vec<PluginWatchHandle> {
        self.watches.lock().clone()
    }

    /// Why a package was refused that is still what it was then.
    pub(super) fn refused_before(
        &self,
        path: &Path,
        digest: &Digest,
    ) -> Option<Arc<PluginRefusal>> {
        let hopeless = self.hopeless.lock();
        let (known, refusal) = hopeless.get(path)?;
        (known == digest).then(|| Arc::clone(refusal))
    }

    /// Notes a refusal, if its reason lies in the content of the package and nowhere else.
    pub(super) fn note(&self, path: &Path, digest: Digest, refusal: &Arc<PluginRefusal>) {
        let is_its_own = match &refusal.reason {
            RefusalReason::Example { .. } => true,
            RefusalReason::Load(error) => {
                !error.is_transient() && !matches!(**error, PluginLoadError::Package(_))
            }
            _ => false,
        };
        if is_its_own {
            let noted = (digest, Arc::clone(refusal));
            self.hopeless.lock().insert(path.to_path_buf(), noted);
        }
    }

    /// Forgets the packages that are not there any more.
    pub(super) fn keep_only(&self, is_there: impl Fn(&Path) -> bool) {
        self.hopeless.lock().retain(|path, _| is_there(path));
    }
}

impl Registry {
    /// Sees to it that a registration which could not be loaded, because its package was changed
    /// since it was found, stands in nobody's way: waits until those who watch the folders of plugins
    /// have looked at them, and says whether it was replaced. Then whoever needed it resolves once
    /// more, and finds what stands there now, even with an [`Edition`](crate::discovery::Edition) that
    /// is older: nobody ever called what was replaced, and nobody can.
    ///
    /// Where nobody watches and no reload is under way this is done at once. The future may be
    /// dropped at any time.
    pub async fn catch_up(&self, registration: &Registration, error: &LoadError) -> bool {
        if !error.is_stale() {
            return false;
        }
        let reloads = &self.inner().reloads;
        if !registration.is_retired() {
            for watch in reloads.watches() {
                // One that ended meanwhile has nothing to say.
                let _ = watch.reload().await;
            }
            // It is never closed. Whoever has the turn may be at this very package.
            drop(reloads.turn.acquire().await);
        }
        let is_replaced = registration.is_retired();
        if is_replaced {
            registration.lose();
        }
        is_replaced
    }
}
