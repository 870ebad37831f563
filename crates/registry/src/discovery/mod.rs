//! Plugins: packages that provide node types, found in folders and loaded at first use.
//!
//! A package is a folder or a `.jfp` file with a manifest, `plugin.toml`, and a component. What is
//! here reads manifests, checks packages against their digests, registers what they provide, and
//! keeps count. It runs no component: a [`PluginHost`] does, and the registry knows nothing of how.
//!
//! A package is identified by the digest of its manifest, which lists the digests of all its other
//! files. Whatever is read of a package is checked against it, so that what runs is what was found,
//! signed and pinned, whoever changes the files meanwhile.

mod admission;
mod component;
mod discover;
mod document;
mod hash;
mod host;
mod install;
mod lock;
mod manifest;
mod options;
mod package;
mod place;
mod plugin;
mod refusal;
mod reload;
mod report;
mod requirements;
mod scan;
mod table;
mod watch;

pub use component::ComponentSource;
pub use hash::sha256;
pub use host::{LoadedPlugin, PluginHost, PluginLoadError};
pub use install::{InstalledPlugin, PreparedPlugin, Replacing};
pub use lock::{LOCK_FILE, LockFile};
pub use manifest::{
    CapabilityRequest, HostPattern, HostPatternError, MANIFEST, MAX_MANIFEST_SIZE, PackagePath,
    PackagePathError, PluginDependency, PluginLimits, PluginManifest, PluginReuse,
};
pub use options::{DiscoveryOptions, PatternError};
pub use package::{
    FileAction, Package, PackageError, PackageErrorKind, PackageForm, PackageLimits,
};
pub use refusal::{PluginRefusal, RefusalReason};
pub use reload::{Edition, ReloadReport, ReloadedPlugin};
pub(crate) use reload::{Held, Reloads};
pub use report::{Discovered, DiscoveryReport, PluginState, PluginSummary, Shadowed};
pub(crate) use table::PluginTable;
pub use watch::{PluginWatch, PluginWatchHandle, WatchEnded, WatchTiming};
