//! The store keeps every promise of a store.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use jackfield_store_api::{Store, StoreError};
use jackfield_store_postgres::{PostgresOptions, PostgresStore};
use jackfield_testkit::database::Postgres;
use jackfield_testkit::store::StoreClock;
use jackfield_testkit::store::conformance::Subject;

/// A database of a server that all cases of this process share, with a clock that is set by hand.
struct OnServer {
    url: String,
    clock: StoreClock,
}

fn on_server() -> OnServer {
    OnServer {
        url: Postgres::shared().create_database(),
        clock: StoreClock::default(),
    }
}

impl Subject for OnServer {
    fn open(&self) -> BoxFuture<'_, Result<Arc<dyn Store>, StoreError>> {
        let clock = self.clock.clone();
        let options = PostgresOptions::new(&self.url).clock(move || clock.now());
        Box::pin(async move {
            let store: Arc<dyn Store> = Arc::new(PostgresStore::open(options).await?);
            Ok(store)
        })
    }

    fn after_crash(&self) -> BoxFuture<'_, Result<Arc<dyn Store>, StoreError>> {
        // Whatever was acknowledged is in the database, whoever is connected to it.
        self.open()
    }

    fn clock(&self) -> Option<&StoreClock> {
        Some(&self.clock)
    }
}

jackfield_testkit::store_conformance!(on_server);
