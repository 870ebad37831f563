//! The executor cache: bounded by count and by bytes, strictly least recently used.
//!
//! A registration knows its own seat in the cache, so that finding its executor takes no hashing
//! and touches little memory, however many there are. As a registration is never changed and its id
//! never used again, a stale executor cannot be found in the name of a newer registration. Seats
//! are given and taken under the lock, and only there.
//!
//! An executor that is dropped from the cache is dropped after the lock is released: whatever its
//! destructor does, it cannot hold up other calls.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use jackfield_plugin_api::NodeExecutor;
use jackfield_types::{ByteSize, NodeTypeId};
use lru_slab::LruSlab;
use parking_lot::Mutex;
use semver::Version;
use serde::{Serialize, Serializer};

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
pub struct ExecutorCache {
    bounds: CacheBounds,
    state: Mutex<State>,
}

struct State {
    entries: LruSlab<Entry>,
    memory: u64,
    counters: CacheStatistics,
}

struct Entry {
    executor: Arc<dyn NodeExecutor>,
    /// Whose it is. A registration that nobody holds any more cannot ask for it either.
    registration: Weak<Registration>,
    memory: u64,
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
        let counters = CacheStatistics::default();
        let state = State {
            entries: LruSlab::new(),
            memory: 0,
            counters,
        };
        Self {
            bounds,
            state: Mutex::new(state),
        }
    }

    /// Looks for the executor of a registration, counts a hit or a miss, and makes it the most
    /// recently used one.
    pub(crate) fn find(&self, registration: &Registration) -> Option<Arc<dyn NodeExecutor>> {
        let mut state = self.state.lock();
        let Some(slot) = registration.seat().slot() else {
            state.counters.misses += 1;
            return None;
        };
        state.counters.hits += 1;
        Some(Arc::clone(&state.entries.get_mut(slot).executor))
    }

    /// Keeps the executor of a registration, unless that was retired, and drops as many of the
    /// least recently used ones as the bounds ask for.
    pub(crate) fn keep(&self, registration: &Arc<Registration>, executor: Arc<dyn NodeExecutor>) {
        let memory = executor.memory().as_u64();
        let entry = Entry {
            executor,
            registration: Arc::downgrade(registration),
            memory,
        };
        let mut dropped = Vec::new();
        let mut evicted = Vec::new();
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
        dropped.extend(state.remove(registration.seat()));
        state.memory = state.memory.saturating_add(memory);
        registration.seat().give(state.entries.insert(entry));
        while state.len() > self.bounds.entries || state.memory > self.bounds.memory.as_u64() {
            let Some(slot) = state.entries.lru() else {
                break;
            };
            let entry = state.entries.remove(slot);
            state.memory = state.memory.saturating_sub(entry.memory);
            state.counters.evictions += 1;
            let owner = entry.registration.upgrade();
            if let Some(owner) = &owner {
                owner.seat().take();
            }
            evicted.push((owner, entry));
        }
        drop(state);
        for owner in evicted.iter().filter_map(|(owner, _)| owner.as_ref()) {
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
        let removed = state.remove(registration.seat());
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
        let dropped = std::mem::take(&mut state.entries);
        let owners: Vec<_> = dropped
            .iter()
            .filter_map(|(_, entry)| entry.registration.upgrade())
            .collect();
        for owner in &owners {
            owner.seat().take();
        }
        state.memory = 0;
        state.counters.invalidations += u64::from(dropped.len());
        drop(state);
        tracing::debug!(target: "registry", entries = dropped.len(), "executor cache cleared");
        count(dropped.len())
    }

    /// The executor of a registration, if it is there; changes neither counters nor recency.
    pub fn peek(&self, registration: &Registration) -> Option<Arc<dyn NodeExecutor>> {
        if !self.serves(registration) {
            return None;
        }
        let state = self.state.lock();
        let slot = registration.seat().slot()?;
        Some(Arc::clone(&state.entries.peek(slot).executor))
    }

    /// Whether a registration has its seat here and not in the cache of another registry.
    fn serves(&self, registration: &Registration) -> bool {
        std::ptr::eq(self, Arc::as_ptr(registration.cache()))
    }

    /// What is held, most recently used first.
    pub fn keys(&self) -> Vec<CacheKey> {
        let state = self.state.lock();
        let held: Vec<_> = state
            .entries
            .iter()
            .filter_map(|(_, entry)| Some((entry.registration.upgrade()?, entry.memory)))
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
        count(self.entries.len())
    }

    /// Takes a registration's seat away. The entry is given back, to be dropped after the lock.
    fn remove(&mut self, seat: &Seat) -> Option<Entry> {
        let entry = self.entries.remove(seat.take()?);
        self.memory = self.memory.saturating_sub(entry.memory);
        Some(entry)
    }
}

fn count(entries: u32) -> usize {
    usize::try_from(entries).unwrap_or(usize::MAX)
}

fn bytes<S: Serializer>(size: &ByteSize, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(size.as_u64())
}

fn milliseconds<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((span.as_secs_f64() * 1e6).round() / 1e3)
}
