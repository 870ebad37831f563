//! What the engine keeps of each tenant: what is in force for it, its circuits, what it runs.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use jackfield_tenancy::{AuditDecision, Tenancy, Tenant, TenantPolicy};
use jackfield_types::{ByteSize, CircuitBreaker, ExecutionId, TenantId};
use jiff::Timestamp;
use parking_lot::Mutex;

use crate::Journal;
use crate::breaker::Breakers;
use crate::durable::PinnedPlans;
use crate::execution::Running;
use crate::handle::{Awaited, AwaitedLater};
use crate::running_execution::RunningExecution;

/// With more tenants than this, those of whom there is nothing to remember are forgotten.
const MANY_TENANTS: usize = 1_024;

/// The tenants that the engine has met.
pub(crate) struct Tenants {
    tenancy: Tenancy,
    met: Mutex<Met>,
}

struct Met {
    states: HashMap<TenantId, Arc<TenantState>>,
    /// How many there may be before it is looked through.
    most: usize,
}

/// One tenant, as the engine knows it.
pub(crate) struct TenantState {
    pub(crate) tenant: Tenant,
    pub(crate) breakers: Breakers,
    in_force: ArcSwap<InForce>,
    default_breaker: Option<CircuitBreaker>,
    executions: Mutex<HashMap<ExecutionId, Entry>>,
    /// Handles that wait for executions that have left memory.
    awaited: Mutex<AwaitedLater>,
    /// Plans of executions that are kept.
    pub(crate) plans: Mutex<PinnedPlans>,
}

struct Entry {
    running: Arc<Running>,
    journal: Journal,
    since: Timestamp,
}

/// What the policy in force says about every call, worked out once for each policy.
pub(crate) struct InForce {
    number: u64,
    /// When calls of a node type are left out.
    pub(crate) breaker: Option<CircuitBreaker>,
    /// The most bytes that one call may give.
    pub(crate) max_output_size: Option<ByteSize>,
    /// Whether more than refusals goes into the audit trail.
    pub(crate) audits: bool,
}

impl Tenants {
    pub(crate) fn new(tenancy: Tenancy) -> Self {
        Self {
            tenancy,
            met: Mutex::new(Met {
                states: HashMap::new(),
                most: MANY_TENANTS,
            }),
        }
    }

    pub(crate) fn tenancy(&self) -> &Tenancy {
        &self.tenancy
    }

    pub(crate) fn state(
        &self,
        id: &TenantId,
        default_breaker: Option<CircuitBreaker>,
    ) -> Arc<TenantState> {
        let mut met = self.met.lock();
        if let Some(state) = met.states.get(id) {
            return Arc::clone(state);
        }
        if met.states.len() >= met.most {
            met.states
                .retain(|_, state| Arc::strong_count(state) > 1 || !state.breakers.are_closed());
            met.most = MANY_TENANTS.max(met.states.len().saturating_mul(2));
        }
        let tenant = self.tenancy.tenant(id);
        let state = Arc::new(TenantState::new(tenant, default_breaker));
        met.states.insert(id.clone(), Arc::clone(&state));
        state
    }
}

impl TenantState {
    fn new(tenant: Tenant, default_breaker: Option<CircuitBreaker>) -> Self {
        let in_force = InForce::read(&tenant, default_breaker);
        Self {
            tenant,
            breakers: Breakers::default(),
            in_force: ArcSwap::from_pointee(in_force),
            default_breaker,
            executions: Mutex::default(),
            awaited: Mutex::default(),
            plans: Mutex::default(),
        }
    }

    /// Has a handle told when an execution that leaves memory is taken up again.
    pub(crate) fn await_later(&self, id: ExecutionId, awaited: &Arc<Awaited>) {
        self.awaited.lock().insert(id, Arc::downgrade(awaited));
    }

    pub(crate) fn forget_awaited(&self, id: ExecutionId) {
        let mut awaited = self.awaited.lock();
        if awaited.get(&id).is_some_and(|one| one.strong_count() == 0) {
            awaited.remove(&id);
        }
    }

    /// The handle that waits for an execution, if one does.
    pub(crate) fn take_awaited(&self, id: ExecutionId) -> Option<Arc<Awaited>> {
        // Dropped after the lock is released: it may be the last one.
        let found = self.awaited.lock().remove(&id);
        found?.upgrade()
    }

    pub(crate) fn id(&self) -> &TenantId {
        self.tenant.id()
    }

    /// What is in force now. Costs two loads as long as the policy stands.
    pub(crate) fn in_force(&self) -> arc_swap::Guard<Arc<InForce>> {
        let kept = self.in_force.load();
        if kept.number == self.tenant.policy_number() {
            return kept;
        }
        let read = InForce::read(&self.tenant, self.default_breaker);
        self.in_force.store(Arc::new(read));
        self.in_force.load()
    }

    /// Brings what somebody holds up to date. Costs a load as long as the policy stands.
    pub(crate) fn refresh(&self, held: &mut Arc<InForce>) {
        if held.number != self.tenant.policy_number() {
            *held = Arc::clone(&self.in_force());
        }
    }

    /// Enters an execution among those that run, until what is given back is dropped.
    pub(crate) fn enter(
        self: &Arc<Self>,
        running: &Arc<Running>,
        journal: &Journal,
        since: Timestamp,
    ) -> Entered {
        let entry = Entry {
            running: Arc::clone(running),
            journal: journal.clone(),
            since,
        };
        self.executions.lock().insert(running.id, entry);
        Entered {
            state: Arc::clone(self),
            id: running.id,
        }
    }

    pub(crate) fn executions(&self) -> Vec<RunningExecution> {
        let executions = self.executions.lock();
        let mut list: Vec<_> = executions.values().map(Entry::show).collect();
        list.sort_by_key(|execution| (execution.since(), execution.id()));
        list
    }

    /// An execution that runs.
    pub(crate) fn running(&self, id: ExecutionId) -> Option<Arc<Running>> {
        let executions = self.executions.lock();
        executions.get(&id).map(|entry| Arc::clone(&entry.running))
    }

    pub(crate) fn execution(&self, id: ExecutionId) -> Option<RunningExecution> {
        self.executions.lock().get(&id).map(Entry::show)
    }
}

impl Entry {
    fn show(&self) -> RunningExecution {
        RunningExecution::new(&self.running, self.journal.clone(), self.since)
    }
}

impl InForce {
    fn read(tenant: &Tenant, default_breaker: Option<CircuitBreaker>) -> Self {
        // Read first: when the policy is replaced meanwhile, all of it is read again.
        let number = tenant.policy_number();
        let policy = tenant.policy();
        let document = policy.as_deref().map(TenantPolicy::document);
        let size = document.and_then(|document| document.max_output_size);

        Self {
            number,
            breaker: tenant.circuit_breaker().or(default_breaker),
            max_output_size: size,
            audits: tenant.is_recorded(AuditDecision::Allowed),
        }
    }
}

/// An execution's place among those that run.
pub(crate) struct Entered {
    state: Arc<TenantState>,
    id: ExecutionId,
}

impl Drop for Entered {
    fn drop(&mut self) {
        // The entry is dropped after the lock is released: it may be the last to hold the plan.
        let entry = self.state.executions.lock().remove(&self.id);
        drop(entry);
    }
}
