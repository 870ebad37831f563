use std::fmt;
use std::fs::{self, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use jackfield_types::TenantId;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;

use super::folder::{lock_path, private};
use super::queue::Queue;
use super::seal::Seal;
use super::trail::Trail;
use super::writer::{Beginning, Counters, Writer};
use super::{AuditEntry, AuditError, AuditOptions, AuditReader, audited_tenants};

/// The audit trails of all tenants, in a folder of its own.
///
/// Clones share the one thread that writes. When the last of them and the last [`TenantAudit`] is
/// dropped, everything is written; that blocks, as [`flush`](Self::flush) does.
#[derive(Clone)]
pub struct AuditLog(Arc<Open>);

/// The audit trail of one tenant, and of no other.
#[derive(Clone)]
pub struct TenantAudit {
    log: Arc<Open>,
    tenant: TenantId,
    before: Arc<Before>,
}

/// What is recorded only if something follows it.
#[derive(Default)]
struct Before {
    is_there: AtomicBool,
    entry: Mutex<Option<AuditEntry>>,
}

struct Open {
    folder: PathBuf,
    queue: Arc<Queue>,
    counters: Arc<Counters>,
    thread: Option<JoinHandle<()>>,
}

/// How an [`AuditLog`] stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct AuditStatistics {
    /// Records that were written, those that trails make by themselves included.
    pub written: u64,
    /// Records that wait in the queue.
    pub waiting: usize,
    /// Records that could not be kept. The trails say so themselves.
    pub lost: u64,
    /// Writes that failed. What they were to write is kept and tried again.
    pub failures: u64,
}

impl AuditLog {
    /// Opens the folder, makes it if need be, and mends the ends of trails that a crash cut off.
    ///
    /// # Errors
    /// [`AuditError::InUse`] when somebody else writes into the folder,
    /// [`AuditError::KeyMissing`], [`AuditError::OtherKey`], [`AuditError::NotKeyed`] or
    /// [`AuditError::Format`] when a trail in it cannot be continued with these options, and
    /// [`AuditError::File`].
    pub fn open(folder: &Path, options: AuditOptions) -> Result<Self, AuditError> {
        fs::create_dir_all(folder).map_err(|error| AuditError::file(folder, error))?;
        let path = lock_path(folder);
        let lock = private(OpenOptions::new().write(true).create(true).truncate(false))
            .open(&path)
            .map_err(|error| AuditError::file(&path, error))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => AuditError::InUse {
                folder: folder.to_owned(),
            },
            TryLockError::Error(error) => AuditError::file(&path, error),
        })?;
        let seal = Seal::new(options.key);
        let mut trails = FxHashMap::default();
        for tenant in audited_tenants(folder)? {
            let trail = Trail::recover(folder, &tenant, &seal)?;
            trails.insert(tenant, trail);
        }
        let queue = Arc::new(Queue::new(options.queue.get(), options.patience));
        let counters = Arc::new(Counters::default());
        let beginning = Beginning {
            folder: folder.to_owned(),
            lock,
            seal,
            trails,
        };
        let shared = (Arc::clone(&queue), Arc::clone(&counters));
        let writer = Writer::new(
            beginning,
            options.open_files.get(),
            options.durability,
            shared,
        );
        let thread = thread::Builder::new()
            .name("jackfield-audit".to_owned())
            .spawn(|| writer.run())
            .map_err(|error| AuditError::file(folder, error))?;
        Ok(Self(Arc::new(Open {
            folder: folder.to_owned(),
            queue,
            counters,
            thread: Some(thread),
        })))
    }

    /// The trail of one tenant. It begins with the first record.
    pub fn tenant(&self, tenant: &TenantId) -> TenantAudit {
        TenantAudit {
            log: Arc::clone(&self.0),
            tenant: tenant.clone(),
            before: Arc::default(),
        }
    }

    /// The folder of the trails.
    pub fn folder(&self) -> &Path {
        &self.0.folder
    }

    /// Waits until everything that was recorded so far is written, and synced if that was asked
    /// for. It blocks the thread: in asynchronous code it belongs on a thread for that.
    ///
    /// # Errors
    /// [`AuditError::Unwritten`] while records cannot be written: they are kept, and tried again.
    pub fn flush(&self) -> Result<(), AuditError> {
        self.0.queue.flush()
    }

    /// How it stands.
    pub fn statistics(&self) -> AuditStatistics {
        AuditStatistics {
            written: self.0.counters.written.load(Ordering::Relaxed),
            waiting: self.0.queue.length(),
            lost: self.0.queue.lost(),
            failures: self.0.counters.failures.load(Ordering::Relaxed),
        }
    }
}

impl TenantAudit {
    /// Whose trail it is.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// Records something. It does not wait for the disk, unless so many records wait already that
    /// the queue is full; then it blocks for as long as [`AuditOptions::patience`] says.
    pub fn record(&self, entry: AuditEntry) {
        if self.before.is_there.load(Ordering::Relaxed) {
            // Held until it is in the queue: nobody's record comes before it.
            let mut before = self.before.entry.lock();
            if let Some(first) = before.take() {
                self.log.queue.push(self.tenant.clone(), first);
            }
            self.before.is_there.store(false, Ordering::Relaxed);
        }
        self.log.queue.push(self.tenant.clone(), entry);
    }

    /// Records something before the next record of this handle and its clones, and not at all when
    /// none follows. What was to be recorded so before is replaced.
    pub(crate) fn precede(&self, entry: AuditEntry) {
        *self.before.entry.lock() = Some(entry);
        self.before.is_there.store(true, Ordering::Relaxed);
    }

    /// Writes what waits, and reads the trail from its beginning. It blocks the thread.
    ///
    /// # Errors
    /// [`AuditError::Unwritten`] when the trail would not be whole, and [`AuditError::File`]. Of
    /// what is in the way of another tenant's trail nothing is told.
    pub fn read(&self) -> Result<AuditReader, AuditError> {
        self.log.queue.flush_trail(&self.tenant)?;
        match AuditReader::open(&self.log.folder, &self.tenant) {
            Err(AuditError::NoTrail { .. }) => Ok(AuditReader::empty(&self.tenant)),
            read => read,
        }
    }
}

impl fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditLog")
            .field("folder", &self.0.folder)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for TenantAudit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantAudit")
            .field("tenant", &self.tenant)
            .finish_non_exhaustive()
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.queue.close();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that writes audit trails broke off");
        }
    }
}
