//! What guests that mean harm cost those who share the host with them.
//!
//! Tenant `quiet` calls a plugin at a steady rate, whatever became of the calls before: one that
//! computes for a moment, or one that asks a service which takes 5 ms. Each call is measured from the
//! moment when it was handed to the runtime. Tenant `loud` is silent, or attacks without a pause.
//! Phases with and without the attack take turns, and the medians of the phases are compared: what
//! the machine does meanwhile meets both alike. The same is done with an attack by nobody, which shows
//! how much of a difference is chance.
//!
//! `cargo bench -p jackfield-wasm --bench neighbours`; `--quick` is good for a look.

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
mod service;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use jackfield_testkit::ScriptedGrants;
use jackfield_types::Capability;
use jackfield_wasm::{Services, WasmConfig, WasmHost};
use tokio::runtime::{Builder, Runtime};

use guest::{Guest, NOTHING, signature};
use harness::{Heard, Host, Loaded};
use service::Service;

/// How many calls of the attacker are under way at once.
const ATTACKERS: usize = 8;
/// What of each phase does not count.
const WARM_UP: Duration = Duration::from_millis(100);

const QUIET: &str = "quiet";
const LOUD: &str = "loud";

/// What `quiet` does.
struct Work {
    name: &'static str,
    guest: Guest,
    /// How long it is from one call to the next.
    pace: Duration,
}

struct Scale {
    phase: Duration,
    rounds: usize,
}

/// What one phase showed.
struct Phase {
    median: f64,
    p99: f64,
    /// How many attacks there were in a second.
    attacks: f64,
}

fn main() {
    let scale = if std::env::args().any(|argument| argument == "--quick") {
        Scale {
            phase: Duration::from_millis(500),
            rounds: 3,
        }
    } else {
        Scale {
            phase: Duration::from_secs(2),
            rounds: 9,
        }
    };
    let runtime = Builder::new_multi_thread().enable_all().build().unwrap();
    let host = host();
    println!(
        "{:<14} {:<10} {:>12} {:>12} {:>12} {:>12} {:>10}",
        "quiet", "loud", "p50 alone", "p50 beside", "p99 alone", "p99 beside", "attacks/s"
    );
    let mut ratios = Vec::new();
    for work in works() {
        let name = format!("evil/{}", work.name.replace(' ', "-"));
        let quiet = runtime.block_on(host.load_as(&name, &work.guest));
        let mut worst = (0.0, "");
        for (attack, guest) in attacks() {
            let name = format!("evil/{attack}");
            let load = |guest| runtime.block_on(host.load_as(&name, &guest));
            let loud = guest.map(load);
            let (alone, beside) = compare(&runtime, &work, &quiet, loud.as_ref(), &scale);
            let of = |phases: &[Phase], figure: fn(&Phase) -> f64| median(phases, figure);
            println!(
                "{:<14} {attack:<10} {:>9.0} µs {:>9.0} µs {:>9.0} µs {:>9.0} µs {:>10.0}",
                work.name,
                of(&alone, |phase| phase.median),
                of(&beside, |phase| phase.median),
                of(&alone, |phase| phase.p99),
                of(&beside, |phase| phase.p99),
                of(&beside, |phase| phase.attacks),
            );
            let ratio = of(&beside, |phase| phase.p99) / of(&alone, |phase| phase.p99);
            if ratio > worst.0 && loud.is_some() {
                worst = (ratio, attack);
            }
            ratios.push((format!("p99 beside {attack}, {}", work.name), ratio));
        }
        ratios.push((format!("p99 beside the worst, {}", work.name), worst.0));
    }
    println!();
    for (name, ratio) in ratios {
        println!("{name}: {ratio:.3}");
    }
}

/// A host as it is when nobody says otherwise, but for a service that takes its time.
fn host() -> Host {
    let services = Services::builder().kv(Arc::new(Service::new(QUIET)));
    let host = WasmHost::start(WasmConfig::default(), services.build()).unwrap();
    Host {
        host,
        heard: Heard::default(),
    }
}

fn works() -> [Work; 2] {
    let computing = format!(
        "(local $left i32)
         (local.set $left (i32.const 100000))
         (loop $on
             (local.set $left (i32.sub (local.get $left) (i32.const 1)))
             (br_if $on (local.get $left)))
         {NOTHING}"
    );
    let waiting = format!("(call $kv.get (i32.const 0) (i32.const 4) (i32.const 8192)) {NOTHING}");
    [
        Work {
            name: "computing",
            guest: Guest::doing(&computing),
            pace: Duration::from_millis(1),
        },
        Work {
            name: "waiting 5 ms",
            guest: Guest::doing(&waiting)
                .importing("kv", "get", signature::TEXT)
                .asking(Capability::Kv, ""),
            pace: Duration::from_millis(1),
        },
    ]
}

fn attacks() -> [(&'static str, Option<Guest>); 6] {
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
        ("nobody", None),
        (
            "loop",
            Some(Guest::doing("(loop $on (br $on)) unreachable")),
        ),
        ("trap", Some(Guest::doing("unreachable"))),
        ("memory", Some(Guest::doing(touch))),
        (
            "recursion",
            Some(Guest::doing("(call $execute (local.get $call))")),
        ),
        ("flood", Some(flood)),
    ]
    .map(|(name, guest)| (name, guest.map(|guest| guest.with_limits(limits))))
}

fn compare(
    runtime: &Runtime,
    work: &Work,
    quiet: &Loaded,
    loud: Option<&Loaded>,
    scale: &Scale,
) -> (Vec<Phase>, Vec<Phase>) {
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for round in 0..scale.rounds {
        // Each is as often first as the other.
        for place in 0..2 {
            if (place + round).is_multiple_of(2) {
                alone.push(run_phase(runtime, work, quiet, None, scale.phase));
            } else {
                beside.push(run_phase(runtime, work, quiet, loud, scale.phase));
            }
        }
    }
    (alone, beside)
}

fn run_phase(
    runtime: &Runtime,
    work: &Work,
    quiet: &Loaded,
    loud: Option<&Loaded>,
    length: Duration,
) -> Phase {
    let (stop, attacks) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let attackers: Vec<_> = loud
        .into_iter()
        .flat_map(|loud| std::iter::repeat_n(loud, ATTACKERS))
        .map(|loud| {
            let (loud, stop, attacks) = (loud.clone(), Arc::clone(&stop), Arc::clone(&attacks));
            runtime.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    // That it fails is what it is for.
                    let _ = loud.call_for(LOUD, ScriptedGrants::open()).await;
                    attacks.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let latencies = Arc::new(Mutex::new(
        Histogram::<u64>::new_with_max(60_000_000_000, 3).unwrap(),
    ));
    let begin = Instant::now();
    let (counts, end) = (begin + WARM_UP, begin + WARM_UP + length);
    let (mut due, mut calls) = (begin, Vec::new());
    while due < end {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let (quiet, latencies) = (quiet.clone(), Arc::clone(&latencies));
        let start = Instant::now();
        calls.push(runtime.spawn(async move {
            quiet.call_for(QUIET, ScriptedGrants::open()).await.unwrap();
            let latency = u64::try_from(start.elapsed().as_nanos()).unwrap();
            if start >= counts {
                latencies.lock().unwrap().saturating_record(latency);
            }
        }));
        due += work.pace;
    }
    stop.store(true, Ordering::Relaxed);
    let took = begin.elapsed();
    runtime.block_on(async {
        for ended in calls.into_iter().chain(attackers) {
            ended.await.unwrap();
        }
    });
    let latencies = latencies.lock().unwrap();
    let micros = |quantile| latencies.value_at_quantile(quantile) as f64 / 1e3;
    Phase {
        median: micros(0.5),
        p99: micros(0.99),
        attacks: attacks.load(Ordering::Relaxed) as f64 / took.as_secs_f64(),
    }
}

fn median(phases: &[Phase], figure: fn(&Phase) -> f64) -> f64 {
    let mut figures: Vec<f64> = phases.iter().map(figure).collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
