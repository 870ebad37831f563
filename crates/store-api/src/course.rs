use std::time::Duration;

use jackfield_types::ExecutionId;
use jiff::Timestamp;

use crate::limits::{self, refused};
use crate::{
    Append, Appended, ExecutionState, Fence, Lease, Request, Requests, Standing, StoreError,
    WorkerId, to_microsecond, to_next_microsecond,
};

/// How what is asked to end has ended that nobody can run.
const CANCELLED: &str = "cancelled";

/// How an execution goes: how it stands, who holds it, and when somebody has to take it up.
///
/// It is the law of executions, free of any database. A store reads a course, lets one of the
/// methods change it and writes it back, all in one transaction. A method that fails has changed
/// nothing. What is passed as `now` is the time by the store's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Course {
    /// How it stands.
    pub state: ExecutionState,
    /// What has been asked of it.
    pub requests: Requests,
    /// The number of the last signal that was sent to it.
    pub signals: u64,
    /// How many bytes the data of all signals have that were sent to it.
    pub signal_bytes: u64,
    /// How many records its journal has.
    pub length: u64,
    /// How often it was claimed.
    pub fence: Fence,
    /// Who holds it.
    pub lease: Option<Lease>,
    /// When somebody has to take it up: since when, if that is past already. Nothing while it waits
    /// for something that has no time, and when it has ended.
    pub due: Option<Timestamp>,
    /// When it was last written to; never before it was made.
    pub changed_at: Timestamp,
}

impl Course {
    /// The course of an execution that is made now. `claim` is who holds it, as
    /// [`NewExecution`](crate::NewExecution) says.
    pub fn new(
        length: u64,
        state: ExecutionState,
        claim: Option<(WorkerId, Duration)>,
        now: Timestamp,
    ) -> Self {
        let now = to_microsecond(now);
        let requests = Requests {
            pause: state == ExecutionState::Paused,
            ..Requests::default()
        };
        let mut course = Self {
            state: ExecutionState::Running,
            requests,
            signals: 0,
            signal_bytes: 0,
            length,
            fence: Fence(0),
            lease: None,
            due: Some(now),
            changed_at: now,
        };
        course.stand(state, now);
        if let Some((worker, lease)) = claim {
            course.hold(worker, lease, now);
        }
        course
    }

    /// Whether [`Store::claim`](crate::Store::claim) gives it out.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.due.is_some_and(|due| due <= now)
    }

    /// What its holder has to know.
    pub fn standing(&self) -> Standing {
        Standing {
            requests: self.requests,
            signals: self.signals,
        }
    }

    /// Takes it up, unless somebody holds it or it is not to be taken up. Whether it is due is for
    /// the caller to ask.
    pub fn claim(&mut self, worker: WorkerId, lease: Duration, now: Timestamp) -> Option<Fence> {
        if self.lease.is_some_and(|lease| lease.until > now) {
            return None;
        }
        match self.state {
            ExecutionState::Running | ExecutionState::Parked(_) => {
                self.state = ExecutionState::Running;
            }
            ExecutionState::Incomplete => {}
            ExecutionState::Paused
            | ExecutionState::Stuck { .. }
            | ExecutionState::Ended { .. } => return None,
        }
        self.hold(worker, lease, now);
        Some(self.fence)
    }

    /// Holds it for longer.
    ///
    /// # Errors
    /// [`StoreError::Fenced`], [`StoreError::OutOfTurn`] when it has ended.
    pub fn renew(
        &mut self,
        id: ExecutionId,
        fence: Fence,
        lease: Duration,
        now: Timestamp,
    ) -> Result<Standing, StoreError> {
        let held = self.held(id, fence)?;
        let until = held.until.max(after(now, lease));
        self.lease = Some(Lease { until, ..held });
        self.note_due();
        Ok(self.standing())
    }

    /// Lets go of it as it is.
    ///
    /// # Errors
    /// [`StoreError::Fenced`], [`StoreError::OutOfTurn`] when it has ended.
    pub fn release(
        &mut self,
        id: ExecutionId,
        fence: Fence,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.held(id, fence)?;
        self.let_go(now);
        Ok(())
    }

    /// Lets go of it as what cannot go on: it is stuck, or has ended as `cancelled` if it is asked
    /// to end.
    ///
    /// # Errors
    /// [`StoreError::Fenced`], [`StoreError::OutOfTurn`] when it has ended.
    pub fn give_up(
        &mut self,
        id: ExecutionId,
        fence: Fence,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.held(id, fence)?;
        self.state = match self.requests.cancel {
            true => ExecutionState::Ended {
                status: CANCELLED.to_owned(),
            },
            false => ExecutionState::Stuck {
                reason: reason.to_owned(),
            },
        };
        self.touch(now);
        self.let_go(now);
        Ok(())
    }

    /// Lets go of it whoever holds it, since that worker is known to be gone.
    pub fn void_lease(&mut self, now: Timestamp) {
        if self.lease.is_some() {
            self.let_go(now);
        }
    }

    /// Adds to its journal, and perhaps changes how it stands.
    ///
    /// # Errors
    /// [`StoreError::Fenced`], [`StoreError::OutOfTurn`].
    pub fn append(&mut self, append: &Append, now: Timestamp) -> Result<Appended, StoreError> {
        self.held(append.execution, append.fence)?;
        if append.after != self.length {
            return Err(StoreError::OutOfTurn {
                reason: format!(
                    "the journal of execution `{}` has {} records, not {}",
                    append.execution, self.length, append.after
                ),
            });
        }
        self.length += append.records.len() as u64;
        self.touch(now);
        if let Some(state) = &append.state {
            if self.state == ExecutionState::Incomplete && *state == ExecutionState::Paused {
                self.requests.pause = true;
            }
            self.stand(state.clone(), now);
        }
        Ok(Appended {
            length: self.length,
            standing: self.standing(),
        })
    }

    /// Has it stand so from now on.
    fn stand(&mut self, state: ExecutionState, now: Timestamp) {
        match state {
            ExecutionState::Running | ExecutionState::Incomplete => {
                self.state = state;
                self.note_due();
            }
            ExecutionState::Parked(mut waiting) => {
                waiting.until = waiting.until.map(to_next_microsecond);
                self.state = ExecutionState::Parked(waiting);
                self.let_go(now);
            }
            ExecutionState::Paused
            | ExecutionState::Stuck { .. }
            | ExecutionState::Ended { .. } => {
                self.state = state;
                self.let_go(now);
            }
        }
    }

    /// Asks something of it.
    ///
    /// # Errors
    /// [`StoreError::OutOfTurn`] when it has ended.
    pub fn request(
        &mut self,
        id: ExecutionId,
        request: Request,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.check_going(id)?;
        match request {
            Request::Cancel => {
                self.requests.cancel = true;
                if self.state == ExecutionState::Incomplete {
                    // Nothing of it has run, and whoever makes it may be gone.
                    let status = CANCELLED.to_owned();
                    self.stand(ExecutionState::Ended { status }, now);
                }
            }
            Request::Pause => self.requests.pause = true,
            Request::Resume => {
                self.requests.pause = false;
                if matches!(
                    self.state,
                    ExecutionState::Stuck { .. } | ExecutionState::Parked(_)
                ) {
                    self.state = ExecutionState::Running;
                }
            }
        }
        self.touch(now);
        self.settle(now);
        Ok(())
    }

    /// Counts a signal with so many bytes that is sent to it, and gives its number.
    ///
    /// # Errors
    /// [`StoreError::OutOfTurn`] when it has ended, [`StoreError::Refused`] when it has got as many
    /// signals as it may have ([`limits::SIGNALS`], [`limits::SIGNALS_BYTES`]).
    pub fn signal(
        &mut self,
        id: ExecutionId,
        bytes: usize,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        self.check_going(id)?;
        if self.signals >= limits::SIGNALS {
            return Err(refused(format!(
                "execution `{id}` has got {} signals, and may have no more; start another one",
                self.signals
            )));
        }
        let all = self.signal_bytes.saturating_add(bytes as u64);
        if all > limits::SIGNALS_BYTES {
            return Err(refused(format!(
                "the signals of execution `{id}` have {} bytes, and may have at most {} with this \
                 one; send less with it, or start another one",
                self.signal_bytes,
                limits::SIGNALS_BYTES
            )));
        }
        self.signals += 1;
        self.signal_bytes = all;
        self.touch(now);
        self.settle(now);
        Ok(self.signals)
    }

    fn check_going(&self, id: ExecutionId) -> Result<(), StoreError> {
        if self.state.has_ended() {
            return Err(StoreError::OutOfTurn {
                reason: format!("execution `{id}` has ended"),
            });
        }
        Ok(())
    }

    /// The lease, if it was got by a claim with this fence. One that has run out counts as long as
    /// nobody else has taken the execution up.
    fn held(&self, id: ExecutionId, fence: Fence) -> Result<Lease, StoreError> {
        if fence != self.fence {
            return Err(StoreError::Fenced { execution: id });
        }
        self.check_going(id)?;
        self.lease.ok_or(StoreError::Fenced { execution: id })
    }

    fn hold(&mut self, worker: WorkerId, lease: Duration, now: Timestamp) {
        let until = after(now, lease);
        self.fence = Fence(self.fence.0 + 1);
        self.lease = Some(Lease { worker, until });
        self.note_due();
    }

    /// Notes when it has to be taken up as long as somebody holds it: what is incomplete never.
    fn note_due(&mut self) {
        if self.state == ExecutionState::Incomplete {
            self.due = None;
        } else if let Some(lease) = self.lease {
            self.due = Some(lease.until);
        }
    }

    fn let_go(&mut self, now: Timestamp) {
        self.lease = None;
        self.due = None;
        self.settle(now);
    }

    /// Works out when it has to be taken up, if nobody holds it.
    fn settle(&mut self, now: Timestamp) {
        if self.lease.is_some() {
            return;
        }
        let now = to_microsecond(now);
        let since = self.due.filter(|due| *due <= now).unwrap_or(now);
        let goes_on = match &self.state {
            ExecutionState::Running => true,
            ExecutionState::Parked(waiting) => {
                let woken = self.requests.cancel
                    || self.requests.pause
                    || waiting.signal_after.is_some_and(|seen| self.signals > seen);
                self.due = if woken { Some(since) } else { waiting.until };
                return;
            }
            ExecutionState::Paused => self.requests.cancel || !self.requests.pause,
            ExecutionState::Stuck { .. } => self.requests.cancel,
            ExecutionState::Incomplete | ExecutionState::Ended { .. } => false,
        };
        if goes_on {
            self.state = ExecutionState::Running;
        }
        self.due = goes_on.then_some(since);
    }

    fn touch(&mut self, now: Timestamp) {
        self.changed_at = self.changed_at.max(to_microsecond(now));
    }
}

/// A time later by so much, or the last one that can be written.
fn after(now: Timestamp, duration: Duration) -> Timestamp {
    let last = to_microsecond(Timestamp::MAX);
    jiff::SignedDuration::try_from(duration)
        .ok()
        .and_then(|duration| now.checked_add(duration).ok())
        .map_or(last, |time| to_next_microsecond(time).min(last))
}
