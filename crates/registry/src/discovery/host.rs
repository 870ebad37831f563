//! The seam between the registry and whatever runs plugins.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;

use jackfield_plugin_api::{BoxFuture, NodeExecutor};
use jackfield_types::{ByteSize, NodeTypeId, NodeTypeMetadata, TenantId};
use semver::VersionReq;

use super::component::ComponentSource;
use super::package::PackageError;

/// Runs plugins: makes executors of components.
///
/// The registry calls [`load`](Self::load) when a node type of a plugin is used for the first time,
/// once for all callers that wait at the same time, and again after a failure or when nothing of
/// the plugin is cached any more. It runs in the task of a caller, so compiling belongs on a thread
/// of its own; its future may be dropped at each `await`. What is dropped gives its memory back:
/// when the last executor of a [`LoadedPlugin`] goes, nothing of the plugin stays in memory but
/// what the host caches within bounds of its own.
///
/// The registry checks what it is given against the manifest, so a host reports what the plugin
/// says of itself and leaves it as it is.
pub trait PluginHost: Send + Sync + 'static {
    /// The versions of the plugin contract that it runs.
    fn contract(&self) -> &VersionReq;

    /// Makes the executors of a plugin, which serve every tenant. `component` is read only if need
    /// be: whoever has compiled code for its digest at hand does not have to look at it.
    ///
    /// # Errors
    /// [`PluginLoadError`]; its variant says whether trying again can help.
    fn load(
        &self,
        component: ComponentSource,
    ) -> BoxFuture<'_, Result<LoadedPlugin, PluginLoadError>>;

    /// Makes the executors of a plugin that wants its instances to be used again
    /// ([`PluginReuse::Tenant`](super::PluginReuse::Tenant)); they will serve this tenant and no
    /// other. Asked once for each tenant.
    ///
    /// By default they are made as [`load`](Self::load) makes them.
    ///
    /// # Errors
    /// Those of [`load`](Self::load).
    fn load_for_tenant<'a>(
        &'a self,
        component: ComponentSource,
        tenant: &'a TenantId,
    ) -> BoxFuture<'a, Result<LoadedPlugin, PluginLoadError>> {
        let _ = tenant;
        self.load(component)
    }
}

/// A plugin that is ready to be called.
#[derive(Clone)]
#[non_exhaustive]
pub struct LoadedPlugin {
    /// What it says of its node types.
    pub node_types: Vec<NodeTypeMetadata>,
    /// The executor of each of them.
    pub executors: BTreeMap<NodeTypeId, Arc<dyn NodeExecutor>>,
    /// Roughly how much memory all of it holds as long as one of the executors is there.
    pub memory: ByteSize,
}

impl LoadedPlugin {
    /// Puts together what a host made.
    pub fn new(
        node_types: Vec<NodeTypeMetadata>,
        executors: BTreeMap<NodeTypeId, Arc<dyn NodeExecutor>>,
        memory: ByteSize,
    ) -> Self {
        Self {
            node_types,
            executors,
            memory,
        }
    }
}

impl std::fmt::Debug for LoadedPlugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoadedPlugin")
            .field("executors", &self.executors.keys())
            .field("memory", &self.memory)
            .finish_non_exhaustive()
    }
}

/// Why a plugin was not loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PluginLoadError {
    /// The package could not be read, or is not what it was when it was found.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// The component is malformed, asks for what the contract does not have, or lacks what the
    /// contract demands.
    #[error("the component is not one that can run: {reason}")]
    Component {
        /// Why.
        reason: String,
        /// What the runtime said.
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// The plugin could not say what it provides: it broke off, ran out of a limit, or what it
    /// said could not be read.
    #[error("the plugin does not say what it provides: {reason}")]
    Describe {
        /// Why.
        reason: String,
        /// What the runtime said.
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// The plugin says something else than its manifest.
    #[error("the plugin is not what its manifest says: {reason}")]
    Mismatch {
        /// What differs.
        reason: String,
    },
    /// Loading took too long.
    #[error("loading took longer than {limit:?}")]
    TooSlow {
        /// The longest that it may take.
        limit: std::time::Duration,
    },
    /// The host could not do it now: no memory, no thread, a cache that cannot be written.
    #[error("the host could not load it: {reason}")]
    Host {
        /// Why.
        reason: String,
        /// What caused it.
        source: Option<Box<dyn Error + Send + Sync>>,
    },
}

impl PluginLoadError {
    /// A component that cannot run.
    pub fn component(reason: impl Into<String>) -> Self {
        Self::Component {
            reason: reason.into(),
            source: None,
        }
    }

    /// A plugin that does not say what it provides.
    pub fn describe(reason: impl Into<String>) -> Self {
        Self::Describe {
            reason: reason.into(),
            source: None,
        }
    }

    /// A host that could not do it now.
    pub fn host(reason: impl Into<String>) -> Self {
        Self::Host {
            reason: reason.into(),
            source: None,
        }
    }

    /// Adds what caused it, where there is room for it.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        match &mut self {
            Self::Component { source, .. }
            | Self::Describe { source, .. }
            | Self::Host { source, .. } => *source = Some(cause.into()),
            Self::Package(_) | Self::Mismatch { .. } | Self::TooSlow { .. } => {}
        }
        self
    }

    /// Whether trying again, with nothing changed, can help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Host { .. } | Self::TooSlow { .. } => true,
            Self::Package(error) => error.is_transient(),
            Self::Component { .. } | Self::Describe { .. } | Self::Mismatch { .. } => false,
        }
    }
}
