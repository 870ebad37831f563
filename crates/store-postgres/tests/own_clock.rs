//! The store keeps every promise by the clock of the database, too.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use jackfield_store_api::{Store, StoreError};
use jackfield_store_postgres::{PostgresOptions, PostgresStore};
use jackfield_testkit::database::Postgres;
use jackfield_testkit::store::StoreClock;
use jackfield_testkit::store::conformance::Subject;

/// A database of a server that all cases of this process share.
struct OnServer {
    url: String,
}

fn on_server() -> OnServer {
    OnServer {
        url: Postgres::shared().create_database(),
    }
}

impl Subject for OnServer {
    fn open(&self) -> BoxFuture<'_, Result<Arc<dyn Store>, StoreError>> {
        Box::pin(async move {
            let options = PostgresOptions::new(&self.url);
            let store: Arc<dyn Store> = Arc::new(PostgresStore::open(options).await?);
            Ok(store)
        })
    }

    fn after_crash(&self) -> BoxFuture<'_, Result<Arc<dyn Store>, StoreError>> {
        // Whatever was acknowledged is in the database, whoever is connected to it.
        self.open()
    }

    fn clock(&self) -> Option<&StoreClock> {
        None
    }
}

jackfield_testkit::store_conformance!(on_server);
