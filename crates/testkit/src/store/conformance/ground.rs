use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use jackfield_store_api::{
    Append, Appended, Claim, Claimed, ExecutionState, Fence, NewExecution, NewWorkflow, Store,
    StoreError, TenantStore, WorkerId, WorkflowVersion, limits,
};
use jackfield_types::{Digest, ExecutionId, TenantId};

use crate::store::StoreClock;

/// A store that is to be tried: it knows how to open one, again and again.
pub trait Subject: Send + Sync + 'static {
    /// Opens the store: an empty one the first time, and the same one with what is in it later. The
    /// handle before it was closed then.
    fn open(&self) -> BoxFuture<'_, Result<Arc<dyn Store>, StoreError>>;

    /// What a process would find that is started when all others have died just now. The handle
    /// that is open goes on.
    fn after_crash(&self) -> BoxFuture<'_, Result<Arc<dyn Store>, StoreError>>;

    /// The clock of the store, if it can be set.
    fn clock(&self) -> Option<&StoreClock>;
}

/// What a case stands on: a fresh store, and what nearly every case does with one.
pub(super) struct Ground {
    pub(super) subject: Box<dyn Subject>,
    pub(super) store: Arc<dyn Store>,
    pub(super) worker: WorkerId,
}

impl Ground {
    pub(super) async fn new(subject: Box<dyn Subject>) -> Self {
        let store = subject.open().await.expect("a store opens");
        Self {
            subject,
            store,
            worker: WorkerId::generate(),
        }
    }

    /// A tenant, who has one workflow.
    pub(super) async fn tenant(&self, name: &str) -> Arc<dyn TenantStore> {
        let tenant = self.stranger(name);
        let put = tenant.put_workflow(workflow("flow", "document")).await;
        assert_eq!(put.expect("a workflow is kept"), version("flow", 1));
        tenant
    }

    /// A tenant who has nothing.
    pub(super) fn stranger(&self, name: &str) -> Arc<dyn TenantStore> {
        self.store
            .tenant(&TenantId::parse(name).expect("a tenant's id"))
    }

    /// An execution that this worker holds.
    pub(super) async fn held(&self, tenant: &dyn TenantStore) -> Held {
        let mut new = execution();
        new.claim = Some((self.worker, self.lease()));
        let made = tenant.create_execution(new).await.expect("it is made");
        Held {
            id: made.id,
            fence: made.fence,
            length: made.length,
        }
    }

    /// An execution that nobody holds.
    pub(super) async fn free(&self, tenant: &dyn TenantStore) -> ExecutionId {
        let made = tenant.create_execution(execution()).await;
        made.expect("it is made").id
    }

    /// A length of time that is short enough to wait for and long enough to do something in.
    pub(super) fn moment(&self) -> Duration {
        match self.subject.clock() {
            Some(_) => Duration::from_secs(30),
            None => Duration::from_millis(400),
        }
    }

    /// A lease that does not end while a case runs, unless the clock is set.
    pub(super) fn lease(&self) -> Duration {
        Duration::from_secs(3_600)
    }

    /// Lets time pass.
    pub(super) async fn pass(&self, time: Duration) {
        if let Some(clock) = self.subject.clock() {
            clock.advance(time);
            return;
        }
        let end = self.store.now().await.expect("the time") + time;
        while self.store.now().await.expect("the time") < end {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(super) fn claim_for(&self, lease: Duration) -> Claim {
        Claim {
            worker: self.worker,
            lease,
            most: 100,
        }
    }

    /// Takes up all that is due.
    pub(super) async fn claim(&self) -> Vec<Claimed> {
        let claim = self.store.claim(self.claim_for(self.lease())).await;
        claim.expect("what is due is claimed")
    }

    /// The ids of all that is due, which are taken up.
    pub(super) async fn due(&self) -> Vec<ExecutionId> {
        self.claim().await.iter().map(|one| one.execution).collect()
    }

    /// Closes the store and opens it again.
    pub(super) async fn reopen(&mut self) {
        self.store.close().await.expect("the store closes");
        self.store = self.subject.open().await.expect("the store opens again");
    }
}

/// An execution that is held.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    pub(super) id: ExecutionId,
    pub(super) fence: Fence,
    pub(super) length: u64,
}

impl Held {
    pub(super) fn of(claimed: &Claimed, length: u64) -> Self {
        Self {
            id: claimed.execution,
            fence: claimed.fence,
            length,
        }
    }

    /// Something to be added at the end.
    pub(super) fn append(&self, records: &[&str]) -> Append {
        Append {
            execution: self.id,
            fence: self.fence,
            after: self.length,
            records: records.iter().map(|text| bytes(text)).collect(),
            payloads: Vec::new(),
            state: None,
        }
    }

    /// Adds one record.
    pub(super) async fn write(&mut self, tenant: &dyn TenantStore, record: &str) -> Appended {
        let appended = tenant.append(self.append(&[record])).await;
        let appended = appended.expect("it is added");
        self.length = appended.length;
        appended
    }

    /// Has it stand in another way.
    pub(super) async fn put(
        &mut self,
        tenant: &dyn TenantStore,
        state: ExecutionState,
    ) -> Appended {
        let mut append = self.append(&["put"]);
        append.state = Some(state);
        let appended = tenant.append(append).await.expect("it is added");
        self.length = appended.length;
        appended
    }

    /// Ends it.
    pub(super) async fn end(&mut self, tenant: &dyn TenantStore) {
        let status = "completed".to_owned();
        self.put(tenant, ExecutionState::Ended { status }).await;
    }
}

pub(super) fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

pub(super) fn payload(content: &str) -> (Digest, Bytes) {
    (limits::digest_of(content.as_bytes()), bytes(content))
}

pub(super) fn workflow(id: &str, document: &str) -> NewWorkflow {
    NewWorkflow {
        id: id.to_owned(),
        name: format!("the workflow {id}"),
        document: bytes(document),
        digest: limits::digest_of(document.as_bytes()),
    }
}

pub(super) fn version(id: &str, version: u32) -> WorkflowVersion {
    WorkflowVersion {
        id: id.to_owned(),
        version,
    }
}

/// A new execution that nobody holds.
pub(super) fn execution() -> NewExecution {
    NewExecution {
        id: ExecutionId::generate(),
        workflow: version("flow", 1),
        pinned: bytes("pinned"),
        user: None,
        retry_of: None,
        part_of: None,
        records: vec![bytes("begin")],
        payloads: Vec::new(),
        state: ExecutionState::Running,
        claim: None,
    }
}

/// All of a journal, as text.
pub(super) async fn journal(tenant: &dyn TenantStore, id: ExecutionId) -> Vec<String> {
    let mut texts = Vec::new();
    loop {
        let part = tenant.journal(id, texts.len() as u64, 1_000).await;
        let part = part.expect("a journal is read");
        if part.is_empty() {
            return texts;
        }
        for record in part {
            assert_eq!(record.sequence, texts.len() as u64 + 1, "without gaps");
            texts.push(String::from_utf8(record.record.to_vec()).expect("text"));
        }
    }
}

/// The state of an execution.
pub(super) async fn state(tenant: &dyn TenantStore, id: ExecutionId) -> ExecutionState {
    tenant.execution(id).await.expect("it is there").state
}

#[track_caller]
pub(super) fn not_found<T: Debug>(result: Result<T, StoreError>) {
    let error = result.expect_err("it does not work");
    assert!(matches!(error, StoreError::NotFound { .. }), "{error:?}");
}

#[track_caller]
pub(super) fn fenced<T: Debug>(result: Result<T, StoreError>) {
    let error = result.expect_err("it does not work");
    assert!(matches!(error, StoreError::Fenced { .. }), "{error:?}");
}

#[track_caller]
pub(super) fn out_of_turn<T: Debug>(result: Result<T, StoreError>) {
    let error = result.expect_err("it does not work");
    assert!(matches!(error, StoreError::OutOfTurn { .. }), "{error:?}");
}

#[track_caller]
pub(super) fn refused<T: Debug>(result: Result<T, StoreError>) {
    let error = result.expect_err("it does not work");
    assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
}

#[track_caller]
pub(super) fn conflict<T: Debug>(result: Result<T, StoreError>) {
    let error = result.expect_err("it does not work");
    assert!(matches!(error, StoreError::Conflict { .. }), "{error:?}");
}
