//! The executions that a worker runs, each in a task of its own.

use std::sync::Arc;
use std::time::Duration;

use jackfield_store_api::{Claimed, StoreError};
use jackfield_types::{ExecutionId, TenantId};
use rustc_hash::FxHashMap;
use tokio::task::{Id, JoinSet};
use tokio::time::Instant;

use super::keeper::Keeping;
use super::notice::Notices;
use super::resume::{TakenUp, find_turn, is_passing, take_up};
use super::worker::Until;
use super::{Hold, Keeper, Outcome};
use crate::engine::EngineParts;
use crate::handle::conduct;
use crate::{RunningExecution, StartError};

/// How long an execution that the store did not give is left alone.
const SET_ASIDE: Duration = Duration::from_millis(200);

type Key = (TenantId, ExecutionId);

/// The executions that a worker runs.
pub(super) struct Crew {
    pub(super) until: Until,
    lease: Duration,
    pub(super) tasks: JoinSet<Result<(), Untaken>>,
    pub(super) holds: FxHashMap<Id, Arc<Hold>>,
    /// What could not be taken up by whoever wants to come to an end, and since when. The longest
    /// that this is borne with is a lease.
    failing: FxHashMap<Key, Failing>,
    /// Why something was given up.
    pub(super) untaken: Option<StoreError>,
}

/// How it stands with what could not be taken up.
enum Failing {
    Since(Instant),
    GivenUp,
}

/// An execution that the store did not give.
pub(super) struct Untaken {
    key: Key,
    error: StoreError,
}

impl Crew {
    pub(super) fn new(until: Until, lease: Duration) -> Self {
        Self {
            until,
            lease,
            tasks: JoinSet::new(),
            holds: FxHashMap::default(),
            failing: FxHashMap::default(),
            untaken: None,
        }
    }

    /// Whether it is not tried again to take an execution up.
    pub(super) fn is_given_up(&self, claimed: &Claimed) -> bool {
        let key = (claimed.tenant.clone(), claimed.execution);
        matches!(self.failing.get(&key), Some(Failing::GivenUp))
    }

    /// Makes room where tasks have ended.
    pub(super) fn let_go_of_ended(&mut self) {
        while let Some(ended) = self.tasks.try_join_next_with_id() {
            self.ended(ended);
        }
    }

    pub(super) fn ended(
        &mut self,
        ended: Result<(Id, Result<(), Untaken>), tokio::task::JoinError>,
    ) {
        let id = match ended {
            Ok((id, Ok(()))) => id,
            Ok((id, Err(untaken))) => {
                self.note(untaken);
                id
            }
            Err(error) => {
                tracing::error!(target: "engine", %error, "the task of an execution broke off");
                error.id()
            }
        };
        self.holds.remove(&id);
    }

    fn note(&mut self, untaken: Untaken) {
        if self.until == Until::Told {
            // It is tried for ever.
            return;
        }
        let Untaken { key, error } = untaken;
        let now = Instant::now();
        let failing = self.failing.entry(key).or_insert(Failing::Since(now));
        let Failing::Since(since) = failing else {
            return;
        };
        if !is_passing(&error) || now.duration_since(*since) > self.lease {
            *failing = Failing::GivenUp;
            self.untaken.get_or_insert(error);
        }
    }

    /// Runs an execution that was claimed.
    pub(super) fn take(
        &mut self,
        engine: &Arc<EngineParts>,
        keeper: &Arc<Keeper>,
        claimed: Claimed,
        began: Instant,
        notices: Notices,
    ) {
        let store = keeper.store.tenant(&claimed.tenant);
        let keeping = keeper.hold(store, claimed.execution, claimed.fence, began);
        let hold = Arc::clone(&keeping.hold);
        let key = (claimed.tenant, claimed.execution);
        let work = work(Arc::clone(engine), key, keeping, notices);
        let task = self.tasks.spawn(work);
        self.holds.insert(task.id(), hold);
    }
}

async fn work(
    engine: Arc<EngineParts>,
    key: Key,
    keeping: Keeping,
    notices: Notices,
) -> Result<(), Untaken> {
    let (tenant, execution) = &key;
    let state = engine.tenant(tenant);
    let hold = Arc::clone(&keeping.hold);
    // This process may have run it until now, and not noticed that its lease was over.
    hold.alone().await;
    let awaited = state.take_awaited(*execution);
    let await_later = || {
        if let Some(awaited) = &awaited {
            state.await_later(*execution, awaited);
        }
    };
    let Some(turn) = find_turn(&state, &keeping).await else {
        // It was put off.
        await_later();
        return Ok(());
    };
    match take_up(&engine, &state, keeping, turn, awaited.as_deref()).await {
        TakenUp::Runs(driver) => {
            let since = engine.clock.now();
            let running = &driver.running;
            let running = RunningExecution::new(running, driver.journal(), since);
            notices.taken_up(running).await;
            let result = conduct(*driver, awaited).await;
            if let Err(error) = &result {
                tracing::warn!(
                    target: "engine",
                    %execution,
                    %error,
                    "execution goes no further here"
                );
            }
            notices.over(result).await;
            Ok(())
        }
        TakenUp::Over => {
            await_later();
            notices.over(Ok(Outcome::Left)).await;
            Ok(())
        }
        TakenUp::Later(error) => {
            tracing::warn!(target: "engine", %execution, %error, "execution was not taken up");
            await_later();
            match &error {
                // Somebody else takes it up.
                StoreError::Fenced { .. } => return Ok(()),
                error if is_passing(error) => {
                    // Not at once: what is the matter with the store may pass.
                    tokio::time::sleep(SET_ASIDE).await;
                    hold.release().await;
                }
                error => {
                    // Not before its lease is over: this does not pass so soon.
                    let (execution, reason) = (*execution, error.to_string());
                    let failed = StartError::NotKept { execution, reason };
                    notices.over(Err(failed)).await;
                }
            }
            Err(Untaken { key, error })
        }
    }
}
