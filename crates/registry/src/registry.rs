use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use arc_swap::ArcSwap;
use jackfield_types::TenantId;
use parking_lot::Mutex;
use semver::Version;

use crate::cache::Holder;
use crate::discovery::{PluginTable, Reloads};
use crate::registration::Source;
use crate::snapshot::Snapshot;
use crate::validate::{Kept, ResultBounds};
use crate::{CacheBounds, ExecutorCache, Registration, RegistryBuilder};

/// Who can run what. Cloning gives another handle to the same registry.
///
/// # Examples
/// ```
/// use jackfield_plugin_api::{NodeError, NodeOutput, NodeType, TypedCall, Version};
/// use jackfield_registry::Registry;
/// use jackfield_types::NodeTypeMetadata;
/// use schemars::JsonSchema;
/// use serde::Deserialize;
///
/// #[derive(Deserialize, JsonSchema)]
/// struct Nothing {}
///
/// struct Pass;
///
/// impl NodeType for Pass {
///     type Params = Nothing;
///
///     fn declaration(&self) -> NodeTypeMetadata {
///         let node_type = "pass".try_into().expect("a valid name");
///         NodeTypeMetadata::new(node_type, Version::new(1, 0, 0), "control")
///     }
///
///     async fn run(&self, call: TypedCall<'_, Nothing>) -> Result<NodeOutput, NodeError> {
///         Ok(NodeOutput::items(call.items().clone()))
///     }
/// }
///
/// let registry = Registry::new();
/// registry.register(Pass)?;
/// assert_eq!(registry.plugin_info("pass").map(|info| info.category.clone()).as_deref(), Some("control"));
/// # Ok::<(), jackfield_registry::RegisterError>(())
/// ```
#[derive(Clone)]
pub struct Registry {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) snapshot: ArcSwap<Snapshot>,
    /// Held by whoever publishes the next snapshot; the number of the next registration.
    pub(crate) writer: Mutex<u64>,
    pub(crate) cache: Arc<ExecutorCache>,
    /// What came of checks of whole workflows.
    pub(crate) results: Kept,
    pub(crate) plugins: Mutex<PluginTable>,
    pub(crate) reloads: Reloads,
    /// So many traps in a row, and an executor is called no more.
    quarantine_after: Option<NonZeroU32>,
}

impl Registry {
    /// An empty registry with the default bounds of the cache.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Begins a registry with other bounds.
    pub fn builder() -> RegistryBuilder {
        RegistryBuilder::default()
    }

    pub(crate) fn with(
        bounds: CacheBounds,
        results: ResultBounds,
        quarantine_after: Option<NonZeroU32>,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                snapshot: ArcSwap::from_pointee(Snapshot::empty()),
                writer: Mutex::new(1),
                cache: Arc::new(ExecutorCache::new(bounds)),
                results: Kept::new(results),
                plugins: Mutex::default(),
                reloads: Reloads::default(),
                quarantine_after,
            }),
        }
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.inner
    }

    pub(crate) fn snapshot(&self) -> arc_swap::Guard<Arc<Snapshot>> {
        self.inner.snapshot.load()
    }

    /// The executor cache.
    pub fn cache(&self) -> &ExecutorCache {
        &self.inner.cache
    }

    pub(crate) fn results(&self) -> &Kept {
        &self.inner.results
    }

    pub(crate) fn quarantine_after(&self) -> Option<NonZeroU32> {
        self.inner.quarantine_after
    }

    /// Whether a registration was made by this registry.
    pub(crate) fn owns(&self, registration: &Registration) -> bool {
        Arc::ptr_eq(&self.inner.cache, registration.cache())
    }

    /// Takes out one version of a node type, or all of them, and gives what was taken out. Once
    /// this has returned, no call that starts reaches their executors.
    pub fn unregister(&self, node_type: &str, version: Option<&Version>) -> Vec<Arc<Registration>> {
        let writer = self.inner.writer.lock();
        let snapshot = self.inner.snapshot.load_full();
        let (gone, left): (Vec<_>, Vec<_>) = snapshot
            .versions(node_type)
            .iter()
            .cloned()
            .partition(|one| version.is_none_or(|version| one.version() == version));
        if let Some(first) = gone.first() {
            let next = snapshot.with_versions(first.node_type(), left);
            self.inner.snapshot.store(Arc::new(next));
            self.inner.reloads.editions.withdraw(&gone);
        }
        drop(writer);
        if !gone.is_empty() {
            self.inner.results.invalidate();
        }
        for one in &gone {
            self.inner.cache.invalidate(one);
            tracing::debug!(
                target: "registry",
                node_type = %one.node_type(),
                version = %one.version(),
                "node type unregistered"
            );
        }
        gone
    }

    /// Takes out everything, plugins too; says how many registrations there were.
    pub fn clear(&self) -> usize {
        // Dropped after the lock: a plugin is the end of whatever it holds.
        let plugins = std::mem::take(&mut *self.inner.plugins.lock());
        drop(plugins);
        let writer = self.inner.writer.lock();
        let old = self.inner.snapshot.swap(Arc::new(Snapshot::empty()));
        let gone: Vec<_> = old
            .sorted()
            .into_iter()
            .flat_map(|versions| versions.iter())
            .collect();
        self.inner
            .reloads
            .editions
            .withdraw_all(gone.iter().copied());
        drop(writer);
        self.inner.results.invalidate();
        gone.iter().for_each(|one| {
            self.inner.cache.invalidate(one);
        });
        let count = gone.len();
        tracing::debug!(target: "registry", registrations = count, "registry cleared");
        count
    }

    /// Drops the cached executors of a node type, all versions; says how many there were. They are
    /// loaded again, or taken from their registrations, at the next use.
    pub fn invalidate(&self, node_type: &str) -> usize {
        let snapshot = self.snapshot();
        let versions = snapshot.versions(node_type).iter();
        versions.map(|one| self.inner.cache.drop_all(one)).sum()
    }

    /// Drops the executors that are one tenant's own, such as when the tenant goes or its secrets
    /// change; says how many there were. Calls under way end with them.
    pub fn invalidate_tenant(&self, tenant: &TenantId) -> usize {
        let snapshot = self.snapshot();
        let parts: Vec<_> = snapshot
            .sorted()
            .into_iter()
            .flat_map(|versions| versions.iter())
            .filter_map(|one| match one.executor_source() {
                Source::PerTenant(tenants) => tenants.part(tenant),
                Source::Eager(_) | Source::Lazy(_) => None,
            })
            .collect();
        let holders = parts.iter().map(|part| &**part as &dyn Holder);
        self.inner.cache.drop_held(holders)
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("node_types", &self.snapshot().len())
            .field("cached", &self.inner.cache.len())
            .finish()
    }
}
