//! The plugins that a registry knows.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jackfield_types::PluginId;
use semver::{Version, VersionReq};

use super::Held;
use super::plugin::Plugin;
use super::refusal::{PluginRefusal, RefusalReason};
use super::report::{PluginState, PluginSummary};
use crate::Registration;

/// Plugins that are registered, and packages that were refused.
#[derive(Default)]
pub(crate) struct PluginTable {
    installed: BTreeMap<PluginId, BTreeMap<Version, Installed>>,
    refused: BTreeMap<PathBuf, Arc<PluginRefusal>>,
}

/// A plugin with what it provides.
#[derive(Clone)]
pub(super) struct Installed {
    pub(super) plugin: Arc<Plugin>,
    pub(super) registrations: Vec<Arc<Registration>>,
}

impl Installed {
    fn is_gone(&self) -> bool {
        self.registrations.iter().all(|one| one.is_retired())
    }

    fn state(&self) -> PluginState {
        if let Some(refused) = self.plugin.refused() {
            let why = refused.to_string();
            return PluginState::Refused { why };
        }
        if self
            .registrations
            .iter()
            .any(|one| !one.quarantines().is_empty())
        {
            PluginState::Quarantined
        } else if self.plugin.is_loaded() {
            PluginState::Ready
        } else {
            PluginState::Lazy
        }
    }

    /// What plugins provide.
    pub(super) fn registrations_of(installed: &[Self]) -> Vec<Arc<Registration>> {
        let all = installed.iter().flat_map(|one| one.registrations.iter());
        all.cloned().collect()
    }

    /// What plugins have in memory.
    pub(super) fn held_by(installed: &[Self]) -> Vec<Held> {
        let loaded = installed.iter().flat_map(|one| one.plugin.in_memory());
        loaded.map(|loaded| loaded as Held).collect()
    }

    pub(super) fn summary(&self) -> PluginSummary {
        let package = self.plugin.package();
        let (loads, load_time) = self.plugin.loads();
        let here = self.registrations.iter().filter(|one| !one.is_retired());
        PluginSummary {
            origin: Arc::clone(self.plugin.origin()),
            path: Arc::clone(package.path()),
            form: package.form(),
            description: package.manifest().description().to_owned(),
            node_types: here.map(|one| one.node_type().clone()).collect(),
            state: self.state(),
            loads,
            load_time,
        }
    }
}

impl PluginTable {
    /// A plugin in a version, as long as something of it is registered.
    pub(super) fn get(&self, plugin: &PluginId, version: &Version) -> Option<&Installed> {
        let installed = self.installed.get(plugin)?.get(version)?;
        Some(installed).filter(|installed| !installed.is_gone())
    }

    /// Whether a plugin is there in a version that will do.
    pub(super) fn has(&self, plugin: &PluginId, wanted: &VersionReq) -> bool {
        self.versions(plugin)
            .any(|(version, _)| wanted.matches(version))
    }

    /// What came out of a package.
    pub(super) fn out_of(&self, path: &Path) -> Vec<Installed> {
        self.those_from(|one| one == path)
    }

    /// What came out of some packages.
    pub(super) fn those_from(&self, is_meant: impl Fn(&Path) -> bool) -> Vec<Installed> {
        let all = self.installed.values().flat_map(BTreeMap::values);
        let there = all.filter(|one| !one.is_gone());
        let meant = there.filter(|one| is_meant(one.plugin.package().path()));
        meant.cloned().collect()
    }

    /// Forgets why some packages were refused.
    pub(super) fn forget_refusals(&mut self, is_meant: impl Fn(&Path) -> bool) {
        self.refused.retain(|path, _| !is_meant(path));
    }

    /// The versions of a plugin.
    pub(super) fn versions(
        &self,
        plugin: &PluginId,
    ) -> impl Iterator<Item = (&Version, &Installed)> {
        let versions = self.installed.get(plugin).into_iter().flatten();
        versions.filter(|(_, installed)| !installed.is_gone())
    }

    /// The versions of a plugin of which nothing is registered any more.
    pub(super) fn retired_versions(&self, plugin: &PluginId) -> Vec<Version> {
        let versions = self.installed.get(plugin).into_iter().flatten();
        let gone = versions.filter(|(_, installed)| installed.is_gone());
        gone.map(|(version, _)| version.clone()).collect()
    }

    /// Notes a plugin, and gives back what stood in its place.
    pub(super) fn put(&mut self, installed: Installed) -> Option<Installed> {
        let origin = installed.plugin.origin();
        self.refused.remove(&**installed.plugin.package().path());
        let versions = self.installed.entry(origin.plugin.clone()).or_default();
        versions.insert(origin.version.clone(), installed)
    }

    pub(super) fn take(&mut self, plugin: &PluginId, version: &Version) -> Option<Installed> {
        let versions = self.installed.get_mut(plugin)?;
        let taken = versions.remove(version);
        if versions.is_empty() {
            self.installed.remove(plugin);
        }
        taken
    }

    /// Notes a refusal, unless it is that what is registered is registered already.
    pub(super) fn refuse(&mut self, refusal: Arc<PluginRefusal>) {
        if let RefusalReason::Occupied { by, .. } = &refusal.reason
            && *by == refusal.path
        {
            return;
        }
        self.refused.insert(refusal.path.clone(), refusal);
    }

    pub(super) fn forget_refusal(&mut self, path: &Path) {
        self.refused.remove(path);
    }

    pub(super) fn summaries(&self) -> Vec<PluginSummary> {
        let all = self.installed.values().flat_map(BTreeMap::values);
        all.filter(|installed| !installed.is_gone())
            .map(Installed::summary)
            .collect()
    }

    pub(super) fn refusals(&self) -> Vec<Arc<PluginRefusal>> {
        self.refused.values().cloned().collect()
    }
}
