//! What registering, resolving and invoking cost.

mod sample;
mod scene;

use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use futures_util::FutureExt;
use jackfield_definition::{PlanOptions, SourceText, read_workflow};
use jackfield_plugin_api::NodeExecutor;
use jackfield_registry::{Registration, Registry};
use jackfield_types::{Object, TenantId, VersionSelector};
use serde_json::json;

use crate::sample::{Noop, filled, metadata};
use crate::scene::Scene;

/// How many node types are registered in one go between two looks at the clock.
const BATCH: u64 = 64;

fn register(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("registry");
    for size in [100_usize, 10_000] {
        let registry = Registry::new();
        filled(&registry, size);
        let executor: Arc<dyn NodeExecutor> = Arc::new(Noop);
        group.bench_function(BenchmarkId::new("register", size), |bencher| {
            bencher.iter_custom(|iterations| {
                let mut took = Duration::ZERO;
                let mut left = iterations;
                while left > 0 {
                    let batch = left.min(BATCH);
                    left -= batch;
                    let places = size..size + usize::try_from(batch).unwrap_or(0);
                    let all: Vec<_> = places.map(metadata).collect();
                    let names: Vec<_> = all.iter().map(|one| one.node_type.clone()).collect();
                    let began = Instant::now();
                    for (name, metadata) in names.iter().zip(all) {
                        registry
                            .register_with_metadata(name.as_str(), Arc::clone(&executor), metadata)
                            .expect("valid metadata");
                    }
                    took += began.elapsed();
                    for name in &names {
                        registry.unregister(name.as_str(), None);
                    }
                }
                took
            });
        });
    }
    group.finish();
}

fn resolve(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("registry");
    for size in [100, 10_000] {
        let registry = Registry::new();
        let registered = filled(&registry, size);
        let mut place = 0;
        group.bench_function(BenchmarkId::new("resolve", size), |bencher| {
            bencher.iter(|| {
                place = (place + 7_919) % size;
                registry.resolve(registered[place].node_type(), &VersionSelector::Newest)
            });
        });
        group.bench_function(BenchmarkId::new("current", size), |bencher| {
            bencher.iter(|| {
                place = (place + 7_919) % size;
                registry.current(&registered[place])
            });
        });
    }
    group.finish();
}

fn invoke(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("registry");
    let registry = Registry::new();
    let registered = filled(&registry, 100);
    let scene = Scene::new();
    let context = scene.context();
    let call = scene.call(&context);
    let tenant = TenantId::default_tenant();
    group.bench_function("bare_noop", |bencher| {
        bencher.iter(|| Noop.execute(call).now_or_never());
    });
    group.bench_function("invoke_noop", |bencher| {
        let one = &registered[0];
        bencher.iter(|| {
            let current = registry.current(one).expect("nobody unregisters it");
            let executor = registry
                .try_executor(&current, &tenant)
                .expect("it is not lazy");
            registry.invoke(&current, &*executor, call).now_or_never()
        });
    });
    group.bench_function("execute_noop", |bencher| {
        let name = registered[0].node_type();
        bencher.iter(|| registry.execute(name.as_str(), call).now_or_never());
    });
    group.finish();
}

/// A workflow of so many nodes in a row.
fn workflow(registered: &[Arc<Registration>]) -> SourceText {
    let name = |place: usize| format!("node {place}");
    let nodes: Vec<_> = registered
        .iter()
        .enumerate()
        .map(|(place, one)| {
            json!({
                "id": format!("n{place}"),
                "name": name(place),
                "nodeType": one.node_type(),
                "parameters": { "entity": "order", "filter": { "id": "{{ $json.id }}" } },
            })
        })
        .collect();
    let connections: Object = (1..nodes.len())
        .map(|place| {
            let next = json!({ "main": { "0": [name(place)] } });
            (name(place - 1), next)
        })
        .collect();
    let document = json!({ "formatVersion": 1, "nodes": nodes, "connections": connections });
    SourceText::new("bench.json", document.to_string())
}

fn validate(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("validate");
    for size in [10, 100] {
        let registry = Registry::new();
        let source = workflow(&filled(&registry, size));
        let (read, _) = read_workflow(&source).expect("a right document");
        let options = PlanOptions::default();
        assert!(registry.validate(&source, &options).is_valid());
        group.bench_function(BenchmarkId::new("text", size), |bencher| {
            bencher.iter(|| registry.validate(&source, &options));
        });
        group.bench_function(BenchmarkId::new("workflow", size), |bencher| {
            bencher.iter(|| registry.validate(&read, &options));
        });
        group.bench_function(BenchmarkId::new("plan_anew", size), |bencher| {
            bencher.iter(|| read.plan(&registry, &options));
        });
    }
    group.finish();
}

criterion_group!(benches, register, resolve, invoke, validate);
criterion_main!(benches);
