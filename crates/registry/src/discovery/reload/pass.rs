//! One look at folders of plugins, and what follows from it.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::ReloadReport;
use super::sorter::{Changed, Sorter};
use crate::Registry;
use crate::discovery::DiscoveryOptions;
use crate::discovery::install::off_thread;
use crate::discovery::place::place;
use crate::discovery::refusal::{PluginRefusal, RefusalReason};
use crate::discovery::requirements::{self, Requirer};
use crate::discovery::scan::{self, MOST_PACKAGES, Opened};

/// What lies in folders of plugins.
struct Look {
    /// The folders that could be read.
    folders: Vec<PathBuf>,
    unread: Vec<(PathBuf, io::Error)>,
    /// The folder in which there were more packages than are looked at.
    cut_in: Option<PathBuf>,
    opened: Vec<Opened>,
}

impl Look {
    fn take(folders: &[PathBuf], options: &DiscoveryOptions) -> Self {
        let (mut read, mut unread, mut paths) = (Vec::new(), Vec::new(), Vec::new());
        let mut cut_in = None;
        for folder in folders {
            let folder = place(folder);
            match scan::packages_in(&folder) {
                Ok(found) => {
                    paths.extend(found);
                    if paths.len() > MOST_PACKAGES {
                        cut_in.get_or_insert_with(|| folder.clone());
                    }
                    read.push(folder);
                }
                Err(error) => unread.push((folder, error)),
            }
        }
        paths.truncate(MOST_PACKAGES);
        Self {
            folders: read,
            unread,
            cut_in,
            opened: scan::open_all(paths, options),
        }
    }
}

impl Registry {
    /// Looks at folders of plugins again and makes the registry provide what is in them now: what
    /// is new or changed is checked, loaded, tried on its own examples and put in, each plugin in
    /// one step; what is not there any more is taken out, and so is what `options` do not let in any
    /// more. What cannot be put in replaces nothing, and what it was to replace goes on. The order of
    /// precedence is that of [`discover_plugins`](Self::discover_plugins); plugins from elsewhere
    /// stay as they are.
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
        let look = off_thread(move || Look::take(&where_to_look, &how)).await;
        let is_whole = look.cut_in.is_none();
        report.found = look.opened.len();
        for (folder, error) in look.unread {
            // What came out of it stays: it may only be out of reach for a while.
            let refusal = PluginRefusal::of_path(&folder, RefusalReason::folder(error));
            report.refused.push(self.refuse(refusal));
        }
        if let Some(folder) = look.cut_in {
            let limit = MOST_PACKAGES;
            let refusal = PluginRefusal::of_path(&folder, RefusalReason::TooMany { limit });
            report.refused.push(self.refuse(refusal));
        }
        let mut sorter = Sorter::new(self, &mut report);
        look.opened.into_iter().for_each(|one| sorter.sort(one));
        let Sorter { there, changed, .. } = sorter;
        self.put_in(changed, options, &mut report).await;
        if is_whole {
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

    /// Puts in what changed; what needs another plugin waits for that.
    async fn put_in(
        &self,
        mut changed: Vec<Changed>,
        options: &DiscoveryOptions,
        report: &mut ReloadReport,
    ) {
        while !changed.is_empty() {
            let mut waiting = Vec::new();
            let count = changed.len();
            for one in changed {
                match self.reload_one(&one, options).await {
                    Ok(reloaded) => report.reloaded.push(reloaded),
                    Err(refusal) if refusal.reason.is_about_others() => {
                        waiting.push((one, refusal));
                    }
                    Err(refusal) => {
                        let refusal = self.refuse(refusal);
                        let (path, digest) = (one.package.path(), *one.package.digest());
                        self.inner().reloads.note(path, digest, &refusal);
                        report.refused.push(refusal);
                    }
                }
            }
            if waiting.len() == count {
                let refused = self.with_whole_ways(&waiting).into_iter();
                report.refused.extend(refused.map(|one| self.refuse(one)));
                return;
            }
            changed = waiting.into_iter().map(|(one, _)| one).collect();
        }
    }

    /// Says of those that wait for each other, or for what is not there, the whole way to it.
    fn with_whole_ways(
        &self,
        waiting: &[(Changed, Arc<PluginRefusal>)],
    ) -> Vec<Arc<PluginRefusal>> {
        let all: Vec<_> = waiting
            .iter()
            .map(|(one, _)| Requirer::of(&one.package))
            .collect();
        let reasons = {
            let plugins = self.inner().plugins.lock();
            requirements::unmet(&all, |plugin, wanted| plugins.has(plugin, wanted))
        };
        let with_reasons = waiting.iter().zip(reasons);
        let refusals = with_reasons.map(|((one, refusal), reason)| match reason {
            Some(reason) => PluginRefusal::of(&one.package, reason),
            None => Arc::clone(refusal),
        });
        refusals.collect()
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
