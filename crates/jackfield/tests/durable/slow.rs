//! A store that takes its time: what it is asked is answered, and something else is true by then.

use std::sync::Arc;
use std::time::Duration;

use jackfield::store::{Claim, Claimed, Store, StoreFuture, TenantStore};
use jackfield::{ExecutionStatus, TenantId, WorkerOptions};
use jackfield_testkit::ScriptedExecutor;
use jackfield_testkit::store::{MemoryStore, StoreClock};
use jiff::Timestamp;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::support::{Calls, Process, follow, registry, start, workflow};

/// How long it takes to say when something is due.
const SLOWNESS: Duration = Duration::from_millis(200);

/// A store whose clock goes on while it says when something is due.
struct SlowStore {
    inner: MemoryStore,
    clock: StoreClock,
}

impl Store for SlowStore {
    fn describe(&self) -> String {
        self.inner.describe()
    }

    fn tenant(&self, id: &TenantId) -> Arc<dyn TenantStore> {
        self.inner.tenant(id)
    }

    fn tenants<'a>(&'a self, after: Option<&'a TenantId>) -> StoreFuture<'a, Vec<TenantId>> {
        self.inner.tenants(after)
    }

    fn claim(&self, claim: Claim) -> StoreFuture<'_, Vec<Claimed>> {
        self.inner.claim(claim)
    }

    fn next_due(&self) -> StoreFuture<'_, Option<Timestamp>> {
        let due = self.inner.next_due();
        Box::pin(async move {
            let due = due.await;
            self.clock.advance(SLOWNESS);
            due
        })
    }

    fn now(&self) -> StoreFuture<'_, Timestamp> {
        self.inner.now()
    }

    fn close(&self) -> StoreFuture<'_, ()> {
        self.inner.close()
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_catches_up_takes_what_comes_due_while_it_looks() {
    // The lease runs out at any moment between two looks.
    for place in 0..20 {
        let clock = StoreClock::default();
        let following = follow(&clock);
        let store = MemoryStore::with_clock(clock.clone());
        let own = store.reopen();
        let endless = ScriptedExecutor::new(|_, _| Box::pin(std::future::pending()));
        let gone = Process::new(&own, registry(&[("note", endless.clone())]));
        let plan = gone.plan(&workflow(&[("only", "note", json!({}))], &[]));
        let running = gone.tenant.start(&plan, start(&json!([{}]))).unwrap();
        let id = running.id();
        while endless.calls() == 0 {
            tokio::task::yield_now().await;
        }
        // From now on it renews nothing.
        own.close().await.unwrap();
        clock.advance(Duration::from_millis(place * 50));

        let slow: Arc<dyn Store> = Arc::new(SlowStore {
            inner: store.clone(),
            clock: clock.clone(),
        });
        let calls = Calls::default();
        let next = Process::new(&slow, registry(&[("note", calls.executor())]));
        let worker = next.tenant.worker(WorkerOptions::default()).unwrap();
        worker.catch_up(CancellationToken::new()).await.unwrap();
        let found = next.tenant.stored_execution(id).await.unwrap();
        assert!(found.state.has_ended(), "{place}: {:?}", found.state);
        let report = next.tenant.history(id).await.unwrap().report().unwrap();
        assert_eq!(report.status, ExecutionStatus::Success);
        assert_eq!(calls.of("only").len(), 1);
        following.abort();
    }
}
