//! Letting go of executions that have ended, as it is set for their tenants. It refuses to guess: of
//! a tenant without a setting, or with one that cannot be read, nothing goes.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use jackfield_store_api::{Store, StoreError, TenantStore};
use jackfield_types::TenantId;

/// Lets go of what need not be kept any longer, now and then: of one tenant, or of all of them.
/// It may be dropped at any time.
pub(crate) async fn keep_house(
    store: Arc<dyn Store>,
    tenant: Option<TenantId>,
    every: Duration,
) -> Infallible {
    loop {
        tokio::time::sleep(every).await;
        match &tenant {
            Some(tenant) => collect_told(&*store, tenant).await,
            None => {
                if let Err(error) = collect_all(&*store).await {
                    tracing::warn!(target: "engine", %error, "tenants were not listed to let go of executions");
                }
            }
        }
    }
}

async fn collect_all(store: &dyn Store) -> Result<(), StoreError> {
    let mut last: Option<TenantId> = None;
    loop {
        let tenants = store.tenants(last.as_ref()).await?;
        for tenant in &tenants {
            collect_told(store, tenant).await;
        }
        match tenants.into_iter().next_back() {
            Some(tenant) => last = Some(tenant),
            None => return Ok(()),
        }
    }
}

async fn collect_told(store: &dyn Store, tenant: &TenantId) {
    if let Err(error) = collect(&*store.tenant(tenant)).await {
        tracing::warn!(target: "engine", %tenant, %error, "executions were not let go of");
    }
}

async fn collect(store: &dyn TenantStore) -> Result<(), StoreError> {
    let Some(kept) = store.kept_retention().await? else {
        return Ok(());
    };
    let collected = store.collect(kept.retention()).await?;
    if collected.executions > 0 || collected.workflow_versions > 0 {
        tracing::info!(
            target: "engine",
            tenant = %store.id(),
            executions = collected.executions,
            payload_bytes = collected.payload_bytes,
            workflow_versions = collected.workflow_versions,
            "executions were let go of"
        );
    }
    Ok(())
}
