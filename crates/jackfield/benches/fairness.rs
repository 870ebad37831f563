//! Whether one tenant feels another one that asks for a hundred times of what it may have.
//!
//! Tenant `quiet` runs a workflow of ten nodes at a steady rate, whatever becomes of the runs before:
//! each is measured from the moment when it was to start, so that none that comes late is left out.
//! Tenant `loud` is silent, or offers its quota, or a hundred times its quota. Phases of the three
//! take turns, each on an engine and a runtime of its own, and the medians of the phases are
//! compared: what the machine does meanwhile meets all of them alike.
//!
//! `--quick` takes less than a minute and is good for a look; a decision needs all of it, and a
//! machine that does nothing else.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run may panic")]
#![expect(clippy::print_stdout, reason = "the figures are what it is for")]

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use jackfield::{
    AdmissionLimits, Engine, NodeOutput, PlanOptions, PreparedPlan, Registry, StartOptions,
    Tenancy, TenantEngine, TenantId, workflow_from_value,
};
use jackfield_testkit::ScriptedExecutor;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// How many executions `loud` may start in a second.
const QUOTA: u32 = 200;
/// What `loud` offers at its loudest, in quotas.
const LOUDEST: u32 = 100;
/// What runs at once in the whole instance, so that both tenants pass through one gate.
const INSTANCE: Option<NonZeroU32> = NonZeroU32::new(256);
/// How long the node that waits for a service waits.
const SERVICE: Duration = Duration::from_millis(5);
/// What of each phase does not count.
const WARM_UP: Duration = Duration::from_millis(200);
/// How often `loud` comes with what it offers.
const TICK: Duration = Duration::from_micros(250);

/// What `quiet` runs.
#[derive(Clone, Copy)]
struct Work {
    name: &'static str,
    /// Whether one of its nodes waits.
    waits: bool,
    /// How many runs it starts in a second.
    rate: u32,
}

const WORKS: [Work; 2] = [
    Work {
        name: "computing",
        waits: false,
        rate: 2_000,
    },
    Work {
        name: "waiting 5 ms",
        waits: true,
        rate: 500,
    },
];

/// What becomes of what `loud` offers beyond its quota.
const MODES: [&str; 2] = ["reject", "queue"];

/// What `loud` offers, in quotas.
const OFFERS: [u32; 3] = [0, 1, LOUDEST];

struct Scale {
    phase: Duration,
    rounds: usize,
}

/// What one phase showed.
#[derive(Clone, Copy, Default)]
struct Phase {
    median: f64,
    p99: f64,
    /// How many runs of `loud` were begun in a second.
    let_in: f64,
    /// How many were offered.
    offered: f64,
}

fn main() {
    let is_quick = std::env::args().any(|argument| argument == "--quick");
    let scale = if is_quick {
        Scale {
            phase: Duration::from_millis(900),
            rounds: 3,
        }
    } else {
        Scale {
            phase: Duration::from_secs(3),
            rounds: 9,
        }
    };
    println!(
        "{:<14} {:<8} {:>8} {:>12} {:>12} {:>18} {:>14} {:>14}",
        "quiet",
        "loud",
        "offers",
        "quiet p50",
        "quiet p99",
        "p99 of all phases",
        "loud offers/s",
        "loud let in/s"
    );
    let mut ratios = Vec::new();
    for work in WORKS {
        for mode in MODES {
            let phases = measure(work, mode, &scale);
            for (offer, phases) in OFFERS.iter().zip(&phases) {
                let of = |figure: fn(&Phase) -> f64| median(phases.iter().map(figure).collect());
                let p99s = || phases.iter().map(|phase| phase.p99);
                let least = p99s().fold(f64::INFINITY, f64::min);
                let most = p99s().fold(0.0, f64::max);
                println!(
                    "{:<14} {mode:<8} {:>8} {:>9.0} µs {:>9.0} µs {:>18} {:>14.0} {:>14.0}",
                    work.name,
                    format!("{offer}×"),
                    of(|phase| phase.median),
                    of(|phase| phase.p99),
                    format!("{least:.0} to {most:.0} µs"),
                    of(|phase| phase.offered),
                    of(|phase| phase.let_in),
                );
            }
            let [silent, once, loudest] = &phases;
            let p99 = |phases: &[Phase]| median(phases.iter().map(|phase| phase.p99).collect());
            let name = |than: &str| format!("p99 at {LOUDEST}× to {than}, {}, {mode}", work.name);
            ratios.push((name("1×"), p99(loudest) / p99(once)));
            ratios.push((name("silence"), p99(loudest) / p99(silent)));
            ratios.push((
                format!("p99 at 1× to silence, {}, {mode}", work.name),
                p99(once) / p99(silent),
            ));
        }
    }
    println!();
    for (name, ratio) in ratios {
        println!("{name}: {ratio:.3}");
    }
}

/// The phases of each offer, which took turns.
fn measure(work: Work, mode: &str, scale: &Scale) -> [Vec<Phase>; 3] {
    let mut phases: [Vec<Phase>; 3] = Default::default();
    // The first round warms caches and clocks.
    for round in 0..=scale.rounds {
        for place in 0..OFFERS.len() {
            // Each offer is as often first as the others.
            let place = (place + round) % OFFERS.len();
            let length = if round == 0 { WARM_UP * 2 } else { scale.phase };
            let phase = run_phase(work, mode, OFFERS[place], length);
            if round > 0 {
                phases[place].push(phase);
            }
        }
    }
    phases
}

fn run_phase(work: Work, mode: &str, offer: u32, length: Duration) -> Phase {
    let runtime = Runtime::new().unwrap();
    let engine = engine(mode);
    let (quiet, loud) = (tenant(&engine, "quiet"), tenant(&engine, "loud"));
    let (of_quiet, of_loud) = (plan(&quiet, work), plan(&loud, work));
    let begin = Instant::now() + Duration::from_millis(20);
    let end = begin + WARM_UP + length;
    let latencies = Arc::new(Mutex::new(Histogram::<u64>::new(3).unwrap()));
    let (offered, let_in) = (AtomicU64::new(0), Arc::new(AtomicU64::new(0)));
    thread::scope(|scope| {
        scope.spawn(|| {
            let a_tick = f64::from(QUOTA * offer) * TICK.as_secs_f64();
            if offer == 0 {
                return;
            }
            let mut owed = 0.0;
            for due in ticks(begin, TICK, end) {
                sleep_until(due);
                owed += a_tick;
                while owed >= 1.0 {
                    owed -= 1.0;
                    offered.fetch_add(1, Ordering::Relaxed);
                    let (loud, plan) = (loud.clone(), Arc::clone(&of_loud));
                    let let_in = Arc::clone(&let_in);
                    runtime.spawn(async move {
                        if loud.run(&plan, options()).await.is_ok() {
                            let_in.fetch_add(1, Ordering::Relaxed);
                        }
                    });
                }
            }
        });
        scope.spawn(|| {
            let mut runs = Vec::new();
            for due in ticks(begin, Duration::from_secs(1) / work.rate, end) {
                sleep_until(due);
                let (quiet, plan) = (quiet.clone(), Arc::clone(&of_quiet));
                let latencies = Arc::clone(&latencies);
                runs.push(runtime.spawn(async move {
                    let report = quiet.run(&plan, options()).await.unwrap();
                    assert!(report.failure.is_none());
                    if due >= begin + WARM_UP {
                        let took = due.elapsed().as_nanos();
                        let took = u64::try_from(took).unwrap();
                        latencies.lock().unwrap().record(took).unwrap();
                    }
                }));
            }
            for run in runs {
                runtime.block_on(run).unwrap();
            }
        });
    });
    // What waits in a queue of `loud` is not waited for.
    runtime.shutdown_background();
    let latencies = latencies.lock().unwrap();
    let microseconds = |quantile| latencies.value_at_quantile(quantile) as f64 / 1e3;
    let a_second =
        |count: &AtomicU64| count.load(Ordering::Relaxed) as f64 / (WARM_UP + length).as_secs_f64();
    Phase {
        median: microseconds(0.5),
        p99: microseconds(0.99),
        offered: a_second(&offered),
        let_in: a_second(&let_in),
    }
}

fn ticks(begin: Instant, every: Duration, end: Instant) -> impl Iterator<Item = Instant> {
    (0_u32..)
        .map(move |number| begin + every * number)
        .take_while(move |due| *due < end)
}

fn sleep_until(due: Instant) {
    let left = due.saturating_duration_since(Instant::now());
    if !left.is_zero() {
        thread::sleep(left);
    }
}

fn engine(mode: &str) -> Engine {
    let limits = AdmissionLimits {
        executions: INSTANCE,
        calls: None,
    };
    let tenancy = Tenancy::builder().admission(limits).build();
    let quotas = json!({
        "executionsPerSecond": QUOTA, "executionBurst": QUOTA / 10,
        "whenExceeded": mode, "maxQueued": 1_000
    });
    for (name, policy) in [("loud", json!({ "quotas": quotas })), ("quiet", json!({}))] {
        let policy = serde_json::from_value(policy).unwrap();
        tenancy.set_policy(&tenant_id(name), &policy).unwrap();
    }
    Engine::builder(registry()).tenancy(tenancy).build()
}

fn registry() -> Registry {
    let registry = jackfield::built_in_registry().unwrap();
    let service = ScriptedExecutor::new(|_, call| {
        Box::pin(async move {
            tokio::time::sleep(SERVICE).await;
            Ok(NodeOutput::items(call.items().clone()))
        })
    });
    registry
        .register_with_metadata(
            "service",
            Arc::new(service),
            ScriptedExecutor::metadata("service"),
        )
        .unwrap();
    registry
}

fn tenant_id(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

fn tenant(engine: &Engine, name: &str) -> TenantEngine {
    engine.tenant(&tenant_id(name))
}

/// A chain of ten nodes.
fn plan(tenant: &TenantEngine, work: Work) -> Arc<PreparedPlan> {
    let node = |place: usize| {
        let (node_type, parameters) = match place {
            5 if work.waits => ("service", json!({})),
            place if place % 2 == 0 => {
                let total = "{{ $json.price * $json.quantity }}";
                (
                    "transform",
                    json!({ "set": { "total": total, "price": 9.5, "quantity": 3 } }),
                )
            }
            _ => ("no-op", json!({})),
        };
        json!({ "id": format!("n{place}"), "nodeType": node_type, "parameters": parameters })
    };
    let connections: serde_json::Map<_, _> = (1..10)
        .map(|place| {
            let target = json!({ "main": [[{ "node": format!("n{place}") }]] });
            (format!("n{}", place - 1), target)
        })
        .collect();
    let nodes: Vec<Value> = (0..10).map(node).collect();
    let document =
        json!({ "formatVersion": 1, "name": "ten", "nodes": nodes, "connections": connections });
    let workflow = workflow_from_value(&document).unwrap();
    tenant.plan(&workflow, &PlanOptions::default()).unwrap()
}

fn options() -> StartOptions {
    let json = json!({ "price": 9.5, "quantity": 3 });
    StartOptions {
        items: Arc::new(vec![jackfield::Item::from_value(json).unwrap()]),
        seed: Some(1),
        ..StartOptions::default()
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
