//! What guests that mean harm cost those who share the host with them: latency of one tenant's
//! calls, alone and beside each kind of attack by another tenant, in turns in the same run.
//!
//! `cargo bench -p jackfield-wasm --bench neighbours`

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench shows what it measures, and may break off"
)]

#[expect(dead_code, reason = "a bench needs a part of what tests need")]
#[path = "../tests/hostile/guest.rs"]
mod guest;
#[expect(dead_code, reason = "a bench needs a part of what tests need")]
#[path = "../tests/hostile/harness.rs"]
mod harness;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use jackfield_testkit::ScriptedGrants;
use jackfield_types::Capability;
use tokio::task::JoinHandle;

use guest::{Guest, signature};
use harness::{Host, Loaded};

/// How long one turn takes, and how many there are of each kind.
const TURN: Duration = Duration::from_millis(500);
const TURNS: usize = 8;

/// How many calls of the attacker run at once: fewer than the host of the tests has places for.
const ATTACKERS: usize = 4;

/// How often the tenant that is measured calls.
const PAUSE: Duration = Duration::from_micros(500);

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        println!("latency of a tenant's calls, in microseconds: alone, and beside an attack");
        let host = Host::new();
        let good = host.load_as("evil/good", &Guest::harmless()).await;
        for (name, guest) in attacks() {
            let evil = host.load_as(&format!("evil/{name}"), &guest).await;
            compare(name, &good, &evil).await;
        }
    });
}

fn attacks() -> [(&'static str, Guest); 6] {
    let limits = "time = \"1s\"\nmemory = \"64MiB\"\nhostCalls = 1000000";
    let flood = Guest::doing(
        "(loop $on (call $kv.get (i32.const 0) (i32.const 4) (i32.const 8192)) (br $on)) unreachable",
    )
    .importing("kv", "get", signature::TEXT)
    .asking(Capability::Kv, "");
    let touch = "(loop $on
        (i32.store8 (i32.sub (i32.mul (memory.grow (i32.const 1)) (i32.const 65536)) (i32.const 1)) (i32.const 1))
        (br $on)) unreachable";
    [
        ("nothing", Guest::harmless()),
        ("loop", Guest::doing("(loop $on (br $on)) unreachable")),
        ("trap", Guest::doing("unreachable")),
        ("memory", Guest::doing(touch)),
        (
            "recursion",
            Guest::doing("(call $execute (local.get $call))"),
        ),
        ("flood", flood),
    ]
    .map(|(name, guest)| (name, guest.with_limits(limits)))
}

/// Measures in turns, so that what else the machine does falls on both sides alike.
async fn compare(name: &str, good: &Loaded, evil: &Loaded) {
    let (mut alone, mut beside) = (histogram(), histogram());
    for _ in 0..TURNS {
        measure(good, &mut alone).await;
        let stop = Arc::new(AtomicBool::new(false));
        let attackers: Vec<_> = (0..ATTACKERS).map(|_| attack(evil, &stop)).collect();
        measure(good, &mut beside).await;
        stop.store(true, Ordering::Relaxed);
        for attacker in attackers {
            attacker.await.unwrap();
        }
    }
    for (what, latencies) in [("alone", &alone), ("beside", &beside)] {
        println!(
            "{name:>10} {what:>7}: p50 {:8.1}  p90 {:8.1}  p99 {:8.1}  ({} calls)",
            micros(latencies, 0.5),
            micros(latencies, 0.9),
            micros(latencies, 0.99),
            latencies.len()
        );
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_max(60_000_000_000, 3).unwrap()
}

fn micros(latencies: &Histogram<u64>, quantile: f64) -> f64 {
    Duration::from_nanos(latencies.value_at_quantile(quantile)).as_secs_f64() * 1e6
}

/// Calls again and again, at a steady pace, from a task of its own.
async fn measure(good: &Loaded, latencies: &mut Histogram<u64>) {
    let good = good.clone();
    let measured = tokio::spawn(async move {
        let mut measured = Vec::new();
        let mut pace = tokio::time::interval(PAUSE);
        let end = Instant::now() + TURN;
        while Instant::now() < end {
            pace.tick().await;
            let start = Instant::now();
            let called = good.call_for("acme", ScriptedGrants::open()).await;
            measured.push(start.elapsed());
            called.unwrap();
        }
        measured
    });
    for latency in measured.await.unwrap() {
        latencies.saturating_record(u64::try_from(latency.as_nanos()).unwrap());
    }
}

fn attack(evil: &Loaded, stop: &Arc<AtomicBool>) -> JoinHandle<()> {
    let (evil, stop) = (evil.clone(), Arc::clone(stop));
    tokio::spawn(async move {
        while !stop.load(Ordering::Relaxed) {
            // That it fails is what it is for.
            let _ = evil.call_for("globex", ScriptedGrants::open()).await;
        }
    })
}
