//! How long executions are kept that have ended, and what becomes of those that cannot be read.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jackfield::store::{
    ExecutionFilter, KeptRetention, NewSignal, NewWorkflow, PageRequest, Retention, Store, limits,
};
use jackfield::{ExecutionStatus, SqliteOptions, SqliteStore, TenantId, WorkerOptions};
use jackfield_testkit::store::{MemoryStore, StoreClock};
use serde_json::json;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::support::{Calls, Process, registry, start, workflow};

async fn left(store: &MemoryStore, tenant: &TenantId) -> usize {
    let page = PageRequest::first(100);
    let listed = store
        .tenant(tenant)
        .list_executions(&ExecutionFilter::default(), &page)
        .await;
    listed.unwrap().entries.len()
}

/// Workers let go of what need not be kept any longer, of those tenants for whom that is set.
#[tokio::test(start_paused = true)]
async fn workers_let_go_of_what_need_not_be_kept() {
    let store = MemoryStore::new();
    let calls = Calls::default();
    let process = Process::new(&store, registry(&[("note", calls.executor())]));
    let plan = process.plan(&workflow(&[("only", "note", json!({}))], &[]));
    for _ in 0..5 {
        let running = process.tenant.start(&plan, start(&json!([{}]))).unwrap();
        running.wait().await.unwrap();
    }
    let tenant = process.tenant.id().clone();
    let options = WorkerOptions {
        collect: Duration::from_secs(60),
        ..WorkerOptions::default()
    };
    for everybodys in [true, false] {
        let shutdown = CancellationToken::new();
        let worker = match everybodys {
            true => process.engine.worker(options),
            false => process.tenant.worker(options),
        };
        let works = tokio::spawn(worker.unwrap().run(shutdown.clone()));
        let before = left(&store, &tenant).await;
        tokio::time::sleep(options.collect * 3).await;
        assert_eq!(left(&store, &tenant).await, before, "nothing is set");
        let kept = KeptRetention {
            max_age: None,
            max_count: Some(before as u64 - 2),
        };
        let rows = store.tenant(&tenant);
        rows.keep_retention(Some(kept)).await.unwrap();
        tokio::time::sleep(options.collect * 3).await;
        assert_eq!(left(&store, &tenant).await, before - 2);
        rows.keep_retention(None).await.unwrap();
        shutdown.cancel();
        works.await.unwrap();
    }
}

/// A process that goes on with a workflow for days may find that the version it knew was let go of.
#[tokio::test(start_paused = true)]
async fn a_workflow_whose_version_was_let_go_of_is_kept_anew() {
    let clock = StoreClock::default();
    let store = MemoryStore::with_clock(clock.clone());
    let calls = Calls::default();
    let process = Process::at(&store, &clock, registry(&[("note", calls.executor())]));
    let plan = process.plan(&workflow(&[("only", "note", json!({}))], &[]));
    let rows = store.tenant(process.tenant.id());
    let run = async || {
        let running = process.tenant.start(&plan, start(&json!([{}]))).unwrap();
        let id = running.id();
        let report = running.wait().await.unwrap();
        assert_eq!(report.status, ExecutionStatus::Success);
        rows.execution(id).await.unwrap().workflow
    };
    let first = run().await;
    assert_eq!(first.version, 1);
    let document = Bytes::from_static(b"another one");
    let another = NewWorkflow {
        id: first.id.clone(),
        name: "another".to_owned(),
        digest: limits::digest_of(&document),
        document,
    };
    rows.put_workflow(another).await.unwrap();
    clock.advance(Duration::from_secs(2 * 3_600));
    let retention = Retention {
        max_count: Some(0),
        ..Retention::default()
    };
    let gone = rows.collect(retention).await.unwrap();
    assert_eq!((gone.executions, gone.workflow_versions), (1, 1));
    assert_eq!(run().await.version, 3);
    assert_eq!(run().await.version, 3);
}

/// What cannot be read is set aside once, instead of being taken up and let go of for ever, and what
/// can be read goes on.
#[tokio::test]
async fn an_execution_that_cannot_be_read_is_stuck() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.db");
    let open = || -> Arc<dyn Store> {
        let options = SqliteOptions::new(&path);
        Arc::new(SqliteStore::open(options).unwrap())
    };
    let document = workflow(
        &[
            ("wait", "wait", json!({ "signal": "go" })),
            ("last", "note", json!({})),
        ],
        &[("wait", 0, "last")],
    );
    let calls = Calls::default();
    let process = |store: &Arc<dyn Store>| {
        Process::new(store, registry(&[("note", calls.executor())])).working()
    };
    let store = open();
    let mut first = process(&store);
    let plan = first.plan(&document);
    let mut ids = Vec::new();
    for _ in 0..2 {
        let handle = first.tenant.start(&plan, start(&json!([{}]))).unwrap();
        first.reached(handle.id(), "parked").await;
        ids.push(handle.id());
    }
    first.stop().await;
    store.close().await.unwrap();
    let damaged = rusqlite::Connection::open(&path).unwrap();
    let changed = damaged.execute(
        "UPDATE executions SET pinned = x'00' WHERE id = ?1",
        [ids[0].as_uuid().as_bytes()],
    );
    assert_eq!(changed.unwrap(), 1);
    drop(damaged);

    let store = open();
    let rows = store.tenant(first.tenant.id());
    let mut second = process(&store);
    for id in &ids {
        let signal = NewSignal::new("go", Bytes::from_static(b"null"));
        rows.signal(*id, signal).await.unwrap();
    }
    let report = second.ended(ids[1]).await;
    assert_eq!(report.status, ExecutionStatus::Success);
    let look = rusqlite::Connection::open(&path).unwrap();
    let reason = async || loop {
        let reason: Option<String> = look
            .query_row(
                "SELECT c.reason FROM courses AS c JOIN executions AS e ON e.number = c.number
                 WHERE e.id = ?1",
                [ids[0].as_uuid().as_bytes()],
                |row| row.get(0),
            )
            .unwrap();
        if let Some(reason) = reason {
            break reason;
        }
        tokio::task::yield_now().await;
    };
    let reason = tokio::time::timeout(Duration::from_secs(30), reason()).await;
    assert!(reason.unwrap().contains("is damaged"), "it is stuck");
    let due = store.next_due().await.unwrap();
    assert_eq!(due, None, "nobody takes it up again");
    second.stop().await;
    store.close().await.unwrap();
}
