//! The thread that adds to the trails in a store: the only one that does.

use std::collections::BTreeSet;
use std::error::Error;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use jackfield_types::TenantId;
use rustc_hash::FxHashMap;
use tracing::{error, info};

use super::queue::{Flushed, Pending, Queue, Ticket};
use super::seal::Seal;
use super::stored::AuditStore;
use super::stored_closing::ClosingStore;
use super::stored_trail::StoredTrail;
use super::trail::Trouble;
use super::writer::{Counters, Effort, OnDrop};

/// How many records are kept of a trail that cannot be written, and of all together.
const BACKLOG_OF_TRAIL: usize = 8_192;
const BACKLOG: usize = 131_072;
/// With more trails than this, those of which nothing waits are looked up anew when they are written
/// to again.
const MANY_TRAILS: usize = 10_000;

pub(super) struct StoredWriter {
    pub(super) seal: Seal,
    store: ClosingStore,
    pub(super) queue: Arc<Queue>,
    pub(super) counters: Arc<Counters>,
    trails: FxHashMap<TenantId, StoredTrail>,
    /// Trails with records that are not written.
    unwritten: BTreeSet<TenantId>,
    /// The records of all trails that are not written.
    backlog: usize,
}

impl StoredWriter {
    pub(super) fn new(
        store: Arc<dyn AuditStore>,
        seal: Seal,
        queue: Arc<Queue>,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            seal,
            store: ClosingStore::new(store, Arc::clone(&queue)),
            queue,
            counters,
            trails: FxHashMap::default(),
            unwritten: BTreeSet::new(),
            backlog: 0,
        }
    }

    /// Writes until the queue is closed.
    pub(super) fn run(mut self) {
        let _closed = OnDrop(Arc::clone(&self.queue));
        let mut used = Vec::new();
        loop {
            let work = self.queue.take(mem::take(&mut used), self.due());
            for (tenant, records) in work.lost {
                self.lose(tenant, records);
            }
            used = work.pending;
            for pending in used.drain(..) {
                self.push(pending);
            }
            let is_urgent = work.closing || work.flush.is_some();
            self.write_all(if is_urgent {
                Effort::Now
            } else {
                Effort::Ordinary
            });
            if let Some(ticket) = work.flush {
                self.answer(ticket);
            }
            if work.closing {
                return self.end();
            }
            if self.trails.len() > MANY_TRAILS {
                self.trails.retain(|_, trail| trail.has_unwritten());
            }
        }
    }

    fn due(&self) -> Option<Instant> {
        let trails = self.unwritten.iter();
        let retries = trails.filter_map(|tenant| self.trails.get(tenant)?.retry_at());
        retries.min()
    }

    fn lose(&mut self, tenant: TenantId, records: u64) {
        self.trails.entry(tenant.clone()).or_default().lost += records;
        self.unwritten.insert(tenant);
    }

    fn push(&mut self, Pending { tenant, at, entry }: Pending) {
        let trail = self.trails.entry(tenant.clone()).or_default();
        if trail.trouble.is_some()
            && (trail.waiting() >= BACKLOG_OF_TRAIL || self.backlog >= BACKLOG)
        {
            self.queue.count_lost(1);
            return self.lose(tenant, 1);
        }
        trail.push(at, entry);
        self.backlog += 1;
        self.unwritten.insert(tenant);
    }

    fn write_all(&mut self, effort: Effort) {
        for tenant in mem::take(&mut self.unwritten) {
            let Some(trail) = self.trails.get_mut(&tenant) else {
                continue;
            };
            let is_due = trail.retry_at().is_none_or(|at| at <= Instant::now());
            if is_due || effort == Effort::Now {
                let before = trail.waiting();
                let result = trail.write(&tenant, &self.store, &self.seal);
                // What tells of lost ones waits, too.
                let others = self.backlog.saturating_sub(before);
                self.backlog = others.saturating_add(trail.waiting());
                match result {
                    Ok(records) => {
                        if trail.trouble.take().is_some() {
                            info!(%tenant, "the audit trail is written again");
                        }
                        self.counters.written.fetch_add(records, Ordering::Relaxed);
                    }
                    Err(error) => {
                        self.counters.failures.fetch_add(1, Ordering::Relaxed);
                        let before = trail.trouble.take();
                        trail.trouble = Some(Trouble::after(before.as_ref(), &tenant, error));
                    }
                }
            }
            if trail.has_unwritten() {
                self.unwritten.insert(tenant);
            }
        }
    }

    /// Tells those who flush what is in the way, if something is.
    fn answer(&self, ticket: Ticket) {
        let trails = || {
            let tenants = self.unwritten.iter();
            tenants.filter_map(|tenant| Some((tenant, self.trails.get(tenant)?)))
        };
        let waiting = |trail: &StoredTrail| u64::try_from(trail.waiting()).unwrap_or(u64::MAX);
        let records = trails().map(|(_, trail)| waiting(trail)).sum();
        let result = Flushed {
            error: trails().find_map(|(_, trail)| trail.in_the_way(records)),
            unwritten: trails()
                .filter_map(|(tenant, trail)| {
                    Some((tenant.clone(), trail.in_the_way(waiting(trail))?))
                })
                .collect(),
        };
        self.queue.flushed(ticket, result);
    }

    /// Says what could not be written to the last.
    fn end(&self) {
        for tenant in &self.unwritten {
            let Some(trail) = self.trails.get(tenant) else {
                continue;
            };
            let reason = trail.trouble.as_ref().map(|trouble| &trouble.error);
            let reason = reason.map(|reason| reason as &dyn Error);
            error!(%tenant, records = trail.waiting(), reason, "audit records could not be written before the end");
        }
    }
}
