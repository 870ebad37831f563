//! One look at folders of plugins, and what follows from it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{self, Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::ReloadReport;
use crate::Registry;
use crate::discovery::discover::stands_for;
use crate::discovery::install::off_thread;
use crate::discovery::refusal::{PluginRefusal, RefusalReason};
use crate::discovery::scan::{self, MOST_PACKAGES, Opened};
use crate::discovery::{DiscoveryOptions, Package};

/// What lies in folders of plugins.
struct Look {
    /// The folders that could be read.
    folders: Vec<PathBuf>,
    unread: Vec<(PathBuf, io::Error)>,
    is_cut: bool,
    opened: Vec<Opened>,
}

impl Look {
    fn take(folders: &[PathBuf], options: &DiscoveryOptions) -> Self {
        let (mut read, mut unread, mut paths) = (Vec::new(), Vec::new(), Vec::new());
        for folder in folders {
            let folder = path::absolute(folder).unwrap_or_else(|_| folder.clone());
            match scan::packages_in(&folder) {
                Ok(found) => {
                    paths.extend(found);
                    read.push(folder);
                }
                Err(error) => unread.push((folder, error)),
            }
        }
        let is_cut = paths.len() > MOST_PACKAGES;
        paths.truncate(MOST_PACKAGES);
        Self {
            folders: read,
            unread,
            is_cut,
            opened: scan::open_all(paths, options),
        }
    }
}

impl Registry {
    /// Looks at folders of plugins again and makes the registry provide what is in them now: what
    /// is new or changed is checked, loaded, tried on its own examples and put in, each plugin in
    /// one step; what is not there any more is taken out. What cannot be put in replaces nothing,
    /// and what it was to replace goes on. The order of precedence is that of
    /// [`discover_plugins`](Self::discover_plugins); plugins from elsewhere stay as they are.
    ///
    /// Once this has returned, no execution that begins reaches what was replaced. Executions that
    /// began before, and hold the [`Edition`](super::Edition) in which they did, end with what they
    /// began with.
    ///
    /// There is one reload at a time; others wait for their turn. The future may be dropped at each
    /// `await`: each plugin is replaced as a whole or not at all.
    pub async fn reload_plugins(
        &self,
        folders: &[PathBuf],
        options: &DiscoveryOptions,
    ) -> ReloadReport {
        let reloads = &self.inner().reloads;
        // It is never closed, so there is a turn for everybody.
        let turn = reloads.turn.acquire().await;
        let began = Instant::now();
        let mut report = ReloadReport::default();
        let (where_to_look, how) = (folders.to_vec(), options.clone());
        let look = off_thread(move || Ok(Look::take(&where_to_look, &how))).await;
        let look = match look {
            Ok(look) => look,
            Err(refusal) => {
                report.refused.push(self.refuse(refusal));
                return report;
            }
        };
        report.found = look.opened.len();
        for (folder, error) in look.unread {
            // What came out of it stays: it may only be out of reach for a while.
            let refusal = PluginRefusal::of_path(&folder, RefusalReason::Folder(error));
            report.refused.push(self.refuse(refusal));
        }
        let mut there: BTreeSet<PathBuf> = look.opened.iter().map(|one| one.path.clone()).collect();
        let changed = self.changed(look.opened, options, &mut there, &mut report);
        self.put_in(changed, options, &mut report).await;
        if !look.is_cut {
            self.take_out(&look.folders, &there, &mut report);
        }
        report.took = began.elapsed();
        drop(turn);
        tracing::debug!(
            target: "registry",
            found = report.found,
            reloaded = report.reloaded.len(),
            removed = report.removed.len(),
            refused = report.refused.len(),
            took = ?report.took,
            "plugins reloaded"
        );
        report
    }

    /// The packages that are not registered as they are.
    fn changed(
        &self,
        opened: Vec<Opened>,
        options: &DiscoveryOptions,
        there: &mut BTreeSet<PathBuf>,
        report: &mut ReloadReport,
    ) -> Vec<Package> {
        let mut first: BTreeMap<_, Package> = BTreeMap::new();
        let mut changed = Vec::new();
        for Opened { path, outcome, .. } in opened {
            let package = match outcome.map_err(RefusalReason::Package) {
                Ok(package) => package,
                Err(reason) if reason.is_no_plugin() => {
                    there.remove(&path);
                    continue;
                }
                Err(reason) => {
                    self.hold(&path);
                    let refusal = PluginRefusal::of_path(&path, reason);
                    report.refused.push(self.refuse(refusal));
                    continue;
                }
            };
            if !options.wants(package.id()) {
                continue;
            }
            let key = (package.id().clone(), package.version().clone());
            if let Some(first) = first.get(&key) {
                match stands_for(&package, first) {
                    Ok(shadowed) => report.shadowed.extend(shadowed),
                    Err(reason) => {
                        let refusal = PluginRefusal::of(&package, reason);
                        report.refused.push(self.refuse(refusal));
                    }
                }
                continue;
            }
            if self.is_unchanged(&package) {
                report.unchanged += 1;
            } else {
                self.hold(&path);
                let reloads = &self.inner().reloads;
                match reloads.refused_before(&path, package.digest()) {
                    Some(refusal) => report.refused.push(refusal),
                    None => changed.push(package.clone()),
                }
            }
            first.insert(key, package);
        }
        changed
    }

    /// Whether a package is registered, from its place and with its content.
    fn is_unchanged(&self, package: &Package) -> bool {
        let mut plugins = self.inner().plugins.lock();
        let standing = plugins.get(package.id(), package.version());
        let same = standing.filter(|standing| {
            standing.plugin.package().path() == package.path()
                && standing.plugin.origin().digest == *package.digest()
        });
        let Some(plugin) = same.map(|same| Arc::clone(&same.plugin)) else {
            return false;
        };
        plugins.forget_refusal(package.path());
        drop(plugins);
        plugin.release();
        true
    }

    /// Keeps in memory what came out of a package and can perhaps not be read from it any more.
    fn hold(&self, path: &Path) {
        for one in self.standing(path, None) {
            one.plugin.hold();
        }
    }

    /// Puts in what changed; what needs another plugin waits for that.
    async fn put_in(
        &self,
        mut changed: Vec<Package>,
        options: &DiscoveryOptions,
        report: &mut ReloadReport,
    ) {
        while !changed.is_empty() {
            let mut waiting = Vec::new();
            let mut refusals = Vec::new();
            let count = changed.len();
            for package in changed {
                match self.reload_one(package.path(), options).await {
                    Ok(reloaded) => report.reloaded.push(reloaded),
                    Err(refusal) if refusal.reason.is_about_others() => {
                        refusals.push(refusal);
                        waiting.push(package);
                    }
                    Err(refusal) => {
                        let refusal = self.refuse(refusal);
                        let reloads = &self.inner().reloads;
                        reloads.note(package.path(), *package.digest(), &refusal);
                        report.refused.push(refusal);
                    }
                }
            }
            if waiting.len() == count {
                let refusals = refusals.into_iter().map(|refusal| self.refuse(refusal));
                report.refused.extend(refusals);
                return;
            }
            changed = waiting;
        }
    }

    /// Takes out what came out of packages that are not there any more.
    fn take_out(&self, folders: &[PathBuf], there: &BTreeSet<PathBuf>, report: &mut ReloadReport) {
        let is_ours = |path: &Path| {
            let within = |folder: &PathBuf| path == folder || path.parent() == Some(folder);
            folders.iter().any(within)
        };
        let is_gone = |path: &Path| is_ours(path) && !there.contains(path);
        let gone = {
            let mut plugins = self.inner().plugins.lock();
            plugins.forget_refusals(is_gone);
            plugins.those_from(is_gone)
        };
        self.inner().reloads.keep_only(|path| !is_gone(path));
        for installed in gone {
            report.removed.push(Arc::clone(installed.plugin.origin()));
            self.remove_with_package(installed);
        }
    }
}
