//! Counters that threads do not meet at: each thread has one of a few places to count in.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// More than this are not worth their memory.
const MOST_SHARDS: usize = 64;

/// How many threads were numbered. Numbers mean nothing but where a thread counts.
static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// The number of this thread; 0 before it has one.
    static NUMBER: Cell<usize> = const { Cell::new(0) };
}

/// As many values as there are threads that can run at the same time.
pub(crate) struct Shards<T>(Box<[Padded<T>]>);

/// Keeps neighbours out of each other's cache lines; processors fetch them in pairs.
#[derive(Default)]
#[repr(align(128))]
struct Padded<T>(T);

impl<T: Default> Shards<T> {
    pub(crate) fn new() -> Self {
        Self((0..count()).map(|_| Padded::default()).collect())
    }

    /// The value of this thread. Others may have the same one.
    pub(crate) fn mine(&self) -> &T {
        // Their number is a power of two.
        let place = number() & (self.0.len() - 1);
        &self.0[place].0
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|one| &one.0)
    }
}

fn number() -> usize {
    match NUMBER.get() {
        0 => {
            let number = THREADS.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
            NUMBER.set(number);
            number
        }
        number => number,
    }
}

fn count() -> usize {
    static COUNT: OnceLock<usize> = OnceLock::new();
    *COUNT.get_or_init(|| {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        threads.min(MOST_SHARDS).next_power_of_two()
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;

    #[test]
    fn what_all_threads_counted_is_there() {
        let shards = Shards::<AtomicU64>::new();
        thread::scope(|scope| {
            for _ in 0..9 {
                scope.spawn(|| {
                    for _ in 0..1_000 {
                        shards.mine().fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        let sum: u64 = shards.iter().map(|one| one.load(Ordering::Relaxed)).sum();
        assert_eq!(sum, 9_000);
    }
}
