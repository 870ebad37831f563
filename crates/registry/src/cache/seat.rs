use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use jackfield_plugin_api::NodeExecutor;
use jackfield_types::TenantId;

use crate::Registration;
use crate::loader::LazyExecutor;

/// The place of a holder in the cache, or none, and when it was last used.
pub(crate) struct Seat {
    used: AtomicU64,
    number: AtomicU32,
}

impl Seat {
    const NONE: u32 = u32::MAX;

    pub(crate) fn none() -> Self {
        Self {
            used: AtomicU64::new(0),
            number: AtomicU32::new(Self::NONE),
        }
    }

    /// Notes a use.
    pub(crate) fn touch(&self, count: u64) {
        // Threads do not agree which of them was last; the later one of those that met here stays
        // most of the time, and the other one is hardly earlier.
        if self.used.load(Ordering::Relaxed) < count {
            self.used.store(count, Ordering::Relaxed);
        }
    }

    /// When it was last used.
    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Whether it is taken. True at the time, and not for longer, unless the lock is held.
    pub(crate) fn is_taken(&self) -> bool {
        self.number().is_some()
    }

    // Under the lock of the cache, which orders these.

    pub(crate) fn number(&self) -> Option<u32> {
        Some(self.number.load(Ordering::Relaxed)).filter(|number| *number != Self::NONE)
    }

    pub(crate) fn take(&self) -> Option<u32> {
        let number = self.number();
        self.number.store(Self::NONE, Ordering::Relaxed);
        number
    }

    pub(crate) fn give(&self, number: u32) {
        self.number.store(number, Ordering::Relaxed);
    }
}

/// Who may hold an executor in the cache.
pub(crate) trait Holder: Send + Sync + 'static {
    /// Its seat.
    fn seat(&self) -> &Seat;

    /// What it holds, if that is loaded and not registered.
    fn lazy(&self) -> Option<&LazyExecutor>;

    /// The registration that it belongs to, as long as there is one.
    fn registration(self: Arc<Self>) -> Option<Arc<Registration>>;

    /// Whose it is, if it is one tenant's.
    fn tenant(&self) -> Option<&TenantId>;

    /// Whether what it holds was replaced or unregistered since.
    fn is_retired(&self) -> bool;

    /// Holds an executor that was loaded. Under the lock of the cache.
    fn hold(&self, executor: Arc<dyn NodeExecutor>) -> Option<Arc<Arc<dyn NodeExecutor>>> {
        self.lazy().and_then(|lazy| lazy.replace(Some(executor)))
    }

    /// Holds an executor no longer, if it was loaded; it is given back, to be dropped after the
    /// lock. Under the lock of the cache.
    fn release(&self) -> Option<Arc<Arc<dyn NodeExecutor>>> {
        self.lazy().and_then(|lazy| lazy.replace(None))
    }
}
