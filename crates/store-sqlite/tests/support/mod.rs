//! Files for tests, and stores in them.

#![expect(dead_code, reason = "each test uses a part of it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jackfield_store_api::{
    Append, ExecutionState, Fence, NewExecution, NewWorkflow, Store, TenantStore, WorkerId,
    WorkflowVersion, limits,
};
use jackfield_store_sqlite::SqliteOptions;
use jackfield_types::{ExecutionId, TenantId};
use tempfile::TempDir;

/// Options for a file in a folder.
pub(crate) fn options(folder: &TempDir) -> SqliteOptions {
    SqliteOptions::new(database(folder))
}

/// The file in a folder.
pub(crate) fn database(folder: &TempDir) -> PathBuf {
    folder.path().join("store.db")
}

/// A file with another ending.
pub(crate) fn beside(database: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", database.display()))
}

/// The files as they are on the disk now, in a folder of their own: what another process would find
/// after a crash. The index of the log is left out, as it does not outlive a crash of the machine.
pub(crate) fn copy(database: &Path) -> TempDir {
    let folder = TempDir::new().expect("a folder");
    for suffix in ["", "-wal"] {
        let from = beside(database, suffix);
        if from.exists() {
            fs::copy(from, beside(&folder.path().join("store.db"), suffix)).expect("a copy");
        }
    }
    folder
}

/// An execution that is held.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Held {
    pub(crate) id: ExecutionId,
    pub(crate) fence: Fence,
}

/// The tenant `acme`, and an execution of it with one record.
pub(crate) async fn begin(store: &dyn Store) -> (Arc<dyn TenantStore>, Held) {
    let tenant = store.tenant(&TenantId::parse("acme").expect("an id"));
    let held = hold(&*tenant).await.expect("it is made");
    (tenant, held)
}

/// A new execution, with its workflow if that is not there yet.
pub(crate) async fn hold(
    tenant: &dyn TenantStore,
) -> Result<Held, jackfield_store_api::StoreError> {
    let workflow = NewWorkflow {
        id: "flow".to_owned(),
        name: "flow".to_owned(),
        document: Bytes::new(),
        digest: limits::digest_of(b""),
    };
    tenant.put_workflow(workflow).await?;
    let made = tenant.create_execution(execution()).await?;
    Ok(Held {
        id: made.id,
        fence: made.fence,
    })
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
        records: vec![Bytes::from_static(b"begin")],
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

/// How long a journal of `acme` is.
pub(crate) async fn length(store: &dyn Store, id: ExecutionId) -> u64 {
    let tenant = store.tenant(&TenantId::parse("acme").expect("an id"));
    tenant.execution(id).await.expect("it is there").length
}
