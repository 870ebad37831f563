//! The store in memory keeps every promise of a store.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use jackfield_store_api::{Store, StoreError};
use jackfield_testkit::store::conformance::Subject;
use jackfield_testkit::store::{MemoryStore, StoreClock};

struct InMemory {
    first: MemoryStore,
    clock: StoreClock,
}

fn in_memory() -> InMemory {
    let clock = StoreClock::default();
    InMemory {
        first: MemoryStore::with_clock(clock.clone()),
        clock,
    }
}

impl Subject for InMemory {
    fn open(&self) -> BoxFuture<'_, Result<Arc<dyn Store>, StoreError>> {
        self.after_crash()
    }

    fn after_crash(&self) -> BoxFuture<'_, Result<Arc<dyn Store>, StoreError>> {
        let store: Arc<dyn Store> = Arc::new(self.first.reopen());
        Box::pin(std::future::ready(Ok(store)))
    }

    fn clock(&self) -> Option<&StoreClock> {
        Some(&self.clock)
    }
}

jackfield_testkit::store_conformance!(in_memory);
