//! Putting one plugin in the place of what came out of the same package, or had its version.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use jackfield_types::{PluginId, PluginOrigin};
use semver::Version;

use super::ReloadedPlugin;
use super::sorter::Changed;
use super::trial::Trial;
use crate::Registry;
use crate::discovery::DiscoveryOptions;
use crate::discovery::refusal::PluginRefusal;
use crate::discovery::table::Installed;
use crate::register::Occupied;

impl Registry {
    /// Checks, loads and tries a package that was found, and puts it in if all of that went well.
    pub(super) async fn reload_one(
        &self,
        changed: &Changed,
        options: &DiscoveryOptions,
    ) -> Result<ReloadedPlugin, Arc<PluginRefusal>> {
        let began = Instant::now();
        let Changed { package, signer } = changed;
        let path: &Path = package.path();
        let prepared = self
            .prepare(package.clone(), signer.clone(), options)
            .await
            .map_err(|refusal| refusal.after(began.elapsed()))?;
        let trial = Trial::run(&prepared).await;
        let refused = |reason| PluginRefusal::of(prepared.package(), reason).after(began.elapsed());
        let trial = trial.map_err(refused)?;
        let origin = prepared.origin();
        let standing = self.standing(path, Some((&origin.plugin, &origin.version)));
        let held = Installed::held_by(&standing);
        let occupied = Occupied::Supersede { held: &held };
        let installed = self
            .install(
                prepared.admitted(),
                &Installed::registrations_of(&standing),
                occupied,
            )
            .map_err(refused)?;
        let instead_of = self.let_go(&standing, Some((&origin.plugin, &origin.version)));
        self.warm(&installed.registrations).await;
        Ok(ReloadedPlugin {
            origin: Arc::clone(origin),
            path: Arc::clone(prepared.package().path()),
            instead_of,
            tried: trial.tried,
            untried: trial.untried,
            took: began.elapsed(),
        })
    }

    /// Takes out a plugin whose package is gone. Executions that began before end with it.
    pub(super) fn remove_with_package(&self, installed: Installed) {
        let standing = [installed];
        let held = Installed::held_by(&standing);
        let occupied = Occupied::Supersede { held: &held };
        // Nothing is put in, so nothing can be refused.
        let _ = self.publish_all(
            Vec::new(),
            &Installed::registrations_of(&standing),
            occupied,
        );
        self.let_go(&standing, None);
    }

    /// What came out of a package, and what is registered as a plugin in a version.
    pub(super) fn standing(
        &self,
        path: &Path,
        plugin: Option<(&PluginId, &Version)>,
    ) -> Vec<Installed> {
        let plugins = self.inner().plugins.lock();
        let mut standing = plugins.out_of(path);
        let same = plugin.and_then(|(plugin, version)| plugins.get(plugin, version));
        if let Some(same) = same
            && &**same.plugin.package().path() != path
        {
            standing.push(same.clone());
        }
        standing
    }

    /// Forgets what was replaced, but for what has the place of the plugin that replaced it.
    fn let_go(
        &self,
        standing: &[Installed],
        put_in: Option<(&PluginId, &Version)>,
    ) -> Vec<Arc<PluginOrigin>> {
        for one in standing {
            one.plugin.release();
            let origin = one.plugin.origin();
            if put_in != Some((&origin.plugin, &origin.version)) {
                let taken = self
                    .inner()
                    .plugins
                    .lock()
                    .take(&origin.plugin, &origin.version);
                // Not under the lock: this may be the end of what the plugin held.
                drop(taken);
            }
        }
        standing
            .iter()
            .map(|one| Arc::clone(one.plugin.origin()))
            .collect()
    }
}
