use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use arc_swap::ArcSwap;
use jackfield_plugin_api::{NodeExecutor, NodeType};
use jackfield_types::{MetadataError, NodeTypeId, NodeTypeMetadata, TenantId};
use parking_lot::Mutex;
use semver::Version;

use crate::cache::Holder;
use crate::loader::LazyExecutor;
use crate::metadata::{StoredMetadata, check_size};
use crate::registration::Source;
use crate::snapshot::Snapshot;
use crate::statistics::NodeTypeStatistics;
use crate::tenants::TenantExecutors;
use crate::validate::{Kept, ResultBounds};
use crate::{
    CacheBounds, ExecutorCache, ExecutorLoader, RegisterError, Registration, RegistrationId,
    RegistryBuilder, TenantExecutorLoader, schema,
};

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

struct Inner {
    snapshot: ArcSwap<Snapshot>,
    /// Held by whoever publishes the next snapshot; the number of the next registration.
    writer: Mutex<u64>,
    cache: Arc<ExecutorCache>,
    /// What came of checks of whole workflows.
    results: Kept,
    /// So many traps in a row, and an executor is called no more.
    quarantine_after: Option<NonZeroU32>,
}

/// What an explicit re-registration did.
#[derive(Debug, Clone)]
pub struct Replacement {
    /// What stands now.
    pub registration: Arc<Registration>,
    /// What stood there before, if anything did.
    pub replaced: Option<Arc<Registration>>,
}

/// What is checked before the writer's turn comes.
struct Candidate {
    metadata: StoredMetadata,
    source: Source,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Occupied {
    Refuse,
    Replace,
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
                quarantine_after,
            }),
        }
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

    /// Registers an executor.
    ///
    /// # Errors
    /// [`RegisterError::InvalidMetadata`] names the field that breaks a rule, `nodeType` if
    /// `node_type` is not the one in the metadata; [`RegisterError::Duplicate`] when this version
    /// is registered already.
    pub fn register_with_metadata(
        &self,
        node_type: &str,
        executor: Arc<dyn NodeExecutor>,
        metadata: NodeTypeMetadata,
    ) -> Result<Arc<Registration>, RegisterError> {
        let candidate = Candidate::check(node_type, Source::Eager(executor), metadata)?;
        self.publish(candidate, Occupied::Refuse)
            .map(|done| done.registration)
    }

    /// Registers a node type with the metadata that it declares.
    ///
    /// # Errors
    /// Those of [`register_with_metadata`](Self::register_with_metadata).
    pub fn register<T: NodeType>(&self, node_type: T) -> Result<Arc<Registration>, RegisterError> {
        let metadata = node_type.metadata();
        let name = metadata.node_type.clone();
        self.register_with_metadata(name.as_str(), Arc::new(node_type), metadata)
    }

    /// Registers a node type whose executor is loaded at first use.
    ///
    /// # Errors
    /// Those of [`register_with_metadata`](Self::register_with_metadata).
    pub fn register_lazy(
        &self,
        node_type: &str,
        loader: Arc<dyn ExecutorLoader>,
        metadata: NodeTypeMetadata,
    ) -> Result<Arc<Registration>, RegisterError> {
        let source = Source::Lazy(LazyExecutor::new(loader));
        let candidate = Candidate::check(node_type, source, metadata)?;
        self.publish(candidate, Occupied::Refuse)
            .map(|done| done.registration)
    }

    /// Registers a node type of which each tenant has an executor of its own, such as one that
    /// remembers something between calls. They share the bounds of the cache with all others, and
    /// what is evicted is made anew at its next use: what must last belongs elsewhere.
    ///
    /// # Errors
    /// Those of [`register_with_metadata`](Self::register_with_metadata).
    pub fn register_per_tenant(
        &self,
        node_type: &str,
        loader: Arc<dyn TenantExecutorLoader>,
        metadata: NodeTypeMetadata,
    ) -> Result<Arc<Registration>, RegisterError> {
        let source = Source::PerTenant(Box::new(TenantExecutors::new(loader)));
        let candidate = Candidate::check(node_type, source, metadata)?;
        self.publish(candidate, Occupied::Refuse)
            .map(|done| done.registration)
    }

    /// Registers an executor in the place of whatever stands under the same node type and version,
    /// and says what that was. Once this has returned, no call that starts reaches the old
    /// executor; calls under way end with it. Statistics go on.
    ///
    /// # Errors
    /// [`RegisterError::InvalidMetadata`]; what stood there goes on standing there.
    pub fn replace_with_metadata(
        &self,
        node_type: &str,
        executor: Arc<dyn NodeExecutor>,
        metadata: NodeTypeMetadata,
    ) -> Result<Replacement, RegisterError> {
        let candidate = Candidate::check(node_type, Source::Eager(executor), metadata)?;
        self.publish(candidate, Occupied::Replace)
    }

    /// Does what [`replace_with_metadata`](Self::replace_with_metadata) does, with an executor that
    /// is loaded at first use.
    ///
    /// # Errors
    /// [`RegisterError::InvalidMetadata`]; what stood there goes on standing there.
    pub fn replace_lazy(
        &self,
        node_type: &str,
        loader: Arc<dyn ExecutorLoader>,
        metadata: NodeTypeMetadata,
    ) -> Result<Replacement, RegisterError> {
        let source = Source::Lazy(LazyExecutor::new(loader));
        let candidate = Candidate::check(node_type, source, metadata)?;
        self.publish(candidate, Occupied::Replace)
    }

    /// Does what [`replace_with_metadata`](Self::replace_with_metadata) does, with an executor for
    /// each tenant.
    ///
    /// # Errors
    /// [`RegisterError::InvalidMetadata`]; what stood there goes on standing there.
    pub fn replace_per_tenant(
        &self,
        node_type: &str,
        loader: Arc<dyn TenantExecutorLoader>,
        metadata: NodeTypeMetadata,
    ) -> Result<Replacement, RegisterError> {
        let source = Source::PerTenant(Box::new(TenantExecutors::new(loader)));
        let candidate = Candidate::check(node_type, source, metadata)?;
        self.publish(candidate, Occupied::Replace)
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
            gone.iter().for_each(|one| one.retire());
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

    /// Takes out everything; says how many registrations there were.
    pub fn clear(&self) -> usize {
        let writer = self.inner.writer.lock();
        let old = self.inner.snapshot.swap(Arc::new(Snapshot::empty()));
        let gone: Vec<_> = old
            .sorted()
            .into_iter()
            .flat_map(|versions| versions.iter())
            .collect();
        gone.iter().for_each(|one| one.retire());
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

    fn publish(
        &self,
        candidate: Candidate,
        occupied: Occupied,
    ) -> Result<Replacement, RegisterError> {
        let Candidate { metadata, source } = candidate;
        let mut writer = self.inner.writer.lock();
        let snapshot = self.inner.snapshot.load_full();
        let node_type = metadata.head().node_type.clone();
        let version = &metadata.head().version;
        let mut versions = snapshot.versions(node_type.as_str()).to_vec();
        let place = versions.iter().position(|one| one.version() == version);
        if place.is_some() && occupied == Occupied::Refuse {
            return Err(RegisterError::Duplicate {
                node_type,
                version: version.clone(),
            });
        }
        let statistics = match versions.first() {
            Some(sibling) => Arc::clone(sibling.statistics()),
            None => Arc::new(NodeTypeStatistics::default()),
        };
        let id = RegistrationId::new(*writer);
        *writer += 1;
        let cache = Arc::clone(&self.inner.cache);
        let registration = Arc::new(Registration::new(id, metadata, source, statistics, cache));
        let replaced = place.map(|place| versions.swap_remove(place));
        versions.push(Arc::clone(&registration));
        self.inner
            .snapshot
            .store(Arc::new(snapshot.with_versions(&node_type, versions)));
        if let Some(old) = &replaced {
            old.retire();
        }
        drop(writer);
        self.inner.results.invalidate();
        // Not under the lock: this may be the end of an executor, which may do anything.
        if let Some(old) = &replaced {
            self.inner.cache.invalidate(old);
        }
        let version = registration.version();
        if replaced.is_some() {
            tracing::debug!(target: "registry", %node_type, %version, "node type replaced");
        } else {
            tracing::debug!(target: "registry", %node_type, %version, "node type registered");
        }
        Ok(Replacement {
            registration,
            replaced,
        })
    }
}

impl Candidate {
    fn check(
        node_type: &str,
        source: Source,
        metadata: NodeTypeMetadata,
    ) -> Result<Self, MetadataError> {
        let refused = |reason| MetadataError {
            field: "nodeType".to_owned(),
            reason,
        };
        let named = NodeTypeId::parse(node_type).map_err(|error| refused(error.to_string()))?;
        if named != metadata.node_type {
            let reason = format!("is `{}`, but `{named}` is registered", metadata.node_type);
            return Err(refused(reason));
        }
        metadata.check()?;
        check_size(&metadata)?;
        if let Some(schema) = &metadata.schema {
            schema::check(schema)?;
        }
        Ok(Self {
            metadata: StoredMetadata::new(metadata),
            source,
        })
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
