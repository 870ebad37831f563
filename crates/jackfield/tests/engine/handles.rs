//! What belongs to one tenant cannot be reached through the handle of another.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::{items, plan, registry, secrets, tenancy, tenant_id, workflow};
use futures_util::future::BoxFuture;
use jackfield::plugin_api::NodeError;
use jackfield::registry::{LoaderError, TenantExecutorLoader};
use jackfield::types::CircuitBreaker;
use jackfield::{
    AuditLog, AuditOptions, CircuitState, Engine, ErrorCode, ExecutionStatus, Item, NodeExecutor,
    NodeOutput, StartError, StartOptions, Tenancy, TenantEngine, TenantId,
};
use jackfield_testkit::ScriptedExecutor;
use serde_json::json;
use tokio::sync::Notify;

/// Waits until it is cancelled, and says when it has begun.
fn waiting() -> (ScriptedExecutor, Arc<Notify>) {
    let begun = Arc::new(Notify::new());
    let notify = Arc::clone(&begun);
    let executor = ScriptedExecutor::new(move |_, call| {
        let notify = Arc::clone(&notify);
        Box::pin(async move {
            notify.notify_one();
            call.context.cancellation.cancelled().await;
            Err(NodeError::Cancelled)
        })
    });
    (executor, begun)
}

fn two_tenants(engine: &Engine) -> (TenantEngine, TenantEngine) {
    (
        engine.tenant(&tenant_id("acme")),
        engine.tenant(&tenant_id("globex")),
    )
}

#[tokio::test]
async fn an_execution_is_seen_and_cancelled_by_its_own_tenant_alone() {
    let (executor, begun) = waiting();
    let engine = Engine::builder(registry(&[("waits", &executor)])).build();
    let (acme, globex) = two_tenants(&engine);
    let prepared = plan(&acme, &workflow(&[("a", "waits", json!({}))], &[]));
    let handle = acme.start(&prepared, StartOptions::default());
    let handle = handle.expect("it starts");
    begun.notified().await;

    assert!(globex.executions().is_empty());
    assert!(globex.execution(handle.id()).is_none());
    assert!(!globex.cancel(handle.id()));
    assert!(engine.default_tenant().execution(handle.id()).is_none());

    let seen = acme.executions();
    assert_eq!((seen.len(), seen[0].id()), (1, handle.id()));
    assert_eq!(seen[0].workflow(), "test");
    assert!(!seen[0].journal().is_empty());
    // A second handle of the same tenant is the same tenant.
    assert!(engine.tenant(&tenant_id("acme")).cancel(handle.id()));
    let id = handle.id();
    let report = handle.wait().await.expect("it ends");
    assert_eq!(report.status, ExecutionStatus::Cancelled);
    assert!(acme.executions().is_empty() && acme.execution(id).is_none());
    assert!(!acme.cancel(id));
}

#[tokio::test]
async fn a_plan_of_another_tenant_is_no_plan() {
    let executor = ScriptedExecutor::failing(0, || NodeError::Cancelled);
    let engine = Engine::builder(registry(&[("counts", &executor)])).build();
    let (acme, globex) = two_tenants(&engine);
    let prepared = plan(&acme, &workflow(&[("a", "counts", json!({}))], &[]));
    let error = globex.run(&prepared, StartOptions::default()).await;
    assert_eq!(error.err(), Some(StartError::UnknownPlan));
    let error = globex.start(&prepared, StartOptions::default());
    assert_eq!(error.err(), Some(StartError::UnknownPlan));
    assert_eq!(executor.calls(), 0);
}

#[tokio::test]
async fn a_plan_of_another_engine_is_no_plan() {
    let executor = ScriptedExecutor::failing(0, || NodeError::Cancelled);
    let registry = registry(&[("counts", &executor)]);
    // Both policies have the same number, each in its own tenancy.
    let [here, there] = [json!({}), json!({ "restrictedNodeTypes": ["counts"] })].map(|policy| {
        let tenancy = tenancy(&[("acme", policy)]);
        let engine = Engine::builder(registry.clone()).tenancy(tenancy).build();
        engine.tenant(&tenant_id("acme"))
    });
    let prepared = plan(&here, &workflow(&[("a", "counts", json!({}))], &[]));
    // What was allowed here is kept with the plan, and means nothing there.
    here.run(&prepared, StartOptions::default())
        .await
        .expect("it starts");
    let error = there.run(&prepared, StartOptions::default()).await;
    assert_eq!(error.err(), Some(StartError::UnknownPlan));
    assert_eq!(executor.calls(), 1);
}

#[tokio::test]
async fn variables_pass_from_no_execution_to_another() {
    let engine = Engine::builder(registry(&[])).build();
    let (acme, globex) = two_tenants(&engine);
    let write = json!({ "name": "shared", "value": "{{ $json.v }}" });
    let document = workflow(
        &[
            ("write", "set-variable", write),
            (
                "read",
                "transform",
                json!({ "set": { "all": "{{ $vars }}" } }),
            ),
        ],
        &[("write", 0, "read", 0)],
    );
    for (tenant, value) in [(&acme, "a"), (&globex, "b"), (&acme, "c")] {
        let options = StartOptions {
            items: items(&json!([{ "v": value }])),
            ..StartOptions::default()
        };
        let report = tenant.run(&plan(tenant, &document), options).await;
        let output = report.expect("it runs").output;
        assert_eq!(output[0].json()["all"], json!({ "shared": value }));
    }
}

#[tokio::test]
async fn secrets_errors_circuits_and_trails_are_each_tenants_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let audit = AuditLog::open(folder.path(), AuditOptions::default()).expect("it opens");
    let tenancy = Tenancy::builder()
        .secrets(secrets(&[("acme", "KEY", "acme-only-value")]))
        .audit(audit.clone())
        .build();
    let reads = ScriptedExecutor::immediate(|_, call| {
        let secret = call.context.grants.secret("KEY")?;
        assert_eq!(secret.expose(), "acme-only-value");
        Ok(NodeOutput::items(call.items().clone()))
    });
    let fails = ScriptedExecutor::failing(usize::MAX, || {
        NodeError::retryable(ErrorCode::NETWORK_ERROR, "down")
    });
    let engine = Engine::builder(registry(&[("reads", &reads), ("fails", &fails)]))
        .tenancy(tenancy)
        .circuit_breaker(CircuitBreaker {
            minimum_calls: 2,
            ..CircuitBreaker::default()
        })
        .build();
    let (acme, globex) = two_tenants(&engine);
    let reading = workflow(&[("a", "reads", json!({}))], &[]);
    let failing = workflow(&[("a", "fails", json!({}))], &[]);
    let run = async |tenant: &TenantEngine, document| {
        let prepared = plan(tenant, document);
        let report = tenant.run(&prepared, StartOptions::default());
        report.await.expect("it starts").failure
    };
    assert_eq!(run(&acme, &reading).await, None);
    let missing = run(&globex, &reading).await.expect("it has none");
    assert_eq!(missing.code, ErrorCode::CREDENTIAL_MISSING);
    for _ in 0..3 {
        run(&acme, &failing).await;
    }
    let open = run(&acme, &failing).await.expect("left out");
    assert_eq!(open.code, ErrorCode::CIRCUIT_OPEN);
    let closed = run(&globex, &failing).await.expect("it fails");
    assert_eq!(closed.code, ErrorCode::NETWORK_ERROR);

    let circuit = |tenant: &TenantEngine, node_type: &str| {
        let circuits = tenant.circuits();
        let found = circuits.iter().find(|one| one.node_type == node_type);
        found.map(|circuit| circuit.state)
    };
    assert_eq!(circuit(&acme, "fails"), Some(CircuitState::Open));
    assert_eq!(circuit(&globex, "fails"), Some(CircuitState::Closed));

    let by_code = |tenant: &TenantEngine, code: &ErrorCode| {
        let metrics = tenant.error_metrics();
        assert!(metrics.counts.iter().all(|one| one.tenant == *tenant.id()));
        metrics.by_code().get(code).copied().unwrap_or(0)
    };
    assert_eq!(by_code(&acme, &ErrorCode::CREDENTIAL_MISSING), 0);
    assert_eq!(by_code(&globex, &ErrorCode::CREDENTIAL_MISSING), 1);
    assert_eq!(by_code(&globex, &ErrorCode::CIRCUIT_OPEN), 0);
    assert_eq!(engine.error_metrics().by_tenant().len(), 2);

    audit.flush().expect("it is written");
    for tenant in [&acme, &globex] {
        let trail = tenant.audit_log().expect("it reads").expect("there is one");
        let records: Vec<_> = trail.map(|record| record.expect("it reads")).collect();
        assert!(records.len() > 4);
        assert!(records.iter().all(|record| record.tenant == *tenant.id()));
    }
}

#[tokio::test]
async fn tenants_of_whom_there_is_nothing_to_remember_are_forgotten() {
    let engine = Engine::builder(registry(&[])).build();
    let kept = engine.tenant(&tenant_id("kept"));
    for number in 0..5_000 {
        engine.tenant(&tenant_id(&format!("passing-{number}")));
    }
    assert!(engine.tenancy().tenant_count() <= 1_025);
    let prepared = plan(&kept, &workflow(&[("a", "no-op", json!({}))], &[]));
    let handle = kept.start(&prepared, StartOptions::default());
    let handle = handle.expect("it starts");
    // A handle is the same tenant however many others came in between.
    assert_eq!(engine.tenant(&tenant_id("kept")).executions().len(), 1);
    handle.wait().await.expect("it ends");
}

#[tokio::test]
async fn engines_over_one_registry_do_not_share_what_they_found() {
    let registry = registry(&[]);
    let open = Engine::builder(registry.clone()).build();
    let tenancy = Tenancy::builder().deny_by_default().build();
    let closed = Engine::builder(registry).tenancy(tenancy).build();
    let document = workflow(&[("a", "no-op", json!({}))], &[]);
    let source = jackfield::SourceText::new("test.json", document.to_string());
    let is_valid = |engine: &Engine| {
        let tenant = engine.tenant(&tenant_id("acme"));
        tenant.validate(&source, &Default::default()).is_valid()
    };
    assert!(is_valid(&open));
    assert!(!is_valid(&closed));
    assert!(is_valid(&open));
}

/// Gives each tenant an executor that counts the items that it was given.
struct Counters;

impl TenantExecutorLoader for Counters {
    fn load<'a>(
        &'a self,
        _: &'a TenantId,
    ) -> BoxFuture<'a, Result<Arc<dyn NodeExecutor>, LoaderError>> {
        let seen = AtomicUsize::new(0);
        let executor = ScriptedExecutor::immediate(move |_, call| {
            let before = seen.fetch_add(call.items().len(), Ordering::SeqCst);
            let item = [("before".to_owned(), json!(before))].into_iter().collect();
            Ok(NodeOutput::items(vec![Item::new(item)]))
        });
        Box::pin(async move { Ok(Arc::new(executor) as Arc<dyn NodeExecutor>) })
    }
}

#[tokio::test]
async fn what_a_stateful_executor_remembers_is_its_tenants_alone() {
    let registry = registry(&[]);
    let metadata = ScriptedExecutor::metadata("counts");
    registry
        .register_per_tenant("counts", Arc::new(Counters), metadata)
        .expect("the name is free");
    let engine = Engine::builder(registry).build();
    let (acme, globex) = two_tenants(&engine);
    let document = workflow(&[("a", "counts", json!({}))], &[]);
    let mut seen = Vec::new();
    for tenant in [&acme, &acme, &globex, &acme, &globex] {
        let prepared = plan(tenant, &document);
        let report = tenant.run(&prepared, StartOptions::default()).await;
        seen.push(report.expect("it runs").output[0].json()["before"].clone());
    }
    assert_eq!(seen, [json!(0), json!(1), json!(0), json!(2), json!(1)]);
}
