//! The results that are kept, most recently used first.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jackfield_definition::Catalog;
use jackfield_types::ByteSize;
use lru_slab::LruSlab;
use parking_lot::Mutex;
use serde::Serialize;

use super::Validated;
use super::content::Content;
use super::results::Outcome;

/// How many results are kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ResultBounds {
    pub(crate) entries: usize,
    /// What the documents may have together.
    pub(crate) documents: ByteSize,
}

impl Default for ResultBounds {
    fn default() -> Self {
        Self {
            entries: 1_000,
            documents: ByteSize::mib(16),
        }
    }
}

/// What became of questions whether a workflow is right.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ValidationStatistics {
    /// How many results are kept.
    pub entries: usize,
    /// How often the answer was there.
    pub hits: u64,
    /// How often it had to be found, the first time or again.
    pub misses: u64,
    /// How many of those misses had an answer that did not stand any more. What a change to the
    /// registry swept away does not count here.
    pub stale: u64,
}

/// The results that stand, as far as is known.
pub(crate) struct Kept {
    bounds: ResultBounds,
    /// The number of what is registered.
    generation: AtomicU64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    slots: HashMap<Content, u32>,
    order: LruSlab<(Content, Arc<Outcome>)>,
    size: u64,
    statistics: ValidationStatistics,
}

impl Kept {
    pub(crate) fn new(bounds: ResultBounds) -> Self {
        let entries = bounds.entries.min(1 << 31);
        Self {
            bounds: ResultBounds { entries, ..bounds },
            generation: AtomicU64::new(0),
            state: Mutex::default(),
        }
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Drops everything, as something else is registered now. To be called after that is seen.
    pub(crate) fn invalidate(&self) {
        // Before the lock: what is found by then by the old state is not kept any more.
        self.generation.fetch_add(1, Ordering::AcqRel);
        let mut state = self.state.lock();
        let order = std::mem::take(&mut state.order);
        state.slots.clear();
        state.size = 0;
        drop(state);
        // Plans may hold the last handle to an executor, which may do anything.
        drop(order);
    }

    /// The result that is kept for a question, if it stands.
    pub(super) fn find(&self, content: Content, catalog: &dyn Catalog) -> Option<Arc<Validated>> {
        let mut state = self.state.lock();
        let found = state.slots.get(&content).copied().map(|slot| {
            let (_, outcome) = state.order.get_mut(slot);
            Arc::clone(outcome)
        });
        drop(state);
        // Somebody else's code looks for secrets: not under the lock.
        let stands = found
            .as_ref()
            .is_some_and(|outcome| outcome.stands(catalog));
        let mut state = self.state.lock();
        if stands {
            state.statistics.hits += 1;
        } else {
            state.statistics.misses += 1;
            state.statistics.stale += u64::from(found.is_some());
        }
        drop(state);
        found
            .filter(|_| stands)
            .map(|outcome| Arc::clone(&outcome.validated))
    }

    /// Keeps a result, unless something else is registered by now.
    pub(super) fn keep(&self, content: Content, outcome: Outcome) {
        let size = outcome.size;
        if size > self.bounds.documents.as_u64() || self.bounds.entries == 0 {
            return;
        }
        let mut dropped = Vec::new();
        let mut state = self.state.lock();
        if outcome.generation != self.generation() {
            return;
        }
        if let Some(slot) = state.slots.get(&content).copied() {
            dropped.push(state.remove(slot));
        }
        let slot = state.order.insert((content, Arc::new(outcome)));
        state.slots.insert(content, slot);
        state.size = state.size.saturating_add(size);
        while state.slots.len() > self.bounds.entries || state.size > self.bounds.documents.as_u64()
        {
            let Some(slot) = state.order.lru() else { break };
            dropped.push(state.remove(slot));
        }
        drop(state);
        drop(dropped);
    }

    pub(crate) fn statistics(&self) -> ValidationStatistics {
        let state = self.state.lock();
        ValidationStatistics {
            entries: state.slots.len(),
            ..state.statistics
        }
    }
}

impl State {
    fn remove(&mut self, slot: u32) -> Arc<Outcome> {
        let (content, outcome) = self.order.remove(slot);
        self.slots.remove(&content);
        self.size = self.size.saturating_sub(outcome.size);
        outcome
    }
}
