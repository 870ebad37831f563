use std::sync::Arc;

use jackfield_store_api::{Claim, Claimed, Collected, Retention, StoreFuture, TenantStore};
use jackfield_types::TenantId;
use jiff::Timestamp;

use crate::inner::Inner;
use crate::tries::read;
use crate::{claims, collect};

/// The store as one tenant has it.
pub(crate) struct PostgresTenant {
    pub(crate) inner: Arc<Inner>,
    pub(crate) id: TenantId,
}

impl TenantStore for PostgresTenant {
    fn id(&self) -> &TenantId {
        &self.id
    }

    fn claim(&self, claim: Claim) -> StoreFuture<'_, Vec<Claimed>> {
        Box::pin(claims::claim_of(self, claim))
    }

    fn next_due(&self) -> StoreFuture<'_, Option<Timestamp>> {
        Box::pin(async move {
            read!(self.inner, |connection| {
                claims::next_due_of(connection, &self.id).await
            })
        })
    }

    fn collect(&self, retention: Retention) -> StoreFuture<'_, Collected> {
        Box::pin(collect::collect(self, retention))
    }
}
