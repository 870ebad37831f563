use std::sync::Arc;

use jackfield_store_api::{Collected, Retention, StoreFuture, TenantStore};
use jackfield_types::TenantId;

use crate::collect;
use crate::inner::Inner;

/// The store as one tenant has it.
pub(crate) struct PostgresTenant {
    pub(crate) inner: Arc<Inner>,
    pub(crate) id: TenantId,
}

impl TenantStore for PostgresTenant {
    fn id(&self) -> &TenantId {
        &self.id
    }

    fn collect(&self, retention: Retention) -> StoreFuture<'_, Collected> {
        Box::pin(collect::collect(self, retention))
    }
}
