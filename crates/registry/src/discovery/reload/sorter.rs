//! What is to be done about each package that was found.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jackfield_types::PluginId;
use semver::Version;

use super::ReloadReport;
use crate::Registry;
use crate::discovery::Package;
use crate::discovery::admission::Verdict;
use crate::discovery::discover::stands_for;
use crate::discovery::refusal::{PluginRefusal, RefusalReason};
use crate::discovery::scan::{Found, Opened};
use crate::discovery::table::Installed;

/// A package that is to be put in, and who signed it.
pub(super) struct Changed {
    pub(super) package: Package,
    pub(super) signer: Option<String>,
}

/// Tells what is new or changed from what is as it was, and from what may not be taken.
pub(super) struct Sorter<'a> {
    registry: &'a Registry,
    report: &'a mut ReloadReport,
    /// Where packages are.
    pub(super) there: BTreeSet<PathBuf>,
    /// What stands for each plugin in each version: what was found first.
    first: BTreeMap<(PluginId, Version), Package>,
    pub(super) changed: Vec<Changed>,
}

impl<'a> Sorter<'a> {
    pub(super) fn new(registry: &'a Registry, report: &'a mut ReloadReport) -> Self {
        Self {
            registry,
            report,
            there: BTreeSet::new(),
            first: BTreeMap::new(),
            changed: Vec::new(),
        }
    }

    /// Sorts what was found; in the order in which it was.
    pub(super) fn sort(&mut self, opened: Opened) {
        let Opened { path, found, .. } = opened;
        match found {
            Found::Broken(error) => {
                let reason = RefusalReason::Package(error);
                if reason.is_no_plugin() {
                    return;
                }
                self.goes_on(&path);
                self.refuse(PluginRefusal::of_path(&path, reason));
            }
            Found::Unwanted => {}
            Found::Package(package, verdict) => self.sort_package(*package, verdict),
        }
        self.there.insert(path);
    }

    fn sort_package(&mut self, package: Package, verdict: Verdict) {
        let key = key_of(&package);
        if let Some(first) = self.first.get(&key) {
            match stands_for(&package, first) {
                Ok(shadowed) => self.report.shadowed.extend(shadowed),
                Err(reason) => self.refuse(PluginRefusal::of(&package, reason)),
            }
            return;
        }
        match (verdict, self.as_it_is(&package)) {
            (Ok(signer), Some(standing)) if standing.plugin.origin().signer == signer => {
                let plugins = &self.registry.inner().plugins;
                plugins.lock().forget_refusal(package.path());
                standing.plugin.release();
                self.report.unchanged += 1;
                self.first.insert(key, package);
            }
            (Ok(signer), _) => {
                self.first.insert(key, package.clone());
                self.hold(package.path());
                let reloads = &self.registry.inner().reloads;
                match reloads.refused_before(package.path(), package.digest()) {
                    // It was said when it was tried.
                    Some(refusal) => self.report.refused.push(refusal),
                    None => self.changed.push(Changed { package, signer }),
                }
            }
            (Err(reason), Some(standing)) => {
                // It was let in before, and is not any more: that is meant.
                let origin = Arc::clone(standing.plugin.origin());
                self.registry
                    .remove_plugin(&origin.plugin, Some(&origin.version));
                self.report.removed.push(origin);
                self.refuse(PluginRefusal::of(&package, reason));
            }
            (Err(reason), None) => {
                self.goes_on(package.path());
                self.refuse(PluginRefusal::of(&package, reason));
            }
        }
    }

    /// What is registered of a package, from its place and with its content.
    fn as_it_is(&self, package: &Package) -> Option<Installed> {
        let plugins = self.registry.inner().plugins.lock();
        let standing = plugins.get(package.id(), package.version())?;
        let is_same = standing.plugin.package().path() == package.path()
            && standing.plugin.origin().digest == *package.digest();
        is_same.then(|| standing.clone())
    }

    /// Says that what came out of a package before goes on, and stands for what is found later.
    fn goes_on(&mut self, path: &Path) {
        for one in self.hold(path) {
            let package = one.plugin.package();
            let key = key_of(package);
            self.first.entry(key).or_insert_with(|| package.clone());
        }
    }

    /// Keeps in memory what came out of a package and can perhaps not be read from it any more.
    fn hold(&self, path: &Path) -> Vec<Installed> {
        let standing = self.registry.standing(path, None);
        standing.iter().for_each(|one| one.plugin.hold());
        standing
    }

    fn refuse(&mut self, refusal: Arc<PluginRefusal>) {
        self.report.refused.push(self.registry.refuse(refusal));
    }
}

fn key_of(package: &Package) -> (PluginId, Version) {
    (package.id().clone(), package.version().clone())
}
