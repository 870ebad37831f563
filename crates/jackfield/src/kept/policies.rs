use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_core::future::BoxFuture;
use jackfield_definition::{Diagnostics, SourceText};
use jackfield_store_api::{Collection, Document, Expected, Store, StoreError};
use jackfield_tenancy::{
    PolicyFormat, PolicyReader, PolicySource, PolicySourceError, TenantPolicy,
};
use jackfield_types::{ErrorCode, Policy, TenantId};
use jiff::Timestamp;

/// The name of the one document that is a tenant's policy.
const NAME: &str = "policy";
/// How long the store may take to answer before an execution goes on.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a store that cannot be reached is asked at once, and how long after each time.
const TRIES: u32 = 3;
const BETWEEN: Duration = Duration::from_millis(100);

/// The policies of tenants, in a store, for
/// [`TenancyBuilder::policies`](jackfield_tenancy::TenancyBuilder::policies).
///
/// A policy that cannot be read bars its tenant from everything until it is set anew or removed; so
/// does a store that does not answer before the policy was read once. A tenant whose policy was set
/// otherwise, by [`Tenancy::set_policy`](jackfield_tenancy::Tenancy::set_policy) or from a folder, is
/// not looked up as long as that stands. It is cheap to clone.
#[derive(Clone)]
pub struct StoredPolicies {
    store: Arc<dyn Store>,
    reader: PolicyReader,
}

/// A tenant's policy as it is kept.
#[derive(Debug, Clone)]
pub struct StoredPolicy {
    /// What it says, or why it cannot be read: then the tenant may do nothing.
    pub policy: Result<Policy, Diagnostics>,
    /// When it was set.
    pub changed_at: Timestamp,
}

/// Why a policy was not set.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// Something is wrong with it.
    #[error("the policy is wrong: {0}")]
    Invalid(Diagnostics),
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl PolicyError {
    /// The code.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Invalid(_) => ErrorCode::INVALID_POLICY,
            Self::Store(error) => error.code(),
        }
    }
}

impl StoredPolicies {
    /// The policies in a store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            reader: PolicyReader::new(),
        }
    }

    /// Sets the policy of a tenant. It is in force for what runs a second later, in all processes.
    ///
    /// # Errors
    /// [`PolicyError::Invalid`] with all that is wrong with it, and [`PolicyError::Store`]. Nothing
    /// has changed then.
    pub async fn set(&self, tenant: &TenantId, policy: &Policy) -> Result<(), PolicyError> {
        let text = serde_json::to_vec(policy).map_err(|error| {
            let reason = error.to_string();
            StoreError::Refused { reason }
        })?;
        // As it will be read: what is kept can be followed.
        self.read(tenant, &text).map_err(PolicyError::Invalid)?;
        let documents = self.store.tenant(tenant);
        let put =
            documents.put_document(Collection::Policies, NAME, text.into(), Expected::Anything);
        put.await?;
        Ok(())
    }

    /// The policy of a tenant, if it has one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get(&self, tenant: &TenantId) -> Result<Option<StoredPolicy>, StoreError> {
        let found = self.document(tenant).await?;
        Ok(found.map(|document| StoredPolicy {
            policy: self
                .read(tenant, &document.content)
                .map(|policy| policy.document().clone()),
            changed_at: document.changed_at,
        }))
    }

    /// Removes the policy of a tenant, and says whether there was one. From then on it is a tenant
    /// without a policy.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn remove(&self, tenant: &TenantId) -> Result<bool, StoreError> {
        let documents = self.store.tenant(tenant);
        let removed = documents.delete_document(Collection::Policies, NAME, Expected::Anything);
        removed.await
    }

    /// The tenants that have a policy, in order, with it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn all(&self) -> Result<Vec<(TenantId, StoredPolicy)>, StoreError> {
        let mut found = Vec::new();
        let mut after: Option<TenantId> = None;
        loop {
            let tenants = self.store.tenants(after.as_ref()).await?;
            let Some(last) = tenants.last().cloned() else {
                return Ok(found);
            };
            for tenant in tenants {
                if let Some(policy) = self.get(&tenant).await? {
                    found.push((tenant, policy));
                }
            }
            after = Some(last);
        }
    }

    async fn document(&self, tenant: &TenantId) -> Result<Option<Document>, StoreError> {
        let documents = self.store.tenant(tenant);
        documents.document(Collection::Policies, NAME).await
    }

    /// Reads what is kept.
    fn read(&self, tenant: &TenantId, content: &[u8]) -> Result<TenantPolicy, Diagnostics> {
        let name = format!("the policy of `{tenant}` in {}", self.store.describe());
        let source = SourceText::from_bytes(name, content.to_vec())?;
        let reader = self.reader.clone().tenant(tenant.clone());
        let read = reader.read_compiled(&source, PolicyFormat::Json);
        read.map(|(policy, _)| policy)
    }

    /// Asks the store, once more if it cannot be reached.
    async fn ask(&self, tenant: &TenantId) -> Result<Option<Document>, PolicySourceError> {
        let mut tries = 1;
        loop {
            match self.document(tenant).await {
                Ok(found) => return Ok(found),
                Err(error) if error.is_transient() && tries < TRIES => {
                    tries += 1;
                    tokio::time::sleep(BETWEEN).await;
                }
                Err(error @ StoreError::Damaged { .. }) => {
                    let reason = error.to_string();
                    return Err(PolicySourceError::Unreadable { reason });
                }
                Err(error) => {
                    let reason = error.to_string();
                    return Err(PolicySourceError::Unavailable { reason });
                }
            }
        }
    }
}

impl PolicySource for StoredPolicies {
    fn policy<'a>(
        &'a self,
        tenant: &'a TenantId,
    ) -> BoxFuture<'a, Result<Option<TenantPolicy>, PolicySourceError>> {
        Box::pin(async move {
            let found = tokio::time::timeout(PATIENCE, self.ask(tenant)).await;
            let found = found.unwrap_or_else(|_| {
                let reason = format!("the store did not answer within {} s", PATIENCE.as_secs());
                Err(PolicySourceError::Unavailable { reason })
            })?;
            let Some(document) = found else {
                return Ok(None);
            };
            let read = self.read(tenant, &document.content);
            read.map(Some)
                .map_err(|findings| PolicySourceError::Unreadable {
                    reason: findings.to_string(),
                })
        })
    }
}

impl fmt::Debug for StoredPolicies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredPolicies")
            .field("store", &self.store.describe())
            .finish_non_exhaustive()
    }
}
