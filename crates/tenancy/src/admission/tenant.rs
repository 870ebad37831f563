use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use jackfield_types::{Quotas, TenantId};

use super::exceeded::QuotaExceeded;
use super::fair_queue::FlowId;
use super::flow::Switch;
use super::gate::Gate;
use super::instance::Instance;
use super::limits::{Limits, Resource};
use super::permit::{CallPermit, ExecutionPermit, Hold};
use super::places::{Entry, Patience};
use super::state::AdmissionState;
use super::waiting::wait;

/// Who may begin what, for one tenant. Clones are the same.
#[derive(Debug, Clone)]
pub struct TenantAdmission(Arc<Admitted>);

/// One tenant's part of the instance.
pub(super) struct Admitted {
    id: TenantId,
    instance: Arc<Instance>,
    executions: Lane,
    calls: Lane,
}

/// One tenant's part of one resource.
pub(super) struct Lane {
    pub(super) gate: Arc<Gate>,
    pub(super) flow: FlowId,
    switch: Arc<Switch>,
}

/// Whether a call may be made now.
#[derive(Debug)]
pub enum TryCall {
    /// It may. If there is a permit, it has to be held as long as the call takes.
    Admitted(Option<CallPermit>),
    /// Its turn is later: [`TenantAdmission::call`] waits for it.
    Wait,
    /// It may not.
    Refused(QuotaExceeded),
}

/// Whether an execution may begin now.
#[derive(Debug)]
pub enum TryExecution {
    /// It may. The permit has to be held until it ends.
    Admitted(ExecutionPermit),
    /// Its turn is later: [`TenantAdmission::execution`] waits for it.
    Wait,
    /// It may not.
    Refused(QuotaExceeded),
}

impl TenantAdmission {
    pub(super) fn new(admitted: Arc<Admitted>) -> Self {
        Self(admitted)
    }

    /// Changes the quotas, for those who wait too.
    ///
    /// What runs goes on, even if it is too much now. Tokens that were used stay used.
    pub fn set_quotas(&self, quotas: &Quotas) {
        for resource in [Resource::Executions, Resource::Calls] {
            let lane = self.0.lane(resource);
            lane.gate
                .set_limits(lane.flow, Limits::new(quotas, resource));
        }
    }

    /// Waits until an execution may begin.
    ///
    /// Whoever drops the future leaves the queue.
    ///
    /// # Errors
    /// [`QuotaExceeded`] when it may not begin, not even later, or had no turn in time.
    ///
    /// # Panics
    /// When it has to wait outside a tokio runtime with a timer.
    pub async fn execution(&self) -> Result<ExecutionPermit, QuotaExceeded> {
        let lane = &self.0.executions;
        if lane.enter_free() {
            return Ok(ExecutionPermit::new(self.free()));
        }
        let since = match lane.gate.enter(lane.flow, Patience::Wait) {
            Entry::Admitted(since) => since,
            Entry::Refused(refusal) => return Err(refusal),
            Entry::Queued(queued) => wait(lane, queued).await?,
            Entry::WouldWait => lane.gate.now(),
        };
        Ok(ExecutionPermit::new(
            self.counted(Resource::Executions, since),
        ))
    }

    /// Lets an execution begin if it may at once.
    pub fn try_execution(&self) -> TryExecution {
        let lane = &self.0.executions;
        if lane.enter_free() {
            return TryExecution::Admitted(ExecutionPermit::new(self.free()));
        }
        match lane.gate.enter(lane.flow, Patience::SaySo) {
            Entry::Admitted(since) => {
                let hold = self.counted(Resource::Executions, since);
                TryExecution::Admitted(ExecutionPermit::new(hold))
            }
            Entry::Refused(refusal) => TryExecution::Refused(refusal),
            Entry::WouldWait | Entry::Queued(_) => TryExecution::Wait,
        }
    }

    /// Lets a call be made if it may at once.
    ///
    /// This costs next to nothing when neither the tenant nor the instance has bounds.
    pub fn try_call(&self) -> TryCall {
        let lane = &self.0.calls;
        if !lane.is_limited() {
            return TryCall::Admitted(None);
        }
        match lane.gate.enter(lane.flow, Patience::SaySo) {
            Entry::Admitted(since) => {
                let counts = lane.gate.counts();
                let hold = counts.then(|| self.counted(Resource::Calls, since));
                TryCall::Admitted(hold.map(|hold| CallPermit::new(Some(hold))))
            }
            Entry::Refused(refusal) => TryCall::Refused(refusal),
            Entry::WouldWait | Entry::Queued(_) => TryCall::Wait,
        }
    }

    /// Waits until a call may be made.
    ///
    /// Whoever drops the future leaves the queue.
    ///
    /// # Errors
    /// [`QuotaExceeded`] when it may not be made, not even later, or had no turn in time.
    ///
    /// # Panics
    /// When it has to wait outside a tokio runtime with a timer.
    pub async fn call(&self) -> Result<CallPermit, QuotaExceeded> {
        let lane = &self.0.calls;
        if !lane.is_limited() {
            return Ok(CallPermit::new(None));
        }
        let since = match lane.gate.enter(lane.flow, Patience::Wait) {
            Entry::Admitted(since) => since,
            Entry::Refused(refusal) => return Err(refusal),
            Entry::Queued(queued) => wait(lane, queued).await?,
            Entry::WouldWait => lane.gate.now(),
        };
        let counts = lane.gate.counts();
        let hold = counts.then(|| self.counted(Resource::Calls, since));
        Ok(CallPermit::new(hold))
    }

    /// What runs, what waits, and how many tokens there are.
    pub fn state(&self) -> AdmissionState {
        let load = |lane: &Lane| lane.gate.load(lane.flow);
        AdmissionState {
            executions: load(&self.0.executions),
            calls: load(&self.0.calls),
        }
    }

    fn free(&self) -> Hold {
        Hold::Free(Arc::clone(&self.0))
    }

    fn counted(&self, resource: Resource, since: u64) -> Hold {
        Hold::Counted {
            tenant: Arc::clone(&self.0),
            resource,
            since,
        }
    }
}

impl Admitted {
    pub(super) fn new(instance: &Arc<Instance>, id: &TenantId, quotas: &Quotas) -> Self {
        let lane = |resource| {
            let gate = instance.gate(resource);
            let (flow, switch) = gate.open(id.clone(), Limits::new(quotas, resource));
            Lane { gate, flow, switch }
        };
        Self {
            id: id.clone(),
            executions: lane(Resource::Executions),
            calls: lane(Resource::Calls),
            instance: Arc::clone(instance),
        }
    }

    pub(super) fn lane(&self, resource: Resource) -> &Lane {
        match resource {
            Resource::Executions => &self.executions,
            Resource::Calls => &self.calls,
        }
    }
}

impl fmt::Debug for Admitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admitted")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        for lane in [&self.executions, &self.calls] {
            lane.gate.close(lane.flow);
        }
        self.instance.forget(&self.id);
    }
}

impl Lane {
    fn is_limited(&self) -> bool {
        self.switch.limited.load(Ordering::SeqCst)
    }

    /// Takes a place without asking the gate, if it need not be asked.
    fn enter_free(&self) -> bool {
        if self.is_limited() {
            return false;
        }
        // Counted first and looked at again: a bound that comes meanwhile either is seen here or
        // sees the count.
        self.switch.free.fetch_add(1, Ordering::SeqCst);
        if !self.is_limited() {
            return true;
        }
        self.leave_free();
        false
    }

    /// Gives such a place back.
    pub(super) fn leave_free(&self) {
        self.switch.free.fetch_sub(1, Ordering::SeqCst);
        if self.is_limited() {
            self.gate.nudge(self.flow);
        }
    }
}
