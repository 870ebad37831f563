use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jackfield_store_api::{Store, StoreError, StoreFuture};
use jackfield_tenancy::{AuditStore, AuditStoreError};
use jackfield_types::TenantId;
use tokio::runtime::Handle;

/// How long the store may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Keeps audit trails in a store, for [`AuditLog::open_in`](jackfield_tenancy::AuditLog::open_in).
///
/// Who reads or flushes trails in it blocks a thread, which must not be one that the runtime needs: in
/// asynchronous code that belongs on a thread for it
/// ([`spawn_blocking`](tokio::task::spawn_blocking)). Flush before the store is closed.
pub struct StoredAudit {
    store: Arc<dyn Store>,
    runtime: Handle,
}

impl StoredAudit {
    /// Keeps audit trails in a store that belongs to a runtime.
    pub fn new(store: Arc<dyn Store>, runtime: Handle) -> Self {
        Self { store, runtime }
    }

    fn wait<T>(&self, call: StoreFuture<'_, T>) -> Result<T, AuditStoreError> {
        let answered = async { tokio::time::timeout(PATIENCE, call).await };
        match self.runtime.block_on(answered) {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(StoreError::OutOfTurn { .. })) => Err(AuditStoreError::OutOfTurn),
            Ok(Err(error)) => Err(AuditStoreError::Failed {
                reason: error.to_string(),
            }),
            Err(_) => Err(AuditStoreError::Failed {
                reason: format!("it did not answer within {} s", PATIENCE.as_secs()),
            }),
        }
    }
}

impl AuditStore for StoredAudit {
    fn describe(&self) -> String {
        format!("the store {}", self.store.describe())
    }

    fn read(
        &self,
        tenant: &TenantId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Vec<u8>>, AuditStoreError> {
        let tenant = self.store.tenant(tenant);
        let records = self.wait(tenant.audit(after, limit))?;
        Ok(records.into_iter().map(|one| one.record.into()).collect())
    }

    fn append(
        &self,
        tenant: &TenantId,
        after: u64,
        lines: Vec<Vec<u8>>,
    ) -> Result<(), AuditStoreError> {
        let tenant = self.store.tenant(tenant);
        let lines = lines.into_iter().map(Bytes::from).collect();
        self.wait(tenant.append_audit(after, lines)).map(drop)
    }
}

impl fmt::Debug for StoredAudit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredAudit")
            .field("store", &self.store.describe())
            .finish_non_exhaustive()
    }
}
