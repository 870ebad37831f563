//! A store some of whose calls are not answered, or fail.

use std::future::{pending, ready};
use std::sync::{Arc, Mutex};
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

/// What is called that may be hindered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Create,
    Read(ExecutionId),
    Renew,
    /// Whether how the execution stands is written, too.
    Append {
        has_state: bool,
    },
    Claim,
    NextDue,
    GiveUp,
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    IsMade,
    /// It is not answered, and not made.
    Hangs,
    /// The store cannot be reached.
    IsLost,
    /// It is made, and the store cannot be reached then.
    IsMadeAndLost,
    Fails,
    IsDamaged,
}

type Rule = Arc<Mutex<Box<dyn FnMut(Call) -> Fate + Send>>>;

/// Another store, some of whose calls are hindered.
#[derive(Clone)]
pub(crate) struct HinderedStore {
    inner: Arc<dyn Store>,
    rule: Rule,
}

impl HinderedStore {
    pub(crate) fn new(inner: Arc<dyn Store>) -> Self {
        Self {
            inner,
            rule: Arc::new(Mutex::new(Box::new(|_| Fate::IsMade))),
        }
    }

    /// Says what becomes of calls from now on.
    pub(crate) fn rule(&self, rule: impl FnMut(Call) -> Fate + Send + 'static) {
        *self.rule.lock().unwrap() = Box::new(rule);
    }

    pub(crate) fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.clone())
    }
}

fn failed(fate: Fate) -> StoreError {
    let (store, reason, source) = ("of the test".to_owned(), format!("{fate:?}"), None);
    match fate {
        Fate::Fails => StoreError::Failed {
            store,
            reason,
            source,
        },
        Fate::IsDamaged => StoreError::Damaged { store, reason },
        Fate::IsMade | Fate::Hangs | Fate::IsLost | Fate::IsMadeAndLost => {
            StoreError::Unavailable {
                store,
                reason,
                source,
            }
        }
    }
}

fn carry<'a, T: Send + 'a>(
    rule: &Rule,
    call: Call,
    make: impl FnOnce() -> StoreFuture<'a, T>,
) -> StoreFuture<'a, T> {
    let fate = (rule.lock().unwrap())(call);
    match fate {
        Fate::IsMade => make(),
        Fate::Hangs => Box::pin(pending()),
        Fate::IsMadeAndLost => {
            let made = make();
            Box::pin(async move {
                made.await?;
                Err(failed(fate))
            })
        }
        Fate::IsLost | Fate::Fails | Fate::IsDamaged => Box::pin(ready(Err(failed(fate)))),
    }
}

impl Store for HinderedStore {
    fn describe(&self) -> String {
        self.inner.describe()
    }

    fn tenant(&self, id: &TenantId) -> Arc<dyn TenantStore> {
        Arc::new(HinderedTenant {
            inner: self.inner.tenant(id),
            rule: Arc::clone(&self.rule),
        })
    }

    fn tenants<'a>(&'a self, after: Option<&'a TenantId>) -> StoreFuture<'a, Vec<TenantId>> {
        self.inner.tenants(after)
    }

    fn claim(&self, claim: Claim) -> StoreFuture<'_, Vec<Claimed>> {
        carry(&self.rule, Call::Claim, || self.inner.claim(claim))
    }

    fn next_due(&self) -> StoreFuture<'_, Option<Timestamp>> {
        carry(&self.rule, Call::NextDue, || self.inner.next_due())
    }

    fn now(&self) -> StoreFuture<'_, Timestamp> {
        self.inner.now()
    }

    fn close(&self) -> StoreFuture<'_, ()> {
        self.inner.close()
    }
}

struct HinderedTenant {
    inner: Arc<dyn TenantStore>,
    rule: Rule,
}

impl TenantStore for HinderedTenant {
    fn id(&self) -> &TenantId {
        self.inner.id()
    }

    fn claim(&self, claim: Claim) -> StoreFuture<'_, Vec<Claimed>> {
        carry(&self.rule, Call::Claim, || self.inner.claim(claim))
    }

    fn next_due(&self) -> StoreFuture<'_, Option<Timestamp>> {
        carry(&self.rule, Call::NextDue, || self.inner.next_due())
    }

    fn collect(&self, retention: Retention) -> StoreFuture<'_, Collected> {
        self.inner.collect(retention)
    }
}

impl Executions for HinderedTenant {
    fn create_execution(&self, execution: NewExecution) -> StoreFuture<'_, ExecutionRecord> {
        carry(&self.rule, Call::Create, || {
            self.inner.create_execution(execution)
        })
    }

    fn execution(&self, id: ExecutionId) -> StoreFuture<'_, ExecutionRecord> {
        carry(&self.rule, Call::Read(id), || self.inner.execution(id))
    }

    fn list_executions<'a>(
        &'a self,
        filter: &'a ExecutionFilter,
        page: &'a PageRequest,
    ) -> StoreFuture<'a, Page<ExecutionRecord>> {
        self.inner.list_executions(filter, page)
    }

    fn claim_execution(&self, id: ExecutionId, claim: Claim) -> StoreFuture<'_, Option<Claimed>> {
        carry(&self.rule, Call::Claim, || {
            self.inner.claim_execution(id, claim)
        })
    }

    fn renew(&self, id: ExecutionId, fence: Fence, lease: Duration) -> StoreFuture<'_, Standing> {
        carry(&self.rule, Call::Renew, || {
            self.inner.renew(id, fence, lease)
        })
    }

    fn release(&self, id: ExecutionId, fence: Fence) -> StoreFuture<'_, ()> {
        self.inner.release(id, fence)
    }

    fn give_up(&self, id: ExecutionId, fence: Fence, reason: String) -> StoreFuture<'_, ()> {
        carry(&self.rule, Call::GiveUp, || {
            self.inner.give_up(id, fence, reason)
        })
    }

    fn append(&self, append: Append) -> StoreFuture<'_, Appended> {
        let has_state = append.state.is_some();
        carry(&self.rule, Call::Append { has_state }, || {
            self.inner.append(append)
        })
    }

    fn journal(
        &self,
        id: ExecutionId,
        after: u64,
        limit: u32,
    ) -> StoreFuture<'_, Vec<JournalRecord>> {
        self.inner.journal(id, after, limit)
    }

    fn request(&self, id: ExecutionId, request: Request) -> StoreFuture<'_, ExecutionRecord> {
        self.inner.request(id, request)
    }

    fn signal(&self, id: ExecutionId, signal: NewSignal) -> StoreFuture<'_, u64> {
        self.inner.signal(id, signal)
    }

    fn signals(&self, id: ExecutionId, after: u64) -> StoreFuture<'_, Vec<Signal>> {
        self.inner.signals(id, after)
    }
}

impl Workflows for HinderedTenant {
    fn put_workflow(&self, workflow: NewWorkflow) -> StoreFuture<'_, WorkflowVersion> {
        self.inner.put_workflow(workflow)
    }

    fn workflow<'a>(
        &'a self,
        id: &'a str,
        version: Option<u32>,
    ) -> StoreFuture<'a, WorkflowRecord> {
        self.inner.workflow(id, version)
    }

    fn list_workflows<'a>(
        &'a self,
        page: &'a PageRequest,
    ) -> StoreFuture<'a, Page<WorkflowRecord>> {
        self.inner.list_workflows(page)
    }

    fn workflow_versions<'a>(
        &'a self,
        id: &'a str,
        page: &'a PageRequest,
    ) -> StoreFuture<'a, Page<WorkflowRecord>> {
        self.inner.workflow_versions(id, page)
    }
}

impl Documents for HinderedTenant {
    fn document<'a>(
        &'a self,
        collection: Collection,
        name: &'a str,
    ) -> StoreFuture<'a, Option<Document>> {
        self.inner.document(collection, name)
    }

    fn put_document<'a>(
        &'a self,
        collection: Collection,
        name: &'a str,
        content: Bytes,
        expected: Expected,
    ) -> StoreFuture<'a, Revision> {
        self.inner.put_document(collection, name, content, expected)
    }

    fn delete_document<'a>(
        &'a self,
        collection: Collection,
        name: &'a str,
        expected: Expected,
    ) -> StoreFuture<'a, bool> {
        self.inner.delete_document(collection, name, expected)
    }

    fn list_documents<'a>(
        &'a self,
        collection: Collection,
        prefix: &'a str,
        page: &'a PageRequest,
    ) -> StoreFuture<'a, Page<Document>> {
        self.inner.list_documents(collection, prefix, page)
    }
}

impl Payloads for HinderedTenant {
    fn payload(&self, digest: Digest) -> StoreFuture<'_, Bytes> {
        self.inner.payload(digest)
    }
}

impl AuditRecords for HinderedTenant {
    fn append_audit(&self, after: u64, records: Vec<Bytes>) -> StoreFuture<'_, u64> {
        self.inner.append_audit(after, records)
    }

    fn audit(&self, after: u64, limit: u32) -> StoreFuture<'_, Vec<JournalRecord>> {
        self.inner.audit(after, limit)
    }
}
