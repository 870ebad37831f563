use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use jackfield_types::Quotas;

use crate::scene::{at_once, id, open};

/// Counts what runs, and fails when it is more than may.
struct Running {
    now: AtomicU32,
    most: u32,
}

impl Running {
    fn new(most: u32) -> Self {
        Self {
            now: AtomicU32::new(0),
            most,
        }
    }

    fn begin(&self) {
        assert!(self.now.fetch_add(1, Ordering::SeqCst) < self.most);
    }

    fn end(&self) {
        self.now.fetch_sub(1, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_threads_never_run_more_than_may() {
    let instance = at_once(5);
    let quotas = Quotas {
        concurrent_executions: Some(2),
        max_queued: 10_000,
        ..Quotas::default()
    };
    let in_all = Arc::new(Running::new(5));
    let mut tasks = Vec::new();
    for number in 0..4 {
        let tenant = instance.tenant(&id(&format!("tenant-{number}")), &quotas);
        let of_tenant = Arc::new(Running::new(2));
        for turn in 0..500 {
            let (tenant, in_all) = (tenant.clone(), Arc::clone(&in_all));
            let of_tenant = Arc::clone(&of_tenant);
            tasks.push(tokio::spawn(async move {
                if turn % 7 == 0 {
                    // Some leave before their turn has come.
                    let waiting = tenant.execution();
                    tokio::select! {
                        biased;
                        _permit = waiting => {}
                        () = tokio::task::yield_now() => {}
                    }
                    return;
                }
                let _permit = tenant.execution().await.unwrap();
                in_all.begin();
                of_tenant.begin();
                tokio::task::yield_now().await;
                of_tenant.end();
                in_all.end();
            }));
        }
    }
    for task in tasks {
        task.await.unwrap();
    }
    let state = instance.state();
    assert_eq!((state.executions.running, state.executions.queued), (0, 0));
    assert_eq!(instance.tenants(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn limits_that_come_and_go_lose_nobody() {
    let tenant = open().tenant(&id("acme"), &Quotas::default());
    let mut tasks = Vec::new();
    for number in 0..2_000_u32 {
        let tenant = tenant.clone();
        tasks.push(tokio::spawn(async move {
            if number % 10 == 0 {
                tenant.set_quotas(&Quotas {
                    concurrent_executions: (number % 20 == 0).then_some(1),
                    max_queued: 10_000,
                    ..Quotas::default()
                });
            }
            let _permit = tenant.execution().await.unwrap();
            tokio::task::yield_now().await;
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let load = tenant.state().executions;
    assert_eq!((load.running, load.queued), (0, 0));
}

#[test]
fn waiting_takes_little_memory_and_may_move_between_threads() {
    fn sent<F: Future + Send>(future: &F) -> usize {
        size_of_val(future)
    }
    let tenant = open().tenant(&id("acme"), &Quotas::default());
    assert!(sent(&tenant.call()) <= 512);
    assert!(sent(&tenant.execution()) <= 512);
}
