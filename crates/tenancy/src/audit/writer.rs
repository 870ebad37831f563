//! The thread that writes: the only one that touches the files.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs::File;
use std::io;
use std::mem;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jackfield_types::TenantId;
use rustc_hash::FxHashMap;
use tracing::{error, info};

use super::files::OpenFiles;
use super::folder::{head_path, trail_path};
use super::queue::{Flushed, Pending, Queue, Ticket};
use super::seal::Seal;
use super::trail::{Trail, Trouble};
use super::{AuditDurability, AuditError};

/// From how much on the lines of a trail are written in the middle of a batch.
const CHUNK: usize = 256 * 1024;

/// How much is kept of a trail that cannot be written, and of all together.
const BACKLOG_OF_TRAIL: usize = 4 * 1024 * 1024;
const BACKLOG: usize = 64 * 1024 * 1024;

/// The longest wait before a failed write is tried again.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// What was done so far, for those who ask.
#[derive(Default)]
pub(super) struct Counters {
    pub(super) written: AtomicU64,
    pub(super) failures: AtomicU64,
}

pub(super) struct Writer {
    seal: Seal,
    durability: AuditDurability,
    queue: Arc<Queue>,
    counters: Arc<Counters>,
    trails: FxHashMap<TenantId, Trail>,
    files: OpenFiles,
    /// Trails with lines that are not written.
    unwritten: BTreeSet<TenantId>,
    /// Trails whose head is not written.
    unsettled: BTreeSet<TenantId>,
    /// When heads are due.
    settle_at: Option<Instant>,
    /// Why heads could not be written.
    settle_error: Option<AuditError>,
    /// The bytes of all lines that are not written.
    backlog: usize,
    /// Held for as long as the writer lives, so that nobody else writes.
    _lock: File,
}

/// What a writer begins with.
pub(super) struct Beginning {
    pub(super) folder: PathBuf,
    pub(super) lock: File,
    pub(super) seal: Seal,
    pub(super) trails: FxHashMap<TenantId, Trail>,
}

impl Writer {
    pub(super) fn new(
        beginning: Beginning,
        open_files: usize,
        durability: AuditDurability,
        (queue, counters): (Arc<Queue>, Arc<Counters>),
    ) -> Self {
        let recovered =
            |(tenant, trail): (&TenantId, &Trail)| trail.has_unwritten().then(|| tenant.clone());
        Self {
            seal: beginning.seal,
            durability,
            queue,
            counters,
            unwritten: beginning.trails.iter().filter_map(recovered).collect(),
            trails: beginning.trails,
            files: OpenFiles::new(beginning.folder, open_files),
            unsettled: BTreeSet::new(),
            settle_at: None,
            settle_error: None,
            backlog: 0,
            _lock: beginning.lock,
        }
    }

    /// Writes until the queue is closed.
    pub(super) fn run(mut self) {
        let _closed = OnDrop(Arc::clone(&self.queue));
        let mut used = Vec::new();
        self.write_all(Effort::Ordinary);
        loop {
            let work = self.queue.take(mem::take(&mut used), self.due());
            for (tenant, records) in work.lost {
                self.lose(tenant, records);
            }
            used = work.pending;
            for pending in used.drain(..) {
                self.append(pending);
            }
            let is_urgent = work.closing || work.flush.is_some();
            self.write_all(if is_urgent {
                Effort::Now
            } else {
                Effort::Ordinary
            });
            if is_urgent || self.settle_at.is_some_and(|at| at <= Instant::now()) {
                self.settle();
            }
            if let Some(ticket) = work.flush {
                self.answer(ticket);
            }
            if work.closing {
                return self.end();
            }
        }
    }

    fn due(&self) -> Option<Instant> {
        let retries = self.unwritten.iter().filter_map(|tenant| {
            let trouble = self.trails.get(tenant)?.trouble.as_ref()?;
            Some(trouble.retry_at)
        });
        self.settle_at.into_iter().chain(retries).min()
    }

    fn lose(&mut self, tenant: TenantId, records: u64) {
        let trail = self.trails.entry(tenant.clone()).or_insert_with(Trail::new);
        trail.lost += records;
        self.unwritten.insert(tenant);
    }

    fn append(&mut self, Pending { tenant, at, entry }: Pending) {
        // Looked for first: nearly always there is one, and then its name is not copied.
        let trail = match self.trails.get_mut(&tenant) {
            Some(trail) => trail,
            None => self.trails.entry(tenant.clone()).or_insert_with(Trail::new),
        };
        let before = trail.unwritten_bytes();
        if trail.trouble.is_some() && (before >= BACKLOG_OF_TRAIL || self.backlog >= BACKLOG) {
            self.queue.count_lost(1);
            return self.lose(tenant, 1);
        }
        if let Err(source) = trail.append(&tenant, at, entry, &self.seal) {
            error!(%tenant, error = &source as &dyn Error, "an audit record cannot be put into words");
            self.queue.count_lost(1);
            return self.lose(tenant, 1);
        }
        let after = trail.unwritten_bytes();
        self.backlog += after.saturating_sub(before);
        if before == 0 {
            self.unwritten.insert(tenant.clone());
        }
        if after >= CHUNK {
            self.write_trail(&tenant, Effort::Ordinary);
        }
    }

    fn write_all(&mut self, effort: Effort) {
        for tenant in mem::take(&mut self.unwritten) {
            self.write_trail(&tenant, effort);
            if self.trails.get(&tenant).is_some_and(Trail::has_unwritten) {
                self.unwritten.insert(tenant);
            }
        }
    }

    /// Writes what there is of a trail, unless that failed just now.
    fn write_trail(&mut self, tenant: &TenantId, effort: Effort) {
        let Some(trail) = self.trails.get_mut(tenant) else {
            return;
        };
        let is_due = |trouble: &Trouble| trouble.retry_at <= Instant::now();
        if effort == Effort::Ordinary && !trail.trouble.as_ref().is_none_or(is_due) {
            return;
        }
        let before = trail.unwritten_bytes();
        let result = write_trail(trail, tenant, &mut self.files, &self.seal);
        let after = trail.unwritten_bytes();
        self.backlog = self.backlog.saturating_sub(before.saturating_sub(after));
        match result {
            Ok(records) => {
                if trail.trouble.take().is_some() {
                    info!(%tenant, "the audit trail is written again");
                }
                self.counters.written.fetch_add(records, Ordering::Relaxed);
                self.unsettled.insert(tenant.clone());
                let due = Instant::now() + self.durability.every();
                self.settle_at.get_or_insert(due);
            }
            Err(source) => {
                self.files.close(tenant);
                let error = AuditError::file(trail_path(&self.files.folder, tenant), source);
                self.counters.failures.fetch_add(1, Ordering::Relaxed);
                trail.hinder(tenant, error);
            }
        }
    }

    /// Makes sure that what was written is kept, and writes down how far it goes.
    fn settle(&mut self) {
        self.settle_at = None;
        self.settle_error = None;
        let sync = self.durability.is_synced();
        for tenant in mem::take(&mut self.unsettled) {
            let Some(trail) = self.trails.get_mut(&tenant) else {
                continue;
            };
            // The head goes as far as the file does: what is not written settles later.
            let settled = if trail.has_unwritten() {
                None
            } else {
                Some(self.files.settle(&tenant, trail, &self.seal, sync))
            };
            if let Some(Err(source)) = &settled {
                error!(%tenant, error = source as &dyn Error, "the head of an audit trail cannot be written");
            }
            if !matches!(settled, Some(Ok(()))) {
                self.unsettled.insert(tenant.clone());
                self.settle_at = Some(Instant::now() + LONGEST_WAIT);
            }
            if let Some(Err(source)) = settled {
                self.counters.failures.fetch_add(1, Ordering::Relaxed);
                let path = head_path(&self.files.folder, &tenant);
                self.settle_error = Some(AuditError::file(path, source));
            }
        }
        if sync && let Err(source) = self.files.sync_folder() {
            self.settle_error = Some(AuditError::file(&self.files.folder, source));
        }
    }

    /// Tells those who flush what is in the way, if something is.
    fn answer(&mut self, ticket: Ticket) {
        let trails = || {
            self.unwritten
                .iter()
                .filter_map(|tenant| self.trails.get(tenant))
        };
        let records = trails().map(Trail::unwritten_records).sum();
        let in_the_way = trails().find_map(|trail| trail.in_the_way(records));
        let of_trail = |tenant: &TenantId| {
            let trail = self.trails.get(tenant)?;
            let error = trail.in_the_way(trail.unwritten_records())?;
            Some((tenant.clone(), error))
        };
        let result = Flushed {
            error: in_the_way.or_else(|| self.settle_error.clone()),
            unwritten: self.unwritten.iter().filter_map(of_trail).collect(),
        };
        self.queue.flushed(ticket, result);
    }

    /// Says what could not be written to the last.
    fn end(&self) {
        for tenant in &self.unwritten {
            let Some(trail) = self.trails.get(tenant) else {
                continue;
            };
            let records = trail.unwritten_records() + trail.lost;
            let reason = trail.trouble.as_ref().map(|trouble| &trouble.error);
            error!(%tenant, records, ?reason, "audit records could not be written before the end");
        }
    }
}

/// Writes what there is of a trail, and after it how many records are missing, if some are.
fn write_trail(
    trail: &mut Trail,
    tenant: &TenantId,
    files: &mut OpenFiles,
    seal: &Seal,
) -> io::Result<u64> {
    let file = files.open(tenant, trail)?;
    let records = trail.write_to(file)?;
    trail.append_lost(tenant, seal)?;
    Ok(records + trail.write_to(file)?)
}

/// Whether a write that failed just now is tried again before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effort {
    /// When its time has come.
    Ordinary,
    /// At once.
    Now,
}

/// Tells the queue that the writer has ended, however it does.
pub(super) struct OnDrop(pub(super) Arc<Queue>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.closed();
    }
}
