use std::fmt;
use std::future::Future;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use bytes::Bytes;
use jackfield_store_api::{Store, StoreError};
use jackfield_tenancy::{AuditStore, AuditStoreError};
use jackfield_types::TenantId;
use tokio::runtime::Handle;

/// How long the store may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Keeps audit trails in a store, for [`AuditLog::open_in`](jackfield_tenancy::AuditLog::open_in).
///
/// Who reads, checks or flushes trails in it blocks a thread until the runtime has done it: in
/// asynchronous code that belongs on a thread for it
/// ([`spawn_blocking`](tokio::task::spawn_blocking)). On the only thread of a runtime it fails after
/// 30 s. Flush before the store is closed: who drops the log of a store that does not answer waits for
/// a minute and a half at the most, and what was not written by then is lost.
pub struct StoredAudit {
    store: Arc<dyn Store>,
    runtime: Handle,
}

impl StoredAudit {
    /// Keeps audit trails in a store that belongs to a runtime.
    pub fn new(store: Arc<dyn Store>, runtime: Handle) -> Self {
        Self { store, runtime }
    }

    /// Has the runtime do something, and waits for it. What takes too long may still be done.
    fn wait<T: Send + 'static>(
        &self,
        call: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, AuditStoreError> {
        let (sender, answer) = mpsc::sync_channel(1);
        self.runtime.spawn(async move {
            // Nobody may be waiting any more.
            let _ = sender.send(call.await);
        });
        let failed = |reason: String| Err(AuditStoreError::Failed { reason });
        match answer.recv_timeout(PATIENCE) {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(StoreError::OutOfTurn { .. })) => Err(AuditStoreError::OutOfTurn),
            Ok(Err(error)) => failed(error.to_string()),
            Err(mpsc::RecvTimeoutError::Timeout) => {
                let reason = format!("it did not answer within {} s", PATIENCE.as_secs());
                Err(AuditStoreError::Unanswered { reason })
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                failed("the runtime that it belongs to has ended".to_owned())
            }
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
        let records = self.wait(async move { tenant.audit(after, limit).await })?;
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
        self.wait(async move { tenant.append_audit(after, lines).await })
            .map(drop)
    }
}

impl fmt::Debug for StoredAudit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredAudit")
            .field("store", &self.store.describe())
            .finish_non_exhaustive()
    }
}
