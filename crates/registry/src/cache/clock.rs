//! Which use was later. A count, not a time: it never goes back and no two uses of one thread are
//! alike.
//!
//! Each thread counts by itself and looks at the common count, which moves only now and then, so
//! threads do not meet at every use. What one thread did is always in order; of what two threads
//! did at about the same time, a few dozen uses may change places.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

/// How far a thread may be ahead of the common count before it moves that.
const AHEAD: u64 = 64;

thread_local! {
    /// The last count of this thread. All caches share it: what matters is only that it grows.
    static LAST: Cell<u64> = const { Cell::new(0) };
}

#[derive(Default)]
pub(crate) struct Clock {
    common: AtomicU64,
}

impl Clock {
    /// The count of a use: higher than that of every earlier use by the same thread.
    pub(crate) fn tick(&self) -> u64 {
        let common = self.common.load(Ordering::Relaxed);
        let count = LAST.get().max(common) + 1;
        LAST.set(count);
        if count - common > AHEAD {
            self.common.fetch_max(count, Ordering::Relaxed);
        }
        count
    }

    /// A count that is higher than that of every earlier use, whoever's it was. To be called by one
    /// thread at a time.
    pub(crate) fn leap(&self) -> u64 {
        let last = LAST.get();
        let common = self.common.fetch_max(last, Ordering::Relaxed).max(last);
        // No thread is further ahead of the common count than that.
        let count = common + AHEAD + 1;
        LAST.set(count);
        self.common.fetch_max(count, Ordering::Relaxed);
        count
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn the_count_of_a_thread_grows_with_every_use() {
        let (a, b) = (Clock::default(), Clock::default());
        let mut last = 0;
        for step in 0..10_000 {
            let clock = if step % 3 == 0 { &a } else { &b };
            let next = if step % 7 == 0 {
                clock.leap()
            } else {
                clock.tick()
            };
            assert!(next > last);
            last = next;
        }
    }

    #[test]
    fn a_leap_is_later_than_what_any_thread_did() {
        let clock = Clock::default();
        let mut highest = clock.tick();
        for uses in [1, 63, 64, 65, 1_000] {
            let theirs = thread::scope(|scope| {
                let uses = (0..uses).map(|_| clock.tick());
                scope.spawn(|| uses.last()).join().unwrap().unwrap()
            });
            highest = highest.max(theirs);
            let leap = clock.leap();
            assert!(leap > highest, "{leap} after {highest}");
            highest = leap;
        }
    }
}
