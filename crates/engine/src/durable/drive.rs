//! What the driver of an execution that is kept does beside the others: it has its journal written,
//! hears what is asked of it, and lets go of it when nothing is left to do for now.

use std::sync::Arc;
use std::time::Duration;

use jackfield_kernel::{ApplyError, EventKind, ExecutionStatus};
use jackfield_store_api::{ExecutionState, Request, StoreError, Waiting};
use tokio::time::Instant;

use super::Presence;
use super::clock::{between, later};
use super::writer::Lost;
use crate::attempt::Start;
use crate::driver::Driver;
use crate::{Report, StartError};

/// How long an execution sleeps at the most that waits for one that it called. Whoever takes up the
/// other one takes up this one, so this is only for what is missed.
const CALLS_SLEEP: Duration = Duration::from_secs(15 * 60);

/// How a driver leaves its execution.
pub(crate) enum Outcome {
    /// It has ended.
    Ended(Report),
    /// It goes on later: it is parked, paused, or was let go of.
    Left,
}

/// Why a driver cannot go on.
pub(crate) enum Halt {
    /// The kernel refused what happened.
    Refused(ApplyError),
    /// Nothing more can be written.
    Lost(Lost),
    /// What it is pinned to is not there any more.
    Hindered(String),
}

impl From<ApplyError> for Halt {
    fn from(error: ApplyError) -> Self {
        Self::Refused(error)
    }
}

impl From<Lost> for Halt {
    fn from(lost: Lost) -> Self {
        Self::Lost(lost)
    }
}

/// Why an execution is to be left before it has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rest {
    Pause,
    LetGo,
}

/// What comes of one look at how an execution stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It has ended, and that is acknowledged.
    Ended,
    /// It was let go of.
    Left,
    /// Something has to happen first.
    Waits,
    /// Nothing of it is under way.
    Idle,
    /// Something has happened.
    GoesOn,
}

impl Driver {
    /// Has what happened written down, and finds out whether there is anything left to do now.
    pub(crate) fn keep(&mut self) -> Result<Kept, Halt> {
        let has_ended = self.execution.status() != ExecutionStatus::Running;
        let listens = self.listens();
        let Some(writer) = &mut self.writer else {
            return Ok(if has_ended { Kept::Ended } else { Kept::Waits });
        };
        writer.hold().listen(listens);
        if let Some((_, error)) = self.running.hindered()
            && !has_ended
        {
            return Err(Halt::Hindered(error.to_string()));
        }
        if has_ended {
            let status = self.execution.status().as_str().to_owned();
            if !std::mem::replace(&mut self.is_end_written, true) {
                writer.end_with(ExecutionState::Ended { status });
            }
            writer.write()?;
            return Ok(if writer.is_idle() {
                Kept::Ended
            } else {
                Kept::Waits
            });
        }
        writer.write()?;
        let stood_still = !self.starts.is_empty() && !writer.hold().is_valid();
        Ok(if stood_still || !self.is_under_way() {
            Kept::Idle
        } else {
            Kept::Waits
        })
    }

    /// Does what there is to do with an execution of which nothing is under way.
    pub(crate) async fn settle_down(&mut self) -> Result<Kept, Halt> {
        let is_valid = self
            .writer
            .as_ref()
            .is_none_or(|writer| writer.hold().is_valid());
        if !is_valid {
            // The process stood still for too long. Nothing begins before it is known that nobody
            // else has taken over.
            return self.renew().await;
        }
        if self.is_under_way() {
            // It was renewed a moment ago.
            return Ok(Kept::GoesOn);
        }
        match self.resting {
            Some(rest) => self.rest(rest).await,
            None => self.park_if_long().await,
        }
    }

    async fn renew(&mut self) -> Result<Kept, Halt> {
        let Some(writer) = &self.writer else {
            return Ok(Kept::Waits);
        };
        let keeper = writer.keeper();
        let renewal = keeper.try_renew(writer.hold());
        match tokio::time::timeout(keeper.options.lease, renewal).await {
            Ok(Ok(_)) => Ok(Kept::GoesOn),
            Ok(Err(StoreError::Fenced { .. })) => Err(Lost::TakenOver.into()),
            Ok(Err(error)) => Err(Lost::Store(error.to_string()).into()),
            Err(_) => Err(Lost::Store("the store does not answer".to_owned()).into()),
        }
    }

    /// Breaks off what runs of an execution that was claimed by somebody else. If that is this
    /// process again, which could not renew its lease in time, it goes on here, and whoever takes it
    /// up waits until this one is gone.
    pub(crate) async fn give_way(&mut self) -> Result<Kept, Halt> {
        // What it called goes on with it.
        self.running.parts.end();
        self.in_flight.clear();
        self.waiting.clear();
        let again = match &self.writer {
            Some(writer) => writer.keeper().holds_again(writer.hold()).await,
            None => false,
        };
        if again {
            Ok(Kept::Left)
        } else {
            Err(Lost::TakenOver.into())
        }
    }

    /// For attempts that run by themselves.
    pub(crate) fn presence(&self) -> Option<Arc<Presence>> {
        self.writer.as_ref().map(|writer| writer.presence())
    }

    /// Whether something runs or is to begin, so that the execution cannot be left.
    fn is_under_way(&self) -> bool {
        let is_resting = self.resting.is_some();
        self.in_flight.len() > self.running.parts.asleep()
            || !self.waiting.is_empty()
            || self.unjudged.is_some()
            || (!is_resting && !self.starts.is_empty())
    }

    /// Takes in what was asked of the execution from outside.
    pub(crate) fn attend(&mut self) -> Result<(), Halt> {
        let Some(writer) = &self.writer else {
            return Ok(());
        };
        let hold = writer.hold();
        if let Some(lost) = hold.lost() {
            return Err(lost.into());
        }
        let requests = hold.requests();
        if requests.cancel {
            self.running.cancellation.cancel();
        }
        let is_caller_resting = || {
            let beside = self.running.beside.as_ref();
            beside.is_some_and(|parts| parts.is_resting())
        };
        self.resting = if self.running.cancellation.is_cancelled() {
            None
        } else if requests.pause {
            Some(Rest::Pause)
        } else if hold.is_let_go() || is_caller_resting() {
            Some(Rest::LetGo)
        } else {
            None
        };
        let keeper = writer.keeper();
        for part in self.running.parts.rest(self.resting.is_some()) {
            if let Some(hold) = keeper.held(self.running.tenant_id(), part) {
                hold.changed.notify_one();
            }
        }
        Ok(())
    }

    async fn rest(&mut self, rest: Rest) -> Result<Kept, Halt> {
        let Some(writer) = &mut self.writer else {
            return Ok(Kept::Waits);
        };
        if rest == Rest::Pause {
            writer.end_with(ExecutionState::Paused);
        }
        let events = writer.flush().await?;
        let hold = Arc::clone(writer.hold());
        self.tell(events);
        if rest == Rest::LetGo {
            // When this fails the lease runs out by itself.
            let _ = hold.store.release(hold.execution, hold.fence).await;
        }
        Ok(Kept::Left)
    }

    /// Parks the execution if it has nothing to do for long.
    async fn park_if_long(&mut self) -> Result<Kept, Halt> {
        let now = self.now();
        let waits = &mut self.waits;
        let execution = &self.execution;
        waits.retain(|&node| execution.wait(node).is_some());
        let calls_sleep = self.running.parts.asleep() > 0;
        let Some(writer) = &mut self.writer else {
            return Ok(Kept::Waits);
        };
        if !self.may_park
            || (waits.is_empty() && !calls_sleep)
            || self.signals.is_fetching()
            || !writer.keeper().has_worker(self.running.tenant_id())
            || self.running.cancellation.is_cancelled()
        {
            return Ok(Kept::Waits);
        }
        let of_waits = waits.iter().filter_map(|&node| {
            let (since, delay) = execution.wait(node)?;
            Some(between(now, later(since, delay?)))
        });
        let of_deadline = self
            .deadline
            .map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let of_calls = calls_sleep.then_some(CALLS_SLEEP);
        let left = of_waits.chain(of_deadline).chain(of_calls).min();
        if left.is_some_and(|left| left < writer.keeper().options.park_after) {
            return Ok(Kept::Waits);
        }
        let listens = waits
            .iter()
            .any(|&node| execution.awaited_signal(node).is_some());
        let signal_after = listens.then(|| self.signals.fetched());
        let until = match left {
            Some(left) => Some(self.by_store_clock(left).await?),
            None => None,
        };
        let Some(writer) = &mut self.writer else {
            return Ok(Kept::Waits);
        };
        let waiting = Waiting {
            until,
            signal_after,
        };
        writer.end_with(ExecutionState::Parked(waiting));
        let events = writer.flush().await?;
        let keeper = Arc::clone(writer.keeper());
        let hold = Arc::clone(writer.hold());
        self.tell(events);
        if self.running.cancellation.is_cancelled() {
            // Somebody asked for it while it was being parked.
            let _ = hold.store.request(hold.execution, Request::Cancel).await;
        }
        keeper.stirred.notify_one();
        Ok(Kept::Left)
    }

    /// A time so far from now, by the clock of the store.
    async fn by_store_clock(&mut self, left: Duration) -> Result<jiff::Timestamp, Halt> {
        let Some(writer) = &self.writer else {
            return Ok(later(self.now(), left));
        };
        let now = writer.keeper().store.now().await;
        let now = now.map_err(|error| Lost::Store(error.to_string()))?;
        Ok(later(now, left))
    }

    /// Tells readers of the journal what was acknowledged.
    pub(crate) fn tell(&self, events: Vec<jackfield_kernel::Event>) {
        for event in events {
            self.journal.write(event);
        }
    }

    /// What ended an execution that cannot go on in this process, for those who wait for it.
    pub(crate) async fn halted(&mut self, halt: Halt) -> StartError {
        let execution = self.running.id;
        match halt {
            Halt::Refused(error) => {
                tracing::error!(%execution, %error, "an event was refused");
                self.get_stuck(&format!("the engine lost track of it: {error}"))
                    .await;
                StartError::Internal(error)
            }
            Halt::Hindered(reason) => {
                let written = match &mut self.writer {
                    Some(writer) => writer.flush().await,
                    None => Ok(Vec::new()),
                };
                match written {
                    Ok(events) => self.tell(events),
                    // What was not written happens again when it is taken up.
                    Err(error) => tracing::warn!(%execution, %error, "journal was not written"),
                }
                self.get_stuck(&reason).await;
                StartError::Stuck { execution, reason }
            }
            Halt::Lost(Lost::TakenOver) => StartError::TakenOver { execution },
            Halt::Lost(Lost::Store(reason)) => StartError::NotKept { execution, reason },
            Halt::Lost(Lost::Refused(reason)) => {
                self.get_stuck(&format!("the store does not take what happened: {reason}"))
                    .await;
                StartError::NotKept { execution, reason }
            }
        }
    }

    /// Leaves it to whoever can repair it, as far as it is written down.
    async fn get_stuck(&mut self, reason: &str) {
        if let Some(writer) = &self.writer {
            writer.hold().get_stuck(reason).await;
        }
    }

    /// Whether it is so that nothing more is asked of the kernel for now.
    pub(crate) fn is_resting(&self) -> bool {
        self.resting.is_some()
    }

    /// How much has to be acknowledged before what is ordered now may begin.
    pub(crate) fn led_to(&self) -> u64 {
        self.writer.as_ref().map_or(0, |writer| writer.led_to())
    }

    /// Whether all that led to something is acknowledged.
    pub(crate) fn may_begin(&self, led_to: u64) -> bool {
        self.writer
            .as_ref()
            .is_none_or(|writer| writer.has_acknowledged(led_to) && writer.hold().is_valid())
    }

    /// Notes that attempts which were lost begin once more. Calls of other executions were not lost:
    /// they go on where they were left, and nothing is written about that.
    pub(crate) fn note_resumption(&mut self) -> Result<(), ApplyError> {
        if !self.execution.has_running() {
            self.execution.resume();
            return Ok(());
        }
        let Some(calls) = self.calls_alone() else {
            return self.record(EventKind::ExecutionResumed);
        };
        self.execution.go_on();
        for (node, with) in calls {
            let (run, attempt) = self.execution.turn(node);
            self.starts.push_back(Start {
                node,
                run,
                attempt,
                with,
                led_to: self.led_to(),
            });
        }
        Ok(())
    }
}
