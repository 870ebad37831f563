use std::collections::BTreeMap;
use std::sync::Arc;

use jackfield_definition::expression::Limits;
use jackfield_registry::Registry;
use jackfield_store_api::Store;
use jackfield_tenancy::Tenancy;
use jackfield_types::{CircuitBreaker, TenantId};

use crate::durable::{DurableOptions, Keeper};
use crate::error_metrics::ErrorCounter;
use crate::tenant_state::{TenantState, Tenants};
use crate::{Clock, ErrorMetrics, NoWorkflows, SystemClock, TenantEngine, WorkflowSource};

/// Plans workflows against a registry and runs them, for tenants.
///
/// A cheap handle; clones are the same engine. All that is done is done for a tenant, through the
/// handle that [`tenant`](Self::tenant) gives.
///
/// # Examples
/// ```
/// use jackfield_engine::Engine;
/// use jackfield_registry::Registry;
/// use jackfield_types::TenantId;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let engine = Engine::builder(Registry::new()).build();
/// let acme = engine.tenant(&TenantId::parse("acme")?);
/// assert!(acme.executions().is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Engine {
    pub(crate) parts: Arc<EngineParts>,
}

pub(crate) struct EngineParts {
    pub(crate) registry: Registry,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) tenants: Tenants,
    pub(crate) circuit_breaker: Option<CircuitBreaker>,
    pub(crate) errors: ErrorCounter,
    pub(crate) workflows: Arc<dyn WorkflowSource>,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) limits: Limits,
    pub(crate) max_depth: u32,
    /// Tells what it plans from what other engines over the same registry plan.
    pub(crate) scope: u64,
    /// Where executions are kept, if they are.
    pub(crate) keeper: Option<Arc<Keeper>>,
}

/// Puts an engine together.
pub struct EngineBuilder {
    parts: EngineParts,
    store: Option<Arc<dyn Store>>,
    durable: DurableOptions,
}

impl EngineBuilder {
    /// Sets where the time of events comes from.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.parts.clock = Arc::new(clock);
        self
    }

    /// Sets what tenants may do. Without it each of them may use everything, as much as it likes.
    #[must_use]
    pub fn tenancy(mut self, tenancy: Tenancy) -> Self {
        self.parts.tenants = Tenants::new(tenancy);
        self
    }

    /// Sets when calls of a node type that fails too often are left out for a while, for tenants
    /// whose policy does not say it. Without it they are always made.
    #[must_use]
    pub fn circuit_breaker(mut self, breaker: CircuitBreaker) -> Self {
        self.parts.circuit_breaker = Some(breaker);
        self
    }

    /// Sets where `execute-workflow` finds the workflows that it names.
    #[must_use]
    pub fn workflow_source(mut self, source: impl WorkflowSource) -> Self {
        self.parts.workflows = Arc::new(source);
        self
    }

    /// Grants values to `$env`, to each tenant those that its policy lets it read. Expressions
    /// reach no other environment.
    #[must_use]
    pub fn environment(mut self, granted: impl IntoIterator<Item = (String, String)>) -> Self {
        self.parts.environment = granted.into_iter().collect();
        self
    }

    /// Sets how much one evaluation of an expression may do.
    #[must_use]
    pub fn expression_limits(mut self, limits: Limits) -> Self {
        self.parts.limits = limits;
        self
    }

    /// Sets how deep workflows may call each other; 16 if nothing is said.
    #[must_use]
    pub fn max_depth(mut self, depth: u32) -> Self {
        self.parts.max_depth = depth;
        self
    }

    /// Keeps executions in a store: each goes on after a crash, here or in another process.
    #[must_use]
    pub fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = Some(store);
        self
    }

    /// Sets how executions are kept, if there is a store.
    #[must_use]
    pub fn durable_options(mut self, options: DurableOptions) -> Self {
        self.durable = options;
        self
    }

    /// Makes the engine.
    pub fn build(mut self) -> Engine {
        let durable = self.durable;
        self.parts.keeper = self
            .store
            .map(|store| Arc::new(Keeper::new(store, durable)));
        Engine {
            parts: Arc::new(self.parts),
        }
    }
}

impl Engine {
    /// Begins an engine over a registry.
    pub fn builder(registry: Registry) -> EngineBuilder {
        EngineBuilder {
            parts: EngineParts {
                registry,
                clock: Arc::new(SystemClock),
                tenants: Tenants::new(Tenancy::open()),
                circuit_breaker: None,
                errors: ErrorCounter::default(),
                workflows: Arc::new(NoWorkflows),
                environment: BTreeMap::new(),
                limits: Limits::default(),
                max_depth: 16,
                scope: rand::random(),
                keeper: None,
            },
            store: None,
            durable: DurableOptions::default(),
        }
    }

    /// The engine as one tenant has it: nothing of another tenant can be reached through it.
    ///
    /// Whoever calls this answers for it that the caller's caller is that tenant.
    pub fn tenant(&self, id: &TenantId) -> TenantEngine {
        TenantEngine::new(&self.parts, self.parts.tenant(id))
    }

    /// The engine as the only tenant of an instance that has just one has it.
    pub fn default_tenant(&self) -> TenantEngine {
        self.tenant(&TenantId::default_tenant())
    }

    /// The registry.
    pub fn registry(&self) -> &Registry {
        &self.parts.registry
    }

    /// What tenants may do.
    pub fn tenancy(&self) -> &Tenancy {
        self.parts.tenants.tenancy()
    }

    /// How often what went wrong, for all tenants.
    pub fn error_metrics(&self) -> ErrorMetrics {
        self.parts.errors.read(None)
    }
}

impl EngineParts {
    pub(crate) fn tenant(&self, id: &TenantId) -> Arc<TenantState> {
        self.tenants.state(id, self.circuit_breaker)
    }
}
