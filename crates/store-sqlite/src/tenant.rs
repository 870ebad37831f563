use std::sync::Arc;

use jackfield_store_api::{Claim, Claimed, Collected, Retention, StoreFuture, TenantStore};
use jackfield_types::TenantId;
use jiff::Timestamp;
use rusqlite::Connection;

use crate::error::Fault;
use crate::ledger::{Ledger, find_tenant};
use crate::store::{Inner, refuse};
use crate::{claims, collect};

/// The store as one tenant has it.
pub(crate) struct SqliteTenant {
    pub(crate) inner: Arc<Inner>,
    pub(crate) id: TenantId,
}

impl SqliteTenant {
    /// Has a change made. See [`Inner::change`].
    pub(crate) fn change<'a, T: Send + 'static>(
        &self,
        weight: usize,
        mut change: impl FnMut(&mut Ledger, &TenantId) -> Result<T, Fault> + Send + 'static,
    ) -> StoreFuture<'a, T> {
        let id = self.id.clone();
        self.inner.change(weight, move |ledger| change(ledger, &id))
    }

    /// Has something read, with the tenant's number. There is no row with the number that a tenant
    /// has who has nothing.
    pub(crate) fn read<'a, T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection, i64) -> Result<T, Fault> + Send + 'static,
    ) -> StoreFuture<'a, T> {
        let id = self.id.clone();
        self.inner.read(move |connection| {
            let tenant = find_tenant(connection, &id)?.unwrap_or(NOBODY);
            read(connection, tenant)
        })
    }
}

/// Numbers of tenants begin at 1.
const NOBODY: i64 = 0;

impl TenantStore for SqliteTenant {
    fn id(&self) -> &TenantId {
        &self.id
    }

    fn claim(&self, claim: Claim) -> StoreFuture<'_, Vec<Claimed>> {
        if let Err(refused) = self.inner.check_worker() {
            return refuse(refused);
        }
        self.change(0, move |ledger, tenant| {
            claims::claim_of(ledger, tenant, claim)
        })
    }

    fn next_due(&self) -> StoreFuture<'_, Option<Timestamp>> {
        self.read(claims::next_due_of)
    }

    fn collect(&self, retention: Retention) -> StoreFuture<'_, Collected> {
        Box::pin(collect::collect(self, retention))
    }
}
