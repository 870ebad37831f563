//! What a permit costs: where nothing is bounded, where something is, and where many wait.

use std::collections::VecDeque;
use std::hint::black_box;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use futures_util::FutureExt;
use jackfield_tenancy::{
    Admission, AdmissionLimits, CallPermit, QuotaExceeded, TenantAdmission, TryCall,
};
use jackfield_types::{Quotas, Span, TenantId};

fn tenant(admission: &Admission, number: usize, quotas: &Quotas) -> TenantAdmission {
    let id = TenantId::parse(&format!("tenant-{number}")).expect("a valid name");
    admission.tenant(&id, quotas)
}

fn calls_at_once(calls: u32) -> Admission {
    Admission::new(AdmissionLimits {
        executions: None,
        calls: NonZeroU32::new(calls),
    })
}

/// A rate that is never used up.
fn rate() -> Quotas {
    Quotas {
        node_calls_per_second: Some(1e9),
        node_call_burst: Some(u32::MAX),
        ..Quotas::default()
    }
}

fn call(tenant: &TenantAdmission) {
    let TryCall::Admitted(permit) = black_box(tenant.try_call()) else {
        unreachable!("there is room");
    };
    drop(permit);
}

fn calls(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("admission/call");
    let open = Admission::new(AdmissionLimits::default());
    let cases = [
        ("unlimited", &open, Quotas::default()),
        ("rate", &open, rate()),
        ("instance", &calls_at_once(1_000), Quotas::default()),
        ("rate_and_instance", &calls_at_once(1_000), rate()),
    ];
    for (name, admission, quotas) in cases {
        let tenant = tenant(admission, 0, &quotas);
        group.bench_function(name, |bencher| bencher.iter(|| call(&tenant)));
        group.bench_function(BenchmarkId::new(name, "all_threads"), |bencher| {
            bencher.iter_custom(|iterations| {
                on_all_threads(|| {
                    for _ in 0..iterations {
                        call(&tenant);
                    }
                })
            });
        });
    }
    group.finish();
}

fn executions(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("admission/execution");
    let limited = Quotas {
        concurrent_executions: Some(1_000),
        executions_per_second: Some(1e9),
        ..Quotas::default()
    };
    for (name, quotas) in [("unlimited", Quotas::default()), ("limited", limited)] {
        let admission = Admission::new(AdmissionLimits::default());
        let tenant = tenant(&admission, 0, &quotas);
        group.bench_function(name, |bencher| {
            bencher.iter(|| drop(black_box(tenant.try_execution())));
        });
    }
    group.finish();
}

/// One place that goes round between tenants who all have many waiting: what a turn costs, with
/// one that gives the place back, one whose turn it is, and one that comes anew.
fn turns(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("admission/turn");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    let _entered = runtime.enter();
    for (tenants, waiting) in [(2, 10), (100, 100), (1_000, 100)] {
        let quotas = Quotas {
            max_wait: Span::from_millis(3_600_000),
            ..Quotas::default()
        };
        let admission = calls_at_once(1);
        let tenants: Vec<_> = (0..tenants)
            .map(|number| tenant(&admission, number, &quotas))
            .collect();
        let mut held = tenants[0].call().now_or_never();
        let mut lines: Vec<VecDeque<_>> = tenants
            .iter()
            .map(|tenant| (0..waiting).map(|_| line_up(tenant)).collect())
            .collect();
        let name = format!("{}_tenants_{waiting}_waiting", tenants.len());
        let mut next = 0;
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                drop(held.take());
                // Weights are equal: turns go round in the order in which the tenants came.
                let mut first = lines[next].pop_front().expect("somebody waits");
                held = (&mut first).now_or_never();
                assert!(matches!(held, Some(Ok(_))), "its turn has come");
                lines[next].push_back(line_up(&tenants[next]));
                next = (next + 1) % tenants.len();
            });
        });
    }
    group.finish();
}

type Waiting<'a> = Pin<Box<dyn Future<Output = Result<CallPermit, QuotaExceeded>> + 'a>>;

fn line_up(tenant: &TenantAdmission) -> Waiting<'_> {
    let mut waiting: Waiting<'_> = Box::pin(tenant.call());
    assert!((&mut waiting).now_or_never().is_none(), "there is no room");
    waiting
}

/// How long it takes until each thread has done its part. A part is as long as the whole would be
/// for one thread, so on an ideal machine this is what one thread takes.
fn on_all_threads(part: impl Fn() + Sync) -> Duration {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let barrier = Barrier::new(threads + 1);
    let began = thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                barrier.wait();
                part();
            });
        }
        barrier.wait();
        Instant::now()
    });
    began.elapsed()
}

criterion_group!(benches, calls, executions, turns);
criterion_main!(benches);
