use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;

/// A clock that goes only when it is told to, forwards or back. Clones are the same clock.
#[derive(Debug, Clone)]
pub struct StoreClock {
    microseconds: Arc<AtomicI64>,
}

impl StoreClock {
    /// A clock that stands at a time.
    pub fn at(time: Timestamp) -> Self {
        Self {
            microseconds: Arc::new(AtomicI64::new(time.as_microsecond())),
        }
    }

    /// What it shows.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.microseconds.load(Ordering::SeqCst))
            .expect("the clock was set to a timestamp")
    }

    /// Sets it, forwards or back.
    pub fn set(&self, time: Timestamp) {
        self.microseconds
            .store(time.as_microsecond(), Ordering::SeqCst);
    }

    /// Sets it forward.
    pub fn advance(&self, by: Duration) {
        self.set(self.now() + by);
    }

    /// Sets it back.
    pub fn set_back(&self, by: Duration) {
        self.set(self.now() - by);
    }
}

impl Default for StoreClock {
    /// A clock that stands at the beginning of 2026.
    fn default() -> Self {
        Self::at(Timestamp::from_second(1_767_225_600).expect("a timestamp"))
    }
}
