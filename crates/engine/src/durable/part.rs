//! Executions that are a part of another one, which called them.
//!
//! A part is an execution of its own in the store, with its own journal, waits and signals, and with
//! an id that follows from the call. It is run by nobody but the call, within what the caller knows
//! of secrets and quotas. So a worker that finds a part to be taken up takes up its caller instead,
//! which goes on with the part; and a part whose caller has ended is cancelled.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jackfield_kernel::{ExecutionStatus, NodeIndex, NodePhase, RunWith};
use jackfield_store_api::{
    Append, ExecutionFilter, ExecutionRecord, ExecutionState, PageRequest, Request, StoreError,
    TenantStore, Waiting,
};
use jackfield_types::ExecutionId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::clock::later;
use super::keeper::{Keeper, Keeping};
use super::pinned::Pinned;
use super::resume::{TakenUp, cancel_unrun};
use crate::driver::Driver;

/// When it is looked again whether a part was taken up by its caller.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// Who called an execution, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Called {
    /// The caller.
    pub(crate) by: ExecutionId,
    /// The name that it called, if the workflow is not a part of the caller's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
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
    let Some(caller) = caller.filter(|caller| !caller.state.has_ended()) else {
        cancel_unrun(hold, found, now).await;
        return cancel_parts(keeper, &**store, Parts::of(found)).await;
    };
    if found.requests.cancel {
        // That needs nothing of what the caller knows.
        cancel_unrun(hold, found, now).await;
        wake(keeper, &**store, &caller).await?;
        return cancel_parts(keeper, &**store, Parts::of(found)).await;
    }
    let until = match caller.state {
        // It goes on with the part when it goes on itself.
        ExecutionState::Paused | ExecutionState::Stuck { .. } => None,
        ExecutionState::Running
        | ExecutionState::Parked(_)
        | ExecutionState::Incomplete
        | ExecutionState::Ended { .. } => Some(later(keeper.store.now().await?, LOOK_AGAIN)),
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
        self.by.is_none_or(|by| {
            let pinned = Pinned::decode(&found.pinned).ok();
            pinned
                .and_then(|pinned| pinned.called)
                .map(|called| called.by)
                == Some(by)
        })
    }
}

/// Asks parts of an execution to end that have not ended.
pub(crate) async fn cancel_parts(
    keeper: &Keeper,
    store: &dyn TenantStore,
    parts: Parts,
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
            part_of: Some(parts.whole),
            state: Some(state.as_str().to_owned()),
            ..ExecutionFilter::default()
        };
        let mut page = PageRequest::first(PageRequest::MOST);
        loop {
            let found = store.list_executions(&filter, &page).await?;
            for part in found.entries.iter().filter(|part| parts.include(part)) {
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

/// The workflows that an execution and its parts have called by name, each as it was when it was
/// called first.
pub(crate) async fn called_by_name(
    store: &Arc<dyn TenantStore>,
    whole: ExecutionId,
) -> Result<HashMap<String, ExecutionRecord>, StoreError> {
    let filter = ExecutionFilter {
        part_of: Some(whole),
        ..ExecutionFilter::default()
    };
    let mut names = HashMap::new();
    let mut page = PageRequest::first(PageRequest::MOST);
    loop {
        let found = store.list_executions(&filter, &page).await?;
        for part in found.entries {
            let pinned = Pinned::decode(&part.pinned).ok();
            let called = pinned.and_then(|pinned| pinned.called);
            if let Some(name) = called.and_then(|called| called.name) {
                // The first one comes last.
                names.insert(name, part);
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
        let may_be_left = self.goes_on && ended != ExecutionStatus::Success;
        self.writer.is_some()
            && !self.is_end_written
            && ended != ExecutionStatus::Running
            && (may_be_left || self.running.parts.has_called())
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
        if self.execution.status() == ExecutionStatus::Success {
            return;
        }
        let called = self.running.called.as_ref();
        let parts = Parts {
            whole: self.running.nested.whole,
            by: called.map(|_| self.running.id),
        };
        if let Err(error) = cancel_parts(&keeper, &*store, parts).await {
            tracing::warn!(
                target: "engine",
                execution = %self.running.id,
                %error,
                "what it called was not cancelled"
            );
        }
    }
}
