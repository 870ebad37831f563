//! A store that is lost in the middle.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use jackfield_store_api::{
    Append, Appended, AuditRecords, Claim, Claimed, Collected, Collection, Document, Documents,
    ExecutionFilter, ExecutionRecord, Executions, Expected, Fence, JournalRecord, NewExecution,
    NewSignal, NewWorkflow, Page, PageRequest, Payloads, Request, Retention, Revision, Signal,
    Standing, Store, StoreError, StoreFuture, TenantStore, WorkflowRecord, WorkflowVersion,
    Workflows,
};
use jackfield_types::{Digest, ExecutionId, TenantId};
use jiff::Timestamp;

/// Another store, as one process has it that dies at a write, or that loses touch with it for a
/// while: calls fail from then on, and what was under way is not answered. What is in the store is
/// there for others.
#[derive(Clone)]
pub struct FragileStore {
    inner: Arc<dyn Store>,
    fate: Arc<Fate>,
}

/// What becomes of the write at which a store is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interruption {
    /// It is lost, too.
    BeforeTheWrite,
    /// It is kept, but nobody is told.
    AfterTheWrite,
}

struct Fate {
    stands: Mutex<Stands>,
    writes: AtomicU64,
}

/// How a store stands.
#[derive(Clone, Copy)]
enum Stands {
    Open,
    /// It is lost at a write, after so many others.
    Doomed {
        left: u64,
        loss: Loss,
    },
    Gone,
    /// It is back after so many calls that fail.
    Away {
        calls: u64,
    },
}

#[derive(Clone, Copy)]
struct Loss {
    interruption: Interruption,
    /// How many calls fail; nothing: all of them.
    calls: Option<u64>,
}

impl FragileStore {
    /// Another store, which is not lost before somebody says so.
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self {
            inner,
            fate: Arc::new(Fate {
                stands: Mutex::new(Stands::Open),
                writes: AtomicU64::new(0),
            }),
        }
    }

    /// Has it lost at a write: 0 is the next one.
    pub fn interrupt(&self, after: u64, interruption: Interruption) {
        self.fate.doom(after, interruption, None);
    }

    /// Has it away from a write on, until so many calls have failed.
    pub fn falter(&self, after: u64, interruption: Interruption, calls: u64) {
        self.fate.doom(after, interruption, Some(calls));
    }

    /// Whether it is lost for good.
    pub fn is_lost(&self) -> bool {
        matches!(*self.fate.stands(), Stands::Gone)
    }

    /// How many writes were called for.
    pub fn writes(&self) -> u64 {
        self.fate.writes.load(Ordering::SeqCst)
    }
}

impl Fate {
    /// A panic of a test under the lock is that test's business.
    fn stands(&self) -> MutexGuard<'_, Stands> {
        self.stands.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn doom(&self, left: u64, interruption: Interruption, calls: Option<u64>) {
        let loss = Loss {
            interruption,
            calls,
        };
        *self.stands() = Stands::Doomed { left, loss };
    }

    fn check(&self) -> Result<(), StoreError> {
        let mut stands = self.stands();
        let (store, source) = ("of the test".to_owned(), None);
        match &mut *stands {
            Stands::Open | Stands::Doomed { .. } => Ok(()),
            // Nothing that passes: whoever is gone tries nothing again.
            Stands::Gone => Err(StoreError::Failed {
                store,
                reason: "it was interrupted".to_owned(),
                source,
            }),
            Stands::Away { calls: 0 } => {
                *stands = Stands::Open;
                Ok(())
            }
            Stands::Away { calls } => {
                *calls -= 1;
                Err(StoreError::Unavailable {
                    store,
                    reason: "it is away for a while".to_owned(),
                    source,
                })
            }
        }
    }

    /// Whether the next write happens, if somebody is told of it or not.
    fn lets_happen(&self) -> Result<(), StoreError> {
        self.check()?;
        self.writes.fetch_add(1, Ordering::SeqCst);
        let loss = match &mut *self.stands() {
            Stands::Doomed { left: 0, loss } => *loss,
            Stands::Doomed { left, .. } => {
                *left -= 1;
                return Ok(());
            }
            Stands::Open | Stands::Gone | Stands::Away { .. } => return Ok(()),
        };
        *self.stands() = match loss.calls {
            Some(calls) => Stands::Away { calls },
            None => Stands::Gone,
        };
        match loss.interruption {
            Interruption::BeforeTheWrite => self.check(),
            Interruption::AfterTheWrite => Ok(()),
        }
    }

    /// Makes a call that changes something. Calls take effect in their order, so that it is decided
    /// here and not when the answer is waited for.
    fn write<'a, T: Send + 'a>(
        self: &Arc<Self>,
        call: impl FnOnce() -> StoreFuture<'a, T>,
    ) -> StoreFuture<'a, T> {
        match self.lets_happen() {
            Ok(()) => self.read(call()),
            Err(lost) => Box::pin(std::future::ready(Err(lost))),
        }
    }

    /// Makes a call, and says nothing of what came of it once the store is lost.
    fn read<'a, T: Send + 'a>(
        self: &Arc<Self>,
        call: impl Future<Output = Result<T, StoreError>> + Send + 'a,
    ) -> StoreFuture<'a, T> {
        let fate = Arc::clone(self);
        Box::pin(async move {
            let answer = call.await;
            fate.check()?;
            answer
        })
    }
}

impl Store for FragileStore {
    fn describe(&self) -> String {
        self.inner.describe()
    }

    fn tenant(&self, id: &TenantId) -> Arc<dyn TenantStore> {
        Arc::new(FragileTenant {
            inner: self.inner.tenant(id),
            fate: Arc::clone(&self.fate),
        })
    }

    fn tenants<'a>(&'a self, after: Option<&'a TenantId>) -> StoreFuture<'a, Vec<TenantId>> {
        self.fate.read(self.inner.tenants(after))
    }

    fn claim(&self, claim: Claim) -> StoreFuture<'_, Vec<Claimed>> {
        self.fate.write(|| self.inner.claim(claim))
    }

    fn next_due(&self) -> StoreFuture<'_, Option<Timestamp>> {
        self.fate.read(self.inner.next_due())
    }

    fn now(&self) -> StoreFuture<'_, Timestamp> {
        self.fate.read(self.inner.now())
    }

    fn close(&self) -> StoreFuture<'_, ()> {
        self.inner.close()
    }
}

/// A store that is lost in the middle, as one tenant has it.
struct FragileTenant {
    inner: Arc<dyn TenantStore>,
    fate: Arc<Fate>,
}

impl TenantStore for FragileTenant {
    fn id(&self) -> &TenantId {
        self.inner.id()
    }

    fn claim(&self, claim: Claim) -> StoreFuture<'_, Vec<Claimed>> {
        self.fate.write(|| self.inner.claim(claim))
    }

    fn next_due(&self) -> StoreFuture<'_, Option<Timestamp>> {
        self.fate.read(self.inner.next_due())
    }

    fn collect(&self, retention: Retention) -> StoreFuture<'_, Collected> {
        self.fate.write(|| self.inner.collect(retention))
    }
}

impl Executions for FragileTenant {
    fn create_execution(&self, execution: NewExecution) -> StoreFuture<'_, ExecutionRecord> {
        self.fate.write(|| self.inner.create_execution(execution))
    }

    fn execution(&self, id: ExecutionId) -> StoreFuture<'_, ExecutionRecord> {
        self.fate.read(self.inner.execution(id))
    }

    fn list_executions<'a>(
        &'a self,
        filter: &'a ExecutionFilter,
        page: &'a PageRequest,
    ) -> StoreFuture<'a, Page<ExecutionRecord>> {
        self.fate.read(self.inner.list_executions(filter, page))
    }

    fn claim_execution(&self, id: ExecutionId, claim: Claim) -> StoreFuture<'_, Option<Claimed>> {
        self.fate.write(|| self.inner.claim_execution(id, claim))
    }

    fn renew(&self, id: ExecutionId, fence: Fence, lease: Duration) -> StoreFuture<'_, Standing> {
        self.fate.write(|| self.inner.renew(id, fence, lease))
    }

    fn release(&self, id: ExecutionId, fence: Fence) -> StoreFuture<'_, ()> {
        self.fate.write(|| self.inner.release(id, fence))
    }

    fn give_up(&self, id: ExecutionId, fence: Fence, reason: String) -> StoreFuture<'_, ()> {
        self.fate.write(|| self.inner.give_up(id, fence, reason))
    }

    fn append(&self, append: Append) -> StoreFuture<'_, Appended> {
        self.fate.write(|| self.inner.append(append))
    }

    fn journal(
        &self,
        id: ExecutionId,
        after: u64,
        limit: u32,
    ) -> StoreFuture<'_, Vec<JournalRecord>> {
        self.fate.read(self.inner.journal(id, after, limit))
    }

    fn request(&self, id: ExecutionId, request: Request) -> StoreFuture<'_, ExecutionRecord> {
        self.fate.write(|| self.inner.request(id, request))
    }

    fn signal(&self, id: ExecutionId, signal: NewSignal) -> StoreFuture<'_, u64> {
        self.fate.write(|| self.inner.signal(id, signal))
    }

    fn signals(&self, id: ExecutionId, after: u64) -> StoreFuture<'_, Vec<Signal>> {
        self.fate.read(self.inner.signals(id, after))
    }
}

impl Workflows for FragileTenant {
    fn put_workflow(&self, workflow: NewWorkflow) -> StoreFuture<'_, WorkflowVersion> {
        self.fate.write(|| self.inner.put_workflow(workflow))
    }

    fn workflow<'a>(
        &'a self,
        id: &'a str,
        version: Option<u32>,
    ) -> StoreFuture<'a, WorkflowRecord> {
        self.fate.read(self.inner.workflow(id, version))
    }

    fn list_workflows<'a>(
        &'a self,
        page: &'a PageRequest,
    ) -> StoreFuture<'a, Page<WorkflowRecord>> {
        self.fate.read(self.inner.list_workflows(page))
    }

    fn workflow_versions<'a>(
        &'a self,
        id: &'a str,
        page: &'a PageRequest,
    ) -> StoreFuture<'a, Page<WorkflowRecord>> {
        self.fate.read(self.inner.workflow_versions(id, page))
    }
}

impl Documents for FragileTenant {
    fn document<'a>(
        &'a self,
        collection: Collection,
        name: &'a str,
    ) -> StoreFuture<'a, Option<Document>> {
        self.fate.read(self.inner.document(collection, name))
    }

    fn put_document<'a>(
        &'a self,
        collection: Collection,
        name: &'a str,
        content: Bytes,
        expected: Expected,
    ) -> StoreFuture<'a, Revision> {
        self.fate
            .write(|| self.inner.put_document(collection, name, content, expected))
    }

    fn delete_document<'a>(
        &'a self,
        collection: Collection,
        name: &'a str,
        expected: Expected,
    ) -> StoreFuture<'a, bool> {
        self.fate
            .write(|| self.inner.delete_document(collection, name, expected))
    }

    fn list_documents<'a>(
        &'a self,
        collection: Collection,
        prefix: &'a str,
        page: &'a PageRequest,
    ) -> StoreFuture<'a, Page<Document>> {
        self.fate
            .read(self.inner.list_documents(collection, prefix, page))
    }
}

impl Payloads for FragileTenant {
    fn payload(&self, digest: Digest) -> StoreFuture<'_, Bytes> {
        self.fate.read(self.inner.payload(digest))
    }
}

impl AuditRecords for FragileTenant {
    fn append_audit(&self, after: u64, records: Vec<Bytes>) -> StoreFuture<'_, u64> {
        self.fate.write(|| self.inner.append_audit(after, records))
    }

    fn audit(&self, after: u64, limit: u32) -> StoreFuture<'_, Vec<JournalRecord>> {
        self.fate.read(self.inner.audit(after, limit))
    }
}
