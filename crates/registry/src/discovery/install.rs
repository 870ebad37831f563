//! One plugin at a time: checked, loaded and tried before anything is registered.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use jackfield_plugin_api::NodeExecutor;
use jackfield_types::{NodeTypeId, NodeTypeMetadata, PluginOrigin, TenantId};

use super::admission::{Admitted, judge};
use super::place::place;
use super::plugin::Loaded;
use super::refusal::{PluginRefusal, RefusalReason};
use super::report::PluginSummary;
use super::requirements::{self, Requirer};
use super::table::Installed;
use super::{DiscoveryOptions, Package};
use crate::register::Occupied;
use crate::{ExecutorSource, Registration, Registry};

/// A plugin that was checked and loaded, and is not registered.
///
/// It stays in memory as long as this is there.
pub struct PreparedPlugin {
    package: Package,
    admitted: Admitted,
    loaded: Arc<Loaded>,
}

/// What becomes of what is registered already when a plugin is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replacing {
    /// It stays; a plugin that is there in the same version is refused.
    Nothing,
    /// The same plugin in the same version goes.
    SameVersion,
    /// The same plugin goes in all its versions.
    AllVersions,
}

/// What registering a plugin did.
#[derive(Debug, Clone)]
pub struct InstalledPlugin {
    /// The plugin.
    pub summary: PluginSummary,
    /// What it provides.
    pub registrations: Vec<Arc<Registration>>,
    /// What was registered before and is not any more.
    pub taken_out: Vec<Arc<Registration>>,
}

impl PreparedPlugin {
    /// The plugin.
    pub fn origin(&self) -> &Arc<PluginOrigin> {
        self.admitted.plugin.origin()
    }

    /// Its package.
    pub fn package(&self) -> &Package {
        &self.package
    }

    pub(super) fn admitted(&self) -> &Admitted {
        &self.admitted
    }

    /// What it provides, with examples.
    pub fn node_types(&self) -> &[NodeTypeMetadata] {
        &self.admitted.node_types
    }

    /// The executor of one of its node types, to try it before it is registered.
    pub fn executor(&self, node_type: &NodeTypeId) -> Option<Arc<dyn NodeExecutor>> {
        self.loaded.executor(node_type)
    }
}

impl Registry {
    /// Opens, checks and loads a package, and registers nothing. Reading blocks, so it is done on a
    /// thread that may wait, where there is a runtime that has one.
    ///
    /// # Errors
    /// [`PluginRefusal`] with the reason; it is not noted among
    /// [`refused_plugins`](Self::refused_plugins).
    pub async fn prepare_plugin(
        &self,
        path: &Path,
        options: &DiscoveryOptions,
    ) -> Result<PreparedPlugin, Arc<PluginRefusal>> {
        let (at, how) = (place(path), options.clone());
        let opened = off_thread(move || {
            let package = how.open(&at).map_err(RefusalReason::Package);
            let package = package.map_err(|reason| PluginRefusal::of_path(&at, reason))?;
            let signer = judge(&package, &how);
            let signer = signer.map_err(|reason| PluginRefusal::of(&package, reason))?;
            Ok((package, signer))
        });
        let opened: Result<_, Arc<PluginRefusal>> = opened.await;
        let (package, signer) = opened?;
        self.prepare(package, signer, options).await
    }

    /// Does what [`prepare_plugin`](Self::prepare_plugin) does with a package that may be taken: just
    /// this one, whatever lies in its place by now.
    pub(super) async fn prepare(
        &self,
        package: Package,
        signer: Option<String>,
        options: &DiscoveryOptions,
    ) -> Result<PreparedPlugin, Arc<PluginRefusal>> {
        let (one, how) = (package.clone(), options.clone());
        let admitted = off_thread(move || Admitted::new(&one, signer, &how)).await;
        let admitted = admitted.map_err(|reason| PluginRefusal::of(&package, reason))?;
        self.check_needs(&package)
            .map_err(|reason| PluginRefusal::of(&package, reason))?;
        let loaded = admitted.plugin.load(None).await;
        let loaded =
            loaded.map_err(|error| PluginRefusal::of(&package, RefusalReason::Load(error)))?;
        Ok(PreparedPlugin {
            package,
            admitted,
            loaded,
        })
    }

    fn check_needs(&self, package: &Package) -> Result<(), RefusalReason> {
        let one = Requirer::of(package);
        let plugins = self.inner().plugins.lock();
        let mut unmet = requirements::unmet(&[one], |plugin, wanted| plugins.has(plugin, wanted));
        unmet.pop().flatten().map_or(Ok(()), Err)
    }

    /// Registers a plugin that was prepared, in one step: whoever looks sees what was there before
    /// or what is there now, and never a part of it. Only what the same plugin provided is ever
    /// replaced. Once this has returned no execution that begins reaches what was taken out; those
    /// that began before, and hold the [`Edition`](super::Edition) in which they did, end with it.
    ///
    /// # Errors
    /// [`PluginRefusal`]; then nothing has changed.
    pub fn install_plugin(
        &self,
        prepared: &PreparedPlugin,
        replacing: Replacing,
    ) -> Result<InstalledPlugin, Arc<PluginRefusal>> {
        let origin = prepared.origin();
        let refused = |reason| PluginRefusal::of(&prepared.package, reason);
        let standing = match replacing {
            Replacing::Nothing => {
                let plugins = self.inner().plugins.lock();
                if let Some(there) = plugins.get(&origin.plugin, &origin.version) {
                    return Err(refused(RefusalReason::Occupied {
                        plugin: origin.plugin.clone(),
                        version: origin.version.clone(),
                        by: there.plugin.package().path().to_path_buf(),
                    }));
                }
                Vec::new()
            }
            Replacing::SameVersion => {
                self.installed_of(&origin.plugin, |version| *version == origin.version)
            }
            Replacing::AllVersions => self.installed_of(&origin.plugin, |_| true),
        };
        let taken_out = Installed::registrations_of(&standing);
        let held = Installed::held_by(&standing);
        let occupied = match replacing {
            Replacing::Nothing => Occupied::Refuse,
            Replacing::SameVersion | Replacing::AllVersions => Occupied::Supersede { held: &held },
        };
        let installed = self
            .install(&prepared.admitted, &taken_out, occupied)
            .map_err(refused)?;
        if replacing == Replacing::AllVersions {
            let mut plugins = self.inner().plugins.lock();
            let others: Vec<_> = plugins.retired_versions(&origin.plugin);
            let gone: Vec<_> = others
                .iter()
                .filter_map(|version| plugins.take(&origin.plugin, version))
                .collect();
            drop(plugins);
            // Not under the lock: this may be the end of what they held.
            drop(gone);
        }
        Ok(InstalledPlugin {
            summary: installed.summary(),
            registrations: installed.registrations,
            taken_out,
        })
    }

    /// Opens, checks, loads and registers the plugin in a folder or `.jfp` file. What it provides
    /// is in the executor cache when this returns, unless each tenant has its own.
    ///
    /// # Errors
    /// [`PluginRefusal`] with the reason, which is noted among
    /// [`refused_plugins`](Self::refused_plugins) too.
    pub async fn load_plugin(
        &self,
        path: &Path,
        options: &DiscoveryOptions,
    ) -> Result<PluginSummary, Arc<PluginRefusal>> {
        let began = Instant::now();
        let refuse = |refusal: Arc<PluginRefusal>| self.refuse(refusal.after(began.elapsed()));
        let prepared = self.prepare_plugin(path, options).await.map_err(refuse)?;
        let installed = self.install_plugin(&prepared, Replacing::Nothing);
        let installed = installed.map_err(refuse)?;
        self.warm(&installed.registrations).await;
        Ok(PluginSummary {
            state: super::PluginState::Ready,
            ..installed.summary
        })
    }

    /// Puts the executors of a plugin that is in memory into the cache.
    pub(super) async fn warm(&self, registrations: &[Arc<Registration>]) {
        let nobody = TenantId::default_tenant();
        for registration in registrations {
            if registration.source() == ExecutorSource::Lazy {
                // The plugin is loaded; if it cannot serve, its first call says so.
                let _ = self.load_executor(registration, &nobody).await;
            }
        }
    }
}

/// Runs what blocks on a thread that may wait, if there is a runtime that has one.
pub(super) async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let Ok(runtime) = tokio::runtime::Handle::try_current() else {
        return work();
    };
    match runtime.spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is at its end, and so is whoever waits here.
            Err(_) => std::future::pending().await,
        },
    }
}
