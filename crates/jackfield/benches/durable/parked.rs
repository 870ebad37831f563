use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use jackfield::store::Store;
use jackfield::{NodeCall, WorkerOptions};
use jiff::Timestamp;
use serde_json::json;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use super::scene::{
    Milliseconds, Probe, Scale, Then, folder, number, open, row, runtime, with_item,
};

/// What the process is told that has the parked executions.
pub(crate) const CHILD: &str = "--parked-child";

/// How many are begun at the same time.
const AT_ONCE: usize = 256;

/// In a process of its own, so that nothing else is in its memory.
pub(crate) fn run(scale: Scale) {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.arg(CHILD);
    if scale.is_quick {
        child.arg("--quick");
    }
    assert!(child.status().unwrap().success());
}

pub(crate) fn child(scale: Scale) {
    let count: u64 = scale.of(10_000, 100_000);
    // When the first one is due, and how long it takes until the last one is.
    let first = scale.of(Duration::from_secs(8), Duration::from_secs(60));
    let spread = scale.of(Duration::from_secs(10), Duration::from_secs(100));
    let rate = count as f64 / spread.as_secs_f64();
    println!("parked: {count} executions that wait, {rate:.0} due a second");
    let folder = folder();
    let runtime = runtime();
    runtime.block_on(async {
        let late = Arc::new(Mutex::new(Histogram::<u64>::new(3).unwrap()));
        let (woken, all) = (Arc::new(AtomicU64::new(0)), Arc::new(Notify::new()));
        let probe = {
            let (late, woken, all) = (Arc::clone(&late), Arc::clone(&woken), Arc::clone(&all));
            Probe(move |call: &NodeCall<'_>| {
                let now = Timestamp::now().as_millisecond() as u64;
                let due = number(call, "until");
                assert!(now >= due, "it is {} ms too early", due - now);
                let nanoseconds = (now - due) * 1_000_000;
                late.lock().unwrap().record(nanoseconds).unwrap();
                if woken.fetch_add(1, Ordering::Relaxed) + 1 == count {
                    all.notify_one();
                }
                Then::Ends
            })
        };
        let (engine, store) = open(&folder.path().join("store.db"), probe);
        let tenant = engine.default_tenant();
        let wait = json!({ "until": "{{ $json.until }}" });
        let plan = row(&tenant, &[("wait", wait), ("probe", json!({}))]);
        println!("resident before: {:.1} MiB", resident());
        let worker = engine.worker(WorkerOptions::default()).unwrap();
        let shutdown = CancellationToken::new();
        let working = tokio::spawn(worker.run(shutdown.clone()));
        let begin = Instant::now();
        let zero = Timestamp::now().as_millisecond() as u64 + first.as_millis() as u64;
        let places = Arc::new(Semaphore::new(AT_ONCE));
        for number in 0..count {
            let place = Arc::clone(&places).acquire_owned().await.unwrap();
            // Those that are begun first are not due first.
            let turn = (number * 7_919) % count;
            let until = zero + spread.as_millis() as u64 * turn / count;
            let handle = tenant
                .start(&plan, with_item(json!({ "until": until })))
                .unwrap();
            tokio::spawn(async move {
                let left = handle.wait_here(CancellationToken::new(), Duration::ZERO);
                assert!(left.await.unwrap().is_none(), "it was not parked");
                drop(place);
            });
        }
        let everywhere = u32::try_from(AT_ONCE).unwrap();
        places.acquire_many(everywhere).await.unwrap().forget();
        let took = begin.elapsed();
        let woken_early = woken.load(Ordering::Relaxed);
        let rate = count as f64 / took.as_secs_f64();
        println!(
            "all parked after {:.1} s ({rate:.0} a second), {woken_early} of them woken already",
            took.as_secs_f64()
        );
        let size = resident();
        println!("resident: {size:.1} MiB");
        println!(
            "parked {count} executions, resident bytes: {:.0}",
            size * 1024.0 * 1024.0
        );
        let before = written();
        all.notified().await;
        println!("resident after all went on: {:.1} MiB", resident());
        let each = (written() - before) / count as f64 / 1024.0;
        println!("written for each that went on: {each:.1} KiB");
        shutdown.cancel();
        working.await.unwrap();
        store.close().await.unwrap();
        let late = Milliseconds(late.lock().unwrap().clone());
        println!(
            "late: p50 {:.1} ms, p99 {:.1} ms, the latest {:.1} ms",
            late.at(0.5),
            late.at(0.99),
            late.longest()
        );
        let p99 = late.at(0.99) * 1e6;
        println!("p99 of how late parked executions go on, ns: {p99:.0}");
    });
}

/// What the process has in memory, in mebibytes.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes.map_or(f64::NAN, |kilobytes| kilobytes / 1024.0)
}

/// The bytes that the process has written so far.
fn written() -> f64 {
    let io = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    let line = io.lines().find_map(|line| line.strip_prefix("wchar:"));
    let bytes = line.and_then(|line| line.trim().parse::<f64>().ok());
    bytes.unwrap_or(f64::NAN)
}
