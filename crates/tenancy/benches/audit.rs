//! What recording costs the one who records, and how much the trail takes in all.

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use jackfield_tenancy::{
    AuditAction, AuditEntry, AuditKey, AuditLog, AuditOptions, AuditOutcome, TenantAudit,
    VerifyOptions, verify_audit,
};
use jackfield_types::{ExecutionId, NodeName, NodeTypeId, Secret, TenantId, UserId};
use semver::Version;
use tempfile::TempDir;

/// How many records are made between two flushes: fewer than the queue takes, as when executions
/// come and go. With more than the writer can write, recording is as fast as writing.
const BURST: u64 = 8_192;

fn tenant(number: usize) -> TenantId {
    TenantId::parse(&format!("tenant-{number}")).expect("a valid name")
}

fn entry() -> AuditEntry {
    AuditEntry {
        user: Some(UserId::parse("ada@acme.example").expect("a valid name")),
        execution: Some(ExecutionId::generate()),
        node: Some(NodeName::parse("Fetch the orders").expect("a valid name")),
        node_type: Some(NodeTypeId::parse("http-request").expect("a valid name")),
        version: Some(Version::new(1, 4, 2)),
        rule: Some("allowedNodeTypes[2] `http-*`".into()),
        outcome: Some(AuditOutcome::Success),
        duration: Some(Duration::from_micros(1_250)),
        ..AuditEntry::allowed(AuditAction::NodeCalled)
    }
}

fn options() -> AuditOptions {
    let key = AuditKey::parse(Secret::new(vec![7; 32])).expect("it is long enough");
    AuditOptions {
        key: Some(key),
        ..AuditOptions::default()
    }
}

fn record(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("audit");
    for tenants in [1, 100] {
        let folder = TempDir::new().expect("a folder");
        let log = AuditLog::open(folder.path(), options()).expect("it opens");
        let audits: Vec<TenantAudit> = (0..tenants)
            .map(|number| log.tenant(&tenant(number)))
            .collect();
        let entry = entry();
        group.bench_function(BenchmarkId::new("record", tenants), |bencher| {
            bencher.iter_custom(|iterations| {
                bursts(&log, iterations, |burst| {
                    for audit in audits.iter().cycle().take(burst) {
                        audit.record(entry.clone());
                    }
                })
            });
        });
        assert_eq!(log.statistics().lost, 0);
    }
    group.finish();
}

/// How long recording takes, without the writing that goes on behind it.
fn bursts(log: &AuditLog, iterations: u64, record: impl Fn(usize)) -> Duration {
    let mut took = Duration::ZERO;
    let mut left = iterations;
    while left > 0 {
        let burst = left.min(BURST);
        left -= burst;
        let began = Instant::now();
        record(usize::try_from(burst).unwrap_or(0));
        took += began.elapsed();
        log.flush().expect("it is written");
    }
    took
}

fn write(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("audit");
    group.throughput(Throughput::Elements(BURST));
    let folder = TempDir::new().expect("a folder");
    let log = AuditLog::open(folder.path(), options()).expect("it opens");
    let audit = log.tenant(&tenant(0));
    let entry = entry();
    group.bench_function("record_and_flush", |bencher| {
        bencher.iter(|| {
            for _ in 0..BURST {
                audit.record(entry.clone());
            }
            log.flush().expect("it is written");
        });
    });
    group.finish();
}

fn verify(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("audit");
    group.throughput(Throughput::Elements(BURST));
    let folder = TempDir::new().expect("a folder");
    let log = AuditLog::open(folder.path(), options()).expect("it opens");
    for _ in 0..BURST {
        log.tenant(&tenant(0)).record(entry());
    }
    drop(log);
    let verify_options = VerifyOptions {
        key: options().key,
        expected_head: None,
    };
    group.bench_function("verify", |bencher| {
        bencher.iter(|| verify_audit(folder.path(), &tenant(0), &verify_options));
    });
    group.finish();
}

criterion_group!(benches, record, write, verify);
criterion_main!(benches);
