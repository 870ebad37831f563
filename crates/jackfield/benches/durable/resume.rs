use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use jackfield::store::{ExecutionFilter, PageRequest, Store};
use jackfield::{NodeCall, WorkerOptions};
use serde_json::json;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use super::scene::{Probe, Scale, Then, folder, median, number, open, row, runtime, with_item};

pub(crate) fn run(scale: Scale) {
    let count = scale.of(2_000, 10_000);
    println!("resume: {count} executions that were left in the middle of a node");
    let rounds: Vec<_> = (0..scale.of(1, 3)).map(|_| round(count)).collect();
    for (called, ended) in &rounds {
        println!("all called again after {called:.2} s, all ended after {ended:.2} s");
    }
    let (called, ended): (Vec<_>, Vec<_>) = rounds.into_iter().unzip();
    println!(
        "resuming {count} executions, ns: {:.0}",
        median(called) * 1e9
    );
    println!(
        "resuming {count} executions to their end, ns: {:.0}",
        median(ended) * 1e9
    );
}

/// How long it takes until all are called again, and until all have ended.
fn round(count: u64) -> (f64, f64) {
    let folder = folder();
    let path = folder.path().join("store.db");
    leave(&path, count);
    let runtime = runtime();
    runtime.block_on(async {
        let begin = Instant::now();
        let (called, all) = (Arc::new(AtomicU64::new(0)), Arc::new(Notify::new()));
        let probe = {
            let (called, all) = (Arc::clone(&called), Arc::clone(&all));
            Probe(move |_: &NodeCall<'_>| {
                if called.fetch_add(1, Ordering::Relaxed) + 1 == count {
                    all.notify_one();
                }
                Then::Ends
            })
        };
        let (engine, store) = open(&path, probe);
        let shutdown = CancellationToken::new();
        let worker = engine.worker(WorkerOptions::default()).unwrap();
        let working = tokio::spawn(worker.catch_up(shutdown));
        all.notified().await;
        let was_called = begin.elapsed().as_secs_f64();
        working.await.unwrap().unwrap();
        let ended = begin.elapsed().as_secs_f64();
        let filter = ExecutionFilter {
            state: Some("running".to_owned()),
            ..ExecutionFilter::default()
        };
        let tenant = engine.default_tenant();
        let page = PageRequest::default();
        let left = tenant.stored_executions(&filter, &page).await.unwrap();
        assert!(left.entries.is_empty());
        store.close().await.unwrap();
        (was_called, ended)
    })
}

/// A process that starts executions and is gone in the middle of them.
fn leave(path: &std::path::Path, count: u64) {
    let runtime = runtime();
    runtime.block_on(async {
        let held = Arc::new(Semaphore::new(0));
        let probe = {
            let held = Arc::clone(&held);
            Probe(move |call: &NodeCall<'_>| {
                let holds = number(call, "holds") == 1;
                let is_last = call.context.node.as_str() == "n1";
                if holds && is_last {
                    held.add_permits(1);
                    return Then::Holds;
                }
                Then::Ends
            })
        };
        let (engine, store) = open(path, probe);
        let tenant = engine.default_tenant();
        let plan = row(
            &tenant,
            &[
                ("no-op", json!({})),
                ("probe", json!({})),
                ("no-op", json!({})),
            ],
        );
        for _ in 0..count {
            tenant
                .start(&plan, with_item(json!({ "holds": 1 })))
                .unwrap();
        }
        let count = u32::try_from(count).unwrap();
        held.acquire_many(count).await.unwrap().forget();
        // As it is: nothing lets go of anything.
        store.close().await.unwrap();
    });
    runtime.shutdown_background();
}
