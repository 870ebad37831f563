//! Policies.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::future::BoxFuture;
use jackfield::kept::{PolicyError, StoredPolicies};
use jackfield::plugin_api::NodeExecutor;
use jackfield::registry::{ExecutorLoader, LoaderError};
use jackfield::store::{Collection, ExecutionState, Expected, Store};
use jackfield::tenancy::{PolicySource, PolicySourceError};
use jackfield::{
    DurableOptions, Engine, ErrorCode, ExecutionId, ExecutionStatus, Policy, Registry, StartError,
    StartOptions, Tenancy, Tenant, TenantEngine, TenantId, TenantPolicy, WorkerOptions,
};
use jackfield_testkit::ScriptedExecutor;
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
    engine_with(store, policies, jackfield::built_in_registry().unwrap())
}

fn engine_with(store: &Arc<dyn Store>, policies: impl PolicySource, registry: Registry) -> Engine {
    let tenancy = Tenancy::builder().policies(policies).build();
    Engine::builder(registry)
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

/// Has another process, which ends with its runtime, start an execution of each tenant that waits for
/// a signal.
fn left_waiting(store: &Arc<dyn Store>, tenants: Vec<TenantId>) -> Vec<(TenantId, ExecutionId)> {
    let store = Arc::clone(store);
    let begun = std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let mut waiting = Vec::new();
            for tenant in tenants {
                let engine = ready(&store, &tenant).await;
                let plan = plan(&engine, &waits()).unwrap();
                let execution = engine.start(&plan, StartOptions::default()).unwrap();
                execution.kept().await.unwrap();
                waiting.push((tenant, execution.id()));
            }
            waiting
        })
    });
    begun.join().unwrap()
}

#[tokio::test]
async fn a_worker_asks_for_the_policy_of_each_tenant() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let waiting = left_waiting(&store, vec![acme(), globex()]);
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
                ExecutionState::Ended { status } => return Some(status),
                ExecutionState::Stuck { .. } => return None,
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

/// Sets what becomes of the policy before it gives the executor, and gives that when the policy has
/// to be read again.
struct Meanwhile {
    store: Arc<dyn Store>,
    content: &'static str,
    tenant: Arc<OnceLock<Tenant>>,
    executor: ScriptedExecutor,
}

impl ExecutorLoader for Meanwhile {
    fn load(&self) -> BoxFuture<'_, Result<Arc<dyn NodeExecutor>, LoaderError>> {
        Box::pin(async {
            let documents = self.store.tenant(&acme());
            let content = self.content.into();
            let put =
                documents.put_document(Collection::Policies, "policy", content, Expected::Anything);
            put.await.unwrap();
            let tenant = self.tenant.get().unwrap();
            while tenant.refresh_secrets().is_none() {
                tokio::task::yield_now().await;
            }
            Ok(Arc::new(self.executor.clone()) as Arc<dyn NodeExecutor>)
        })
    }
}

#[tokio::test]
async fn the_call_that_learns_of_a_new_policy_is_not_made() {
    for (content, is_made) in [
        ("{}", true),
        (r#"{"restrictedNodeTypes": ["lazy"]}"#, false),
        ("?", false),
    ] {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let policies = StoredPolicies::new(Arc::clone(&store));
        policies.set(&acme(), &Policy::default()).await.unwrap();
        let executor = ScriptedExecutor::failing(0, || unreachable!());
        let meanwhile = Meanwhile {
            store: Arc::clone(&store),
            content,
            tenant: Arc::default(),
            executor: executor.clone(),
        };
        let tenant = Arc::clone(&meanwhile.tenant);
        let registry = jackfield::built_in_registry().unwrap();
        let metadata = ScriptedExecutor::metadata("lazy");
        registry
            .register_lazy("lazy", Arc::new(meanwhile), metadata)
            .unwrap();
        let engine = engine_with(&store, policies, registry).tenant(&acme());
        assert!(tenant.set(engine.tenant().clone()).is_ok());
        engine.tenant().refresh_secrets().unwrap().await;
        let document = json!({
            "name": "lazy",
            "nodes": [{ "id": "one", "nodeType": "lazy", "onError": "continueRegularOutput" }],
            "connections": {},
        });
        let plan = plan(&engine, &document).unwrap();
        let report = engine.run(&plan, StartOptions::default()).await.unwrap();
        assert_eq!(executor.calls(), usize::from(is_made), "{content}");
        assert_eq!(
            report.status == ExecutionStatus::Success,
            is_made,
            "{content}"
        );
        if !is_made {
            let code = &report.node("one").unwrap().error_code;
            assert_eq!(*code, Some(ErrorCode::TENANT_FORBIDDEN), "{content}");
        }
    }
}

/// Policies that cannot be reached the first times they are asked for.
struct Late {
    policies: StoredPolicies,
    asked: Arc<AtomicU32>,
}

impl Late {
    const TIMES: u32 = 5;
}

impl PolicySource for Late {
    fn policy<'a>(
        &'a self,
        tenant: &'a TenantId,
    ) -> BoxFuture<'a, Result<Option<TenantPolicy>, PolicySourceError>> {
        if self.asked.fetch_add(1, Ordering::Relaxed) >= Self::TIMES {
            return self.policies.policy(tenant);
        }
        let reason = "the connection broke".to_owned();
        Box::pin(async { Err(PolicySourceError::Unavailable { reason }) })
    }
}

#[tokio::test]
async fn what_goes_on_waits_for_a_policy_that_cannot_be_reached() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let waiting = left_waiting(&store, vec![acme()]);
    let (tenant, id) = &waiting[0];
    let before = ready(&store, tenant).await;
    let go = "go".try_into().unwrap();
    before.signal(*id, &go, Value::Null).await.unwrap();
    let plan = plan(&before, &no_op()).unwrap();
    let asked = Arc::new(AtomicU32::new(0));
    let late = Late {
        policies: StoredPolicies::new(Arc::clone(&store)),
        asked: Arc::clone(&asked),
    };
    let next = engine_with(&store, late, jackfield::built_in_registry().unwrap());
    let error = next.tenant(tenant).start(&plan, StartOptions::default());
    let error = error.err().unwrap();
    assert!(matches!(error, StartError::PolicyUnread { .. }), "{error}");
    assert_eq!(error.code(), Some(ErrorCode::STORE_ERROR));
    let shutdown = CancellationToken::new();
    let worker = next.worker(WorkerOptions::default()).unwrap();
    let works = tokio::spawn(worker.run(shutdown.clone()));
    let status = loop {
        let found = store.tenant(tenant).execution(*id).await.unwrap();
        match found.state {
            ExecutionState::Ended { status } => break status,
            ExecutionState::Stuck { reason } => panic!("{reason}"),
            _ => tokio::task::yield_now().await,
        }
    };
    assert_eq!(status, ExecutionStatus::Success.as_str());
    assert!(asked.load(Ordering::Relaxed) > Late::TIMES);
    shutdown.cancel();
    works.await.unwrap();
}
