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
use super::stored::AuditStore;
use super::stored_writer::StoredWriter;
use super::trail::{Trail, check_first};
use super::writer::{Beginning, Counters, Writer};
use super::{AuditEntry, AuditError, AuditOptions, AuditReader, AuditStoreError, audited_tenants};

/// The audit trails of all tenants, in a folder of its own, in a store, or in both.
///
/// Clones share the one thread that writes to each place. When the last of them and the last
/// [`TenantAudit`] is dropped, everything is written; that blocks, as [`flush`](Self::flush) does. A
/// store has 30 s for that, and is not waited for once it did not answer: what was not written by then
/// is lost and told of in the log of the process.
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

/// The places where the trails are written: there is one at least.
struct Open {
    first: Target,
    second: Option<Target>,
}

/// A place where trails are written, and who writes there.
struct Target {
    place: Place,
    queue: Arc<Queue>,
    counters: Arc<Counters>,
    thread: Option<JoinHandle<()>>,
}

enum Place {
    Folder(PathBuf),
    Store(Arc<dyn AuditStore>),
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
        let first = Target::folder(folder, options)?;
        Ok(Self(Arc::new(Open {
            first,
            second: None,
        })))
    }

    /// Writes into a store, and into a folder too if one is given. The two trails of a tenant are
    /// chains by themselves.
    ///
    /// Records are on their way when [`record`](TenantAudit::record) returns; a crash loses those of
    /// the last moments. A trail in the store that cannot be continued with these options is found
    /// when something is recorded in it: [`check`](Self::check) finds it before.
    ///
    /// # Errors
    /// Those of [`open`](Self::open) about the folder, and [`AuditError::Store`] when the thread
    /// that writes cannot be started.
    pub fn open_in(
        store: Arc<dyn AuditStore>,
        folder: Option<&Path>,
        options: AuditOptions,
    ) -> Result<Self, AuditError> {
        let second = folder.map(|folder| Target::folder(folder, options.clone()));
        Ok(Self(Arc::new(Open {
            second: second.transpose()?,
            first: Target::store(store, options)?,
        })))
    }

    /// Makes sure that a tenant's trail in the store can be continued. It blocks the thread.
    ///
    /// # Errors
    /// [`AuditError::KeyMissing`], [`AuditError::OtherKey`], [`AuditError::NotKeyed`] or
    /// [`AuditError::Format`] when it cannot, and [`AuditError::Store`].
    pub fn check(&self, tenant: &TenantId, options: &AuditOptions) -> Result<(), AuditError> {
        let Place::Store(store) = &self.0.first.place else {
            return Ok(());
        };
        let first = store
            .read(tenant, 0, 1)
            .map_err(|error| error.at(&**store))?;
        let seal = Seal::new(options.key.clone());
        first
            .first()
            .map_or(Ok(()), |line| check_first(line, tenant, &seal))
    }

    /// The trail of one tenant. It begins with the first record.
    pub fn tenant(&self, tenant: &TenantId) -> TenantAudit {
        TenantAudit {
            log: Arc::clone(&self.0),
            tenant: tenant.clone(),
            before: Arc::default(),
        }
    }

    /// The folder of the trails, if they are in one.
    pub fn folder(&self) -> Option<&Path> {
        self.0.targets().find_map(|target| match &target.place {
            Place::Folder(folder) => Some(folder.as_path()),
            Place::Store(_) => None,
        })
    }

    /// Waits until everything that was recorded so far is written, and synced if that was asked
    /// for. It blocks the thread: in asynchronous code it belongs on a thread for that.
    ///
    /// # Errors
    /// [`AuditError::Unwritten`] while records cannot be written: they are kept, and tried again.
    pub fn flush(&self) -> Result<(), AuditError> {
        // Each place is written to, whatever is wrong with the other one.
        let flushed: Vec<_> = self
            .0
            .targets()
            .map(|target| target.queue.flush())
            .collect();
        flushed.into_iter().collect()
    }

    /// How it stands: with two places, what both of them wrote, and the worse of the rest.
    pub fn statistics(&self) -> AuditStatistics {
        let all = self.0.targets().map(Target::statistics);
        all.fold(AuditStatistics::default(), |sum, one| AuditStatistics {
            written: sum.written + one.written,
            waiting: sum.waiting.max(one.waiting),
            lost: sum.lost.max(one.lost),
            failures: sum.failures + one.failures,
        })
    }
}

impl Open {
    fn targets(&self) -> impl Iterator<Item = &Target> {
        std::iter::once(&self.first).chain(&self.second)
    }

    fn push(&self, tenant: &TenantId, entry: AuditEntry) {
        if let Some(second) = &self.second {
            second.queue.push(tenant.clone(), entry.clone());
        }
        self.first.queue.push(tenant.clone(), entry);
    }
}

impl Target {
    fn store(store: Arc<dyn AuditStore>, options: AuditOptions) -> Result<Self, AuditError> {
        let queue = Arc::new(Queue::new(options.queue.get(), options.patience));
        let counters = Arc::new(Counters::default());
        let writer = StoredWriter::new(
            Arc::clone(&store),
            Seal::new(options.key),
            Arc::clone(&queue),
            Arc::clone(&counters),
        );
        let thread = thread::Builder::new()
            .name("jackfield-audit-store".to_owned())
            .spawn(|| writer.run());
        let thread = thread.map_err(|error| {
            let reason = error.to_string();
            AuditStoreError::Failed { reason }.at(&*store)
        })?;
        Ok(Self {
            place: Place::Store(store),
            queue,
            counters,
            thread: Some(thread),
        })
    }

    fn folder(folder: &Path, options: AuditOptions) -> Result<Self, AuditError> {
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
        Ok(Self {
            place: Place::Folder(folder.to_owned()),
            queue,
            counters,
            thread: Some(thread),
        })
    }

    fn statistics(&self) -> AuditStatistics {
        AuditStatistics {
            written: self.counters.written.load(Ordering::Relaxed),
            waiting: self.queue.length(),
            lost: self.queue.lost(),
            failures: self.counters.failures.load(Ordering::Relaxed),
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
                self.log.push(&self.tenant, first);
            }
            self.before.is_there.store(false, Ordering::Relaxed);
        }
        self.log.push(&self.tenant, entry);
    }

    /// Records something before the next record of this handle and its clones, and not at all when
    /// none follows. What was to be recorded so before is replaced.
    pub(crate) fn precede(&self, entry: AuditEntry) {
        *self.before.entry.lock() = Some(entry);
        self.before.is_there.store(true, Ordering::Relaxed);
    }

    /// Writes what waits, and reads the trail from its beginning, in the store if it is in one. It
    /// blocks the thread.
    ///
    /// # Errors
    /// [`AuditError::Unwritten`] when the trail would not be whole, [`AuditError::File`] and
    /// [`AuditError::Store`]. Of what is in the way of another tenant's trail nothing is told.
    pub fn read(&self) -> Result<AuditReader, AuditError> {
        let target = &self.log.first;
        target.queue.flush_trail(&self.tenant)?;
        let folder = match &target.place {
            Place::Store(store) => {
                return Ok(AuditReader::of_store(Arc::clone(store), &self.tenant));
            }
            Place::Folder(folder) => folder,
        };
        match AuditReader::open(folder, &self.tenant) {
            Err(AuditError::NoTrail { .. }) => Ok(AuditReader::empty(&self.tenant)),
            read => read,
        }
    }
}

impl fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditLog")
            .field("folder", &self.folder())
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

impl Drop for Target {
    fn drop(&mut self) {
        self.queue.close();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that writes audit trails broke off");
        }
    }
}
