use std::fmt;

use bytes::Bytes;
use jackfield_types::Digest;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Page, PageRequest, StoreFuture};

/// One version of a workflow. Versions count from 1, and never change.
/// [`TenantStore::collect`](crate::TenantStore::collect) may leave gaps; no number comes again.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct WorkflowVersion {
    /// The workflow's id.
    pub id: String,
    /// Its version.
    pub version: u32,
}

impl fmt::Display for WorkflowVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.id, self.version)
    }
}

/// A workflow to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewWorkflow {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The document.
    pub document: Bytes,
    /// The digest of the document.
    pub digest: Digest,
}

/// A workflow as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowRecord {
    /// Which version it is.
    pub version: WorkflowVersion,
    /// Its name.
    pub name: String,
    /// The document.
    pub document: Bytes,
    /// The digest of the document.
    pub digest: Digest,
    /// When it was put there, by the store's clock.
    pub created_at: Timestamp,
}

/// A tenant's workflows.
pub trait Workflows: Send + Sync {
    /// Keeps a workflow, and says which version it is. When its newest version has the same digest,
    /// it is that one.
    fn put_workflow(&self, workflow: NewWorkflow) -> StoreFuture<'_, WorkflowVersion>;

    /// A workflow, in a version or the newest one.
    ///
    /// # Errors
    /// [`StoreError::NotFound`](crate::StoreError::NotFound).
    fn workflow<'a>(&'a self, id: &'a str, version: Option<u32>)
    -> StoreFuture<'a, WorkflowRecord>;

    /// The newest version of each workflow, by id.
    fn list_workflows<'a>(&'a self, page: &'a PageRequest)
    -> StoreFuture<'a, Page<WorkflowRecord>>;

    /// All versions of a workflow, newest first.
    ///
    /// # Errors
    /// [`StoreError::NotFound`](crate::StoreError::NotFound).
    fn workflow_versions<'a>(
        &'a self,
        id: &'a str,
        page: &'a PageRequest,
    ) -> StoreFuture<'a, Page<WorkflowRecord>>;
}
