//! A plugin that is registered and loaded when one of its node types is used, once for all of them.
//!
//! The registry's cache holds the executors; each holds the whole plugin, which is gone with the
//! last of them. Here is only remembered what is there, so that another node type of the same
//! plugin is served by what is loaded already.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use jackfield_plugin_api::{NodeCall, NodeError, NodeExecutor, NodeOutput, Scheduling};
use jackfield_types::{
    ByteSize, ErrorCode, NodeTypeId, NodeTypeMetadata, PluginOrigin, TenantId, ValidationIssue,
};
use parking_lot::Mutex;
use serde_json::Value;

use super::manifest::{PluginManifest, PluginReuse};
use super::package::Package;
use super::{ComponentSource, LoadedPlugin, PluginHost, PluginLoadError};
use crate::loader::{LazyExecutor, panic_text};
use crate::registration::Source;
use crate::tenants::TenantExecutors;
use crate::{ExecutorLoader, LoaderError, TenantExecutorLoader};

/// How many tenants there may be before it is looked for the first time who has nothing any more.
const FIRST_SWEEP: usize = 64;

/// A plugin whose package was found.
pub(super) struct Plugin {
    /// Its manifest has no node types: they are kept as text.
    package: Package,
    node_types: Box<str>,
    origin: Arc<PluginOrigin>,
    host: Arc<dyn PluginHost>,
    max_load_time: Option<Duration>,
    slots: Mutex<Slots>,
    /// What must not leave memory, for it cannot be loaded again.
    kept: Mutex<Vec<Arc<Loaded>>>,
    /// Why it will never be loaded.
    refused: OnceLock<Arc<PluginLoadError>>,
    loads: AtomicU64,
    load_nanoseconds: AtomicU64,
}

/// What is loaded: for everybody, or for each tenant.
#[derive(Default)]
struct Slots {
    by_tenant: HashMap<Option<TenantId>, Slot>,
    sweep_at: usize,
}

#[derive(Default)]
struct Slot {
    loaded: Weak<Loaded>,
    under_way: Option<WeakShared<Load>>,
}

/// A plugin that is in memory.
pub(super) struct Loaded {
    plugin: LoadedPlugin,
}

type Outcome = Result<Arc<Loaded>, Arc<PluginLoadError>>;
type Load = BoxFuture<'static, Outcome>;

impl Plugin {
    pub(super) fn new(
        package: &Package,
        signer: Option<String>,
        host: Arc<dyn PluginHost>,
        max_load_time: Option<Duration>,
    ) -> Self {
        let manifest = package.manifest();
        let node_types = serde_json::to_string(manifest.node_types());
        let origin = PluginOrigin {
            signer,
            ..package.origin()
        };
        Self {
            package: package.with_manifest(manifest.with_node_types(Vec::new())),
            node_types: node_types.unwrap_or_default().into_boxed_str(),
            origin: Arc::new(origin),
            host,
            max_load_time,
            slots: Mutex::default(),
            kept: Mutex::default(),
            refused: OnceLock::new(),
            loads: AtomicU64::new(0),
            load_nanoseconds: AtomicU64::new(0),
        }
    }

    pub(super) fn origin(&self) -> &Arc<PluginOrigin> {
        &self.origin
    }

    pub(super) fn package(&self) -> &Package {
        &self.package
    }

    /// The whole manifest.
    fn manifest(&self) -> PluginManifest {
        let node_types: Vec<NodeTypeMetadata> =
            serde_json::from_str(&self.node_types).unwrap_or_default();
        self.package.manifest().with_node_types(node_types)
    }

    /// The component, for a host.
    pub(super) fn component(&self) -> ComponentSource {
        let manifest = Arc::new(self.manifest());
        self.package
            .component_with(Arc::clone(&self.origin), manifest)
    }

    /// Whether some of it is in memory.
    pub(super) fn is_loaded(&self) -> bool {
        let slots = self.slots.lock();
        slots
            .by_tenant
            .values()
            .any(|slot| slot.loaded.strong_count() > 0)
    }

    /// What is in memory of it.
    pub(super) fn in_memory(&self) -> Vec<Arc<Loaded>> {
        let slots = self.slots.lock();
        let loaded = slots.by_tenant.values().map(|slot| &slot.loaded);
        loaded.filter_map(Weak::upgrade).collect()
    }

    /// Keeps in memory what is there now: its package is not what it was.
    pub(super) fn hold(&self) {
        let before = std::mem::replace(&mut *self.kept.lock(), self.in_memory());
        // Not under the lock: this may be the end of what it held.
        drop(before);
    }

    /// Lets go of what [`hold`](Self::hold) kept.
    pub(super) fn release(&self) {
        let kept = std::mem::take(&mut *self.kept.lock());
        drop(kept);
    }

    /// Why it will never be loaded.
    pub(super) fn refused(&self) -> Option<&Arc<PluginLoadError>> {
        self.refused.get()
    }

    /// How often it was loaded, and how long that took in all.
    pub(super) fn loads(&self) -> (u64, Duration) {
        let nanoseconds = self.load_nanoseconds.load(Ordering::Relaxed);
        let count = self.loads.load(Ordering::Relaxed);
        (count, Duration::from_nanos(nanoseconds))
    }

    /// Where the executor of one of its node types comes from.
    pub(super) fn source(self: &Arc<Self>, node_type: NodeTypeId) -> Source {
        let plugin = Arc::clone(self);
        let loader = Arc::new(NodeTypeLoader { plugin, node_type });
        match self.package.manifest().limits().reuse {
            PluginReuse::Never => Source::Lazy(LazyExecutor::new(loader)),
            PluginReuse::Tenant => Source::PerTenant(Box::new(TenantExecutors::new(loader))),
        }
    }

    /// What is loaded for a tenant, or for everybody; loaded now if need be, once for all who wait.
    pub(super) async fn load(self: &Arc<Self>, tenant: Option<&TenantId>) -> Outcome {
        if let Some(refused) = self.refused.get() {
            return Err(Arc::clone(refused));
        }
        let load = {
            let mut slots = self.slots.lock();
            let slot = slots.of(tenant);
            if let Some(loaded) = slot.loaded.upgrade() {
                return Ok(loaded);
            }
            match slot.under_way.as_ref().and_then(WeakShared::upgrade) {
                Some(load) => load,
                None => {
                    let load = Arc::clone(self).begin(tenant.cloned()).boxed().shared();
                    slot.under_way = Shared::downgrade(&load);
                    load
                }
            }
        };
        load.await
    }

    async fn begin(self: Arc<Self>, tenant: Option<TenantId>) -> Outcome {
        let began = Instant::now();
        let load = AssertUnwindSafe(self.load_checked(tenant.as_ref())).catch_unwind();
        let outcome = load.await.unwrap_or_else(|panic| {
            let reason = format!("it panicked: {}", panic_text(&*panic));
            Err(PluginLoadError::host(reason))
        });
        let outcome = outcome.map_err(Arc::new);
        let took = began.elapsed();
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.loads.fetch_add(1, Ordering::Relaxed);
        self.load_nanoseconds
            .fetch_add(nanoseconds, Ordering::Relaxed);
        let plugin = &self.origin;
        match &outcome {
            Ok(_) => tracing::debug!(target: "registry", %plugin, ?took, "plugin loaded"),
            Err(error) => {
                tracing::debug!(
                    target: "registry",
                    %plugin,
                    ?took,
                    error = &**error as &dyn std::error::Error,
                    "plugin not loaded"
                );
                // A file may be mended; a component that cannot run never will.
                if !error.is_transient() && !matches!(**error, PluginLoadError::Package(_)) {
                    let _ = self.refused.set(Arc::clone(error));
                }
            }
        }
        let mut slots = self.slots.lock();
        let slot = slots.of(tenant.as_ref());
        slot.under_way = None;
        if let Ok(loaded) = &outcome {
            slot.loaded = Arc::downgrade(loaded);
        }
        drop(slots);
        outcome
    }

    async fn load_checked(
        &self,
        tenant: Option<&TenantId>,
    ) -> Result<Arc<Loaded>, PluginLoadError> {
        let component = self.component();
        let manifest = Arc::clone(component.manifest());
        let load = match tenant {
            Some(tenant) => self.host.load_for_tenant(component, tenant),
            None => self.host.load(component),
        };
        let plugin = within(self.max_load_time, load).await?;
        let mismatch = |reason| PluginLoadError::Mismatch { reason };
        let agrees = manifest.check_description(&plugin.node_types);
        agrees.map_err(mismatch)?;
        for metadata in manifest.node_types() {
            if !plugin.executors.contains_key(&metadata.node_type) {
                let name = &metadata.node_type;
                return Err(mismatch(format!("nothing runs `{name}`")));
            }
        }
        Ok(Arc::new(Loaded { plugin }))
    }
}

/// Gives up on a load that takes too long, where there is a clock to measure it by.
async fn within(
    limit: Option<Duration>,
    load: BoxFuture<'_, Result<LoadedPlugin, PluginLoadError>>,
) -> Result<LoadedPlugin, PluginLoadError> {
    let limit = limit.filter(|_| tokio::runtime::Handle::try_current().is_ok());
    let Some(limit) = limit else {
        return load.await;
    };
    match tokio::time::timeout(limit, load).await {
        Ok(outcome) => outcome,
        Err(_) => Err(PluginLoadError::TooSlow { limit }),
    }
}

impl Slots {
    fn of(&mut self, tenant: Option<&TenantId>) -> &mut Slot {
        if self.by_tenant.len() >= self.sweep_at.max(FIRST_SWEEP) {
            self.by_tenant
                .retain(|_, slot| slot.loaded.strong_count() > 0 || slot.under_way.is_some());
            self.sweep_at = 2 * self.by_tenant.len();
        }
        self.by_tenant.entry(tenant.cloned()).or_default()
    }
}

impl Loaded {
    /// The executor of a node type, which keeps the whole plugin.
    pub(super) fn executor(
        self: &Arc<Self>,
        node_type: &NodeTypeId,
    ) -> Option<Arc<dyn NodeExecutor>> {
        let executor = Arc::clone(self.plugin.executors.get(node_type)?);
        let loaded = Arc::clone(self);
        Some(Arc::new(PluginExecutor { loaded, executor }))
    }
}

/// Loads the plugin that a node type belongs to.
struct NodeTypeLoader {
    plugin: Arc<Plugin>,
    node_type: NodeTypeId,
}

impl NodeTypeLoader {
    async fn load(&self, tenant: Option<&TenantId>) -> Result<Arc<dyn NodeExecutor>, LoaderError> {
        let outcome = self.plugin.load(tenant).await;
        let origin = &self.plugin.origin;
        let loaded = outcome.map_err(|error| {
            let place = self.plugin.package.path().display();
            let refused = LoaderError::new(format!("plugin {origin} of `{place}`: {error}"));
            let is_transient = error.is_transient();
            let is_stale = matches!(*error, PluginLoadError::Package(_));
            let refused = refused.caused_by(error);
            let refused = if is_stale { refused.stale() } else { refused };
            if is_transient {
                refused
            } else {
                refused.for_good(ErrorCode::INVALID_PACKAGE)
            }
        })?;
        let executor = loaded.executor(&self.node_type);
        executor.ok_or_else(|| LoaderError::new(format!("plugin {origin} does not run it")))
    }
}

impl ExecutorLoader for NodeTypeLoader {
    fn load(&self) -> BoxFuture<'_, Result<Arc<dyn NodeExecutor>, LoaderError>> {
        Box::pin(self.load(None))
    }

    fn digest(&self) -> Option<String> {
        Some(self.plugin.origin.digest.to_string())
    }
}

impl TenantExecutorLoader for NodeTypeLoader {
    fn load<'a>(
        &'a self,
        tenant: &'a TenantId,
    ) -> BoxFuture<'a, Result<Arc<dyn NodeExecutor>, LoaderError>> {
        Box::pin(self.load(Some(tenant)))
    }

    fn digest(&self) -> Option<String> {
        Some(self.plugin.origin.digest.to_string())
    }
}

/// An executor of a plugin. As long as one of them is there, so is the whole plugin.
struct PluginExecutor {
    loaded: Arc<Loaded>,
    executor: Arc<dyn NodeExecutor>,
}

impl NodeExecutor for PluginExecutor {
    fn execute<'a>(&'a self, call: NodeCall<'a>) -> BoxFuture<'a, Result<NodeOutput, NodeError>> {
        self.executor.execute(call)
    }

    fn validate(&self, parameters: &Value) -> Vec<ValidationIssue> {
        self.executor.validate(parameters)
    }

    fn scheduling(&self) -> Scheduling {
        self.executor.scheduling()
    }

    /// All of the plugin: any one of its executors holds it, and the bound of the cache must not
    /// be passed by what is counted in parts.
    fn memory(&self) -> ByteSize {
        self.loaded.plugin.memory.max(self.executor.memory())
    }
}
