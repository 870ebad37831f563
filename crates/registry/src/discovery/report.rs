use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jackfield_types::{NodeTypeId, PluginOrigin};

use super::package::PackageForm;
use super::refusal::PluginRefusal;

/// What [`discover_plugins`](crate::Registry::discover_plugins) found.
#[derive(Debug, Clone, Default)]
pub struct DiscoveryReport {
    /// How many packages were looked at.
    pub found: usize,
    /// The plugins that were registered, in the order in which they were found.
    pub registered: Vec<Discovered>,
    /// The plugins that were registered before, from the same place and with the same content.
    pub unchanged: Vec<Discovered>,
    /// Packages that another one of the same plugin and version, found before, stands for.
    pub shadowed: Vec<Shadowed>,
    /// Packages that were not taken, each with its reason.
    pub refused: Vec<Arc<PluginRefusal>>,
    /// Folders that have no manifest.
    pub ignored: Vec<PathBuf>,
    /// How many packages no pattern asked for.
    pub left_out: usize,
    /// How long it took in all.
    pub took: Duration,
}

/// A plugin that was found.
#[derive(Debug, Clone)]
pub struct Discovered {
    /// The plugin.
    pub origin: Arc<PluginOrigin>,
    /// Its package.
    pub path: Arc<Path>,
    /// How long its package was looked at.
    pub took: Duration,
}

/// A package that another one stands for.
#[derive(Debug, Clone)]
pub struct Shadowed {
    /// The plugin.
    pub origin: Arc<PluginOrigin>,
    /// The package.
    pub path: Arc<Path>,
    /// The one that stands for it.
    pub by: Arc<Path>,
}

/// A plugin that a registry knows.
#[derive(Debug, Clone)]
pub struct PluginSummary {
    /// The plugin: id, version, digest, and who signed it.
    pub origin: Arc<PluginOrigin>,
    /// Its package.
    pub path: Arc<Path>,
    /// What the package is on the disk.
    pub form: PackageForm,
    /// One sentence about it.
    pub description: String,
    /// What it provides.
    pub node_types: Vec<NodeTypeId>,
    /// How it stands.
    pub state: PluginState,
    /// How often it was loaded.
    pub loads: u64,
    /// How long that took in all.
    pub load_time: Duration,
}

/// How a plugin stands.
#[derive(Debug, Clone)]
pub enum PluginState {
    /// It is in memory.
    Ready,
    /// It will be loaded when it is used.
    Lazy,
    /// One of its node types trapped so often that it is not called any more.
    Quarantined,
    /// It cannot be loaded.
    Refused {
        /// Why.
        why: String,
    },
}

impl PluginState {
    /// The state as it is written.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Lazy => "lazy",
            Self::Quarantined => "quarantined",
            Self::Refused { .. } => "refused",
        }
    }
}
