//! The executor cache: bounded by count and by bytes, strictly least recently used.
//!
//! A registration knows its own seat in the cache and holds the executor itself; the cache keeps
//! only the order of the seats. So finding an executor takes no hashing and touches little memory,
//! however many there are: the registration, and sixteen bytes for each seat whose neighbours
//! change. As a registration is never changed and its id never used again, a stale executor cannot
//! be found in the name of a newer registration. Seats are given and taken under the lock, and only
//! there, and a loaded executor comes and goes with its seat.
//!
//! An executor that is dropped from the cache is dropped after the lock is released: whatever its
//! destructor does, it cannot hold up other calls.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use jackfield_plugin_api::NodeExecutor;
use jackfield_types::{ByteSize, NodeTypeId};
use lru_slab::LruSlab;
use parking_lot::Mutex;
use semver::Version;
use serde::{Serialize, Serializer};

use crate::registration::Source;
use crate::{Registration, RegistrationId};

/// No bound is above this: seats have 32 bits.
const MOST_ENTRIES: usize = 1 << 31;

/// How much the executor cache may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheBounds {
    /// At most so many executors.
    pub entries: usize,
    /// At most so much memory, as the executors themselves report it.
    pub memory: ByteSize,
}

impl Default for CacheBounds {
    fn default() -> Self {
        Self {
            entries: 10_000,
            memory: ByteSize::mib(256),
        }
    }
}

/// What the executor cache holds under one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CacheKey {
    /// The registration.
    pub registration: RegistrationId,
    /// Its node type.
    pub node_type: NodeTypeId,
    /// Its version.
    pub version: Version,
    /// The memory that the executor holds.
    #[serde(serialize_with = "bytes")]
    pub memory: ByteSize,
}

/// What the executor cache did so far.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CacheStatistics {
    /// How many executors it holds.
    pub entries: usize,
    /// The memory that they hold.
    #[serde(serialize_with = "bytes")]
    pub memory: ByteSize,
    /// How often an executor was asked for that was there.
    pub hits: u64,
    /// How often one was asked for that was not there.
    pub misses: u64,
    /// How many were dropped to keep the bounds.
    pub evictions: u64,
    /// How many were dropped because they were replaced, unregistered, or on demand.
    pub invalidations: u64,
    /// How many were used but not kept, being bigger than the bound.
    pub oversized: u64,
    /// How often a loader gave an executor.
    pub loads: u64,
    /// How often a loader gave an error.
    pub load_failures: u64,
    /// How long all loads took together; milliseconds in JSON.
    #[serde(serialize_with = "milliseconds")]
    pub load_time: Duration,
}

impl CacheStatistics {
    /// Hits among all that was asked for, from 0 to 1; 0 before anything was.
    pub fn hit_ratio(&self) -> f64 {
        let asked = self.hits.saturating_add(self.misses);
        if asked == 0 {
            0.0
        } else {
            self.hits as f64 / asked as f64
        }
    }
}

/// The executors that are at hand, most recently used first.
// The lock and what a hit changes share one cache line.
#[repr(C, align(64))]
pub struct ExecutorCache {
    state: Mutex<State>,
    bounds: CacheBounds,
}

#[repr(C)]
struct State {
    /// Whose the seats are. A registration that nobody holds any more cannot ask for its executor
    /// either.
    order: LruSlab<Weak<Registration>>,
    hits: u64,
    misses: u64,
    memory: u64,
    /// The memory of each seat's executor; apart from the order, which a hit has to walk.
    sizes: Vec<u64>,
    /// But for hits and misses.
    counters: CacheStatistics,
}

/// The place of a registration in the cache, or none.
pub(crate) struct Seat(AtomicU32);

impl Seat {
    const NONE: u32 = u32::MAX;

    pub(crate) fn none() -> Self {
        Self(AtomicU32::new(Self::NONE))
    }

    // The lock of the cache orders all of these.

    fn slot(&self) -> Option<u32> {
        Some(self.0.load(Ordering::Relaxed)).filter(|slot| *slot != Self::NONE)
    }

    fn take(&self) -> Option<u32> {
        let slot = self.slot();
        self.0.store(Self::NONE, Ordering::Relaxed);
        slot
    }

    fn give(&self, slot: u32) {
        self.0.store(slot, Ordering::Relaxed);
    }
}

impl ExecutorCache {
    pub(crate) fn new(bounds: CacheBounds) -> Self {
        let bounds = CacheBounds {
            entries: bounds.entries.min(MOST_ENTRIES),
            ..bounds
        };
        let state = State {
            order: LruSlab::new(),
            hits: 0,
            misses: 0,
            memory: 0,
            sizes: Vec::new(),
            counters: CacheStatistics::default(),
        };
        Self {
            state: Mutex::new(state),
            bounds,
        }
    }

    /// Looks for the executor of a registration, counts a hit or a miss, and makes it the most
    /// recently used one.
    pub(crate) fn find(&self, registration: &Registration) -> Option<Arc<dyn NodeExecutor>> {
        let mut state = self.state.lock();
        let Some(slot) = registration.seat().slot() else {
            state.misses += 1;
            return None;
        };
        state.hits += 1;
        state.order.get_mut(slot);
        match registration.executor_source() {
            Source::Lazy(lazy) => lazy.held().clone(),
            Source::Eager(executor) => {
                // The registration holds it in any case: others need not wait.
                drop(state);
                Some(Arc::clone(executor))
            }
        }
    }

    /// Keeps the executor of a registration, unless that was retired, and drops as many of the
    /// least recently used ones as the bounds ask for.
    pub(crate) fn keep(&self, registration: &Arc<Registration>, executor: Arc<dyn NodeExecutor>) {
        // Somebody else's code: if it panics, the executor counts as one that holds nothing.
        let memory = catch_unwind(AssertUnwindSafe(|| executor.memory().as_u64())).unwrap_or(0);
        let mut evicted = Vec::new();
        let replaced;
        let mut state = self.state.lock();
        // Under the lock: whoever retires a registration sets the flag first and then
        // invalidates, so nothing that is retired can stay.
        if registration.is_retired() {
            return;
        }
        if memory > self.bounds.memory.as_u64() || self.bounds.entries == 0 {
            state.counters.oversized += 1;
            return;
        }
        replaced = state.remove(registration);
        state.insert(registration, memory);
        registration.executor_source().hold(executor);
        while state.len() > self.bounds.entries || state.memory > self.bounds.memory.as_u64() {
            let Some(slot) = state.order.lru() else {
                break;
            };
            state.counters.evictions += 1;
            if let Some(owner) = state.vacate(slot).upgrade() {
                owner.seat().take();
                evicted.push((owner.executor_source().release(), owner));
            }
        }
        drop(state);
        drop(replaced);
        for (_, owner) in &evicted {
            tracing::debug!(
                target: "registry",
                node_type = %owner.node_type(),
                version = %owner.version(),
                "executor evicted from the cache"
            );
        }
    }

    /// Drops the executor of a registration; says whether there was one.
    pub fn invalidate(&self, registration: &Registration) -> bool {
        if !self.serves(registration) {
            return false;
        }
        let mut state = self.state.lock();
        let removed = state.remove(registration);
        if removed.is_some() {
            state.counters.invalidations += 1;
        }
        drop(state);
        if removed.is_some() {
            tracing::debug!(
                target: "registry",
                node_type = %registration.node_type(),
                version = %registration.version(),
                "executor invalidated in the cache"
            );
        }
        removed.is_some()
    }

    /// Drops all executors; says how many there were. The counters stay.
    pub fn clear(&self) -> usize {
        let mut state = self.state.lock();
        let order = std::mem::take(&mut state.order);
        let owners: Vec<_> = order
            .iter()
            .filter_map(|(_, owner)| owner.upgrade())
            .collect();
        let release = |owner: &Arc<Registration>| {
            owner.seat().take();
            owner.executor_source().release()
        };
        let dropped: Vec<_> = owners.iter().map(release).collect();
        state.sizes.clear();
        state.memory = 0;
        state.counters.invalidations += u64::from(order.len());
        drop(state);
        drop(dropped);
        tracing::debug!(target: "registry", entries = order.len(), "executor cache cleared");
        count(order.len())
    }

    /// The executor of a registration, if it is there; changes neither counters nor recency.
    pub fn peek(&self, registration: &Registration) -> Option<Arc<dyn NodeExecutor>> {
        if !self.serves(registration) {
            return None;
        }
        let _state = self.state.lock();
        registration.seat().slot()?;
        registration.executor_source().at_hand()
    }

    /// Whether a registration has its seat here and not in the cache of another registry.
    fn serves(&self, registration: &Registration) -> bool {
        std::ptr::eq(self, Arc::as_ptr(registration.cache()))
    }

    /// What is held, most recently used first.
    pub fn keys(&self) -> Vec<CacheKey> {
        let state = self.state.lock();
        let held: Vec<_> = state
            .order
            .iter()
            .filter_map(|(slot, owner)| Some((owner.upgrade()?, state.size(slot))))
            .collect();
        drop(state);
        let key = |(owner, memory): &(Arc<Registration>, u64)| CacheKey {
            registration: owner.id(),
            node_type: owner.node_type().clone(),
            version: owner.version().clone(),
            memory: ByteSize::bytes(*memory),
        };
        held.iter().map(key).collect()
    }

    /// How many executors are held.
    pub fn len(&self) -> usize {
        self.state.lock().len()
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The memory that the held executors report.
    pub fn memory(&self) -> ByteSize {
        ByteSize::bytes(self.state.lock().memory)
    }

    /// How much may be held.
    pub fn bounds(&self) -> CacheBounds {
        self.bounds
    }

    /// What the cache did so far.
    pub fn statistics(&self) -> CacheStatistics {
        let state = self.state.lock();
        CacheStatistics {
            entries: state.len(),
            memory: ByteSize::bytes(state.memory),
            hits: state.hits,
            misses: state.misses,
            ..state.counters
        }
    }

    pub(crate) fn record_load(&self, took: Duration) {
        let mut state = self.state.lock();
        state.counters.loads += 1;
        state.counters.load_time = state.counters.load_time.saturating_add(took);
    }

    pub(crate) fn record_load_failure(&self, took: Duration) {
        let mut state = self.state.lock();
        state.counters.load_failures += 1;
        state.counters.load_time = state.counters.load_time.saturating_add(took);
    }
}

impl State {
    fn len(&self) -> usize {
        count(self.order.len())
    }

    fn size(&self, slot: u32) -> u64 {
        self.sizes.get(count(slot)).copied().unwrap_or(0)
    }

    /// Gives a registration a seat, the most recently used one.
    fn insert(&mut self, registration: &Arc<Registration>, memory: u64) {
        let slot = self.order.insert(Arc::downgrade(registration));
        if self.sizes.len() <= count(slot) {
            self.sizes.resize(count(slot) + 1, 0);
        }
        if let Some(size) = self.sizes.get_mut(count(slot)) {
            *size = memory;
        }
        self.memory = self.memory.saturating_add(memory);
        registration.seat().give(slot);
    }

    /// Takes a registration's seat away. The executor is given back, to be dropped after the lock.
    fn remove(&mut self, registration: &Registration) -> Option<Arc<dyn NodeExecutor>> {
        self.vacate(registration.seat().take()?);
        registration.executor_source().release()
    }

    /// Makes a seat free; says whose it was.
    fn vacate(&mut self, slot: u32) -> Weak<Registration> {
        self.memory = self.memory.saturating_sub(self.size(slot));
        self.order.remove(slot)
    }
}

fn count(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn bytes<S: Serializer>(size: &ByteSize, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(size.as_u64())
}

fn milliseconds<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((span.as_secs_f64() * 1e6).round() / 1e3)
}
