//! Finding plugins in folders, and registering them to be loaded when they are used.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jackfield_types::PluginId;
use semver::Version;

use super::admission::Admitted;
use super::place::place;
use super::refusal::{PluginRefusal, RefusalReason};
use super::report::{Discovered, DiscoveryReport, PluginSummary, Shadowed};
use super::requirements::{self, Requirer};
use super::scan::{self, Found, MOST_PACKAGES, Opened};
use super::table::Installed;
use super::{DiscoveryOptions, Package};
use crate::Registry;
use crate::register::Occupied;

/// A package that nothing speaks against by itself.
struct Sound {
    package: Package,
    admitted: Admitted,
    took: Duration,
}

impl Registry {
    /// Looks for plugins in folders and registers what they provide, to be loaded when it is used
    /// for the first time. Only manifests are read. This blocks.
    ///
    /// Each folder holds packages: folders with a manifest, and `.jfp` files; or it is a package
    /// itself. What is found first stands for the same plugin in the same version that is found
    /// later: folders come in the order in which they are named, and within one, packages by name.
    /// A package that is broken, untrusted, or lacks something is reported and stops no other one.
    /// A plugin is registered as a whole or not at all.
    ///
    /// What was registered before stays: nothing is replaced here.
    pub fn discover_plugins(
        &self,
        folders: &[PathBuf],
        options: &DiscoveryOptions,
    ) -> DiscoveryReport {
        let began = Instant::now();
        let mut report = DiscoveryReport::default();
        let paths = self.paths(folders, &mut report);
        report.found = paths.len();
        let opened = scan::open_all(paths, options);
        let sound = self.sound(opened, options, &mut report);
        let sound = self.with_what_they_need(sound, &mut report);
        for Sound {
            package,
            admitted,
            took,
        } in sound
        {
            match self.install(&admitted, &[], Occupied::Refuse) {
                Ok(_) => report.registered.push(Discovered {
                    origin: Arc::clone(admitted.plugin.origin()),
                    path: Arc::clone(package.path()),
                    took,
                }),
                Err(reason) => {
                    let refusal = PluginRefusal::of(&package, reason).after(took);
                    report.refused.push(self.refuse(refusal));
                }
            }
        }
        report.took = began.elapsed();
        tracing::debug!(
            target: "registry",
            found = report.found,
            registered = report.registered.len(),
            refused = report.refused.len(),
            took = ?report.took,
            "plugins discovered"
        );
        report
    }

    /// The packages in all folders, in order.
    fn paths(&self, folders: &[PathBuf], report: &mut DiscoveryReport) -> Vec<PathBuf> {
        let mut paths = Vec::new();
        for folder in folders.iter().map(|folder| place(folder)) {
            match scan::packages_in(&folder) {
                Ok(found) => paths.extend(found),
                Err(error) => {
                    let reason = RefusalReason::folder(error);
                    let refusal = PluginRefusal::of_path(&folder, reason);
                    report.refused.push(self.refuse(refusal));
                }
            }
            if paths.len() > MOST_PACKAGES {
                paths.truncate(MOST_PACKAGES);
                let reason = RefusalReason::TooMany {
                    limit: MOST_PACKAGES,
                };
                let refusal = PluginRefusal::of_path(&folder, reason);
                report.refused.push(self.refuse(refusal));
                break;
            }
        }
        paths
    }

    /// Those that are asked for, new, and right by themselves.
    fn sound(
        &self,
        opened: Vec<Opened>,
        options: &DiscoveryOptions,
        report: &mut DiscoveryReport,
    ) -> Vec<Sound> {
        let mut sound: Vec<Sound> = Vec::new();
        let mut places: BTreeMap<(PluginId, Version), usize> = BTreeMap::new();
        for Opened { path, found, took } in opened {
            let began = Instant::now();
            let (package, verdict) = match found {
                Found::Package(package, verdict) => (*package, verdict),
                Found::Unwanted => {
                    report.left_out += 1;
                    continue;
                }
                Found::Broken(error) => {
                    let reason = RefusalReason::Package(error);
                    if reason.is_no_plugin() {
                        report.ignored.push(path);
                    } else {
                        let refusal = PluginRefusal::of_path(&path, reason).after(took);
                        report.refused.push(self.refuse(refusal));
                    }
                    continue;
                }
            };
            let key = (package.id().clone(), package.version().clone());
            let first = places.get(&key).and_then(|place| sound.get(*place));
            let outcome = match first {
                Some(first) => Err(stands_for(&package, &first.package)),
                None => self
                    .is_new(&package, report, took)
                    .and_then(|()| verdict.map_err(Err))
                    .and_then(|signer| Admitted::new(&package, signer, options).map_err(Err)),
            };
            match outcome {
                Ok(admitted) => {
                    places.insert(key, sound.len());
                    let took = took + began.elapsed();
                    sound.push(Sound {
                        package,
                        admitted,
                        took,
                    });
                }
                Err(Ok(Some(shadowed))) => report.shadowed.push(shadowed),
                Err(Ok(None)) => {}
                Err(Err(reason)) => {
                    let took = took + began.elapsed();
                    let refusal = PluginRefusal::of(&package, reason).after(took);
                    report.refused.push(self.refuse(refusal));
                }
            }
        }
        sound
    }

    /// Whether the plugin is not registered yet. If it is, says what that means.
    fn is_new(
        &self,
        package: &Package,
        report: &mut DiscoveryReport,
        took: Duration,
    ) -> Result<(), Standing> {
        let installed = {
            let mut plugins = self.inner().plugins.lock();
            plugins.forget_refusal(package.path());
            plugins.get(package.id(), package.version()).cloned()
        };
        let Some(installed) = installed else {
            return Ok(());
        };
        if installed.plugin.package().path() == package.path()
            && installed.plugin.origin().digest == *package.digest()
        {
            report.unchanged.push(Discovered {
                origin: Arc::clone(installed.plugin.origin()),
                path: Arc::clone(package.path()),
                took,
            });
            return Err(Ok(None));
        }
        Err(stands_for(package, installed.plugin.package()))
    }

    /// Those that have what they need.
    fn with_what_they_need(&self, sound: Vec<Sound>, report: &mut DiscoveryReport) -> Vec<Sound> {
        let needs_nothing = |one: &Sound| one.package.manifest().dependencies().is_empty();
        if sound.iter().all(needs_nothing) {
            return sound;
        }
        let requirers: Vec<_> = sound.iter().map(|one| Requirer::of(&one.package)).collect();
        let unmet = {
            let plugins = self.inner().plugins.lock();
            requirements::unmet(&requirers, |plugin, wanted| plugins.has(plugin, wanted))
        };
        drop(requirers);
        let mut met = Vec::with_capacity(sound.len());
        for (one, reason) in sound.into_iter().zip(unmet) {
            match reason {
                None => met.push(one),
                Some(reason) => {
                    let refusal = PluginRefusal::of(&one.package, reason).after(one.took);
                    report.refused.push(self.refuse(refusal));
                }
            }
        }
        met
    }

    /// The plugins that are registered, sorted by id and version.
    pub fn plugins(&self) -> Vec<PluginSummary> {
        self.inner().plugins.lock().summaries()
    }

    /// The packages that were found and not taken, sorted by path, each with its latest reason.
    pub fn refused_plugins(&self) -> Vec<Arc<PluginRefusal>> {
        self.inner().plugins.lock().refusals()
    }

    /// Takes out a plugin with everything that it provides: one version, or all of them. Once this
    /// has returned no call that starts reaches it; calls under way end with it.
    pub fn remove_plugin(
        &self,
        plugin: &PluginId,
        version: Option<&Version>,
    ) -> Vec<PluginSummary> {
        let taken: Vec<_> = {
            let mut plugins = self.inner().plugins.lock();
            let versions: Vec<Version> = plugins
                .versions(plugin)
                .map(|(one, _)| one.clone())
                .filter(|one| version.is_none_or(|version| one == version))
                .collect();
            versions
                .iter()
                .filter_map(|one| plugins.take(plugin, one))
                .collect()
        };
        let removed = taken.iter().map(Installed::summary).collect();
        let gone: Vec<_> = taken
            .iter()
            .flat_map(|one| one.registrations.iter().cloned())
            .collect();
        // Nothing is put in, so nothing can be refused.
        let _ = self.publish_all(Vec::new(), &gone, Occupied::Refuse);
        removed
    }
}

/// What it means that a plugin is there already: refused, shadowed, or nothing at all.
pub(super) type Standing = Result<Option<Shadowed>, RefusalReason>;

/// What stands for a package of the same plugin and version: from another folder, or with the same
/// content, it shadows it; two with different contents in one folder cannot both be meant.
pub(super) fn stands_for(package: &Package, first: &Package) -> Standing {
    let is_same = package.digest() == first.digest();
    let is_beside = package.path().parent() == first.path().parent();
    if is_beside && !is_same {
        return Err(RefusalReason::Occupied {
            plugin: package.id().clone(),
            version: package.version().clone(),
            by: first.path().to_path_buf(),
        });
    }
    Ok(Some(Shadowed {
        origin: Arc::new(package.origin()),
        path: Arc::clone(package.path()),
        by: Arc::clone(first.path()),
    }))
}
