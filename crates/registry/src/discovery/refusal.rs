//! Why a package was found and not taken.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jackfield_types::{Digest, ErrorCode, NodeTypeId, PluginId};
use semver::{Version, VersionReq};

use super::{PackageError, PackageErrorKind, PluginLoadError};
use crate::RegisterError;
use crate::trust::TrustError;

/// A package that was not taken, and why.
#[derive(Debug, thiserror::Error)]
#[error("`{}`: {reason}", path.display())]
pub struct PluginRefusal {
    /// The folder or file.
    pub path: PathBuf,
    /// The plugin, if its manifest could be read.
    pub plugin: Option<PluginId>,
    /// Its version, if its manifest could be read.
    pub version: Option<Version>,
    /// Why.
    #[source]
    pub reason: RefusalReason,
    /// How long it was looked at until that was known; zero where that was not measured.
    pub took: Duration,
}

/// Why a package was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RefusalReason {
    /// It is broken, or was altered.
    #[error("{}", .0.kind)]
    Package(#[source] PackageError),
    /// A folder of plugins is not there.
    #[error("the folder does not exist")]
    NoFolder,
    /// A folder of plugins cannot be read.
    #[error("the folder cannot be read")]
    Folder(#[source] io::Error),
    /// There are more packages than are looked at.
    #[error("there are more than {limit} packages, and the others are left out")]
    TooMany {
        /// How many are looked at.
        limit: usize,
    },
    /// It was made for a contract that the host does not run.
    #[error("it was made for version {made_for} of the plugin contract, and this host runs {runs}")]
    Contract {
        /// The version that it was made for.
        made_for: Version,
        /// The versions that the host runs.
        runs: VersionReq,
    },
    /// Nobody signed it who is trusted to.
    #[error(transparent)]
    Untrusted(#[from] TrustError),
    /// The lock file does not know it.
    #[error("`{plugin}` {version} is not pinned in the lock file")]
    NotLocked {
        /// The plugin.
        plugin: PluginId,
        /// Its version.
        version: Version,
    },
    /// The lock file knows it with another content.
    #[error("its digest is {found}, and the lock file pins {pinned}")]
    LockedOtherwise {
        /// The digest that is pinned.
        pinned: Digest,
        /// The digest that it has.
        found: Digest,
    },
    /// The same plugin in the same version is there with another content.
    #[error("`{plugin}` {version} is there already with another content, from `{}`", by.display())]
    Occupied {
        /// The plugin.
        plugin: PluginId,
        /// Its version.
        version: Version,
        /// Where that came from.
        by: PathBuf,
    },
    /// Somebody else provides one of its node types in the same version.
    #[error("node type `{node_type}` {version} is provided by {by} already{}", from(place.as_deref()))]
    NodeTypeTaken {
        /// The node type.
        node_type: NodeTypeId,
        /// Its version.
        version: Version,
        /// Who provides it.
        by: String,
        /// Where that came from, if it is a plugin.
        place: Option<PathBuf>,
    },
    /// A plugin that it needs is not there.
    #[error("it needs a plugin that is not there: {}", arrows(path))]
    DependencyMissing {
        /// From the plugin to the one that is missing, with the versions that would do.
        path: Vec<String>,
    },
    /// It needs itself, by way of others.
    #[error("it needs itself: {}", arrows(path))]
    DependencyCycle {
        /// The whole way; the first one comes again at the end.
        path: Vec<String>,
    },
    /// The plugin could not be loaded.
    #[error("{0}")]
    Load(#[source] Arc<PluginLoadError>),
    /// One of its own examples, on which it was tried before it replaced anything, went wrong.
    #[error("example `{title}` of node type `{node_type}` went wrong: {reason}")]
    Example {
        /// The node type.
        node_type: NodeTypeId,
        /// What the example shows.
        title: String,
        /// What went wrong.
        reason: String,
    },
    /// What it provides could not be registered.
    #[error(transparent)]
    Register(#[from] RegisterError),
}

fn from(place: Option<&Path>) -> String {
    place.map_or_else(String::new, |place| format!(", from `{}`", place.display()))
}

fn arrows(path: &[String]) -> String {
    path.join(" → ")
}

impl RefusalReason {
    /// A folder of plugins that is not there, or cannot be read.
    pub(super) fn folder(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::NotFound {
            Self::NoFolder
        } else {
            Self::Folder(error)
        }
    }

    /// The stable code.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Package(error) => error.code(),
            Self::TooMany { .. } => ErrorCode::LIMIT_EXCEEDED,
            Self::Untrusted(error) => error.code(),
            Self::DependencyMissing { .. } => ErrorCode::DEPENDENCY_MISSING,
            Self::DependencyCycle { .. } => ErrorCode::DEPENDENCY_CYCLE,
            Self::Load(error) if error.is_transient() => ErrorCode::LOAD_FAILED,
            Self::NoFolder
            | Self::Folder(_)
            | Self::Contract { .. }
            | Self::NotLocked { .. }
            | Self::LockedOtherwise { .. }
            | Self::Occupied { .. }
            | Self::NodeTypeTaken { .. }
            | Self::Example { .. }
            | Self::Load(_)
            | Self::Register(_) => ErrorCode::INVALID_PACKAGE,
        }
    }

    /// The way out.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Package(error) => error.hint(),
            Self::NoFolder => {
                "see that its name is right, or make it; `jackfield plugin install` makes the folder that it puts plugins into"
            }
            Self::Folder(_) => "see that it is a folder and may be read",
            Self::TooMany { .. } => "split the folder, and name those that are meant",
            Self::Contract { .. } => {
                "build the plugin anew for the contract of this release, or use a release that runs it"
            }
            Self::Untrusted(error) => error.hint(),
            Self::NotLocked { .. } => "pin it by `jackfield plugin install` if it is meant",
            Self::LockedOtherwise { .. } => {
                "fetch the version that is pinned, or pin this one by `jackfield plugin install --move-pin`"
            }
            Self::Occupied { .. } => {
                "give what was changed a version of its own, or remove one of the two"
            }
            Self::NodeTypeTaken { .. } => {
                "remove one of the two, or give the node type another name or version"
            }
            Self::DependencyMissing { .. } => "install what is missing",
            Self::DependencyCycle { .. } => "take one of the dependencies out of its manifest",
            Self::Load(error) => match &**error {
                PluginLoadError::Package(error) => error.hint(),
                PluginLoadError::Mismatch { .. } => {
                    "build the plugin anew, so that manifest and component belong together"
                }
                PluginLoadError::Component { .. } | PluginLoadError::Describe { .. } => {
                    "try the plugin by itself with `jackfield plugin test`"
                }
                PluginLoadError::TooSlow { .. } | PluginLoadError::Host { .. } => "try again",
            },
            Self::Example { .. } => "correct the plugin or its example",
            Self::Register(_) => "correct the metadata of the node type",
        }
    }

    /// Whether the package may be taken once another one is there.
    pub(super) fn is_about_others(&self) -> bool {
        matches!(
            self,
            Self::DependencyMissing { .. }
                | Self::DependencyCycle { .. }
                | Self::NodeTypeTaken { .. }
        )
    }

    /// Whether it is a folder without a manifest, which is perhaps no plugin at all.
    pub(super) fn is_no_plugin(&self) -> bool {
        matches!(
            self,
            Self::Package(PackageError {
                kind: PackageErrorKind::NoManifest { place: "in it" },
                ..
            })
        )
    }
}
