use std::fmt;
use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use jackfield_store_api::{
    Claim, Claimed, PageRequest, Store, StoreError, StoreFuture, TenantStore,
};
use jackfield_types::TenantId;
use jiff::Timestamp;
use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::{oneshot, watch};

use crate::checkpoint::{self, Log};
use crate::error::{Fault, Place, is_busy};
use crate::ledger::Ledger;
use crate::lock::{WorkerLock, private};
use crate::options::{Role, SqliteOptions};
use crate::queue::{NoEntry, Queue};
use crate::readers::{self, Reading};
use crate::tenant::SqliteTenant;
use crate::writer::{Change, Operation, Writer};
use crate::{claims, connection, schema};

/// A store in one SQLite file.
///
/// Letting go of it, and of all that it gave, writes what waits and closes the file;
/// [`close`](Store::close) does so while others still have it.
pub struct SqliteStore {
    pub(crate) inner: Arc<Inner>,
}

/// What is open as long as anybody has a part of the store.
pub(crate) struct Inner {
    pub(crate) options: SqliteOptions,
    pub(crate) place: Place,
    changes: Arc<Queue<Box<dyn Operation>>>,
    readings: Arc<Queue<Reading>>,
    /// Whether the file is closed.
    closed: watch::Receiver<bool>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl SqliteStore {
    /// Opens a file, makes it if there is none, and brings it to the newest schema. Blocks while it
    /// does.
    ///
    /// # Errors
    /// [`StoreError::InUse`] when another worker has it, [`StoreError::Newer`],
    /// [`StoreError::Damaged`], [`StoreError::Refused`] when it is no file of ours,
    /// [`StoreError::Full`], [`StoreError::Unavailable`], [`StoreError::Failed`].
    pub fn open(mut options: SqliteOptions) -> Result<Self, StoreError> {
        let place = Place(options.describe().into());
        make(&options.path, &place)?;
        // The same file has one lock, by whatever way it is reached.
        options.path = std::fs::canonicalize(&options.path)
            .map_err(|error| place.io("finding the file", error))?;
        let lock = match options.role {
            Role::Worker => Some(WorkerLock::acquire(&options.path, &place)?),
            Role::Visitor => None,
        };
        let broken = |error| place.broken(error);
        let writing = patiently(|| prepared(&options, &place))?;
        let moving = patiently(|| connection::for_checkpoints(&options).map_err(broken))?;
        let reading = (0..options.readers)
            .map(|_| patiently(|| connection::for_reading(&options).map_err(broken)))
            .collect::<Result<Vec<_>, _>>()?;

        let (closed_sender, closed) = watch::channel(false);
        let mut threads = Threads {
            changes: Arc::new(Queue::new()),
            readings: Arc::new(Queue::new()),
            checkpoints: Arc::new(Queue::new()),
            beside: Vec::new(),
        };
        for connection in reading {
            let queue = Arc::clone(&threads.readings);
            threads.start(
                "store-read",
                move || readers::run(&connection, &queue),
                &place,
            )?;
        }
        let underway = Arc::new(AtomicBool::new(false));
        let log = Log::new(Arc::clone(&threads.checkpoints), Arc::clone(&underway));
        let requests = Arc::clone(&threads.checkpoints);
        let run = move || checkpoint::run(&moving, &requests, &underway);
        threads.start("store-checkpoint", run, &place)?;

        let changes = Arc::clone(&threads.changes);
        let readings = Arc::clone(&threads.readings);
        let writer = Writer {
            queue: Arc::clone(&changes),
            ledger: Ledger::new(writing, options.now()),
            log,
            options: options.clone(),
            place: place.clone(),
        };
        let writer = thread::Builder::new()
            .name("store-write".to_owned())
            .spawn(move || finish(writer, threads, lock, &closed_sender))
            .map_err(|error| place.io("starting a thread", error))?;
        let inner = Inner {
            options,
            place,
            changes,
            readings,
            closed,
            writer: Mutex::new(Some(writer)),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }
}

/// A connection that writes, to a file with the newest schema.
fn prepared(options: &SqliteOptions, place: &Place) -> Result<Connection, StoreError> {
    let broken = |error| place.broken(error);
    let mut connection = connection::to_look(options).map_err(broken)?;
    schema::look(&mut connection, place)?;
    connection::to_write(&connection, options).map_err(broken)?;
    schema::prepare(&mut connection, place, options.role, options.now())?;
    Ok(connection)
}

/// Tries again for a while as long as another process is just making, opening or closing the file:
/// SQLite does not wait by itself then.
fn patiently<T>(mut open: impl FnMut() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let begin = Instant::now();
    loop {
        match open() {
            Err(error) if is_busy(&error) && begin.elapsed() < connection::BUSY => {
                thread::sleep(Duration::from_millis(10));
            }
            done => return done,
        }
    }
}

/// Runs the writer, and closes everything after it.
fn finish(
    mut writer: Writer,
    mut threads: Threads,
    lock: Option<WorkerLock>,
    closed: &watch::Sender<bool>,
) {
    writer.run();
    threads.stop();
    let connection = writer.ledger.connection;
    // What stays in the log is moved when the file is opened the next time.
    let _ = checkpoint::finish(&connection);
    drop(connection);
    drop(lock);
    let _ = closed.send(true);
}

/// The queues, and the threads beside the writer.
struct Threads {
    changes: Arc<Queue<Box<dyn Operation>>>,
    readings: Arc<Queue<Reading>>,
    checkpoints: Arc<Queue<()>>,
    beside: Vec<JoinHandle<()>>,
}

impl Threads {
    fn start(
        &mut self,
        name: &str,
        run: impl FnOnce() + Send + 'static,
        place: &Place,
    ) -> Result<(), StoreError> {
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(run)
            .map_err(|error| place.io("starting a thread", error))?;
        self.beside.push(thread);
        Ok(())
    }

    fn stop(&mut self) {
        self.changes.close();
        self.readings.close();
        self.checkpoints.close();
        for thread in self.beside.drain(..) {
            // A panic there was told to whoever waited for it.
            let _ = thread.join();
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Inner {
    /// Has the writer make a change. It is in its place in the order of changes when this returns,
    /// and the future gives the answer when it is safe.
    pub(crate) fn change<'a, T: Send + 'static>(
        &self,
        weight: usize,
        change: impl FnMut(&mut Ledger) -> Result<T, Fault> + Send + 'static,
    ) -> StoreFuture<'a, T> {
        let (caller, answer) = oneshot::channel();
        let operation = Change {
            weight,
            change,
            answer: None,
            caller,
        };
        let queued = self.changes.push(Box::new(operation));
        self.answer(queued, answer)
    }

    /// Has a reader read something.
    pub(crate) fn read<'a, T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> StoreFuture<'a, T> {
        let (caller, answer) = oneshot::channel();
        let reading = readers::reading(self.place.clone(), caller, read);
        let queued = self.readings.push(reading);
        self.answer(queued, answer)
    }

    /// Refuses what only a worker may do.
    pub(crate) fn check_worker(&self) -> Result<(), StoreError> {
        match self.options.role {
            Role::Worker => Ok(()),
            Role::Visitor => Err(StoreError::InUse {
                store: self.place.0.to_string(),
                reason: "it was opened to look, not to run executions; open it as a worker"
                    .to_owned(),
            }),
        }
    }

    fn answer<'a, T: Send + 'static>(
        &self,
        queued: Result<(), NoEntry>,
        answer: oneshot::Receiver<Result<T, StoreError>>,
    ) -> StoreFuture<'a, T> {
        match queued {
            Ok(()) => {
                let place = self.place.clone();
                Box::pin(async move { answer.await.unwrap_or_else(|_| Err(place.stopped())) })
            }
            Err(NoEntry::Closed) => refuse(self.place.stopped()),
            Err(NoEntry::Crowded) => refuse(self.place.crowded(Queue::<Reading>::MOST)),
        }
    }

    fn close(&self) {
        self.changes.close();
        self.readings.close();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
        if let Some(writer) = self.writer.get_mut().take() {
            let _ = writer.join();
        }
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("options", &self.inner.options)
            .finish_non_exhaustive()
    }
}

impl Store for SqliteStore {
    fn describe(&self) -> String {
        self.inner.place.0.to_string()
    }

    fn tenant(&self, id: &TenantId) -> Arc<dyn TenantStore> {
        Arc::new(SqliteTenant {
            inner: Arc::clone(&self.inner),
            id: id.clone(),
        })
    }

    fn tenants<'a>(&'a self, after: Option<&'a TenantId>) -> StoreFuture<'a, Vec<TenantId>> {
        let after = after.map_or_else(String::new, |after| after.as_str().to_owned());
        self.inner.read(move |connection| {
            let mut statement = connection
                .prepare_cached("SELECT id FROM tenants WHERE id > ?1 ORDER BY id LIMIT ?2")?;
            let mut rows = statement.query((after, PageRequest::MOST))?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                match claims::tenant_id(&row.get::<_, String>(0)?) {
                    Ok(tenant) => found.push(tenant),
                    // Nobody else is hidden by it.
                    Err(Fault::Damaged(reason)) => {
                        tracing::error!(target: "store", reason, "a tenant is damaged");
                    }
                    Err(fault) => return Err(fault),
                }
            }
            Ok(found)
        })
    }

    fn claim(&self, claim: Claim) -> StoreFuture<'_, Vec<Claimed>> {
        if let Err(refused) = self.inner.check_worker() {
            return refuse(refused);
        }
        self.inner
            .change(0, move |ledger| claims::claim(ledger, claim))
    }

    fn next_due(&self) -> StoreFuture<'_, Option<Timestamp>> {
        self.inner.read(claims::next_due)
    }

    fn now(&self) -> StoreFuture<'_, Timestamp> {
        if *self.inner.closed.borrow() {
            return refuse(self.inner.place.stopped());
        }
        Box::pin(std::future::ready(Ok(self.inner.options.now())))
    }

    fn close(&self) -> StoreFuture<'_, ()> {
        self.inner.close();
        let mut closed = self.inner.closed.clone();
        Box::pin(async move {
            // The sender is gone only when the thread is, and the file with it.
            let _ = closed.wait_for(|closed| *closed).await;
            Ok(())
        })
    }
}

/// An answer without asking.
pub(crate) fn refuse<'a, T: Send + 'a>(error: StoreError) -> StoreFuture<'a, T> {
    Box::pin(std::future::ready(Err(error)))
}

/// Makes the file if there is none, for nobody else to read. One that is there is not touched:
/// closing it here would take SQLite's locks away from another store of this process.
fn make(path: &Path, place: &Place) -> Result<(), StoreError> {
    match private().write(true).create_new(true).open(path) {
        Ok(file) => {
            let made = file.sync_all().and_then(|()| sync_folder(path));
            made.map_err(|error| place.io("making the file", error))
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(place.io("making the file", error)),
    }
}

/// Has the name of a new file survive a loss of power.
#[cfg(unix)]
fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_path: &Path) -> std::io::Result<()> {
    Ok(())
}
