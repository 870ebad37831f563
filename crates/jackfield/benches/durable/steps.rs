use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use jackfield::store::Store;
use jackfield::{ExecutionId, NodeCall, TenantEngine};
use serde_json::json;

use super::floor::{self, Floor, Group};
use super::scene::{
    Milliseconds, Probe, Scale, Then, folder, median, number, open, row, runtime, with_item,
};

/// How many executions run at the same time.
const EXECUTIONS: u64 = 100;
/// How many nodes each has.
const NODES: usize = 100;
/// What of each round does not count.
const WARM_UP: Duration = Duration::from_millis(300);

/// What one round showed.
struct Round {
    steps: f64,
    p50: f64,
    p99: f64,
    longest: f64,
    /// What was written for one step.
    group: Group,
}

/// How long steps take. Each of the executions that run at a time has a place of its own.
struct Steps {
    begin: Instant,
    counts: AtomicBool,
    /// When the execution in each place made its last call, in nanoseconds after the begin.
    last: Vec<AtomicU64>,
    took: Vec<Mutex<Histogram<u64>>>,
}

impl Steps {
    fn new() -> Self {
        let histogram = || Mutex::new(Histogram::new(3).unwrap());
        Self {
            begin: Instant::now(),
            counts: AtomicBool::new(false),
            last: (0..EXECUTIONS).map(|_| AtomicU64::new(0)).collect(),
            took: (0..EXECUTIONS).map(|_| histogram()).collect(),
        }
    }

    /// An execution begins.
    fn begin(&self, place: u64) {
        self.last[place as usize].store(0, Ordering::Relaxed);
    }

    /// A node is called.
    fn call(&self, place: u64) {
        let now = u64::try_from(self.begin.elapsed().as_nanos()).unwrap();
        let last = self.last[place as usize].swap(now, Ordering::Relaxed);
        if last > 0 && self.counts.load(Ordering::Relaxed) {
            let mut took = self.took[place as usize].lock().unwrap();
            took.record(now - last).unwrap();
        }
    }
}

pub(crate) fn run(scale: Scale) {
    println!("steps: {EXECUTIONS} executions at the same time, of {NODES} nodes each");
    let time = scale.of(Duration::from_secs(1), Duration::from_secs(3));
    let rounds = scale.of(3, 9);
    let (mut found, mut floors) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let round = round(time);
        let folder = folder();
        let floor = floor::run(folder.path(), round.group, time);
        println!(
            "{:>7.0} steps/s, p50 {:.2} ms, p99 {:.2} ms, longest {:.2} ms; floor {:>7.0} steps/s, a group p50 {:.2} ms, p99 {:.2} ms ({} rows of {} bytes)",
            round.steps,
            round.p50,
            round.p99,
            round.longest,
            floor.rate / 2.0,
            floor.took.at(0.5),
            floor.took.at(0.99),
            round.group.rows,
            round.group.bytes
        );
        floors.push(floor);
        found.push(round);
    }
    let of = |figure: fn(&Round) -> f64| median(found.iter().map(figure).collect());
    let of_floor = |figure: fn(&Floor) -> f64| median(floors.iter().map(figure).collect());
    let steps = of(|round| round.steps);
    let floor = of_floor(|floor| floor.rate / 2.0);
    println!("durable steps a second: {steps:.0}");
    println!("durable steps a second, floor: {floor:.0}");
    println!("durable steps, floor to ours: {:.2}", floor / steps);
    println!(
        "p50 of a durable step, ns: {:.0}",
        of(|round| round.p50) * 1e6
    );
    println!(
        "p99 of a durable step, ns: {:.0}",
        of(|round| round.p99) * 1e6
    );
    let p99 = of_floor(|floor| floor.took.at(0.99));
    println!("p99 of a group of the floor, ns: {:.0}", p99 * 1e6);
}

fn round(time: Duration) -> Round {
    let runtime = runtime();
    let folder = folder();
    let steps = Arc::new(Steps::new());
    let probe = {
        let steps = Arc::clone(&steps);
        Probe(move |call: &NodeCall<'_>| {
            steps.call(number(call, "place"));
            Then::Ends
        })
    };
    runtime.block_on(async {
        let (engine, store) = open(&folder.path().join("store.db"), probe);
        let tenant = engine.default_tenant();
        let plan = row(&tenant, &vec![("probe", json!({})); NODES]);
        let ends = Arc::new(AtomicBool::new(false));
        let places = (0..EXECUTIONS).map(|place| {
            let (tenant, plan, steps) = (tenant.clone(), Arc::clone(&plan), Arc::clone(&steps));
            let ends = Arc::clone(&ends);
            tokio::spawn(async move {
                let mut last = None;
                while !ends.load(Ordering::Relaxed) {
                    steps.begin(place);
                    let start = with_item(json!({ "place": place }));
                    let report = tenant.run(&plan, start).await.unwrap();
                    assert!(report.failure.is_none());
                    last = Some(report.execution_id);
                }
                last
            })
        });
        let places: Vec<_> = places.collect();
        tokio::time::sleep(WARM_UP).await;
        steps.counts.store(true, Ordering::Relaxed);
        let begin = Instant::now();
        tokio::time::sleep(time).await;
        steps.counts.store(false, Ordering::Relaxed);
        let took = begin.elapsed();
        ends.store(true, Ordering::Relaxed);
        let mut last = None;
        for place in places {
            last = last.or(place.await.unwrap());
        }
        let bytes = bytes(&tenant, last.unwrap()).await;
        store.close().await.unwrap();
        let mut all = Histogram::<u64>::new(3).unwrap();
        for took in &steps.took {
            all.add(&*took.lock().unwrap()).unwrap();
        }
        let all = Milliseconds(all);
        Round {
            steps: all.0.len() as f64 / took.as_secs_f64(),
            p50: all.at(0.5),
            p99: all.at(0.99),
            longest: all.longest(),
            group: Group {
                rows: 2 * EXECUTIONS as usize,
                bytes,
            },
        }
    })
}

/// The bytes of a record, on the average. There are two for each step.
async fn bytes(tenant: &TenantEngine, id: ExecutionId) -> usize {
    let records = tenant.stored_records(id, 0, 1_000).await.unwrap();
    let all: usize = records.iter().map(|record| record.to_string().len()).sum();
    all / records.len()
}
