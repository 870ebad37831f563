//! The executor cache: bounded by count and by bytes, strictly least recently used.
//!
//! It is keyed by [`RegistrationId`], which is never used again, so a stale executor cannot be
//! found under the key of a newer one. An executor that is dropped from it is dropped after the
//! lock is released: whatever its destructor does, it cannot hold up other calls.

use std::sync::Arc;
use std::time::Duration;

use jackfield_plugin_api::NodeExecutor;
use jackfield_types::{ByteSize, NodeTypeId};
use lru::LruCache;
use parking_lot::Mutex;
use rustc_hash::FxBuildHasher;
use semver::Version;
use serde::{Serialize, Serializer};

use crate::{Registration, RegistrationId};

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
    entries: LruCache<RegistrationId, Entry, FxBuildHasher>,
    memory: u64,
    counters: CacheStatistics,
}

struct Entry {
    executor: Arc<dyn NodeExecutor>,
    node_type: NodeTypeId,
    version: Version,
    memory: u64,
}

impl ExecutorCache {
    pub(crate) fn new(bounds: CacheBounds) -> Self {
        let entries = LruCache::unbounded_with_hasher(FxBuildHasher);
        let counters = CacheStatistics::default();
        Self {
            bounds,
            state: Mutex::new(State {
                entries,
                memory: 0,
                counters,
            }),
        }
    }

    /// Looks for an executor, counts a hit or a miss, and makes it the most recently used one.
    pub(crate) fn find(&self, id: RegistrationId) -> Option<Arc<dyn NodeExecutor>> {
        let mut state = self.state.lock();
        let found = state
            .entries
            .get(&id)
            .map(|entry| Arc::clone(&entry.executor));
        match &found {
            Some(_) => state.counters.hits += 1,
            None => state.counters.misses += 1,
        }
        found
    }

    /// Keeps the executor of a registration, unless that was retired, and drops as many of the
    /// least recently used ones as the bounds ask for.
    pub(crate) fn keep(&self, registration: &Registration, executor: Arc<dyn NodeExecutor>) {
        let memory = executor.memory().as_u64();
        let entry = Entry {
            executor,
            node_type: registration.node_type().clone(),
            version: registration.version().clone(),
            memory,
        };
        let mut dropped = Vec::new();
        let mut state = self.state.lock();
        // Under the lock: `retire` sets the flag first and then invalidates, so nothing that is
        // retired can stay.
        if registration.is_retired() {
            return;
        }
        if memory > self.bounds.memory.as_u64() || self.bounds.entries == 0 {
            state.counters.oversized += 1;
            return;
        }
        state.memory = state.memory.saturating_add(memory);
        if let Some((_, replaced)) = state.entries.push(registration.id(), entry) {
            state.memory = state.memory.saturating_sub(replaced.memory);
            dropped.push(replaced);
        }
        let first_evicted = dropped.len();
        while state.entries.len() > self.bounds.entries
            || state.memory > self.bounds.memory.as_u64()
        {
            let Some((_, evicted)) = state.entries.pop_lru() else {
                break;
            };
            state.memory = state.memory.saturating_sub(evicted.memory);
            state.counters.evictions += 1;
            dropped.push(evicted);
        }
        drop(state);
        for entry in &dropped[first_evicted..] {
            tracing::debug!(
                target: "registry",
                node_type = %entry.node_type,
                version = %entry.version,
                "executor evicted from the cache"
            );
        }
    }

    /// Drops the executor of a registration; says whether there was one.
    pub fn invalidate(&self, id: RegistrationId) -> bool {
        let mut state = self.state.lock();
        let Some(entry) = state.entries.pop(&id) else {
            return false;
        };
        state.memory = state.memory.saturating_sub(entry.memory);
        state.counters.invalidations += 1;
        drop(state);
        tracing::debug!(
            target: "registry",
            node_type = %entry.node_type,
            version = %entry.version,
            "executor invalidated in the cache"
        );
        true
    }

    /// Drops all executors; says how many there were. The counters stay.
    pub fn clear(&self) -> usize {
        let mut state = self.state.lock();
        let fresh = LruCache::unbounded_with_hasher(FxBuildHasher);
        let dropped = std::mem::replace(&mut state.entries, fresh);
        state.memory = 0;
        state.counters.invalidations += dropped.len() as u64;
        drop(state);
        tracing::debug!(target: "registry", entries = dropped.len(), "executor cache cleared");
        dropped.len()
    }

    /// The executor of a registration, if it is there; changes neither counters nor recency.
    pub fn peek(&self, id: RegistrationId) -> Option<Arc<dyn NodeExecutor>> {
        self.state
            .lock()
            .entries
            .peek(&id)
            .map(|entry| Arc::clone(&entry.executor))
    }

    /// What is held, most recently used first.
    pub fn keys(&self) -> Vec<CacheKey> {
        let state = self.state.lock();
        let keys = state.entries.iter().map(|(id, entry)| CacheKey {
            registration: *id,
            node_type: entry.node_type.clone(),
            version: entry.version.clone(),
            memory: ByteSize::bytes(entry.memory),
        });
        keys.collect()
    }

    /// How many executors are held.
    pub fn len(&self) -> usize {
        self.state.lock().entries.len()
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
            entries: state.entries.len(),
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

fn bytes<S: Serializer>(size: &ByteSize, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(size.as_u64())
}

fn milliseconds<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((span.as_secs_f64() * 1e6).round() / 1e3)
}
