//! The store keeps every promise of a store.

mod support;

use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use jackfield_store_api::{Store, StoreError};
use jackfield_store_sqlite::SqliteStore;
use jackfield_testkit::store::StoreClock;
use jackfield_testkit::store::conformance::Subject;
use tempfile::TempDir;

struct OnDisk {
    folder: TempDir,
    copies: Mutex<Vec<TempDir>>,
    clock: StoreClock,
}

fn on_disk() -> OnDisk {
    OnDisk {
        folder: TempDir::new().expect("a folder"),
        copies: Mutex::new(Vec::new()),
        clock: StoreClock::default(),
    }
}

impl OnDisk {
    fn open_in(&self, folder: &TempDir) -> Result<Arc<dyn Store>, StoreError> {
        let clock = self.clock.clone();
        let options = support::options(folder).clock(move || clock.now());
        Ok(Arc::new(SqliteStore::open(options)?))
    }
}

impl Subject for OnDisk {
    fn open(&self) -> BoxFuture<'_, Result<Arc<dyn Store>, StoreError>> {
        Box::pin(async { self.open_in(&self.folder) })
    }

    fn after_crash(&self) -> BoxFuture<'_, Result<Arc<dyn Store>, StoreError>> {
        Box::pin(async {
            let copy = support::copy(&support::database(&self.folder));
            let store = self.open_in(&copy)?;
            self.copies.lock().expect("no panic").push(copy);
            Ok(store)
        })
    }

    fn clock(&self) -> Option<&StoreClock> {
        Some(&self.clock)
    }
}

jackfield_testkit::store_conformance!(on_disk);
