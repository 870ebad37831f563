//! Audit trails.

use std::sync::Arc;

use jackfield::kept::StoredAudit;
use jackfield::store::Store;
use jackfield::tenancy::{
    AuditAction, AuditError, AuditStore, VerifyOptions, has_stored_audit, verify_stored_audit,
};
use jackfield::{
    AuditLog, AuditOptions, AuditReader, Engine, StartOptions, Tenancy, TenantEngine, TenantId,
};
use jackfield_testkit::store::{FragileStore, Interruption, MemoryStore};
use serde_json::json;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use crate::{acme, globex, plan};

fn trails(store: &Arc<dyn Store>) -> Arc<dyn AuditStore> {
    Arc::new(StoredAudit::new(Arc::clone(store), Handle::current()))
}

fn log(store: &Arc<dyn Store>) -> AuditLog {
    AuditLog::open_in(trails(store), None, AuditOptions::default()).unwrap()
}

/// A process that puts what it does on record in the store.
fn process(store: &Arc<dyn Store>, tenant: &TenantId) -> (TenantEngine, AuditLog) {
    let log = log(store);
    let tenancy = Tenancy::builder().audit(log.clone()).build();
    let registry = jackfield::built_in_registry().unwrap();
    let engine = Engine::builder(registry).tenancy(tenancy).build();
    (engine.tenant(tenant), log)
}

async fn runs(engine: &TenantEngine, times: usize) {
    let workflow = json!({
        "name": "steps",
        "nodes": [{ "id": "one", "nodeType": "no-op" }, { "id": "two", "nodeType": "no-op" }],
        "connections": { "one": { "main": [["two"]] } },
    });
    let plan = plan(engine, &workflow).unwrap();
    for _ in 0..times {
        engine.run(&plan, StartOptions::default()).await.unwrap();
    }
}

/// Sees to it that all is in the store; dropping the log waits for its thread.
async fn end(engine: TenantEngine, log: AuditLog) {
    spawn_blocking(move || {
        log.flush().unwrap();
        drop(engine);
    })
    .await
    .unwrap();
}

async fn calls(store: &Arc<dyn Store>, tenant: &TenantId) -> usize {
    let (trails, tenant) = (trails(store), tenant.clone());
    spawn_blocking(move || {
        let verified = verify_stored_audit(&trails, &tenant, &VerifyOptions::default()).unwrap();
        assert!(verified.is_sound(), "{:?}", verified.findings);
        let records = AuditReader::of_store(trails, &tenant).map(Result::unwrap);
        records
            .filter(|record| record.action == AuditAction::NodeCalled)
            .count()
    })
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_share_a_store_make_one_chain_for_each_tenant() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let processes = [acme(), acme(), globex()].map(|tenant| process(&store, &tenant));
    let running = processes.map(|(engine, log)| {
        tokio::spawn(async move {
            for _ in 0..10 {
                runs(&engine, 5).await;
            }
            end(engine, log).await;
        })
    });
    for process in running {
        process.await.unwrap();
    }
    assert_eq!(calls(&store, &acme()).await, 200);
    assert_eq!(calls(&store, &globex()).await, 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_nobody_answered_is_there_once() {
    for interruption in [Interruption::BeforeTheWrite, Interruption::AfterTheWrite] {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let fragile = FragileStore::new(Arc::clone(&store));
        fragile.falter(1, interruption, 3);
        let losing: Arc<dyn Store> = Arc::new(fragile);
        let (engine, log) = process(&losing, &acme());
        for _ in 0..3 {
            runs(&engine, 2).await;
            let flushing = log.clone();
            // It may be away just now; the next one finds it.
            let _ = spawn_blocking(move || flushing.flush()).await.unwrap();
        }
        let last = log.clone();
        let all = spawn_blocking(move || (0..10).any(|_| last.flush().is_ok()));
        assert!(all.await.unwrap());
        end(engine, log).await;
        assert_eq!(calls(&store, &acme()).await, 12, "{interruption:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_that_were_put_there_by_others_are_found() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let (engine, log) = process(&store, &acme());
    runs(&engine, 1).await;
    end(engine, log).await;
    let tenant = store.tenant(&acme());
    let all = tenant.audit(0, 100).await.unwrap();
    let length = all.len() as u64;
    let again = all[2].record.clone();
    tenant.append_audit(length, vec![again]).await.unwrap();
    let trails = trails(&store);
    spawn_blocking(move || {
        let options = VerifyOptions::default();
        let verified = verify_stored_audit(&trails, &acme(), &options).unwrap();
        let found: Vec<_> = verified.findings.iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [format!("record 2 is there again in line {}", length + 1)]
        );
        assert!(!has_stored_audit(&*trails, &globex()).unwrap());
        let nobody = verify_stored_audit(&trails, &globex(), &options);
        assert!(matches!(nobody, Err(AuditError::NoStoredTrail { .. })));
    })
    .await
    .unwrap();
}
