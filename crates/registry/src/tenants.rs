//! Executors of which each tenant has its own.
//!
//! A tenant's executor is found by its tenant only, and is wrapped so that it refuses the calls of
//! every other one: whoever mixes them up gets an error and not somebody else's state.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Weak};

use futures_util::future::{BoxFuture, Shared};
use jackfield_plugin_api::{NodeCall, NodeError, NodeExecutor, NodeOutput, Scheduling};
use jackfield_types::{ByteSize, ErrorCode, TenantId, ValidationIssue};
use parking_lot::RwLock;
use rustc_hash::FxSeededState;
use serde_json::Value;

use crate::cache::{Holder, Seat};
use crate::loader::{LazyExecutor, Load};
use crate::{ExecutorCache, ExecutorLoader, LoaderError, Registration};

/// How many tenants there may be before it is looked for the first time who has nothing any more.
const FIRST_SWEEP: usize = 64;

/// Loads the executor of a node type of which each tenant has its own.
///
/// `load` is called when a tenant asks for its executor and that is not in the cache: once for all
/// callers of the tenant that wait at the same time, and again after an error, an eviction, or when
/// all callers have gone. Otherwise it is called as [`ExecutorLoader::load`] is.
pub trait TenantExecutorLoader: Send + Sync + 'static {
    /// Makes the executor of a tenant. It serves no other one.
    ///
    /// # Errors
    /// [`LoaderError`] when there is nothing to give now. The next call may find otherwise.
    fn load<'a>(
        &'a self,
        tenant: &'a TenantId,
    ) -> BoxFuture<'a, Result<Arc<dyn NodeExecutor>, LoaderError>>;

    /// A digest of what will be loaded, the same for all tenants. It becomes part of the
    /// registration's own digest.
    fn digest(&self) -> Option<String> {
        None
    }
}

/// The executors of one registration, each with the tenant that it belongs to.
pub(crate) struct TenantExecutors {
    loader: Arc<dyn TenantExecutorLoader>,
    parts: RwLock<Parts>,
}

/// Loads begin under the lock, and parts leave only if they hold nothing and load nothing, so a
/// tenant has one part at a time and one load at a time.
struct Parts {
    by_tenant: HashMap<TenantId, Arc<TenantExecutor>, FxSeededState>,
    /// With so many tenants it is time to look who has nothing any more.
    sweep_at: usize,
}

/// One tenant's part in a registration.
pub(crate) struct TenantExecutor {
    tenant: TenantId,
    registration: Weak<Registration>,
    seat: Seat,
    lazy: LazyExecutor,
}

impl TenantExecutors {
    pub(crate) fn new(loader: Arc<dyn TenantExecutorLoader>) -> Self {
        Self {
            loader,
            parts: RwLock::new(Parts {
                // Names come from outside: nobody shall know which of them meet.
                by_tenant: HashMap::with_hasher(FxSeededState::with_seed(seed())),
                sweep_at: FIRST_SWEEP,
            }),
        }
    }

    pub(crate) fn content_digest(&self) -> Option<String> {
        self.loader.digest()
    }

    /// What a tenant has, if it ever asked.
    pub(crate) fn part(&self, tenant: &TenantId) -> Option<Arc<TenantExecutor>> {
        self.parts.read().by_tenant.get(tenant).cloned()
    }

    /// What all tenants have.
    pub(crate) fn all(&self) -> Vec<Arc<TenantExecutor>> {
        self.parts.read().by_tenant.values().cloned().collect()
    }

    /// Looks for a tenant's executor in the cache.
    pub(crate) fn find(
        &self,
        cache: &ExecutorCache,
        tenant: &TenantId,
    ) -> Option<Arc<dyn NodeExecutor>> {
        let parts = self.parts.read();
        match parts.by_tenant.get(tenant) {
            Some(part) => cache.find(&part.seat, || part.lazy.held()),
            None => {
                cache.miss();
                None
            }
        }
    }

    /// Joins the load of a tenant's executor, or begins it.
    pub(crate) fn join(
        &self,
        registration: &Arc<Registration>,
        tenant: &TenantId,
    ) -> Result<Arc<dyn NodeExecutor>, Shared<Load>> {
        // Dropped after the lock: it may be the end of a load, which may do anything.
        let mut loads = Vec::new();
        let mut parts = self.parts.write();
        if let Some(part) = parts.by_tenant.get(tenant) {
            let holder = Arc::clone(part) as Arc<dyn Holder>;
            return part.lazy.join(registration, holder);
        }
        parts.sweep(&mut loads);
        let part = Arc::new(TenantExecutor {
            tenant: tenant.clone(),
            registration: Arc::downgrade(registration),
            seat: Seat::none(),
            lazy: LazyExecutor::new(Arc::new(ForTenant {
                loader: Arc::clone(&self.loader),
                tenant: tenant.clone(),
            })),
        });
        parts.by_tenant.insert(tenant.clone(), Arc::clone(&part));
        let holder = Arc::clone(&part) as Arc<dyn Holder>;
        part.lazy.join(registration, holder)
    }
}

fn seed() -> usize {
    let random = RandomState::new().hash_one(0);
    usize::try_from(random & u64::from(u32::MAX)).unwrap_or(0)
}

impl Parts {
    /// Forgets tenants that have nothing any more, each time there are twice as many as were left.
    /// Loads that are under way are put into `loads`.
    fn sweep(&mut self, loads: &mut Vec<Shared<Load>>) {
        if self.by_tenant.len() < self.sweep_at {
            return;
        }
        self.by_tenant.retain(|_, part| {
            let load = part.lazy.under_way();
            let is_loading = load.is_some();
            loads.extend(load);
            is_loading || part.lazy.is_held()
        });
        self.sweep_at = FIRST_SWEEP.max(2 * self.by_tenant.len());
    }
}

impl Holder for TenantExecutor {
    fn seat(&self) -> &Seat {
        &self.seat
    }

    fn lazy(&self) -> Option<&LazyExecutor> {
        Some(&self.lazy)
    }

    fn registration(self: Arc<Self>) -> Option<Arc<Registration>> {
        self.registration.upgrade()
    }

    fn tenant(&self) -> Option<&TenantId> {
        Some(&self.tenant)
    }

    fn is_retired(&self) -> bool {
        let registration = self.registration.upgrade();
        registration.is_none_or(|registration| registration.is_retired())
    }
}

/// A loader that knows for whom it loads.
struct ForTenant {
    loader: Arc<dyn TenantExecutorLoader>,
    tenant: TenantId,
}

impl ExecutorLoader for ForTenant {
    fn load(&self) -> BoxFuture<'_, Result<Arc<dyn NodeExecutor>, LoaderError>> {
        let load = self.loader.load(&self.tenant);
        Box::pin(async move {
            let executor = load.await?;
            let tenant = self.tenant.clone();
            Ok(Arc::new(Bound { tenant, executor }) as Arc<dyn NodeExecutor>)
        })
    }
}

/// An executor that serves one tenant and refuses every other one.
struct Bound {
    tenant: TenantId,
    executor: Arc<dyn NodeExecutor>,
}

impl NodeExecutor for Bound {
    fn execute<'a>(&'a self, call: NodeCall<'a>) -> BoxFuture<'a, Result<NodeOutput, NodeError>> {
        if *call.context.tenant == self.tenant {
            return self.executor.execute(call);
        }
        Box::pin(async {
            let message = "the executor belongs to another tenant";
            Err(NodeError::refused(ErrorCode::TENANT_FORBIDDEN, message))
        })
    }

    fn validate(&self, parameters: &Value) -> Vec<ValidationIssue> {
        self.executor.validate(parameters)
    }

    fn scheduling(&self) -> Scheduling {
        self.executor.scheduling()
    }

    fn memory(&self) -> ByteSize {
        self.executor.memory()
    }
}
