//! What a store keeps beside executions, as the other parts take it: audit trails, policies and
//! variables.
//!
//! What plugins keep is [`StoredKv`](crate::plugins::StoredKv), with the feature `plugins`, and
//! credentials are `jackfield::credentials`, with the feature `credentials`. All of it is in the
//! store that keeps the executions, and belongs to a tenant.
//!
//! # Examples
//! ```
//! # #[cfg(feature = "sqlite")]
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use jackfield::kept::{StoredAudit, StoredPolicies, StoredVariables};
//! use jackfield::store::Store;
//! use jackfield::{AuditLog, AuditOptions, Engine, Policy, SqliteOptions, SqliteStore, Tenancy};
//!
//! # let folder = tempfile::tempdir()?;
//! # let file = folder.path().join("runs.db");
//! let store: Arc<dyn Store> = Arc::new(SqliteStore::open(SqliteOptions::new(file))?);
//! let trail = StoredAudit::new(Arc::clone(&store), tokio::runtime::Handle::current());
//! let audit = AuditLog::open_in(Arc::new(trail), None, AuditOptions::default())?;
//! let policies = StoredPolicies::new(Arc::clone(&store));
//! let tenancy = Tenancy::builder().audit(audit.clone()).policies(policies.clone()).build();
//! let engine = Engine::builder(jackfield::built_in_registry()?)
//!     .store(Arc::clone(&store))
//!     .tenancy(tenancy)
//!     .build();
//! let tenant = engine.default_tenant();
//!
//! let policy = Policy { restricted_node_types: vec!["http-request".to_owned()], ..Policy::default() };
//! policies.set(tenant.id(), &policy).await?;
//! if let Some(refresh) = tenant.tenant().refresh_secrets() {
//!     refresh.await; // before anything is planned
//! }
//! assert!(tenant.tenant().policy().is_some());
//!
//! let variables = StoredVariables::new(&store, tenant.id());
//! variables.set("region", &"eu".into()).await?;
//! assert_eq!(variables.all().await?["region"], "eu");
//! tokio::task::spawn_blocking(move || audit.flush()).await??;
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "sqlite"))]
//! # fn main() {}
//! ```

mod audit;
mod policies;
mod variables;

pub use audit::StoredAudit;
pub use policies::{PolicyError, StoredPolicies, StoredPolicy};
pub use variables::{StoredVariables, VariableError};

use jackfield_store_api::{Collection, Document, PageRequest, StoreError, TenantStore};

/// All documents of a collection, at most so many and one more.
async fn documents(
    tenant: &dyn TenantStore,
    collection: Collection,
    most: usize,
) -> Result<Vec<Document>, StoreError> {
    let mut found = Vec::new();
    let mut request = PageRequest::first(PageRequest::MOST);
    loop {
        let page = tenant.list_documents(collection, "", &request).await?;
        found.extend(page.entries);
        if page.next.is_none() || found.len() > most {
            return Ok(found);
        }
        request.after = page.next;
    }
}
