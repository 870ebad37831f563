//! A store that is gone with the process.

mod documents;
mod executions;
mod state;
mod tenant;
mod workflows;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jackfield_store_api::{
    Claim, Claimed, PageRequest, Store, StoreError, StoreFuture, TenantStore, to_microsecond,
};
use jackfield_types::TenantId;
use jiff::Timestamp;

use crate::store::StoreClock;
use state::State;
use tenant::MemoryTenant;

/// A store in memory, for tests: fast, with a clock that can be set, and with a way to break off at
/// any write.
///
/// What is in it outlives the handle: [`reopen`](Self::reopen) gives another one, as if the process
/// had been started again. Leases stay as they are then; they end by the clock.
#[derive(Clone)]
pub struct MemoryStore {
    shared: Arc<Shared>,
    handle: Arc<Handle>,
}

/// What breaks off when a store is told to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interruption {
    /// The write is lost.
    BeforeTheWrite,
    /// The write is kept, but nobody is told.
    AfterTheWrite,
}

struct Shared {
    state: Mutex<State>,
    clock: Option<StoreClock>,
}

/// What ends with one opening of the store.
struct Handle {
    /// Writes that are left until it breaks off.
    left: AtomicU64,
    interruption: Mutex<Interruption>,
    writes: AtomicU64,
    closed: Mutex<Option<&'static str>>,
}

/// More writes than any test makes.
const NEVER: u64 = u64::MAX / 2;

impl MemoryStore {
    /// An empty store with the clock of the machine.
    pub fn new() -> Self {
        Self::over(None)
    }

    /// An empty store with a clock that is set by hand.
    pub fn with_clock(clock: StoreClock) -> Self {
        Self::over(Some(clock))
    }

    /// The same contents, opened anew.
    pub fn reopen(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            handle: Arc::new(Handle::new()),
        }
    }

    /// Breaks off at a write: 0 is the next one. Every call fails from then on, until the store is
    /// opened anew.
    pub fn interrupt(&self, after: u64, interruption: Interruption) {
        *lock(&self.handle.interruption) = interruption;
        self.handle.left.store(after, Ordering::SeqCst);
    }

    /// How many writes were made through this handle, calls that failed included.
    pub fn writes(&self) -> u64 {
        self.handle.writes.load(Ordering::SeqCst)
    }

    fn over(clock: Option<StoreClock>) -> Self {
        Self {
            shared: Arc::new(Shared {
                state: Mutex::new(State::default()),
                clock,
            }),
            handle: Arc::new(Handle::new()),
        }
    }

    fn clock(&self) -> Timestamp {
        let now = self
            .shared
            .clock
            .as_ref()
            .map_or_else(Timestamp::now, StoreClock::now);
        to_microsecond(now)
    }

    fn read<T>(&self, read: impl FnOnce(&State) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.handle.check_open()?;
        read(&lock(&self.shared.state))
    }

    /// Makes a change. A change that fails must have changed nothing.
    fn write<T>(
        &self,
        write: impl FnOnce(&mut State, Timestamp) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.handle.check_open()?;
        let mut state = lock(&self.shared.state);
        self.handle.writes.fetch_add(1, Ordering::SeqCst);
        if self.handle.left.fetch_sub(1, Ordering::SeqCst) > 0 {
            return write(&mut state, self.clock());
        }
        *lock(&self.handle.closed) = Some("it was interrupted");
        if *lock(&self.handle.interruption) == Interruption::AfterTheWrite {
            // Nobody is told what became of it.
            let _ = write(&mut state, self.clock());
        }
        self.handle.check_open()?;
        Err(gone("it was interrupted"))
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("writes", &self.writes())
            .finish_non_exhaustive()
    }
}

impl Handle {
    fn new() -> Self {
        Self {
            left: AtomicU64::new(NEVER),
            interruption: Mutex::new(Interruption::BeforeTheWrite),
            writes: AtomicU64::new(0),
            closed: Mutex::new(None),
        }
    }

    fn check_open(&self) -> Result<(), StoreError> {
        match *lock(&self.closed) {
            Some(reason) => Err(gone(reason)),
            None => Ok(()),
        }
    }
}

impl Store for MemoryStore {
    fn describe(&self) -> String {
        "in memory".to_owned()
    }

    fn tenant(&self, id: &TenantId) -> Arc<dyn TenantStore> {
        Arc::new(MemoryTenant {
            store: self.clone(),
            id: id.clone(),
        })
    }

    fn tenants<'a>(&'a self, after: Option<&'a TenantId>) -> StoreFuture<'a, Vec<TenantId>> {
        answer(self.read(|state| {
            Ok(state
                .tenants
                .keys()
                .filter(|id| after.is_none_or(|after| *id > after))
                .take(PageRequest::MOST as usize)
                .cloned()
                .collect())
        }))
    }

    fn claim(&self, claim: Claim) -> StoreFuture<'_, Vec<Claimed>> {
        answer(self.write(|state, now| Ok(state.claim(claim, now))))
    }

    fn next_due(&self) -> StoreFuture<'_, Option<Timestamp>> {
        answer(self.read(|state| Ok(state.next_due())))
    }

    fn now(&self) -> StoreFuture<'_, Timestamp> {
        answer(self.read(|_| Ok(self.clock())))
    }

    fn close(&self) -> StoreFuture<'_, ()> {
        lock(&self.handle.closed).get_or_insert("it was closed");
        answer(Ok(()))
    }
}

fn answer<'a, T: Send + 'a>(answer: Result<T, StoreError>) -> StoreFuture<'a, T> {
    Box::pin(std::future::ready(answer))
}

fn gone(reason: &str) -> StoreError {
    StoreError::Unavailable {
        store: "in memory".to_owned(),
        reason: reason.to_owned(),
        source: None,
    }
}

/// A panic of a test under a lock is that test's business.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
