//! What a tenant's policy costs each call: the chain of no-ops of the `execution` bench, under more
//! and more of what a policy can ask for, with 1,000 tenants of 100 globs each beside it.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run may panic")]

use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use jackfield::definition::{Connection, ConnectionPlace, Node};
use jackfield::types::{NodeId, NodeName, NodeTypeId};
use jackfield::{
    AuditLog, AuditOptions, CircuitBreaker, Engine, PlanOptions, Policy, PreparedPlan, Secret,
    StartOptions, StaticSecrets, Tenancy, TenantEngine, TenantId, Workflow,
};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

const LENGTH: usize = 100;
const TENANTS: usize = 1_000;

fn chain(engine: &TenantEngine) -> Arc<PreparedPlan> {
    let mut workflow = Workflow {
        name: "chain".to_owned(),
        ..Workflow::default()
    };
    for place in 0..LENGTH {
        let id = format!("n{place}");
        let mut node = Node::new(
            NodeName::parse(&id).unwrap(),
            NodeId::parse(&id).unwrap(),
            NodeTypeId::parse("no-op").unwrap(),
        );
        node.parameters = json!({});
        node.place = place;
        workflow.nodes.push(node);
        if place > 0 {
            workflow.connections.push(Connection {
                from: format!("n{}", place - 1).as_str().into(),
                output: jackfield::kernel::Output::Main(0),
                to: id.as_str().into(),
                input: 0,
                condition: None,
                place: ConnectionPlace::default(),
            });
        }
    }
    engine.plan(&workflow, &PlanOptions::default()).unwrap()
}

/// 100 globs, of which the last one allows what is called.
fn globs() -> Vec<String> {
    let mut globs: Vec<_> = (0..99)
        .map(|place| format!("publisher-{place}/*"))
        .collect();
    globs.push("no-*".to_owned());
    globs
}

fn policy(extra: &Value) -> Policy {
    let mut document = json!({ "allowedNodeTypes": globs(), "auditLogging": false });
    for (key, value) in extra.as_object().unwrap() {
        document[key] = value.clone();
    }
    serde_json::from_value(document).unwrap()
}

fn with_policies(tenancy: &Tenancy, extra: &Value) {
    for place in 0..TENANTS {
        let id = TenantId::parse(&format!("t{place}")).unwrap();
        tenancy.set_policy(&id, &policy(extra)).unwrap();
    }
}

fn engine(tenancy: Tenancy) -> TenantEngine {
    let registry = jackfield::built_in_registry().unwrap();
    let engine = Engine::builder(registry).tenancy(tenancy).build();
    engine.tenant(&TenantId::parse("t500").unwrap())
}

fn calls(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let mut group = criterion.benchmark_group("tenancy");
    group
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .throughput(Throughput::Elements(LENGTH as u64));
    let mut bench = |name: &str, engine: TenantEngine| {
        let plan = chain(&engine);
        group.bench_function(name, |bencher| {
            bencher.to_async(&runtime).iter(|| async {
                let report = engine.run(&plan, StartOptions::default()).await.unwrap();
                assert!(report.failure.is_none());
                report
            });
        });
    };
    bench("open", engine(Tenancy::open()));

    let tenancy = Tenancy::open();
    with_policies(&tenancy, &json!({}));
    bench("policy", engine(tenancy));

    let tenancy = Tenancy::open();
    let breaker = serde_json::to_value(CircuitBreaker::default()).unwrap();
    let quotas =
        json!({ "nodeCallsPerSecond": 10_000_000, "itemsPerExecution": 1_000_000_000_u64 });
    let bounds = json!({ "circuitBreaker": breaker, "quotas": quotas, "maxOutputSize": "1MiB" });
    with_policies(&tenancy, &bounds);
    bench("policy+bounds", engine(tenancy));

    let tenancy = Tenancy::open();
    with_policies(
        &tenancy,
        &json!({ "sensitiveFieldPatterns": ["*password*", "*secret*", "ssn"] }),
    );
    bench("policy+redaction", engine(tenancy));

    let folder = tempfile::tempdir().unwrap();
    let audit = AuditLog::open(folder.path(), AuditOptions::default()).unwrap();
    let secrets = [("KEY".to_owned(), Secret::new("a-secret-value".to_owned()))];
    let secrets = [(TenantId::parse("t500").unwrap(), secrets.into())];
    let secrets = StaticSecrets::from_map(secrets.into()).unwrap();
    let tenancy = Tenancy::builder().audit(audit).secrets(secrets).build();
    with_policies(&tenancy, &json!({ "auditLogging": true }));
    bench("policy+audit", engine(tenancy));
    group.finish();
}

criterion_group!(benches, calls);
criterion_main!(benches);
