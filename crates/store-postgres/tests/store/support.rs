//! Stores in databases of a real server, and what nearly every test does with one.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jackfield_store_api::{
    Append, ExecutionState, Fence, NewExecution, NewWorkflow, Store, StoreError, TenantStore,
    WorkerId, WorkflowVersion, limits,
};
use jackfield_store_postgres::{PostgresOptions, PostgresStore};
use jackfield_types::{ExecutionId, TenantId};

/// Opens a store that waits long for its server.
pub(crate) async fn open(url: &str) -> Arc<dyn Store> {
    let options = PostgresOptions::new(url).patience(Duration::from_secs(60));
    Arc::new(PostgresStore::open(options).await.expect("a store opens"))
}

/// The name of the database that a URL names.
pub(crate) fn database(url: &str) -> &str {
    url.rsplit('/').next().expect("a URL has slashes")
}

/// An execution that is held.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Held {
    pub(crate) id: ExecutionId,
    pub(crate) fence: Fence,
}

pub(crate) fn tenant(store: &dyn Store, name: &str) -> Arc<dyn TenantStore> {
    store.tenant(&TenantId::parse(name).expect("an id"))
}

/// A new execution, with its workflow if that is not there yet.
pub(crate) async fn hold(tenant: &dyn TenantStore) -> Result<Held, StoreError> {
    tenant.put_workflow(workflow("")).await?;
    let made = tenant.create_execution(execution()).await?;
    Ok(Held {
        id: made.id,
        fence: made.fence,
    })
}

/// A workflow with some content.
pub(crate) fn workflow(content: &str) -> NewWorkflow {
    NewWorkflow {
        id: "flow".to_owned(),
        name: "flow".to_owned(),
        document: Bytes::copy_from_slice(content.as_bytes()),
        digest: limits::digest_of(content.as_bytes()),
    }
}

/// A new execution, held for an hour.
pub(crate) fn execution() -> NewExecution {
    NewExecution {
        id: ExecutionId::generate(),
        workflow: WorkflowVersion {
            id: "flow".to_owned(),
            version: 1,
        },
        pinned: Bytes::from_static(b"pinned"),
        user: None,
        retry_of: None,
        part_of: None,
        records: vec![Bytes::from_static(b"record 1")],
        payloads: Vec::new(),
        state: ExecutionState::Running,
        claim: Some((WorkerId::generate(), Duration::from_secs(3_600))),
    }
}

/// One record more.
pub(crate) fn one(held: &Held, after: u64) -> Append {
    Append {
        execution: held.id,
        fence: held.fence,
        after,
        records: vec![Bytes::from(format!("record {}", after + 1))],
        payloads: Vec::new(),
        state: None,
    }
}

/// Checks that a journal has just so many records, each in its place.
pub(crate) async fn check_journal(tenant: &dyn TenantStore, id: ExecutionId, length: u64) {
    let mut next = 0;
    while let Some(last) = {
        let part = tenant.journal(id, next, 1_000).await.expect("it is read");
        for record in &part {
            let expected = format!("record {}", record.sequence);
            assert_eq!(record.record, expected.as_bytes());
        }
        part.last().map(|last| last.sequence)
    } {
        next = last;
    }
    assert_eq!(next, length, "nothing is lost, and nothing is there twice");
}
