//! Calls of other workflows by executions that are kept: each is an execution in the store, which is
//! found again when the call is made again.

use std::sync::Arc;
use std::time::Duration;

use jackfield_kernel::{EventKind, NodeIndex, RunWith};
use jackfield_plugin_api::{NodeError, SubWorkflow, WorkflowReference};
use jackfield_store_api::{
    ExecutionRecord, ExecutionState, Fence, Request, StoreError, TenantStore,
};
use jackfield_types::{ErrorCode, ExecutionId, Items};
use tokio::time::Instant;

use crate::call_host::CallHost;
use crate::driver::Driver;
use crate::durable::{
    Context, Creation, Keeper, Outcome, PinnedError, ReplayError, StoredError, called_by_name,
    claim, driver, insist, is_passing, load, pinned_plan,
};
use crate::execution::{Origin, Running};
use crate::parts::PartCall;
use crate::workflows::{broken_off, items_of, start_error};
use crate::{PreparedPlan, StartError};

/// The node type that does nothing but call other workflows, so that it can be left and begun once
/// more as often as it takes.
const CALL: &str = "execute-workflow";
/// How often it is looked whether what was called goes on elsewhere, or has to go on here.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How often it is tried to take up what somebody else holds for now.
const TRY_AGAIN: Duration = Duration::from_millis(50);

/// What a look at a called execution comes to.
enum Found {
    /// It can run here.
    Runs(Box<Driver>, Fence),
    /// It has ended.
    Over(Result<Items, NodeError>),
    /// It is to be looked at once more after a while.
    Later,
}

impl CallHost<'_> {
    /// Runs another workflow as an execution of its own that is kept.
    pub(crate) async fn run_kept(
        &self,
        keeper: &Arc<Keeper>,
        workflow: SubWorkflow<'_>,
        ids: (ExecutionId, ExecutionId),
    ) -> Result<Items, NodeError> {
        // The calls of the other workflow need the place that this one would hold.
        drop(self.permit.lock().take());
        let running = self.running;
        let (node, _, with) = self.turn;
        let mut call = PartCall::new(&running.parts, keeper, running.tenant_id(), node, ids.0);
        let is_call = running.is_call(node, with);
        let store = keeper.store.tenant(running.tenant_id());
        let mut has_run = false;
        let mut failed: Option<StartError> = None;
        loop {
            let found = match store.execution(ids.0).await {
                Ok(found) => self.take_up(keeper, found, &workflow, ids, has_run).await,
                Err(StoreError::NotFound { .. }) => match failed {
                    // It could not be put there.
                    Some(ref error) => Found::Over(Err(NodeError::retryable(
                        ErrorCode::EXECUTION_ERROR,
                        error.to_string(),
                    ))),
                    None => match self.begin(keeper, &workflow, ids).await {
                        Ok(driver) => Found::Runs(driver, Fence(1)),
                        Err(error) => Found::Over(Err(error)),
                    },
                },
                Err(error) => self.not_read(ids.0, &error),
            };
            let (mut driver, fence) = match found {
                Found::Runs(driver, fence) => (driver, fence),
                Found::Over(result) => {
                    call.over();
                    return result;
                }
                Found::Later => {
                    tokio::time::sleep(TRY_AGAIN).await;
                    continue;
                }
            };
            has_run = true;
            // The time that the node may take is counted in memory.
            let has_limit = running.plan.node(node).timeout.is_some();
            driver.may_park = running.parts.may_park() && is_call && !has_limit;
            let cancellation = driver.running.cancellation.clone();
            // A task of its own: the stack does not grow with the depth, and it comes to its end
            // when the call is broken off.
            let task = running.parts.tasks.spawn(driver.run());
            call.runs(task.abort_handle(), cancellation);
            let outcome = task.await;
            call.looks();
            match outcome.map_err(|error| broken_off(&error))? {
                Ok(Outcome::Ended(report)) => {
                    call.over();
                    return items_of(report);
                }
                Ok(Outcome::Left) => {
                    if is_call {
                        call.sleeps(running.id);
                    }
                    self.sleep(&*store, ids.0, fence).await;
                    call.looks();
                }
                // Whether it can go on, and where, is found out in the store.
                Err(error) => {
                    failed = Some(error);
                    tokio::time::sleep(TRY_AGAIN).await;
                }
            }
        }
    }

    /// Begins what is called.
    async fn begin(
        &self,
        keeper: &Arc<Keeper>,
        workflow: &SubWorkflow<'_>,
        ids: (ExecutionId, ExecutionId),
    ) -> Result<Box<Driver>, NodeError> {
        let running = self.running;
        running.check_document(workflow.reference)?;
        let plan = running.sub_plan(workflow.reference).await?;
        if plan.document().is_none() && plan.kept_as().is_none() {
            let message = format!(
                "workflow `{}` cannot be kept: it was not read from a document, or was changed since; have the source of workflows read it with `read_workflow` or `workflow_from_value`",
                plan.name()
            );
            return Err(NodeError::permanent(ErrorCode::INVALID_WORKFLOW, message));
        }
        let origin = self.origin(ids, workflow.reference);
        let with = SubWorkflow {
            reference: workflow.reference,
            items: Arc::clone(&workflow.items),
            variables: workflow.variables.clone(),
        };
        let cancellation = self.cancellation.child_token();
        let mut driver = running
            .sub_driver(&plan, origin, with, cancellation)
            .map_err(|error| start_error(&error))?;
        driver.creation = Some(Box::new(Creation::new(keeper)));
        Ok(Box::new(driver))
    }

    /// Where what is called comes from. It stops when the caller is to be left, unless the node does
    /// more than call it, and has to come to its own end first.
    fn origin(&self, ids: (ExecutionId, ExecutionId), reference: WorkflowReference<'_>) -> Origin {
        let (node, _, with) = self.turn;
        let mut origin = self.running.origin(ids, reference);
        if !self.running.is_call(node, with) {
            origin.beside = None;
        }
        origin
    }

    /// Goes on with what was called before.
    async fn take_up(
        &self,
        keeper: &Arc<Keeper>,
        found: ExecutionRecord,
        workflow: &SubWorkflow<'_>,
        ids: (ExecutionId, ExecutionId),
        has_run: bool,
    ) -> Found {
        let running = self.running;
        if found.part_of != Some(running.nested.whole) {
            let message = format!(
                "execution `{}`, which the call would begin, is there already and is none that it began",
                found.id
            );
            return Found::Over(Err(NodeError::permanent(
                ErrorCode::EXECUTION_ERROR,
                message,
            )));
        }
        let store = keeper.store.tenant(running.tenant_id());
        match &found.state {
            ExecutionState::Ended { .. } => return self.ended(&store, found.id).await,
            ExecutionState::Stuck { reason } if has_run => {
                return self.hindered(found.id, reason.clone());
            }
            ExecutionState::Stuck { .. } | ExecutionState::Paused => {
                // Whoever has the caller go on means all of it. When this fails, it is still so at
                // the next look.
                let _ = store.request(found.id, Request::Resume).await;
            }
            ExecutionState::Running | ExecutionState::Parked(_) | ExecutionState::Incomplete => {}
        }
        let claimed = claim(running.engine(), running.state(), found.id).await;
        let keeping = match claimed {
            Ok(Some(keeping)) => keeping,
            Ok(None) => return Found::Later,
            Err(error) => return self.not_read(found.id, &error),
        };
        let hold = Arc::clone(&keeping.hold);
        // As it is now that nobody else writes to it.
        let found = match store.execution(found.id).await {
            Ok(found) => found,
            Err(error) => return self.not_read(found.id, &error),
        };
        let origin = self.origin(ids, workflow.reference);
        let context = Context::Within(origin, self.cancellation.child_token());
        match driver(&running.caller, keeping, &found, context).await {
            Ok(driver) => Found::Runs(Box::new(driver), hold.fence),
            Err(ReplayError::Store(error)) if is_passing(&error) => {
                // When this fails the lease runs out by itself.
                let _ = store.release(found.id, hold.fence).await;
                Found::Later
            }
            Err(error) => {
                let reason = error.to_string();
                hold.get_stuck(&reason).await;
                self.hindered(found.id, reason)
            }
        }
    }

    /// What was called has ended before: what came of it is in the store.
    async fn ended(&self, store: &Arc<dyn TenantStore>, id: ExecutionId) -> Found {
        let running = self.running;
        let history = match load(&running.caller, store, id).await {
            Ok((history, _)) => history,
            Err(StoredError::Store(error)) => return self.not_read(id, &error),
            Err(StoredError::Stuck { reason, .. }) => return self.hindered(id, reason),
            Err(error) => return self.hindered(id, error.to_string()),
        };
        let report = match history.report() {
            Ok(report) => report,
            Err(error) => return self.hindered(id, error.to_string()),
        };
        if let Some(usage) = &running.nested.usage {
            for event in report.journal.events() {
                if let EventKind::AttemptSucceeded { outputs, .. } = &event.kind {
                    // What is too much is told to the next call.
                    let _ = usage.add_output(outputs);
                }
            }
        }
        Found::Over(items_of(report))
    }

    /// The store did not give what was called. When what passes lasts, the caller is lost as well.
    fn not_read(&self, id: ExecutionId, error: &StoreError) -> Found {
        if is_passing(error) {
            Found::Later
        } else {
            self.hindered(id, error.to_string())
        }
    }

    /// The caller cannot go on as long as what it called cannot.
    fn hindered(&self, execution: ExecutionId, reason: String) -> Found {
        let error = PinnedError::Part { execution, reason };
        let message = error.to_string();
        self.running.hinder(self.turn.0, error);
        Found::Over(Err(NodeError::permanent(
            ErrorCode::EXECUTION_ERROR,
            message,
        )))
    }

    /// Waits until what has left memory is to go on here.
    async fn sleep(&self, store: &dyn TenantStore, id: ExecutionId, fence: Fence) {
        loop {
            tokio::time::sleep(LOOK_AGAIN).await;
            if self.running.parts.is_resting() {
                continue;
            }
            match store.execution(id).await {
                // Whoever claims it finds that it is for this call to go on with.
                Ok(found) if found.fence == fence && !found.requests.cancel => {
                    if !matches!(found.state, ExecutionState::Parked(_)) {
                        return;
                    }
                }
                Ok(_) | Err(StoreError::NotFound { .. }) => return,
                // It is looked at once more.
                Err(_) => {}
            }
        }
    }
}

impl Running {
    /// Whether a node does nothing but call other workflows.
    pub(crate) fn is_call(&self, node: NodeIndex, with: RunWith) -> bool {
        let registration = self.plan.prepared(node).registration(with);
        registration.is_some_and(|registration| {
            registration.node_type().as_str() == CALL && registration.origin().is_none()
        })
    }

    /// The plan of a workflow that was called by name before the execution was taken up here: just
    /// the version that it was then.
    pub(crate) async fn plan_called_before(
        &self,
        name: &str,
    ) -> Result<Option<Arc<PreparedPlan>>, NodeError> {
        let is_new = !self
            .nested
            .goes_on
            .load(std::sync::atomic::Ordering::Acquire);
        let Some(keeper) = &self.engine().keeper else {
            return Ok(None);
        };
        if is_new {
            return Ok(None);
        }
        let store = keeper.store.tenant(self.tenant_id());
        let whole = self.nested.whole;
        let patience = Instant::now() + keeper.options.lease;
        let unread = |reason: String| {
            let message = format!("what was called before cannot be read: {reason}");
            NodeError::retryable(ErrorCode::EXECUTION_ERROR, message)
        };
        let called = self
            .nested
            .called
            .get_or_try_init(|| insist(patience, || Box::pin(called_by_name(&store, whole))))
            .await
            .map_err(|error| unread(error.to_string()))?;
        let Some(found) = called.get(name) else {
            return Ok(None);
        };
        let planned = pinned_plan(&self.caller, &store, found).await;
        let (_, plan) = planned.map_err(|error| unread(error.to_string()))?;
        Ok(Some(plan))
    }
}
