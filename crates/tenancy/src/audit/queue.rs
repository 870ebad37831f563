//! What waits to be written, between those who record and the one thread that writes.
//!
//! A tenant may take up as many places as there are free ones left: one alone half of them, several
//! their shares, and there is always room for one more (dynamic thresholds, Choudhury and Hahne,
//! 1998). So whoever records faster than it can be written waits, and loses, alone.

use std::collections::BTreeMap;
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jackfield_types::TenantId;
use jiff::Timestamp;
use parking_lot::{Condvar, Mutex, MutexGuard};
use rustc_hash::{FxHashMap, FxHashSet};
use tracing::error;

use super::{AuditEntry, AuditError};

/// How long the writer lets records gather once there is one, so that it is not woken for each.
const GATHER: Duration = Duration::from_millis(5);

/// A record on its way.
pub(super) struct Pending {
    pub(super) tenant: TenantId,
    pub(super) at: Timestamp,
    pub(super) entry: AuditEntry,
}

/// What the writer is to do.
#[derive(Default)]
pub(super) struct Work {
    pub(super) pending: Vec<Pending>,
    /// How many records of which tenant found no room.
    pub(super) lost: BTreeMap<TenantId, u64>,
    /// Somebody waits until everything is written.
    pub(super) flush: Option<Ticket>,
    /// Nobody will record any more.
    pub(super) closing: bool,
}

/// What came of writing all that there was.
#[derive(Default)]
pub(super) struct Flushed {
    /// What is in the way, if something is.
    pub(super) error: Option<AuditError>,
    /// What is in the way of single trails: each tenant is told of its own.
    pub(super) unwritten: BTreeMap<TenantId, AuditError>,
}

/// Stands for everything that was recorded before it was drawn.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Ticket(u64);

pub(super) struct Queue {
    capacity: usize,
    patience: Duration,
    state: Mutex<State>,
    /// The writer waits for work.
    work: Condvar,
    /// Recorders wait for room.
    room: Condvar,
    /// Who flushes waits until it is done.
    flushed: Condvar,
    lost: AtomicU64,
}

#[derive(Default)]
struct State {
    pending: Vec<Pending>,
    lost: BTreeMap<TenantId, u64>,
    /// How many of them are whose.
    places: FxHashMap<TenantId, usize>,
    /// Whose patience ended; there has been no room for them since.
    overflowing: FxHashSet<TenantId>,
    wanted: Ticket,
    done: Ticket,
    result: Flushed,
    closing: bool,
    closed: bool,
}

impl Queue {
    pub(super) fn new(capacity: usize, patience: Duration) -> Self {
        Self {
            capacity,
            patience,
            state: Mutex::default(),
            work: Condvar::new(),
            room: Condvar::new(),
            flushed: Condvar::new(),
            lost: AtomicU64::new(0),
        }
    }

    /// Leaves a record for the writer.
    pub(super) fn push(&self, tenant: TenantId, entry: AuditEntry) {
        let mut state = self.state.lock();
        if !self.has_room(&state, &tenant) && !self.wait_for_room(&mut state, &tenant) {
            return self.lose(&mut state, tenant);
        }
        if state.closed {
            return self.lose(&mut state, tenant);
        }
        // Under the lock, so that the records of a trail are in the order of their times.
        let at = Timestamp::now();
        match state.places.get_mut(&tenant) {
            Some(places) => *places += 1,
            None => {
                state.places.insert(tenant.clone(), 1);
            }
        }
        state.pending.push(Pending { tenant, at, entry });
        let length = state.pending.len();
        drop(state);
        if length == 1 || length == self.hurry() {
            self.work.notify_one();
        }
    }

    /// From how many on the writer does not let more gather.
    fn hurry(&self) -> usize {
        (self.capacity / 4).max(1)
    }

    fn has_room(&self, state: &State, tenant: &TenantId) -> bool {
        let free = self.capacity.saturating_sub(state.pending.len());
        let own = state.places.get(tenant).copied().unwrap_or_default();
        own < free
    }

    fn wait_for_room(&self, state: &mut MutexGuard<'_, State>, tenant: &TenantId) -> bool {
        let until = Instant::now() + self.patience;
        while !self.has_room(state, tenant) && !state.closed && !state.overflowing.contains(tenant)
        {
            if self.room.wait_until(state, until).timed_out() {
                break;
            }
        }
        let has_room = self.has_room(state, tenant);
        if !has_room {
            state.overflowing.insert(tenant.clone());
        }
        has_room
    }

    fn lose(&self, state: &mut MutexGuard<'_, State>, tenant: TenantId) {
        if state.lost.is_empty() {
            error!(%tenant, "audit records are lost: they cannot be written as fast as they come");
        }
        *state.lost.entry(tenant).or_default() += 1;
        self.lost.fetch_add(1, Ordering::Relaxed);
    }

    /// Adds to the number of records that were lost.
    pub(super) fn count_lost(&self, records: u64) {
        self.lost.fetch_add(records, Ordering::Relaxed);
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    pub(super) fn length(&self) -> usize {
        self.state.lock().pending.len()
    }

    /// Waits until there is something to do, or until the moment given. `used` is an empty list
    /// whose memory serves again.
    pub(super) fn take(&self, used: Vec<Pending>, until: Option<Instant>) -> Work {
        let mut state = self.state.lock();
        while state.pending.is_empty() && !state.is_urgent() {
            let timed_out = match until {
                Some(until) => self.work.wait_until(&mut state, until).timed_out(),
                None => {
                    self.work.wait(&mut state);
                    false
                }
            };
            if timed_out {
                break;
            }
        }
        if !state.pending.is_empty() {
            let until = Instant::now() + GATHER;
            while state.pending.len() < self.hurry() && !state.is_urgent() {
                if self.work.wait_until(&mut state, until).timed_out() {
                    break;
                }
            }
        }
        state.overflowing.clear();
        state.places.clear();
        let work = Work {
            pending: mem::replace(&mut state.pending, used),
            lost: mem::take(&mut state.lost),
            flush: (state.done < state.wanted).then_some(state.wanted),
            closing: state.closing,
        };
        drop(state);
        self.room.notify_all();
        work
    }

    /// Waits until everything that was recorded so far is written, or cannot be.
    pub(super) fn flush(&self) -> Result<(), AuditError> {
        self.flush_and(|flushed| flushed.error.clone())
    }

    /// Does the same, and tells only what is in the way of one trail.
    pub(super) fn flush_trail(&self, tenant: &TenantId) -> Result<(), AuditError> {
        self.flush_and(|flushed| flushed.unwritten.get(tenant).cloned())
    }

    fn flush_and(
        &self,
        error: impl FnOnce(&Flushed) -> Option<AuditError>,
    ) -> Result<(), AuditError> {
        let mut state = self.state.lock();
        state.wanted.0 += 1;
        let ticket = state.wanted;
        self.work.notify_one();
        while state.done < ticket {
            if state.closed {
                return Err(AuditError::Closed);
            }
            self.flushed.wait(&mut state);
        }
        error(&state.result).map_or(Ok(()), Err)
    }

    /// Tells those who flush how it went.
    pub(super) fn flushed(&self, ticket: Ticket, result: Flushed) {
        let mut state = self.state.lock();
        state.done = state.done.max(ticket);
        state.result = result;
        drop(state);
        self.flushed.notify_all();
    }

    /// Tells the writer to write what there is and end.
    pub(super) fn close(&self) {
        self.state.lock().closing = true;
        self.work.notify_one();
    }

    /// Whether the writer is to end.
    pub(super) fn is_closing(&self) -> bool {
        self.state.lock().closing
    }

    /// Tells everybody that the writer has ended.
    pub(super) fn closed(&self) {
        self.state.lock().closed = true;
        self.room.notify_all();
        self.flushed.notify_all();
    }
}

impl State {
    fn is_urgent(&self) -> bool {
        self.closing || self.done < self.wanted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AuditAction;

    #[test]
    fn whoever_records_too_much_leaves_room_for_others() {
        let queue = Queue::new(8, Duration::ZERO);
        let push = |name: &str, count: usize| {
            for _ in 0..count {
                let entry = AuditEntry::allowed(AuditAction::NodeCalled);
                queue.push(TenantId::parse(name).unwrap(), entry);
            }
        };
        push("loud", 20);
        assert_eq!((queue.length(), queue.lost()), (4, 16));
        push("quiet", 2);
        assert_eq!((queue.length(), queue.lost()), (6, 16));
        let work = queue.take(Vec::new(), Some(Instant::now()));
        assert_eq!(work.pending.len(), 6);
        assert_eq!(work.lost.len(), 1);
        push("loud", 1);
        assert_eq!((queue.length(), queue.lost()), (1, 16));
    }
}
