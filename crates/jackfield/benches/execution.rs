//! What running costs: per node, however many there are, and beside the floor of bare async calls.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run may panic")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures_util::future::{BoxFuture, join_all};
use jackfield::definition::{Connection, ConnectionPlace, Node};
use jackfield::types::{Item, Items, NodeId, NodeName, NodeTypeId};
use jackfield::{Engine, PlanOptions, PreparedPlan, StartOptions, TenantEngine, Workflow};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

struct Build {
    workflow: Workflow,
}

impl Build {
    fn new(name: &str) -> Self {
        Self {
            workflow: Workflow {
                name: name.to_owned(),
                ..Workflow::default()
            },
        }
    }

    fn node(&mut self, id: &str, node_type: &str, parameters: Value) {
        let mut node = Node::new(
            NodeName::parse(id).unwrap(),
            NodeId::parse(id).unwrap(),
            NodeTypeId::parse(node_type).unwrap(),
        );
        node.parameters = parameters;
        node.place = self.workflow.nodes.len();
        self.workflow.nodes.push(node);
    }

    fn connect(&mut self, from: &str, to: &str, input: u16) {
        self.workflow.connections.push(Connection {
            from: from.into(),
            output: jackfield::kernel::Output::Main(0),
            to: to.into(),
            input,
            condition: None,
            place: ConnectionPlace::default(),
        });
    }

    fn plan(&self, engine: &TenantEngine) -> Arc<PreparedPlan> {
        engine
            .plan(&self.workflow, &PlanOptions::default())
            .unwrap()
    }
}

fn chain(engine: &TenantEngine, length: usize) -> Arc<PreparedPlan> {
    let mut build = Build::new("chain");
    for place in 0..length {
        build.node(&format!("n{place}"), "no-op", json!({}));
        if place > 0 {
            build.connect(&format!("n{}", place - 1), &format!("n{place}"), 0);
        }
    }
    build.plan(engine)
}

fn fan(engine: &TenantEngine, width: usize) -> Arc<PreparedPlan> {
    let mut build = Build::new("fan");
    build.node("in", "no-op", json!({}));
    build.node("out", "merge", json!({}));
    for place in 0..width {
        let id = format!("n{place}");
        build.node(&id, "no-op", json!({}));
        build.connect("in", &id, 0);
        build.connect(&id, "out", u16::try_from(place).unwrap());
    }
    build.plan(engine)
}

fn layered(engine: &TenantEngine, layers: usize, width: usize) -> Arc<PreparedPlan> {
    let mut build = Build::new("layered");
    for layer in 0..layers {
        for place in 0..width {
            let id = format!("n{layer}_{place}");
            // Every node receives from all of the layer before; one item goes on.
            build.node(&id, "limit", json!({ "count": 1 }));
            for before in 0..width {
                if layer > 0 {
                    build.connect(&format!("n{}_{before}", layer - 1), &id, 0);
                }
            }
        }
    }
    build.plan(engine)
}

fn transform(engine: &TenantEngine) -> Arc<PreparedPlan> {
    let mut build = Build::new("transform");
    let set = json!({ "set": { "total": "{{ $json.price * $json.quantity }}" } });
    build.node("total", "transform", set);
    build.plan(engine)
}

fn orders(count: usize) -> Items {
    let order = |place: usize| {
        let json = json!({ "id": place, "price": 9.5, "quantity": place % 7, "name": "Ånge" });
        Item::from_value(json).unwrap()
    };
    Arc::new((0..count).map(order).collect())
}

fn options(items: &Items) -> StartOptions {
    StartOptions {
        items: Arc::clone(items),
        seed: Some(1),
        ..StartOptions::default()
    }
}

/// The same chain as bare async calls: a boxed future each, and the list passed on.
fn floor(items: Items) -> BoxFuture<'static, Items> {
    Box::pin(async move { black_box(items) })
}

fn executions(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let engine = Engine::builder(jackfield::built_in_registry().unwrap())
        .build()
        .default_tenant();
    let items = orders(1);
    let mut group = criterion.benchmark_group("execution");
    group
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3));
    let mut bench =
        |name: &str, nodes: u64, samples: usize, plan: Arc<PreparedPlan>, items: &Items| {
            group
                .throughput(Throughput::Elements(nodes))
                .sample_size(samples);
            group.bench_function(name, |bencher| {
                bencher.to_async(&runtime).iter(|| async {
                    let report = engine.run(&plan, options(items)).await.unwrap();
                    assert!(report.failure.is_none());
                    report
                });
            });
        };
    bench("node/noop", 1, 100, chain(&engine, 1), &items);
    bench("chain/100", 100, 100, chain(&engine, 100), &items);
    bench("chain/10000", 10_000, 20, chain(&engine, 10_000), &items);
    bench("chain/100000", 100_000, 10, chain(&engine, 100_000), &items);
    bench("fan/1000", 1_002, 50, fan(&engine, 1_000), &items);
    bench("layered/10x10", 100, 100, layered(&engine, 10, 10), &items);
    bench(
        "transform/1000",
        1_000,
        50,
        transform(&engine),
        &orders(1_000),
    );

    group
        .throughput(Throughput::Elements(10_000))
        .sample_size(20);
    let plan = chain(&engine, 10);
    group.bench_function("concurrent/1000x10", |bencher| {
        bencher.to_async(&runtime).iter(|| async {
            let all = (0..1_000).map(|_| engine.start(&plan, options(&items)).unwrap().wait());
            for report in join_all(all).await {
                assert!(report.unwrap().failure.is_none());
            }
        });
    });
    for length in [100, 10_000, 100_000_usize] {
        group
            .throughput(Throughput::Elements(length as u64))
            .sample_size(20);
        group.bench_function(format!("chain_floor/{length}"), |bencher| {
            bencher.to_async(&runtime).iter(|| async {
                let mut passed = Arc::clone(&items);
                for _ in 0..length {
                    passed = floor(passed).await;
                }
                passed
            });
        });
    }
    group.finish();
}

criterion_group!(benches, executions);
criterion_main!(benches);
