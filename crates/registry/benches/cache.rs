//! What finding an executor in the cache costs, with few and with many in it.

mod sample;

use std::hint::black_box;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use futures_util::FutureExt;
use jackfield_plugin_api::{BoxFuture, NodeExecutor};
use jackfield_registry::{LoaderError, Registry, TenantExecutorLoader};
use jackfield_types::{ByteSize, TenantId};

use crate::sample::{Noop, filled, metadata};

const SIZES: [usize; 3] = [10, 1_000, 100_000];

fn registry() -> Registry {
    Registry::builder()
        .cache_entries(200_000)
        .cache_memory(ByteSize::mib(1024))
        .build()
}

/// Places in an order that no prefetcher foresees.
fn next(random: &mut u64, size: usize) -> usize {
    *random = random
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*random >> 33).unwrap_or(0) % size
}

fn hits(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("cache");
    for size in SIZES {
        let registry = registry();
        let registered = filled(&registry, size);
        let tenant = TenantId::default_tenant();
        for one in &registered {
            registry.try_executor(one, &tenant);
        }
        let mut random = 1;
        group.bench_function(BenchmarkId::new("hit", size), |bencher| {
            bencher.iter(|| registry.try_executor(&registered[next(&mut random, size)], &tenant));
        });
        group.bench_function(BenchmarkId::new("hit_all_threads", size), |bencher| {
            bencher.iter_custom(|iterations| {
                on_all_threads(iterations, |mut random| {
                    for _ in 0..iterations {
                        black_box(
                            registry.try_executor(&registered[next(&mut random, size)], &tenant),
                        );
                    }
                })
            });
        });
    }
    group.finish();
}

/// Gives each tenant an executor of its own.
struct Own;

impl TenantExecutorLoader for Own {
    fn load<'a>(
        &'a self,
        _: &'a TenantId,
    ) -> BoxFuture<'a, Result<Arc<dyn NodeExecutor>, LoaderError>> {
        Box::pin(async { Ok(Arc::new(Noop) as Arc<dyn NodeExecutor>) })
    }
}

fn hits_of_tenants(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("cache");
    for size in SIZES {
        let registry = registry();
        let metadata = metadata(0);
        let node_type = metadata.node_type.clone();
        let one = registry
            .register_per_tenant(node_type.as_str(), Arc::new(Own), metadata)
            .expect("valid metadata");
        let tenants: Vec<_> = (0..size)
            .map(|place| TenantId::parse(&format!("tenant-{place}")).expect("a valid name"))
            .collect();
        for tenant in &tenants {
            registry.load_executor(&one, tenant).now_or_never();
        }
        let mut random = 1;
        group.bench_function(BenchmarkId::new("hit_per_tenant", size), |bencher| {
            bencher.iter(|| registry.try_executor(&one, &tenants[next(&mut random, size)]));
        });
    }
    group.finish();
}

/// How long it takes until each thread has done its part. A part is as long as the whole would be
/// for one thread, so on an ideal machine this is what one thread takes.
fn on_all_threads(iterations: u64, part: impl Fn(u64) + Sync) -> Duration {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let barrier = Barrier::new(threads + 1);
    let began = thread::scope(|scope| {
        for number in 0..threads {
            let (barrier, part) = (&barrier, &part);
            scope.spawn(move || {
                barrier.wait();
                part(iterations.wrapping_add(number as u64 + 1));
            });
        }
        barrier.wait();
        Instant::now()
    });
    began.elapsed()
}

criterion_group!(benches, hits, hits_of_tenants);
criterion_main!(benches);
