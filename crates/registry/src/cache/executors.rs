use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jackfield_plugin_api::NodeExecutor;
use jackfield_types::ByteSize;
use parking_lot::Mutex;

use super::clock::Clock;
use super::order::Order;
use super::{CacheBounds, CacheKey, CacheStatistics, Holder, Seat};
use crate::Registration;
use crate::registration::Source;
use crate::shards::Shards;

/// No bound is above this: seats have 32 bits.
const MOST_ENTRIES: usize = 1 << 31;

/// The executors that are at hand, most recently used first.
// What every hit reads, and hardly anybody writes, is apart from what writers meet at.
#[repr(C, align(64))]
pub struct ExecutorCache {
    clock: Clock,
    uses: Shards<Uses>,
    bounds: CacheBounds,
    state: Apart,
}

#[repr(align(64))]
struct Apart(Mutex<State>);

#[derive(Default)]
struct Uses {
    hits: AtomicU64,
    misses: AtomicU64,
}

#[derive(Default)]
struct State {
    order: Order,
    /// But for entries, memory, hits and misses.
    counters: CacheStatistics,
}

/// What has to be dropped, after the lock is.
#[derive(Default)]
struct Leftovers {
    executors: Vec<Arc<Arc<dyn NodeExecutor>>>,
    holders: Vec<Arc<dyn Holder>>,
}

impl ExecutorCache {
    pub(crate) fn new(bounds: CacheBounds) -> Self {
        Self {
            clock: Clock::default(),
            uses: Shards::new(),
            bounds: CacheBounds {
                entries: bounds.entries.min(MOST_ENTRIES),
                ..bounds
            },
            state: Apart(Mutex::default()),
        }
    }

    /// Looks at what a holder holds, counts a hit or a miss, and makes it the most recently used
    /// one.
    pub(crate) fn find(
        &self,
        seat: &Seat,
        held: impl FnOnce() -> Option<Arc<dyn NodeExecutor>>,
    ) -> Option<Arc<dyn NodeExecutor>> {
        let found = held();
        let uses = self.uses.mine();
        if found.is_some() {
            seat.touch(self.clock.tick());
            uses.hits.fetch_add(1, Ordering::Relaxed);
        } else {
            uses.misses.fetch_add(1, Ordering::Relaxed);
        }
        found
    }

    /// Counts that an executor was asked for and nobody held one.
    pub(crate) fn miss(&self) {
        self.uses.mine().misses.fetch_add(1, Ordering::Relaxed);
    }

    /// Keeps the executor of a holder, unless that was retired or the executor is not wanted any
    /// more, and drops as many of the least recently used ones as the bounds ask for.
    pub(crate) fn keep(
        &self,
        holder: &Arc<dyn Holder>,
        executor: Arc<dyn NodeExecutor>,
        is_wanted: impl FnOnce() -> bool,
    ) {
        // Somebody else's code: if it panics, the executor counts as one that holds nothing.
        let memory = catch_unwind(AssertUnwindSafe(|| executor.memory().as_u64())).unwrap_or(0);
        let mut left = Leftovers::default();
        let mut evicted = Vec::new();
        let mut state = self.state.0.lock();
        // Under the lock: whoever retires a registration sets the flag first and then
        // invalidates, so nothing that is retired can stay.
        if holder.is_retired() || !is_wanted() {
            return;
        }
        if memory > self.bounds.memory.as_u64() || self.bounds.entries == 0 {
            state.counters.oversized += 1;
            return;
        }
        state.remove(&**holder, &mut left);
        holder.seat().touch(self.clock.leap());
        state.order.seat(holder, memory);
        left.executors.extend(holder.hold(executor));
        while state.order.len() > self.bounds.entries
            || state.order.memory() > self.bounds.memory.as_u64()
        {
            let Some(number) = state.order.least_recent(&mut left.holders) else {
                break;
            };
            state.counters.evictions += 1;
            if let Some(owner) = state.order.vacate(number).and_then(|one| one.upgrade()) {
                owner.seat().take();
                left.executors.extend(owner.release());
                evicted.push(owner);
            }
        }
        drop(state);
        drop(left);
        for owner in evicted {
            if let Some(registration) = owner.registration() {
                tracing::debug!(
                    target: "registry",
                    node_type = %registration.node_type(),
                    version = %registration.version(),
                    "executor evicted from the cache"
                );
            }
        }
    }

    /// Drops the executor of a registration, all tenants' if each has its own; says whether there
    /// was one.
    pub fn invalidate(&self, registration: &Registration) -> bool {
        self.drop_all(registration) > 0
    }

    /// Does what [`invalidate`](Self::invalidate) does, and says how many executors there were.
    pub(crate) fn drop_all(&self, registration: &Registration) -> usize {
        if !self.serves(registration) {
            return 0;
        }
        match registration.executor_source() {
            Source::Eager(_) | Source::Lazy(_) => self.drop_held([registration as &dyn Holder]),
            Source::PerTenant(tenants) => {
                let parts = tenants.all();
                self.drop_held(parts.iter().map(|part| &**part as &dyn Holder))
            }
        }
    }

    /// Drops the executors of holders; says how many there were.
    pub(crate) fn drop_held<'a>(&self, holders: impl IntoIterator<Item = &'a dyn Holder>) -> usize {
        let mut left = Leftovers::default();
        let mut dropped = 0;
        let mut state = self.state.0.lock();
        for holder in holders {
            if let Some(lazy) = holder.lazy() {
                lazy.let_go();
            }
            if state.remove(holder, &mut left) {
                state.counters.invalidations += 1;
                dropped += 1;
            }
        }
        drop(state);
        drop(left);
        if dropped > 0 {
            tracing::debug!(target: "registry", dropped, "executors invalidated in the cache");
        }
        dropped
    }

    /// Drops all executors; says how many there were. The counters stay.
    pub fn clear(&self) -> usize {
        let mut left = Leftovers::default();
        let mut state = self.state.0.lock();
        let order = std::mem::take(&mut state.order);
        for (holder, _) in order.holders() {
            holder.seat().take();
            left.executors.extend(holder.release());
            left.holders.push(holder);
        }
        let entries = order.len();
        state.counters.invalidations += u64::try_from(entries).unwrap_or(u64::MAX);
        drop(state);
        drop(left);
        tracing::debug!(target: "registry", entries, "executor cache cleared");
        entries
    }

    /// The executor of a registration, if it is there; changes neither counters nor recency. None
    /// if each tenant has its own: those are nobody else's to look at.
    pub fn peek(&self, registration: &Registration) -> Option<Arc<dyn NodeExecutor>> {
        if !self.serves(registration) {
            return None;
        }
        registration.executor_source().held(registration.seat())
    }

    /// Whether an executor of a registration is there, whoever's it is.
    pub(crate) fn holds(&self, registration: &Registration) -> bool {
        match registration.executor_source() {
            Source::Eager(_) | Source::Lazy(_) => self.peek(registration).is_some(),
            Source::PerTenant(tenants) => {
                self.serves(registration) && tenants.all().iter().any(|one| one.seat().is_taken())
            }
        }
    }

    /// Whether a registration has its seat here and not in the cache of another registry.
    fn serves(&self, registration: &Registration) -> bool {
        std::ptr::eq(self, Arc::as_ptr(registration.cache()))
    }

    /// What is held, most recently used first.
    pub fn keys(&self) -> Vec<CacheKey> {
        let state = self.state.0.lock();
        let mut held: Vec<_> = state.order.holders().collect();
        drop(state);
        held.sort_by_cached_key(|(holder, _)| std::cmp::Reverse(holder.seat().used()));
        let key = |(holder, memory): (Arc<dyn Holder>, u64)| {
            let tenant = holder.tenant().cloned();
            let registration = holder.registration()?;
            Some(CacheKey {
                registration: registration.id(),
                node_type: registration.node_type().clone(),
                version: registration.version().clone(),
                tenant,
                memory: ByteSize::bytes(memory),
            })
        };
        held.into_iter().filter_map(key).collect()
    }

    /// How many executors are held.
    pub fn len(&self) -> usize {
        self.state.0.lock().order.len()
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The memory that the held executors report.
    pub fn memory(&self) -> ByteSize {
        ByteSize::bytes(self.state.0.lock().order.memory())
    }

    /// How much may be held.
    pub fn bounds(&self) -> CacheBounds {
        self.bounds
    }

    /// What the cache did so far.
    pub fn statistics(&self) -> CacheStatistics {
        let state = self.state.0.lock();
        let mut statistics = CacheStatistics {
            entries: state.order.len(),
            memory: ByteSize::bytes(state.order.memory()),
            ..state.counters
        };
        drop(state);
        for uses in self.uses.iter() {
            statistics.hits += uses.hits.load(Ordering::Relaxed);
            statistics.misses += uses.misses.load(Ordering::Relaxed);
        }
        statistics
    }

    pub(crate) fn record_load(&self, took: Duration) {
        let mut state = self.state.0.lock();
        state.counters.loads += 1;
        state.counters.load_time = state.counters.load_time.saturating_add(took);
    }

    pub(crate) fn record_load_failure(&self, took: Duration) {
        let mut state = self.state.0.lock();
        state.counters.load_failures += 1;
        state.counters.load_time = state.counters.load_time.saturating_add(took);
    }
}

impl State {
    /// Takes a holder's seat away; says whether it had one.
    fn remove(&mut self, holder: &dyn Holder, left: &mut Leftovers) -> bool {
        let Some(number) = holder.seat().take() else {
            return false;
        };
        self.order.vacate(number);
        left.executors.extend(holder.release());
        true
    }
}
