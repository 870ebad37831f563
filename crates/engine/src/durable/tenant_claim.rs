use jackfield_store_api::{
    Claimed, ExecutionFilter, ExecutionRecord, ExecutionState, PageRequest, StoreError, TenantStore,
};
use jackfield_types::TenantId;
use jiff::Timestamp;

use super::Keeper;

/// Takes up what of one tenant is due. A store gives out what is due of all tenants, so this looks
/// through those that could be.
pub(crate) async fn claim_of_tenant(
    keeper: &Keeper,
    tenant: &TenantId,
    most: u32,
) -> Result<Vec<Claimed>, StoreError> {
    let mut claimed = Vec::new();
    let now = keeper.store.now().await?;
    if keeper.store.next_due().await?.is_none_or(|due| due > now) {
        return Ok(claimed);
    }
    let store = keeper.store.tenant(tenant);
    for state in ["running", "parked"] {
        let filter = ExecutionFilter {
            state: Some(state.to_owned()),
            ..ExecutionFilter::default()
        };
        let mut page = PageRequest::first(PageRequest::MOST);
        loop {
            let found = store.list_executions(&filter, &page).await?;
            for record in found.entries {
                if claimed.len() >= most as usize {
                    return Ok(claimed);
                }
                if is_due(&*store, &record, now).await? {
                    claimed.extend(store.claim_execution(record.id, keeper.claim(1)).await?);
                }
            }
            let Some(next) = found.next else { break };
            page.after = Some(next);
        }
        if !claimed.is_empty() {
            // What was taken up is not held up by looking for more.
            break;
        }
    }
    Ok(claimed)
}

async fn is_due(
    store: &dyn TenantStore,
    record: &ExecutionRecord,
    now: Timestamp,
) -> Result<bool, StoreError> {
    if record.lease.is_some_and(|lease| lease.until > now) {
        return Ok(false);
    }
    let waiting = match &record.state {
        ExecutionState::Running => return Ok(true),
        ExecutionState::Parked(waiting) => waiting,
        ExecutionState::Paused | ExecutionState::Stuck { .. } | ExecutionState::Ended { .. } => {
            return Ok(false);
        }
    };
    if record.requests.cancel || record.requests.pause {
        return Ok(true);
    }
    if waiting.until.is_some_and(|until| until <= now) {
        return Ok(true);
    }
    match waiting.signal_after {
        Some(seen) => Ok(!store.signals(record.id, seen).await?.is_empty()),
        None => Ok(false),
    }
}
