//! How an execution that was left, here or in another process, is taken up again.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jackfield_kernel::{Event, EventKind, ExecutionStatus};
use jackfield_store_api::{Append, ExecutionRecord, ExecutionState, Requests, StoreError, Waiting};
use jackfield_tenancy::TryExecution;
use jackfield_types::ExecutionId;
use jiff::Timestamp;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::clock::{between, later};
use super::hold::within_limits;
use super::keeper::Keeping;
use super::part::{Parts, cancel_left_over, cancel_parts, rouse};
use super::record::Encoder;
use super::replay::{ReplayError, pinned_plan, replay};
use super::{Hold, Writer};
use crate::admission::Turn;
use crate::driver::Driver;
use crate::engine::EngineParts;
use crate::execution::{Caller, Origin, Running};
use crate::handle::Awaited;
use crate::signals::Signals;
use crate::tenant_state::TenantState;
use crate::{Journal, StartOptions};

/// An execution that whatever runs it is lost so often in a row, with nothing done in between, is
/// not tried again: it may well be what it does.
const MOST_LOST: usize = 100;

/// What becomes of an execution that was claimed.
pub(crate) enum TakenUp {
    /// It goes on.
    Runs(Box<Driver>),
    /// There is nothing to do: it is stuck, or has ended.
    Over,
    /// The store did not give what is needed.
    Later(StoreError),
}

/// Takes up an execution that was claimed. `awaited` is what a handle waits for, if there is one.
pub(crate) async fn take_up(
    engine: &Arc<EngineParts>,
    state: &Arc<TenantState>,
    keeping: Keeping,
    turn: Turn,
    awaited: Option<&Awaited>,
) -> TakenUp {
    let (keeper, hold) = (Arc::clone(&keeping.keeper), Arc::clone(&keeping.hold));
    let found = match hold.store.execution(hold.execution).await {
        Ok(found) => found,
        Err(error) if is_passing(&error) => return TakenUp::Later(error),
        Err(error) => {
            // It goes no further here or elsewhere, however often it is taken up.
            tracing::error!(target: "engine", execution = %hold.execution, %error, "execution cannot be read");
            let given_up = {
                let reason = within_limits(&error.to_string());
                hold.store.give_up(hold.execution, hold.fence, reason)
            };
            return match given_up.await {
                Ok(()) => TakenUp::Over,
                Err(error) => TakenUp::Later(error),
            };
        }
    };
    if found.state == ExecutionState::Incomplete {
        // It is none that can be run. Whoever makes it goes on with it.
        let _ = hold.store.release(hold.execution, hold.fence).await;
        return TakenUp::Over;
    }
    if found.part_of.is_some() {
        return rouse(&keeping, &found, engine.clock.now()).await;
    }
    // Its plan is made again by what the tenant may do now.
    if let Some(refresh) = state.tenant.refresh_secrets() {
        refresh.await;
    }
    if let Some(reason) = state.tenant.unread_policy() {
        // Its calls would be refused for good, and what is in the way passes.
        return TakenUp::Later(StoreError::Unavailable {
            store: "of the policies".to_owned(),
            reason: reason.to_string(),
            source: None,
        });
    }
    let caller = Caller {
        engine: Arc::clone(engine),
        state: Arc::clone(state),
        user: found.user.clone(),
    };
    match driver(&caller, keeping, &found, Context::Alone(awaited)).await {
        Ok(driver) => TakenUp::Runs(Box::new(driver.with_turn(turn))),
        Err(ReplayError::Store(error)) if is_passing(&error) => TakenUp::Later(error),
        Err(error) => {
            if found.requests.cancel {
                // Before it has ended: whatever it called is found by nobody afterwards.
                let asked = cancel_parts(&keeper, &*hold.store, Parts::of(&found)).await;
                if let Err(error) = asked {
                    return TakenUp::Later(error);
                }
                cancel_unrun(&hold, &found, caller.engine.clock.now()).await;
            } else {
                hold.get_stuck(&error.to_string()).await;
            }
            TakenUp::Over
        }
    }
}

/// Whether the store may give it later, or to another process.
pub(crate) fn is_passing(error: &StoreError) -> bool {
    error.is_transient()
        || matches!(
            error,
            StoreError::Fenced { .. } | StoreError::Failed { .. } | StoreError::InUse { .. }
        )
}

/// For whom an execution is taken up.
pub(crate) enum Context<'a> {
    /// For itself, and for a handle if there is one.
    Alone(Option<&'a Awaited>),
    /// For the one that called it.
    Within(Origin, CancellationToken),
}

/// What goes on with an execution that was claimed.
pub(crate) async fn driver(
    caller: &Caller,
    keeping: Keeping,
    found: &ExecutionRecord,
    context: Context<'_>,
) -> Result<Driver, ReplayError> {
    let store = &keeping.hold.store;
    let (pinned, plan) = pinned_plan(caller, store, found).await?;
    let replayed = replay(store, found, &plan).await?;
    if let Some(reason) = lost_too_often(&replayed.events) {
        let sequence = found.length;
        return Err(ReplayError::Record { sequence, reason });
    }
    let choices = pinned.choices();
    let (running, awaited) = match context {
        Context::Alone(awaited) => {
            let cancellation = match awaited {
                Some(awaited) => awaited.cancellation.clone(),
                None => CancellationToken::new(),
            };
            let running = Running::with_id(caller, &plan, found.id, choices, cancellation);
            running.nested.goes_on.store(true, Ordering::Release);
            (running, awaited)
        }
        Context::Within(origin, cancellation) => {
            let running = Running::within(caller, &plan, choices, cancellation, origin);
            (running, None)
        }
    };
    if replayed.execution.status() == ExecutionStatus::Running {
        let left = cancel_left_over(&keeping.keeper, &**store, found, &plan, &replayed.execution);
        if left.await.map_err(ReplayError::Store)? {
            running.parts.leave_over();
        }
    }
    // What was there a moment ago may have been replaced before the execution had its edition.
    pinned.check_running(&running)?;
    running.read_secrets().await;
    let has_passed = replayed
        .events
        .iter()
        .any(|event| event.kind == EventKind::DeadlinePassed);
    let now = caller.engine.clock.now();
    let deadline = pinned.deadline.filter(|_| !has_passed);
    running.keep_to(pinned);
    let last = replayed.events.last().map(|event| event.at);
    for event in &replayed.events {
        running.count_again(&event.kind);
    }
    let mut driver = Driver::new(Arc::new(running), StartOptions::default(), None);
    if let Some(awaited) = awaited {
        driver.read_by(&awaited.journal);
    }
    driver.journal.write_from(replayed.events);
    driver.last = last.unwrap_or(Timestamp::UNIX_EPOCH);
    driver.deadline =
        deadline.and_then(|deadline| Instant::now().checked_add(between(now, deadline)));
    driver.signals = Signals::after(replayed.execution.received_up_to());
    driver.execution = replayed.execution;
    driver.may_park = true;
    driver.goes_on = true;
    keeping.hold.hear_first(found.requests);
    driver.writer = Some(Box::new(Writer::new(keeping, found.length)));
    if driver.execution.status() == ExecutionStatus::Running {
        let noted = driver.note_resumption();
        noted.map_err(|error| ReplayError::Record {
            sequence: found.length,
            reason: error.to_string(),
        })?;
    }
    Ok(driver)
}

/// Why an execution is not to be tried again, if it is not.
fn lost_too_often(events: &[Event]) -> Option<String> {
    let lost = events
        .iter()
        .rev()
        .take_while(|event| {
            matches!(
                event.kind,
                EventKind::ExecutionResumed | EventKind::AttemptStarted { .. }
            )
        })
        .filter(|event| event.kind == EventKind::ExecutionResumed);
    (lost.count() >= MOST_LOST).then(|| {
        format!(
            "whatever ran it was lost {MOST_LOST} times in a row before anything was done; find out what its nodes do to the process, then retry it"
        )
    })
}

/// Ends an execution that is to be cancelled and cannot be run: that needs no plan.
pub(super) async fn cancel_unrun(hold: &Hold, found: &ExecutionRecord, at: Timestamp) {
    let status = ExecutionStatus::Cancelled;
    let kinds = [
        EventKind::CancelRequested,
        EventKind::ExecutionFinished { status },
    ];
    let encoder = Encoder::new(&super::DurableOptions::default());
    let records = kinds
        .into_iter()
        .filter_map(|kind| {
            let event = Event { at, kind };
            encoder.encode(&event, &[], &mut Vec::new()).ok()
        })
        .collect();
    let written = hold.store.append(Append {
        execution: hold.execution,
        fence: hold.fence,
        after: found.length,
        records,
        payloads: Vec::new(),
        state: Some(ExecutionState::Ended {
            status: status.as_str().to_owned(),
        }),
    });
    if let Err(error) = written.await {
        tracing::warn!(target: "engine", execution = %hold.execution, %error, "execution was not cancelled");
    }
}

impl Hold {
    /// Hears what had been asked before it was claimed.
    pub(crate) fn hear_first(&self, requests: Requests) {
        self.hear(jackfield_store_api::Standing {
            requests,
            signals: self.signals(),
        });
    }
}

impl Driver {
    /// Writes to the journal that somebody reads already.
    fn read_by(&mut self, journal: &Journal) {
        self.journal = journal.clone();
        self.closing.0 = Some(journal.clone());
        self.is_awaited = true;
    }
}

/// How long an execution whose tenant has no room for it is put off.
const PUT_OFF: Duration = Duration::from_secs(2);

/// Finds room for an execution that was claimed. When its tenant has none it is put off, or paused if
/// it is asked to pause, so that it takes no place that another tenant could use.
pub(crate) async fn find_turn(state: &Arc<TenantState>, keeping: &Keeping) -> Option<Turn> {
    // Its quotas are those of the policy of now.
    if let Some(refresh) = state.tenant.refresh_secrets() {
        refresh.await;
    }
    if let TryExecution::Admitted(permit) = state.tenant.admission().try_execution() {
        return Some(Turn::Now(Some(permit)));
    }
    let hold = &keeping.hold;
    let put_off = async {
        let found = hold.store.execution(hold.execution).await?;
        if found.requests.cancel {
            // What is to end needs no room.
            return Ok(false);
        }
        let state = if found.requests.pause {
            // Parked, it would be woken at once.
            ExecutionState::Paused
        } else {
            let now = keeping.keeper.store.now().await?;
            ExecutionState::Parked(Waiting {
                until: Some(later(now, PUT_OFF)),
                signal_after: None,
            })
        };
        let append = Append {
            execution: hold.execution,
            fence: hold.fence,
            after: found.length,
            records: Vec::new(),
            payloads: Vec::new(),
            state: Some(state),
        };
        hold.store.append(append).await.map(|_| true)
    };
    match put_off.await {
        Ok(true) => None,
        // It waits here if it cannot be put off.
        Ok(false) | Err(_) => Some(Turn::Again(Arc::clone(state))),
    }
}

/// Claims one execution, whether or not it is due.
pub(crate) async fn claim(
    engine: &Arc<EngineParts>,
    state: &Arc<TenantState>,
    id: ExecutionId,
) -> Result<Option<Keeping>, StoreError> {
    let Some(keeper) = &engine.keeper else {
        return Ok(None);
    };
    let store = keeper.store.tenant(state.id());
    let began = Instant::now();
    let claimed = store.claim_execution(id, keeper.claim(1)).await?;
    let Some(claimed) = claimed else {
        return Ok(None);
    };
    let keeping = keeper.hold(store, id, claimed.fence, began);
    keeping.hold.alone().await;
    Ok(Some(keeping))
}
