use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jackfield_types::PluginOrigin;

use crate::discovery::{PluginRefusal, Shadowed};

/// What [`reload_plugins`](crate::Registry::reload_plugins) did.
#[derive(Debug, Clone, Default)]
pub struct ReloadReport {
    /// How many packages were looked at.
    pub found: usize,
    /// The plugins that were put in, in the order in which they were.
    pub reloaded: Vec<ReloadedPlugin>,
    /// The plugins that were taken out: their packages are not there any more, or may not be taken
    /// any more.
    pub removed: Vec<Arc<PluginOrigin>>,
    /// How many plugins are what they were.
    pub unchanged: usize,
    /// Packages that another one of the same plugin and version, found before, stands for.
    pub shadowed: Vec<Shadowed>,
    /// Packages that were not taken, each with its reason. What they were to replace goes on.
    pub refused: Vec<Arc<PluginRefusal>>,
    /// How long it took in all.
    pub took: Duration,
}

/// A plugin that was put in.
#[derive(Debug, Clone)]
pub struct ReloadedPlugin {
    /// The plugin.
    pub origin: Arc<PluginOrigin>,
    /// Its package.
    pub path: Arc<Path>,
    /// The plugins that it replaced; empty when it is new.
    pub instead_of: Vec<Arc<PluginOrigin>>,
    /// How many of its examples were tried. They gave what they say.
    pub tried: usize,
    /// How many of its examples could not be tried, for they reach what a trial may not.
    pub untried: usize,
    /// How long it took to check, load, try and put it in.
    pub took: Duration,
}

impl ReloadReport {
    /// Whether anything was put in or taken out.
    pub fn has_changes(&self) -> bool {
        !self.reloaded.is_empty() || !self.removed.is_empty()
    }
}
