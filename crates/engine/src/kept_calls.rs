//! Calls of other workflows by executions that are kept: each is an execution in the store, which is
//! found again when the call is made again.

use std::sync::Arc;
use std::time::Duration;

use jackfield_kernel::{EventKind, NodeIndex, RunWith};
use jackfield_plugin_api::{NodeError, SubWorkflow, WorkflowReference};
use jackfield_store_api::{
    ExecutionRecord, ExecutionState, Fence, Request, StoreError, TenantStore, Waiting, limits,
};
use jackfield_types::{ErrorCode, ExecutionId, Item, Items, Object};

use crate::StartError;
use crate::again::Again;
use crate::call_host::CallHost;
use crate::driver::Driver;
use crate::durable::{
    CallTurn, Context, Creation, Keeper, Outcome, PinnedError, ReplayError, StoredError, called,
    claim, driver, is_passing, load,
};
use crate::execution::{Origin, Running};
use crate::parts::PartCall;
use crate::workflows::{broken_off, items_of, start_error};

/// The node type that does nothing but call other workflows, so that it can be left and begun once
/// more as often as it takes.
const CALL: &str = "execute-workflow";
/// How often it is looked whether what was called goes on elsewhere, or has to go on here.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// What a call is about.
struct Call<'a> {
    workflow: SubWorkflow<'a>,
    ids: (ExecutionId, ExecutionId),
    /// A digest of what it is made with.
    given: Option<String>,
}

/// What a look at a called execution comes to.
enum Found {
    /// It can run here.
    Runs(Box<Driver>, Fence),
    /// It has ended.
    Over(Result<Items, NodeError>),
    /// It is to be looked at once more after a while.
    Later,
    /// The store did not give it.
    Unread(StoreError),
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
        let made = Call {
            given: self.given(&workflow),
            workflow,
            ids,
        };
        let store = keeper.store.tenant(running.tenant_id());
        let mut has_run = false;
        let mut failed: Option<StartError> = None;
        let mut again = Again::new(keeper);
        loop {
            if let Some((_, error)) = running.hindered() {
                // Nothing begins that would be in vain.
                call.over();
                let message = error.to_string();
                return Err(NodeError::permanent(ErrorCode::EXECUTION_ERROR, message));
            }
            let found = match store.execution(ids.0).await {
                Ok(found) => self.take_up(keeper, found, &made, has_run).await,
                Err(StoreError::NotFound { .. }) => match failed {
                    // Whether it was put there is not known for good.
                    Some(ref error @ StartError::Unacknowledged { .. }) => {
                        let message = error.to_string();
                        let code = ErrorCode::EXECUTION_ERROR;
                        Found::Over(Err(NodeError::retryable(code, message)))
                    }
                    Some(ref error) => Found::Over(Err(start_error(error))),
                    None => match self.begin(keeper, &made).await {
                        Ok(driver) => Found::Runs(driver, Fence(1)),
                        Err(error) => Found::Over(Err(error)),
                    },
                },
                Err(error) => Found::Unread(error),
            };
            let (mut driver, fence) = match found {
                Found::Runs(driver, fence) => (driver, fence),
                Found::Over(result) => {
                    call.over();
                    return result;
                }
                Found::Later => {
                    again.is_given();
                    again.pause().await;
                    continue;
                }
                Found::Unread(error) if again.is_hopeless(&error) => {
                    call.over();
                    return Err(self.hindered(ids.0, error.to_string()));
                }
                Found::Unread(_) => {
                    again.pause().await;
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
                    self.sleep(keeper, &*store, ids.0, fence).await;
                    call.looks();
                    again = Again::new(keeper);
                }
                // Whether it can go on, and where, is found out in the store.
                Err(error) => {
                    failed = Some(error);
                    again.pause().await;
                }
            }
        }
    }

    /// Begins what is called.
    async fn begin(&self, keeper: &Arc<Keeper>, call: &Call<'_>) -> Result<Box<Driver>, NodeError> {
        let (running, workflow) = (self.running, &call.workflow);
        running.check_document(workflow.reference)?;
        let plan = running.sub_plan(workflow.reference, self.turn.0).await?;
        if plan.document().is_none() && plan.kept_as().is_none() {
            let message = format!(
                "workflow `{}` cannot be kept: it was not read from a document, or was changed since; have the source of workflows read it with `read_workflow` or `workflow_from_value`",
                plan.name()
            );
            return Err(NodeError::permanent(ErrorCode::INVALID_WORKFLOW, message));
        }
        let origin = self.origin(call);
        let with = workflow.clone();
        let cancellation = self.cancellation.child_token();
        let mut driver = running
            .sub_driver(&plan, origin, with, cancellation)
            .map_err(|error| start_error(&error))?;
        driver.creation = Some(Box::new(Creation::new(keeper)));
        Ok(Box::new(driver))
    }

    /// Where what is called comes from. It stops when the caller is to be left, unless the node does
    /// more than call it, and has to come to its own end first.
    fn origin(&self, call: &Call<'_>) -> Origin {
        let (node, run, with) = self.turn;
        let mut origin = self.running.origin(call.ids, call.workflow.reference);
        if let Some(called) = &mut origin.called {
            called.turn = Some(CallTurn {
                node,
                run,
                with,
                attempt: self.attempt,
            });
            called.given.clone_from(&call.given);
        }
        if !self.running.is_call(node, with) {
            origin.beside = None;
        }
        origin
    }

    /// A digest of what a call is made with, as far as that is the same when it is made again.
    /// What `execute-workflow` is given stands in the journal, and it calls in the order of that;
    /// what its expressions give may be something else each time. Other node types have to make
    /// the same calls again.
    fn given(&self, workflow: &SubWorkflow<'_>) -> Option<String> {
        let running = self.running;
        let redactor = &running.nested.redactor;
        let (node, _, with) = self.turn;
        let given = if running.is_call(node, with) {
            let objects: Vec<&Object> = workflow.items.iter().map(Item::json).collect();
            serde_json::to_vec(&objects)
        } else {
            // A digest of a secret may tell what it is.
            let items = redactor.redact_items(Arc::clone(&workflow.items));
            let objects: Vec<&Object> = items.iter().map(Item::json).collect();
            let variables = redactor.redact_object(Arc::new(workflow.variables.clone()));
            let (name, document) = match workflow.reference {
                WorkflowReference::Named(name) => (redactor.redact_text(name), None),
                WorkflowReference::Inline(document) => ("".into(), Some(document)),
            };
            serde_json::to_vec(&(name, document, objects, &*variables))
        };
        let digest = limits::digest_of(&given.ok()?);
        Some(digest.to_string())
    }

    /// Goes on with what was called before.
    async fn take_up(
        &self,
        keeper: &Arc<Keeper>,
        found: ExecutionRecord,
        call: &Call<'_>,
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
        let before = called(&found).and_then(|called| called.given);
        if before.is_some() && before != call.given {
            let reason = "the same call was made with something else before, so that what came of that is no answer to this one; the node has to make the same calls in the same order each time that it runs, else `retry` or `cancel` the execution";
            return Found::Over(Err(self.hindered(found.id, reason.to_owned())));
        }
        let store = keeper.store.tenant(running.tenant_id());
        match &found.state {
            ExecutionState::Ended { .. } => return self.ended(&store, found.id).await,
            ExecutionState::Stuck { reason } if has_run => {
                return Found::Over(Err(self.hindered(found.id, reason.clone())));
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
            Err(error) => return Found::Unread(error),
        };
        let hold = Arc::clone(&keeping.hold);
        // As it is now that nobody else writes to it.
        let found = match store.execution(found.id).await {
            Ok(found) => found,
            Err(error) => return Found::Unread(error),
        };
        let origin = self.origin(call);
        let context = Context::Within(origin, self.cancellation.child_token());
        match driver(&running.caller, keeping, &found, context).await {
            Ok(driver) => Found::Runs(Box::new(driver), hold.fence),
            Err(ReplayError::Store(error)) if is_passing(&error) => {
                // When this fails the lease runs out by itself.
                let _ = store.release(found.id, hold.fence).await;
                Found::Unread(error)
            }
            Err(error) => {
                let reason = error.to_string();
                hold.get_stuck(&reason).await;
                Found::Over(Err(self.hindered(found.id, reason)))
            }
        }
    }

    /// What was called has ended before: what came of it is in the store.
    async fn ended(&self, store: &Arc<dyn TenantStore>, id: ExecutionId) -> Found {
        let running = self.running;
        let history = match load(&running.caller, store, id).await {
            Ok((history, _)) => history,
            Err(StoredError::Store(error)) => return Found::Unread(error),
            Err(StoredError::Stuck { reason, .. }) => {
                return Found::Over(Err(self.hindered(id, reason)));
            }
            Err(error) => return Found::Over(Err(self.hindered(id, error.to_string()))),
        };
        let report = match history.report() {
            Ok(report) => report,
            Err(error) => return Found::Over(Err(self.hindered(id, error.to_string()))),
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

    /// The caller cannot go on as long as what it called cannot.
    fn hindered(&self, execution: ExecutionId, reason: String) -> NodeError {
        let error = PinnedError::Part { execution, reason };
        let message = error.to_string();
        self.running.hinder(self.turn.0, error);
        NodeError::permanent(ErrorCode::EXECUTION_ERROR, message)
    }

    /// Waits until what has left memory is to go on here.
    async fn sleep(&self, keeper: &Keeper, store: &dyn TenantStore, id: ExecutionId, fence: Fence) {
        loop {
            tokio::time::sleep(LOOK_AGAIN).await;
            if self.running.parts.is_resting() {
                continue;
            }
            match store.execution(id).await {
                // Whoever claims it finds that it is for this call to go on with.
                Ok(found) if found.fence == fence && !found.requests.cancel => {
                    let ExecutionState::Parked(waiting) = found.state else {
                        return;
                    };
                    // There may be no worker that has a place for it.
                    if is_due(keeper, store, id, waiting).await {
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

/// Whether what is parked waits for nothing any more. What is not known now is asked again.
async fn is_due(
    keeper: &Keeper,
    store: &dyn TenantStore,
    id: ExecutionId,
    waiting: Waiting,
) -> bool {
    if let Some(until) = waiting.until
        && keeper.store.now().await.is_ok_and(|now| until <= now)
    {
        return true;
    }
    match waiting.signal_after {
        Some(after) => {
            let signals = store.signals(id, after).await;
            signals.is_ok_and(|signals| !signals.is_empty())
        }
        None => false,
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
}
