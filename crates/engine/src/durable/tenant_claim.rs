use jackfield_store_api::{Claimed, StoreError};
use jackfield_types::TenantId;

use super::Keeper;

/// Takes up what of one tenant is due.
pub(crate) async fn claim_of_tenant(
    keeper: &Keeper,
    tenant: &TenantId,
    most: u32,
) -> Result<Vec<Claimed>, StoreError> {
    let store = keeper.store.tenant(tenant);
    // Claiming writes, even when there is nothing to claim, and asking does not.
    let Some(due) = store.next_due().await? else {
        return Ok(Vec::new());
    };
    if due > keeper.store.now().await? {
        return Ok(Vec::new());
    }
    store.claim(keeper.claim(most)).await
}
