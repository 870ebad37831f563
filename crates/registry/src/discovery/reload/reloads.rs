use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jackfield_types::Digest;
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::Editions;
use crate::discovery::{PluginLoadError, PluginRefusal, RefusalReason};

/// What a registry keeps about reloads.
pub(crate) struct Reloads {
    pub(crate) editions: Editions,
    /// One reload at a time: what was read first must not replace what was read later.
    pub(super) turn: Semaphore,
    /// What was tried and will fail again as long as it has this content.
    hopeless: Mutex<BTreeMap<PathBuf, (Digest, Arc<PluginRefusal>)>>,
}

impl Default for Reloads {
    fn default() -> Self {
        Self {
            editions: Editions::default(),
            turn: Semaphore::new(1),
            hopeless: Mutex::default(),
        }
    }
}

impl Reloads {
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
