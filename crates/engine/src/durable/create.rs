//! How an execution is put into the store, and begins.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use jackfield_kernel::{Event, EventKind};
use jackfield_store_api::{
    ExecutionRecord, ExecutionState, NewExecution, NewWorkflow, StoreError, TenantStore,
    WorkflowVersion, limits,
};
use jackfield_tenancy::{ExecutionPermit, QuotaExceeded};
use jackfield_types::ExecutionId;
use tokio::time::Instant;

use super::Writer;
use super::clock::later;
use super::keeper::Keeper;
use super::pinned::Pinned;
use super::record::Encoder;
use crate::admission::Turn;
use crate::driver::Driver;
use crate::handle::Awaited;
use crate::{PreparedPlan, StartError};

/// The status of an execution that never began because its tenant had no room for it.
pub(crate) const REFUSED: &str = "refused";

/// How an execution is put into the store.
pub(crate) struct Creation {
    keeper: Arc<Keeper>,
    /// Who wants to know when it is there.
    awaited: Option<Arc<Awaited>>,
}

impl Creation {
    pub(crate) fn new(keeper: &Arc<Keeper>) -> Self {
        Self {
            keeper: Arc::clone(keeper),
            awaited: None,
        }
    }
}

impl Driver {
    /// What keeps the execution, if it is to be kept.
    pub(crate) fn keeper(&self) -> Option<Arc<Keeper>> {
        let creation = self.creation.as_ref().map(|creation| &creation.keeper);
        let keeper = creation.or(self.writer.as_ref().map(|writer| writer.keeper()));
        keeper.map(Arc::clone)
    }

    /// Has a handle told when the execution is in the store.
    pub(crate) fn tell_when_kept(&mut self, awaited: &Arc<Awaited>) {
        self.is_awaited = true;
        match &mut self.creation {
            Some(creation) => creation.awaited = Some(Arc::clone(awaited)),
            None => awaited.acknowledge(),
        }
    }

    /// What an execution begins with. Its time counts from now on.
    pub(crate) fn first_event(&mut self) -> EventKind {
        let plan = &self.running.plan;
        let limits = [plan.timeout().map(Duration::from), self.options.timeout];
        let limit = limits.into_iter().flatten().min();
        self.deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        let mut variables = Arc::clone(plan.variables());
        if !self.options.variables.is_empty() {
            let own = std::mem::take(&mut self.options.variables);
            Arc::make_mut(&mut variables).extend(own);
        }
        let input = std::mem::take(&mut self.options.items);
        let (input, variables) = self.running.mask_start(input, variables);
        if let Some(usage) = &self.running.nested.usage {
            // What is too much already is told to the first call.
            let _ = usage.add_variables(self.running.id, &variables);
        }
        tracing::debug!(
            target: "engine",
            execution = %self.running.id,
            tenant = %self.running.tenant_id(),
            workflow = self.running.masked(plan.name().to_owned()),
            "execution started"
        );
        EventKind::ExecutionStarted {
            execution: self.running.id,
            tenant: self.running.tenant_id().clone(),
            input,
            variables,
            trigger: self.trigger,
            seed: self.options.seed.unwrap_or_else(rand::random),
        }
    }

    /// Puts the execution into the store. It is kept from then on, whatever becomes of this process.
    pub(crate) async fn create(&mut self, creation: Creation) -> Result<(), StartError> {
        let Creation { keeper, awaited } = creation;
        let id = self.running.id;
        let plan = Arc::clone(&self.running.plan);
        let store = keeper.store.tenant(self.running.tenant_id());
        let kind = self.first_event();
        let at = self.now();
        let event = Event { at, kind };
        let deadline = self
            .deadline
            .map(|deadline| later(at, deadline.saturating_duration_since(Instant::now())));
        let pins = Pinned::of(&self.running, deadline);
        let mut payloads = Vec::new();
        let encoder = Encoder::new(&keeper.options);
        let not_kept = |reason: String| StartError::NotKept {
            execution: id,
            reason,
        };
        let record = encoder.encode(&event, &[], &mut payloads);
        let record = record.map_err(|error| not_kept(error.to_string()))?;
        let pinned = pins.encode().map_err(|error| not_kept(error.to_string()))?;
        let patience = Instant::now() + keeper.options.lease;
        let workflow = keep_workflow(&*store, &plan, patience)
            .await
            .map_err(not_kept)?;
        let began = Instant::now();
        let mut new = NewExecution {
            id,
            workflow,
            pinned,
            user: self.running.caller.user.clone(),
            retry_of: None,
            part_of: self
                .running
                .called
                .as_ref()
                .map(|_| self.running.nested.whole),
            records: vec![record],
            payloads,
            state: ExecutionState::Running,
            claim: Some((keeper.worker, keeper.options.lease)),
        };
        let plans = &self.running.state().plans;
        plans.lock().keep(&new.workflow, &pins, &plan);
        let mut created = create(&*store, new.clone(), patience).await;
        if let Err(StoreError::NotFound { .. }) = &created {
            // Nothing had this version of the workflow any more, and it was let go of.
            plan.forget_kept_as(&new.workflow);
            new.workflow = keep_workflow(&*store, &plan, patience)
                .await
                .map_err(not_kept)?;
            plans.lock().keep(&new.workflow, &pins, &plan);
            created = create(&*store, new, patience).await;
        }
        let created = created.map_err(|error| StartError::of_keeping(id, &error))?;
        let keeping = keeper.hold(store, id, created.fence, began);
        self.running.keep_to(pins);
        self.execution.apply(&event).map_err(StartError::Internal)?;
        self.last = at;
        self.journal.write(event);
        self.writer = Some(Box::new(Writer::new(keeping, 1)));
        if let Some(awaited) = awaited {
            awaited.acknowledge();
        }
        Ok(())
    }

    /// Waits for the execution's turn, and hears meanwhile what is asked of it.
    pub(crate) async fn come(
        &mut self,
        turn: Turn,
    ) -> Result<Result<Option<ExecutionPermit>, QuotaExceeded>, StartError> {
        let cancellation = self.running.cancellation.clone();
        let Some(writer) = &self.writer else {
            return Ok(turn.come(&cancellation).await);
        };
        let hold = Arc::clone(writer.hold());
        let mut permit: BoxFuture<'_, _> = Box::pin(turn.come(&cancellation));
        loop {
            tokio::select! {
                biased;
                permit = &mut permit => return Ok(permit),
                () = hold.changed.notified() => {
                    if let Err(halt) = self.attend() {
                        return Err(self.halted(halt).await);
                    }
                    if self.resting.is_some() {
                        return Ok(Ok(None));
                    }
                }
            }
        }
    }

    /// Ends an execution in the store that was not let begin.
    pub(crate) async fn refuse(&mut self) {
        if let Some(writer) = &mut self.writer {
            writer.end_with(ExecutionState::Ended {
                status: REFUSED.to_owned(),
            });
            // If it cannot be written, the execution is taken up later and asks again.
            let _ = writer.flush().await;
        }
    }
}

/// Keeps the document of a plan, once for each plan.
pub(crate) async fn keep_workflow(
    store: &dyn TenantStore,
    plan: &PreparedPlan,
    patience: Instant,
) -> Result<WorkflowVersion, String> {
    if let Some(version) = plan.kept_as() {
        return Ok(version);
    }
    let Some(document) = plan.document() else {
        return Err(
            "its workflow was not read from a document, or was changed since; read it with `read_workflow` or `workflow_from_value`"
                .to_owned(),
        );
    };
    let document = Bytes::copy_from_slice(document.text().as_bytes());
    let workflow = NewWorkflow {
        id: plan.id().unwrap_or(plan.name()).to_owned(),
        name: plan.name().to_owned(),
        digest: limits::digest_of(&document),
        document,
    };
    let version = insist(patience, || store.put_workflow(workflow.clone()))
        .await
        .map_err(|error| error.to_string())?;
    plan.set_kept_as(version.clone());
    Ok(version)
}

/// Makes an execution. When it is not known whether it was made, that is found out.
pub(crate) async fn create(
    store: &dyn TenantStore,
    new: NewExecution,
    patience: Instant,
) -> Result<ExecutionRecord, StoreError> {
    let id: ExecutionId = new.id;
    let mut is_repeated = false;
    insist(patience, || {
        let is_repeat = std::mem::replace(&mut is_repeated, true);
        let new = new.clone();
        let (workflow, worker) = (new.workflow.clone(), new.claim.map(|(worker, _)| worker));
        Box::pin(async move {
            match store.create_execution(new).await {
                Err(StoreError::Exists { what }) if is_repeat => {
                    let found = store.execution(id).await?;
                    let holder = found.lease.map(|lease| lease.worker);
                    if found.workflow == workflow && holder == worker {
                        Ok(found)
                    } else {
                        Err(StoreError::Exists { what })
                    }
                }
                other => other,
            }
        })
    })
    .await
}

/// Makes a call again as long as the store may be able to carry it out later.
pub(crate) async fn insist<'a, T>(
    patience: Instant,
    mut call: impl FnMut() -> jackfield_store_api::StoreFuture<'a, T>,
) -> Result<T, StoreError> {
    let mut wait = Duration::from_millis(10);
    loop {
        match call().await {
            Err(error) if error.is_transient() && Instant::now() + wait < patience => {
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(Duration::from_secs(1));
            }
            result => return result,
        }
    }
}
