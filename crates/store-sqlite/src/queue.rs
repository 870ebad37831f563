use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// What waits for a thread. It can be closed: what waits then is still handed out.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    waiting: Mutex<Waiting<T>>,
    changed: Condvar,
}

#[derive(Debug)]
struct Waiting<T> {
    entries: VecDeque<T>,
    closed: bool,
    /// How many threads sleep until something comes.
    asleep: usize,
    /// How many a thread sleeps for; 0 when none does.
    wanted: usize,
}

/// Why something does not get into a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoEntry {
    /// The queue is closed.
    Closed,
    /// There is too much in it.
    Crowded,
}

impl<T> Queue<T> {
    /// The most that may wait. Whoever calls waits for the answer, so that this is far more than
    /// there ever is, unless callers go away and come back while the disk hangs.
    pub(crate) const MOST: usize = 1 << 18;

    pub(crate) fn new() -> Self {
        Self {
            waiting: Mutex::new(Waiting {
                entries: VecDeque::new(),
                closed: false,
                asleep: 0,
                wanted: 0,
            }),
            changed: Condvar::new(),
        }
    }

    pub(crate) fn push(&self, entry: T) -> Result<(), NoEntry> {
        let mut waiting = self.waiting.lock();
        if waiting.closed {
            return Err(NoEntry::Closed);
        }
        if waiting.entries.len() >= Self::MOST {
            return Err(NoEntry::Crowded);
        }
        waiting.entries.push_back(entry);
        let enough = waiting.wanted > 0 && waiting.entries.len() >= waiting.wanted;
        let wake = waiting.asleep > 0 || enough;
        drop(waiting);
        if wake {
            self.changed.notify_one();
        }
        Ok(())
    }

    /// Takes one, and waits for it; `None` when the queue is closed and empty.
    pub(crate) fn take(&self) -> Option<T> {
        let mut waiting = self.waiting.lock();
        loop {
            if let Some(entry) = waiting.entries.pop_front() {
                return Some(entry);
            }
            if waiting.closed {
                return None;
            }
            waiting.asleep += 1;
            self.changed.wait(&mut waiting);
            waiting.asleep -= 1;
        }
    }

    /// Takes what waits, in order, until it is so many or weighs so much, and waits for the first;
    /// `false` when the queue is closed and empty.
    pub(crate) fn take_some(
        &self,
        most: usize,
        heaviest: usize,
        weigh: impl Fn(&T) -> usize,
        into: &mut Vec<T>,
    ) -> bool {
        let Some(first) = self.take() else {
            return false;
        };
        let mut weight = weigh(&first);
        into.push(first);
        let mut waiting = self.waiting.lock();
        while into.len() < most
            && weight < heaviest
            && let Some(next) = waiting.entries.pop_front()
        {
            weight = weight.saturating_add(weigh(&next));
            into.push(next);
        }
        true
    }

    /// Waits until so many are there, but not for longer than a while.
    pub(crate) fn wait_for(&self, many: usize, at_most: Duration) {
        let mut waiting = self.waiting.lock();
        if waiting.closed || waiting.entries.len() >= many {
            return;
        }
        waiting.wanted = many;
        let _ = self.changed.wait_for(&mut waiting, at_most);
        waiting.wanted = 0;
    }

    pub(crate) fn close(&self) {
        self.waiting.lock().closed = true;
        self.changed.notify_all();
    }
}
