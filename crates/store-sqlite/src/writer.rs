use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jackfield_store_api::{Durability, StoreError};
use tokio::sync::oneshot;

use crate::checkpoint::Log;
use crate::error::{Fault, Place, is_full};
use crate::ledger::Ledger;
use crate::options::SqliteOptions;
use crate::queue::Queue;

/// The most changes of a group.
const GROUP: usize = 512;
/// The bytes after which a group takes no more changes.
const GROUP_BYTES: usize = 8 * 1_024 * 1_024;

/// The longest that the writer waits for a group to get as large as the one before it.
const PAUSE: Duration = Duration::from_millis(1);

/// A change that waits for the writer.
pub(crate) trait Operation: Send {
    /// How many bytes it writes, about.
    fn weight(&self) -> usize;
    /// Whether anybody still waits for it.
    fn is_wanted(&self) -> bool;
    /// Makes it, and keeps the answer. It may be made again after it was taken back.
    fn apply(&mut self, ledger: &mut Ledger) -> Result<(), Fault>;
    /// Gives the answer, when what was made is safe.
    fn acknowledge(self: Box<Self>);
    /// Says that nothing was changed.
    fn fail(self: Box<Self>, error: StoreError);
}

/// A change, made by a function.
pub(crate) struct Change<T, F> {
    pub(crate) weight: usize,
    pub(crate) change: F,
    pub(crate) answer: Option<Result<T, StoreError>>,
    pub(crate) caller: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Operation for Change<T, F>
where
    T: Send,
    F: FnMut(&mut Ledger) -> Result<T, Fault> + Send,
{
    fn weight(&self) -> usize {
        self.weight
    }

    fn is_wanted(&self) -> bool {
        !self.caller.is_closed()
    }

    fn apply(&mut self, ledger: &mut Ledger) -> Result<(), Fault> {
        self.answer = Some(match (self.change)(ledger) {
            Ok(answer) => Ok(answer),
            Err(Fault::Refused(refused)) => Err(refused),
            Err(fault) => return Err(fault),
        });
        Ok(())
    }

    fn acknowledge(self: Box<Self>) {
        if let Some(answer) = self.answer {
            // A caller that has gone away does not want to know.
            let _ = self.caller.send(answer);
        }
    }

    fn fail(self: Box<Self>, error: StoreError) {
        let _ = self.caller.send(Err(error));
    }
}

/// The thread that writes.
pub(crate) struct Writer {
    pub(crate) queue: Arc<Queue<Box<dyn Operation>>>,
    pub(crate) ledger: Ledger,
    pub(crate) log: Log,
    pub(crate) options: SqliteOptions,
    pub(crate) place: Place,
}

/// Why a group was taken back.
enum Trouble {
    /// Something went wrong in one of its changes, or when it was to be made safe.
    Fault(Fault),
    /// A change panicked: a defect.
    Panic,
}

impl Trouble {
    fn is_for_want_of_room(&self) -> bool {
        match self {
            Self::Fault(Fault::Broken(error)) => is_full(error),
            Self::Fault(_) | Self::Panic => false,
        }
    }
}

impl Writer {
    /// Writes until the queue is closed and empty.
    pub(crate) fn run(&mut self) {
        let most = match self.options.durability {
            Durability::Full => 1,
            Durability::Grouped | Durability::Relaxed => GROUP,
        };
        let mut group = Vec::new();
        while self.queue.take_some(
            most,
            GROUP_BYTES,
            |operation| operation.weight(),
            &mut group,
        ) {
            group.retain(|operation| operation.is_wanted());
            if group.is_empty() {
                continue;
            }
            let (size, begin) = (group.len(), Instant::now());
            let weight = group.iter().map(|operation| operation.weight()).sum();
            self.write(std::mem::take(&mut group));
            let took = begin.elapsed();
            self.log.after_group(&self.ledger.connection, weight);
            if size > 1 {
                // Those who were just told come back with their next steps, if they are given the
                // time: without it every other group has hardly anything in it.
                self.queue.wait_for(size, PAUSE.min(took / 2));
            }
        }
    }

    /// Makes a group of changes, or each by itself when that does not work.
    fn write(&mut self, mut group: Vec<Box<dyn Operation>>) {
        let mut result = self.commit(&mut group);
        if group.len() == 1 && result.as_ref().is_err_and(Trouble::is_for_want_of_room) {
            self.ledger.roll_back();
            if self.log.make_room(&self.ledger.connection) {
                result = self.commit(&mut group);
            }
        }
        let Err(trouble) = result else {
            for operation in group {
                operation.acknowledge();
            }
            return;
        };
        self.ledger.roll_back();
        if group.len() > 1 {
            for operation in group {
                self.write(vec![operation]);
            }
            return;
        }
        let error = match trouble {
            Trouble::Fault(fault) => self.place.fault(fault),
            Trouble::Panic => self.place.panicked(),
        };
        if let Some(operation) = group.pop() {
            operation.fail(error);
        }
    }

    fn commit(&mut self, group: &mut [Box<dyn Operation>]) -> Result<(), Trouble> {
        let now = self.options.now();
        let broken = |error| Trouble::Fault(Fault::Broken(error));
        self.ledger.begin(now).map_err(broken)?;
        for operation in group {
            let ledger = &mut self.ledger;
            // What the change has left half done is taken back by the caller.
            catch_unwind(AssertUnwindSafe(|| operation.apply(ledger)))
                .map_err(|_| Trouble::Panic)?
                .map_err(Trouble::Fault)?;
        }
        self.ledger.commit().map_err(broken)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::{Sender, channel};

    use jackfield_store_api::{Collection, Expected, Store, StoreError, StoreFuture, TenantStore};
    use jackfield_types::TenantId;

    use crate::error::Fault;
    use crate::{SqliteOptions, SqliteStore};

    /// Keeps the writer from going on until the sender is dropped, so that what is called meanwhile
    /// becomes one group.
    fn hold_up(store: &SqliteStore) -> (Sender<()>, StoreFuture<'static, ()>) {
        let (go, wait) = channel::<()>();
        let held = store.inner.change(0, move |_| {
            // Fails when the other side is dropped, which is what it waits for.
            let _ = wait.recv();
            Ok(())
        });
        (go, held)
    }

    async fn is_there(tenant: &Arc<dyn TenantStore>, name: &str) -> bool {
        let found = tenant.document(Collection::Variables, name).await;
        found.unwrap().is_some()
    }

    #[tokio::test]
    async fn defects_and_failures_of_one_change_do_not_harm_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteOptions::new(folder.path().join("store.db"));
        let store = SqliteStore::open(options).unwrap();
        let tenant = store.tenant(&TenantId::parse("acme").unwrap());
        let put = |name: &'static str| {
            let content = bytes::Bytes::new();
            tenant.put_document(Collection::Variables, name, content, Expected::Absent)
        };
        let (go, _held) = hold_up(&store);
        let before = put("before");
        let broken = store.inner.change(0, |ledger| {
            ledger.connection.execute("DELETE FROM documents", [])?;
            ledger
                .connection
                .execute("INSERT INTO no_such_table VALUES (1)", [])?;
            Ok(())
        });
        let between = put("between");
        let panics = store.inner.change(0, |ledger| -> Result<(), Fault> {
            ledger.connection.execute("DELETE FROM documents", [])?;
            panic!("a defect, for the test")
        });
        let damaged = store.inner.change(0, |ledger| -> Result<(), Fault> {
            ledger.connection.execute("DELETE FROM documents", [])?;
            Err(Fault::Damaged("for the test".to_owned()))
        });
        let after = put("after");
        drop(go);
        let error = broken.await.unwrap_err();
        assert!(error.to_string().contains("no such table"), "{error}");
        let error = panics.await.unwrap_err();
        assert!(error.to_string().contains("defect"), "{error}");
        assert!(matches!(damaged.await, Err(StoreError::Damaged { .. })));
        for kept in [before, between, after] {
            kept.await.unwrap();
        }
        for name in ["before", "between", "after"] {
            assert!(is_there(&tenant, name).await, "{name}");
        }
        let read = store
            .inner
            .read(|_| -> Result<(), Fault> { panic!("a defect, for the test") });
        assert!(read.await.is_err());
        assert!(is_there(&tenant, "after").await, "readers go on, too");
    }

    #[tokio::test]
    async fn what_nobody_waits_for_any_more_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteOptions::new(folder.path().join("store.db"));
        let store = SqliteStore::open(options).unwrap();
        let tenant = store.tenant(&TenantId::parse("acme").unwrap());
        let (go, _held) = hold_up(&store);
        let content = bytes::Bytes::new();
        drop(tenant.put_document(Collection::Variables, "gone", content, Expected::Anything));
        drop(go);
        store.inner.change(0, |_| Ok(())).await.unwrap();
        assert!(!is_there(&tenant, "gone").await);
    }

    /// However much is written without a break, the log stays small.
    #[tokio::test]
    async fn log_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let store = SqliteStore::open(SqliteOptions::new(&path)).unwrap();
        let tenant = store.tenant(&TenantId::parse("acme").unwrap());
        let content = bytes::Bytes::from(vec![1; 1_024 * 1_024]);
        for _ in 0..120 {
            let put = tenant.put_document(
                Collection::Variables,
                "large",
                content.clone(),
                Expected::Anything,
            );
            put.await.unwrap();
        }
        let log = folder.path().join("store.db-wal").metadata().unwrap().len();
        assert!(log < 72 * 1_024 * 1_024, "{log} bytes");
    }
}
