//! A store that is gone with the process.

mod documents;
mod executions;
mod state;
mod tenant;
mod workflows;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jackfield_store_api::{
    Claim, Claimed, PageRequest, Store, StoreError, StoreFuture, TenantStore, to_microsecond,
};
use jackfield_types::TenantId;
use jiff::Timestamp;

use crate::store::StoreClock;
use state::State;
use tenant::MemoryTenant;

/// A store in memory, for tests: fast, with a clock that can be set.
///
/// What is in it outlives the handle: [`reopen`](Self::reopen) gives another one, as if the process
/// had been started again. Leases stay as they are then; they end by the clock.
#[derive(Clone)]
pub struct MemoryStore {
    shared: Arc<Shared>,
    /// Whether this opening of the store was closed.
    is_closed: Arc<AtomicBool>,
}

struct Shared {
    state: Mutex<State>,
    clock: Option<StoreClock>,
}

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
            is_closed: Arc::default(),
        }
    }

    fn over(clock: Option<StoreClock>) -> Self {
        Self {
            shared: Arc::new(Shared {
                state: Mutex::new(State::default()),
                clock,
            }),
            is_closed: Arc::default(),
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
        self.check_open()?;
        read(&lock(&self.shared.state))
    }

    /// Makes a change. A change that fails must have changed nothing.
    fn write<T>(
        &self,
        write: impl FnOnce(&mut State, Timestamp) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.check_open()?;
        let now = self.clock();
        write(&mut lock(&self.shared.state), now)
    }

    fn check_open(&self) -> Result<(), StoreError> {
        if self.is_closed.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable {
                store: self.describe(),
                reason: "it was closed".to_owned(),
                source: None,
            });
        }
        Ok(())
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
            .field("is_closed", &self.is_closed)
            .finish_non_exhaustive()
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
        self.is_closed.store(true, Ordering::SeqCst);
        answer(Ok(()))
    }
}

fn answer<'a, T: Send + 'a>(answer: Result<T, StoreError>) -> StoreFuture<'a, T> {
    Box::pin(std::future::ready(answer))
}

/// A panic of a test under a lock is that test's business.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
