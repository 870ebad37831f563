//! Whether a package is taken, and how it becomes registered.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jackfield_types::{NodeTypeMetadata, PluginId};

use super::options::Depth;
use super::plugin::Plugin;
use super::refusal::{PluginRefusal, RefusalReason};
use super::table::Installed;
use super::{DiscoveryOptions, Package};
use crate::register::{Candidate, Occupied};
use crate::trust::SignedPackage;
use crate::{RegisterError, Registration, Registry};

/// A plugin that may be registered.
pub(super) struct Admitted {
    pub(super) plugin: Arc<Plugin>,
    pub(super) node_types: Vec<NodeTypeMetadata>,
}

impl PluginRefusal {
    /// A refusal before the manifest could be read.
    pub(super) fn of_path(path: &Path, reason: impl Into<RefusalReason>) -> Arc<Self> {
        Arc::new(Self {
            path: path.to_path_buf(),
            plugin: None,
            version: None,
            reason: reason.into(),
            took: Duration::ZERO,
        })
    }

    pub(super) fn of(package: &Package, reason: impl Into<RefusalReason>) -> Arc<Self> {
        Arc::new(Self {
            path: package.path().to_path_buf(),
            plugin: Some(package.id().clone()),
            version: Some(package.version().clone()),
            reason: reason.into(),
            took: Duration::ZERO,
        })
    }

    /// Says how long that took. Whoever made it says so, before anybody else has it.
    pub(super) fn after(mut self: Arc<Self>, took: Duration) -> Arc<Self> {
        if let Some(own) = Arc::get_mut(&mut self) {
            own.took = took;
        }
        self
    }
}

/// Who signed a package that may be taken, or why it may not be.
pub(super) type Verdict = Result<Option<String>, RefusalReason>;

/// Asks whether a package may be taken, by its manifest and signature alone.
pub(super) fn judge(package: &Package, options: &DiscoveryOptions) -> Verdict {
    let made_for = package.manifest().contract();
    let runs = options.host.contract();
    if !runs.matches(made_for) {
        return Err(RefusalReason::Contract {
            made_for: made_for.clone(),
            runs: runs.clone(),
        });
    }
    let signed = SignedPackage {
        plugin: package.id(),
        version: package.version(),
        digest: package.digest(),
    };
    let signer = options.trust.judge(&signed, package.signature())?;
    if let Some(lock) = &options.lock {
        match lock.digest(package.id(), package.version()) {
            None => {
                return Err(RefusalReason::NotLocked {
                    plugin: package.id().clone(),
                    version: package.version().clone(),
                });
            }
            Some(pinned) if pinned != package.digest() => {
                return Err(RefusalReason::LockedOtherwise {
                    pinned: *pinned,
                    found: *package.digest(),
                });
            }
            Some(_) => {}
        }
    }
    Ok(signer.map(|publisher| publisher.to_string()))
}

impl Admitted {
    /// Takes a package that may be taken, after a look at all its files if that is asked for. This
    /// may block.
    pub(super) fn new(
        package: &Package,
        signer: Option<String>,
        options: &DiscoveryOptions,
    ) -> Result<Self, RefusalReason> {
        if options.depth == Depth::WholePackage {
            package.verify().map_err(RefusalReason::Package)?;
        }
        let host = Arc::clone(&options.host);
        let plugin = Plugin::new(package, signer, host, options.max_load_time);
        Ok(Self {
            plugin: Arc::new(plugin),
            node_types: package.manifest().node_types().to_vec(),
        })
    }

    fn candidates(&self) -> Vec<Candidate> {
        let one = |metadata: &NodeTypeMetadata| {
            let source = self.plugin.source(metadata.node_type.clone());
            Candidate::of_plugin(self.plugin.origin(), source, metadata.clone())
        };
        self.node_types.iter().map(one).collect()
    }
}

impl Registry {
    /// Registers everything that a plugin provides, at once or not at all, and notes the plugin.
    pub(super) fn install(
        &self,
        admitted: &Admitted,
        taken_out: &[Arc<Registration>],
        occupied: Occupied<'_>,
    ) -> Result<Installed, RefusalReason> {
        let done = self.publish_all(admitted.candidates(), taken_out, occupied);
        let done = done.map_err(|error| match error {
            RegisterError::Duplicate { node_type, version } => {
                let standing = self.versions(node_type.as_str());
                let standing = standing.iter().find(|one| *one.version() == version);
                let origin = standing.and_then(|one| one.origin());
                let place = origin.and_then(|by| {
                    let plugins = self.inner().plugins.lock();
                    let there = plugins.get(&by.plugin, &by.version)?;
                    Some(there.plugin.package().path().to_path_buf())
                });
                RefusalReason::NodeTypeTaken {
                    node_type,
                    version,
                    by: origin.map_or_else(
                        || "the host".to_owned(),
                        |by| format!("`{}` {}", by.plugin, by.version),
                    ),
                    place,
                }
            }
            RegisterError::InvalidMetadata(_) => RefusalReason::Register(error),
        })?;
        let installed = Installed {
            plugin: Arc::clone(&admitted.plugin),
            registrations: done.into_iter().map(|done| done.registration).collect(),
        };
        let before = self.inner().plugins.lock().put(installed.clone());
        // Not under the lock: this may be the end of what the plugin held.
        drop(before);
        Ok(installed)
    }

    /// Notes why a package was not taken.
    pub(super) fn refuse(&self, refusal: Arc<PluginRefusal>) -> Arc<PluginRefusal> {
        tracing::warn!(
            target: "registry",
            path = %refusal.path.display(),
            error = &refusal.reason as &dyn std::error::Error,
            "plugin refused"
        );
        self.inner().plugins.lock().refuse(Arc::clone(&refusal));
        refusal
    }

    /// The versions of a plugin that are meant.
    pub(super) fn installed_of(
        &self,
        plugin: &PluginId,
        is_meant: impl Fn(&semver::Version) -> bool,
    ) -> Vec<Installed> {
        let plugins = self.inner().plugins.lock();
        let versions = plugins.versions(plugin);
        let meant = versions.filter(|(version, _)| is_meant(version));
        meant.map(|(_, one)| one.clone()).collect()
    }
}
