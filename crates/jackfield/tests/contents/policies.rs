//! Policies.

use std::sync::Arc;
use std::time::Duration;

use jackfield::kept::{PolicyError, StoredPolicies};
use jackfield::store::{Collection, Expected, Store};
use jackfield::{
    DurableOptions, Engine, ErrorCode, ExecutionStatus, Policy, StartOptions, Tenancy,
    TenantEngine, TenantId, WorkerOptions,
};
use jackfield_testkit::store::{FragileStore, Interruption, MemoryStore};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{acme, globex, plan};

fn restricting(name: &str) -> Policy {
    Policy {
        restricted_node_types: vec![name.to_owned()],
        ..Policy::default()
    }
}

fn engine(store: &Arc<dyn Store>) -> Engine {
    let policies = StoredPolicies::new(Arc::clone(store));
    let tenancy = Tenancy::builder().policies(policies).build();
    Engine::builder(jackfield::built_in_registry().unwrap())
        .store(Arc::clone(store))
        .durable_options(DurableOptions {
            lease: Duration::from_millis(500),
            ..DurableOptions::default()
        })
        .tenancy(tenancy)
        .build()
}

/// The engine of a tenant whose policy was read.
async fn ready(store: &Arc<dyn Store>, tenant: &TenantId) -> TenantEngine {
    let engine = engine(store).tenant(tenant);
    if let Some(refresh) = engine.tenant().refresh_secrets() {
        refresh.await;
    }
    engine
}

fn no_op() -> Value {
    json!({
        "name": "steps",
        "nodes": [{ "id": "one", "nodeType": "no-op" }],
        "connections": {},
    })
}

fn waits() -> Value {
    json!({
        "name": "waits",
        "nodes": [
            { "id": "wait", "nodeType": "wait", "parameters": { "signal": "go" } },
            { "id": "then", "nodeType": "no-op" },
        ],
        "connections": { "wait": { "main": [["then"]] } },
    })
}

#[tokio::test]
async fn a_policy_is_of_its_tenant_and_of_nobody_else() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let policies = StoredPolicies::new(Arc::clone(&store));
    policies.set(&acme(), &restricting("no-op")).await.unwrap();
    assert!(plan(&ready(&store, &acme()).await, &no_op()).is_err());
    assert!(plan(&ready(&store, &globex()).await, &no_op()).is_ok());
    // Before it was read nothing is allowed, whoever it is.
    let unread = engine(&store).tenant(&globex());
    let findings = plan(&unread, &no_op()).err().unwrap();
    let mut codes = findings.iter().map(|finding| &finding.code);
    assert!(codes.any(|code| *code == ErrorCode::TENANT_FORBIDDEN));

    let all = policies.all().await.unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].0, acme());
    let theirs = Policy {
        tenant: Some(globex()),
        ..Policy::default()
    };
    let refused = policies.set(&acme(), &theirs).await;
    assert!(matches!(refused, Err(PolicyError::Invalid(_))));
    let wrong = restricting("no type @ all");
    let refused = policies.set(&acme(), &wrong).await;
    assert!(
        matches!(refused, Err(PolicyError::Invalid(_))),
        "{refused:?}"
    );
    assert!(policies.remove(&acme()).await.unwrap());
    assert!(!policies.remove(&acme()).await.unwrap());
    assert!(plan(&ready(&store, &acme()).await, &no_op()).is_ok());
}

#[tokio::test]
async fn a_policy_that_cannot_be_read_denies() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let policies = StoredPolicies::new(Arc::clone(&store));
    for content in ["", "null", "{\"unknown\": 1}", "\u{feff}\u{feff}{}"] {
        let documents = store.tenant(&acme());
        let put = documents.put_document(
            Collection::Policies,
            "policy",
            content.into(),
            Expected::Anything,
        );
        put.await.unwrap();
        assert!(plan(&ready(&store, &acme()).await, &no_op()).is_err());
        let kept = policies.get(&acme()).await.unwrap().unwrap();
        assert!(kept.policy.is_err(), "{content}");
    }
    policies.set(&acme(), &Policy::default()).await.unwrap();
    assert!(plan(&ready(&store, &acme()).await, &no_op()).is_ok());
}

#[tokio::test]
async fn a_store_that_cannot_be_reached_opens_nothing() {
    let inner: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let policies = StoredPolicies::new(Arc::clone(&inner));
    policies.set(&acme(), &restricting("no-op")).await.unwrap();
    let fragile = FragileStore::new(inner);
    let store: Arc<dyn Store> = Arc::new(fragile.clone());
    fragile.interrupt(0, Interruption::BeforeTheWrite);
    // The write at which it is lost.
    let lost = StoredPolicies::new(Arc::clone(&store));
    assert!(lost.set(&globex(), &Policy::default()).await.is_err());
    assert!(fragile.is_lost());
    for tenant in [acme(), globex()] {
        let engine = ready(&store, &tenant).await;
        assert!(plan(&engine, &no_op()).is_err());
        let reason = engine.tenant().authorize_user(None).unwrap_err();
        assert!(reason.to_string().contains("has not been read yet"));
    }
}

#[tokio::test]
async fn a_worker_asks_for_the_policy_of_each_tenant() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    // Another process, which ends with its runtime.
    let first = Arc::clone(&store);
    let begun = std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let mut waiting = Vec::new();
            for tenant in [acme(), globex()] {
                let engine = ready(&first, &tenant).await;
                let plan = plan(&engine, &waits()).unwrap();
                let execution = engine.start(&plan, StartOptions::default()).unwrap();
                execution.kept().await.unwrap();
                waiting.push((tenant, execution.id()));
            }
            waiting
        })
    });
    let waiting = begun.join().unwrap();
    let policies = StoredPolicies::new(Arc::clone(&store));
    policies.set(&acme(), &restricting("no-op")).await.unwrap();
    let next = engine(&store);
    for (tenant, id) in &waiting {
        let tenant = ready(&store, tenant).await;
        let go = "go".try_into().unwrap();
        tenant.signal(*id, &go, Value::Null).await.unwrap();
    }
    let shutdown = CancellationToken::new();
    let worker = next.worker(WorkerOptions::default()).unwrap();
    let works = tokio::spawn(worker.run(shutdown.clone()));
    let status = async |tenant: &TenantId| {
        let id = waiting.iter().find(|(of, _)| of == tenant).unwrap().1;
        loop {
            let kept = store.tenant(tenant);
            let state = kept.execution(id).await.unwrap().state;
            match state {
                jackfield::store::ExecutionState::Ended { status } => return Some(status),
                jackfield::store::ExecutionState::Stuck { .. } => return None,
                _ => tokio::task::yield_now().await,
            }
        }
    };
    let success = ExecutionStatus::Success.as_str().to_owned();
    assert_eq!(status(&globex()).await, Some(success.clone()));
    assert_ne!(status(&acme()).await, Some(success));
    shutdown.cancel();
    works.await.unwrap();
}
