//! Executions that are a part of another one, which called them.
//!
//! A part is an execution of its own in the store, with its own journal, waits and signals, and with
//! an id that follows from the call. It is run by nobody but the call, within what the caller knows
//! of secrets and quotas. So a worker that finds a part to be taken up takes up its caller instead,
//! which goes on with the part; and a part whose caller has ended is cancelled.

use std::collections::HashMap;
use std::sync::Arc;

use jackfield_definition::expression::MissingFields;
use jackfield_kernel::{Execution, ExecutionStatus, NodeIndex, NodePhase, RunWith};
use jackfield_store_api::{
    Append, ExecutionFilter, ExecutionRecord, ExecutionState, PageRequest, Request, StoreError,
    TenantStore, Waiting, WorkflowVersion,
};
use jackfield_types::ExecutionId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::clock::later;
use super::create::insist;
use super::keeper::{Keeper, Keeping};
use super::pinned::Pinned;
use super::resume::{TakenUp, cancel_unrun};
use crate::PreparedPlan;
use crate::driver::Driver;

/// Who called an execution, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Called {
    /// The caller.
    pub(crate) by: ExecutionId,
    /// The name that it called, if the workflow is not a part of the caller's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// The attempt that called it. Executions that were called before this was written down have
    /// none, and are never taken for left over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) turn: Option<CallTurn>,
    /// A digest of what it was called with, as far as that is the same whenever the call is made
    /// again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) given: Option<String>,
}

/// An attempt of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CallTurn {
    pub(crate) node: NodeIndex,
    pub(crate) run: u32,
    pub(crate) with: RunWith,
    pub(crate) attempt: u32,
}

/// Has the caller of a part that was claimed go on with it.
pub(super) async fn rouse(keeping: &Keeping, found: &ExecutionRecord, now: Timestamp) -> TakenUp {
    match try_rouse(keeping, found, now).await {
        Ok(()) => TakenUp::Over,
        Err(error) => TakenUp::Later(error),
    }
}

async fn try_rouse(
    keeping: &Keeping,
    found: &ExecutionRecord,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (keeper, hold) = (&keeping.keeper, &keeping.hold);
    let store = &hold.store;
    let called = Pinned::decode(&found.pinned).ok();
    let called = called.and_then(|pinned| pinned.called.map(|called| called.by));
    let Some(caller) = called.or(found.part_of) else {
        return Ok(());
    };
    let caller = match store.execution(caller).await {
        Ok(caller) => Some(caller),
        Err(StoreError::NotFound { .. }) => None,
        Err(error) => return Err(error),
    };
    let caller = caller.filter(|caller| !caller.state.has_ended());
    if caller.is_none() || found.requests.cancel {
        // Before it has ended: whatever it called is found by nobody afterwards. That needs nothing
        // of what the caller knows.
        cancel_parts(keeper, &**store, Parts::of(found)).await?;
        cancel_unrun(hold, found, now).await;
        return match caller {
            Some(caller) => wake(keeper, &**store, &caller).await,
            None => Ok(()),
        };
    }
    let Some(caller) = caller else { return Ok(()) };
    let until = match caller.state {
        // It goes on with the part when it goes on itself.
        ExecutionState::Paused | ExecutionState::Stuck { .. } | ExecutionState::Incomplete => None,
        ExecutionState::Running | ExecutionState::Parked(_) | ExecutionState::Ended { .. } => {
            let pause = keeper.rousings.pause(store.id(), found);
            Some(later(keeper.store.now().await?, pause))
        }
    };
    let waiting = Waiting {
        until,
        signal_after: None,
    };
    store
        .append(Append {
            execution: hold.execution,
            fence: hold.fence,
            after: found.length,
            records: Vec::new(),
            payloads: Vec::new(),
            state: Some(ExecutionState::Parked(waiting)),
        })
        .await?;
    wake(keeper, &**store, &caller).await
}

/// Has an execution taken up if it is parked, whatever it waits for.
async fn wake(
    keeper: &Keeper,
    store: &dyn TenantStore,
    found: &ExecutionRecord,
) -> Result<(), StoreError> {
    if matches!(found.state, ExecutionState::Parked(_))
        && let Some(claimed) = store.claim_execution(found.id, keeper.claim(1)).await?
    {
        store.release(found.id, claimed.fence).await?;
    }
    keeper.stirred.notify_one();
    Ok(())
}

/// Which parts are meant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parts {
    /// Those of this execution.
    pub(crate) whole: ExecutionId,
    /// Just those that this one called; nothing for all of them.
    pub(crate) by: Option<ExecutionId>,
}

impl Parts {
    /// What an execution called, and if it is no part itself, all that those called.
    pub(super) fn of(found: &ExecutionRecord) -> Self {
        Self {
            whole: found.part_of.unwrap_or(found.id),
            by: found.part_of.map(|_| found.id),
        }
    }

    fn include(self, found: &ExecutionRecord) -> bool {
        self.by
            .is_none_or(|by| called(found).is_some_and(|called| called.by == by))
    }
}

/// Who called an execution, if that can be read.
pub(crate) fn called(found: &ExecutionRecord) -> Option<Called> {
    Pinned::decode(&found.pinned).ok()?.called
}

/// Asks parts of an execution to end that have not ended.
pub(crate) async fn cancel_parts(
    keeper: &Keeper,
    store: &dyn TenantStore,
    parts: Parts,
) -> Result<(), StoreError> {
    cancel_those(keeper, store, parts.whole, &mut |part| parts.include(part)).await
}

/// Asks what an execution called to end if the attempt that called it is over: nobody would go on
/// with it. Says whether anything that it called is left.
pub(super) async fn cancel_left_over(
    keeper: &Keeper,
    store: &dyn TenantStore,
    found: &ExecutionRecord,
    plan: &PreparedPlan,
    execution: &Execution,
) -> Result<bool, StoreError> {
    let whole = found.part_of.unwrap_or(found.id);
    let filter = ExecutionFilter {
        part_of: Some(whole),
        ..ExecutionFilter::default()
    };
    // Most have called nothing.
    let any = store
        .list_executions(&filter, &PageRequest::first(1))
        .await?;
    if any.entries.is_empty() {
        return Ok(false);
    }
    let running: Vec<CallTurn> = plan
        .all_indices()
        .filter_map(|node| {
            let NodePhase::Running { with } = execution.phase(node) else {
                return None;
            };
            let (run, attempt) = execution.turn(node);
            Some(CallTurn {
                node,
                run,
                with,
                attempt,
            })
        })
        .collect();
    let mut is_any_left = false;
    cancel_those(keeper, store, whole, &mut |part| {
        let called = called(part).filter(|called| called.by == found.id);
        is_any_left |= called.is_some();
        let turn = called.and_then(|called| called.turn);
        turn.is_some_and(|turn| !running.contains(&turn))
    })
    .await?;
    Ok(is_any_left)
}

/// Asks those parts of an execution to end that have not ended and are meant.
async fn cancel_those(
    keeper: &Keeper,
    store: &dyn TenantStore,
    whole: ExecutionId,
    is_meant: &mut (dyn FnMut(&ExecutionRecord) -> bool + Send),
) -> Result<(), StoreError> {
    for state in [
        &ExecutionState::Running,
        &ExecutionState::Parked(Waiting::default()),
        &ExecutionState::Paused,
        &ExecutionState::Stuck {
            reason: String::new(),
        },
    ] {
        let filter = ExecutionFilter {
            part_of: Some(whole),
            state: Some(state.as_str().to_owned()),
            ..ExecutionFilter::default()
        };
        let mut page = PageRequest::first(PageRequest::MOST);
        loop {
            let found = store.list_executions(&filter, &page).await?;
            for part in found.entries {
                if !is_meant(&part) {
                    continue;
                }
                match store.request(part.id, Request::Cancel).await {
                    // It may have ended meanwhile.
                    Ok(_) | Err(StoreError::OutOfTurn { .. } | StoreError::NotFound { .. }) => {
                        keeper.stirred.notify_one();
                    }
                    Err(error) => return Err(error),
                }
            }
            match found.next {
                Some(next) => page.after = Some(next),
                None => break,
            }
        }
    }
    Ok(())
}

/// A workflow that was called by name.
pub(crate) struct CalledByName {
    pub(crate) workflow: WorkflowVersion,
    pub(crate) missing_fields: MissingFields,
}

/// The workflows that an execution and its parts have called by name, each as it was when it was
/// called first.
pub(crate) async fn called_by_name(
    store: &Arc<dyn TenantStore>,
    whole: ExecutionId,
) -> Result<HashMap<String, CalledByName>, StoreError> {
    let filter = ExecutionFilter {
        part_of: Some(whole),
        ..ExecutionFilter::default()
    };
    let mut names = HashMap::new();
    let mut page = PageRequest::first(PageRequest::MOST);
    loop {
        let found = store.list_executions(&filter, &page).await?;
        for part in found.entries {
            let Ok(pinned) = Pinned::decode(&part.pinned) else {
                continue;
            };
            let missing_fields = pinned.missing_fields();
            if let Some(name) = pinned.called.and_then(|called| called.name) {
                let called = CalledByName {
                    workflow: part.workflow,
                    missing_fields,
                };
                // The first one comes last.
                names.insert(name, called);
            }
        }
        match found.next {
            Some(next) => page.after = Some(next),
            None => return Ok(names),
        }
    }
}

impl Driver {
    /// The nodes that run, if all of them call other executions.
    pub(super) fn calls_alone(&self) -> Option<Vec<(NodeIndex, RunWith)>> {
        let ordinary = self.running.plan.graph().len();
        let mut calls = Vec::new();
        for node in self.running.plan.all_indices() {
            let NodePhase::Running { with } = self.execution.phase(node) else {
                continue;
            };
            if node.get() >= ordinary || !self.running.is_call(node, with) {
                return None;
            }
            calls.push((node, with));
        }
        Some(calls)
    }

    /// Whether it has ended, and something that it called may have not.
    pub(crate) fn has_parts_to_end(&self) -> bool {
        let ended = self.execution.status();
        let parts = &self.running.parts;
        let may_be_left =
            self.goes_on && (ended != ExecutionStatus::Success || parts.are_left_over());
        self.writer.is_some()
            && !self.is_end_written
            && ended != ExecutionStatus::Running
            && (may_be_left || parts.has_called())
    }

    /// Sees to it that what it called ends before it has ended itself.
    pub(crate) async fn end_parts(&mut self) {
        let Some(writer) = &self.writer else { return };
        let keeper = Arc::clone(writer.keeper());
        let store = Arc::clone(&writer.hold().store);
        let parts = Arc::clone(&self.running.parts);
        parts.tasks.close();
        // What takes longer is cancelled by whoever takes it up.
        let _ = tokio::time::timeout(keeper.options.lease, parts.tasks.wait()).await;
        if self.execution.status() == ExecutionStatus::Success && !parts.are_left_over() {
            return;
        }
        let called = self.running.called.as_ref();
        let parts = Parts {
            whole: self.running.nested.whole,
            by: called.map(|_| self.running.id),
        };
        let patience = Instant::now() + keeper.options.lease;
        let asked = insist(patience, || Box::pin(cancel_parts(&keeper, &*store, parts)));
        if let Err(error) = asked.await {
            tracing::warn!(
                target: "engine",
                execution = %self.running.id,
                %error,
                "what it called was not cancelled"
            );
        }
    }
}
