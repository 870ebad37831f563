use std::fmt;
use std::sync::Arc;

use jackfield_store_api::{
    Claim, Claimed, PageRequest, Store, StoreError, StoreFuture, TenantStore,
};
use jackfield_types::TenantId;
use jiff::Timestamp;
use sqlx::Row;

use crate::claims;
use crate::error::Fault;
use crate::inner::Inner;
use crate::options::PostgresOptions;
use crate::row;
use crate::tenant::PostgresTenant;
use crate::tries::read;

/// A store in a PostgreSQL database.
///
/// It belongs to the runtime of tokio in which it was opened.
pub struct PostgresStore {
    inner: Arc<Inner>,
}

impl PostgresStore {
    /// Opens a database, and brings its schema to the newest version.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when the URL cannot be read, or the database or schema is none for a
    /// store, [`StoreError::Newer`], [`StoreError::Unavailable`], [`StoreError::Full`],
    /// [`StoreError::Damaged`], [`StoreError::Failed`].
    pub async fn open(options: PostgresOptions) -> Result<Self, StoreError> {
        let inner = Inner::open(options).await?;
        Ok(Self {
            inner: Arc::new(inner),
        })
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore")
            .field("place", &self.inner.place.0)
            .field("options", &self.inner.options)
            .finish_non_exhaustive()
    }
}

impl Store for PostgresStore {
    fn describe(&self) -> String {
        self.inner.place.0.to_string()
    }

    fn tenant(&self, id: &TenantId) -> Arc<dyn TenantStore> {
        Arc::new(PostgresTenant {
            inner: Arc::clone(&self.inner),
            id: id.clone(),
        })
    }

    fn tenants<'a>(&'a self, after: Option<&'a TenantId>) -> StoreFuture<'a, Vec<TenantId>> {
        Box::pin(async move {
            read!(self.inner, |connection| {
                let rows = sqlx::query("SELECT id FROM tenants WHERE id > $1 ORDER BY id LIMIT $2")
                    .bind(after.map_or("", TenantId::as_str))
                    .bind(i64::from(PageRequest::MOST))
                    .fetch_all(connection)
                    .await?;
                let mut found = Vec::new();
                for one in &rows {
                    match row::tenant(one.try_get(0)?) {
                        Ok(tenant) => found.push(tenant),
                        // Nobody else is hidden by it.
                        Err(Fault::Damaged(reason)) => {
                            tracing::error!(target: "store", reason, "a tenant is damaged");
                        }
                        Err(fault) => return Err(fault),
                    }
                }
                Ok(found)
            })
        })
    }

    fn claim(&self, claim: Claim) -> StoreFuture<'_, Vec<Claimed>> {
        Box::pin(claims::claim(&self.inner, claim))
    }

    fn next_due(&self) -> StoreFuture<'_, Option<Timestamp>> {
        Box::pin(async move { read!(self.inner, |connection| claims::next_due(connection).await) })
    }

    fn now(&self) -> StoreFuture<'_, Timestamp> {
        Box::pin(self.inner.now())
    }

    fn close(&self) -> StoreFuture<'_, ()> {
        Box::pin(self.inner.close())
    }
}
