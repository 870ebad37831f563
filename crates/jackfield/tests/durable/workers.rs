//! Workers that work for one tenant, that end when nothing is left to do, and that tell what they
//! do; and executions that are let go of.

use std::sync::Arc;
use std::time::Duration;

use jackfield::store::Store;
use jackfield::{
    ExecutionId, ExecutionStatus, NodeOutput, TenantEngine, TenantId, Worker, WorkerNotice,
    WorkerOptions,
};
use jackfield_testkit::ScriptedExecutor;
use jackfield_testkit::store::{MemoryStore, StoreClock};
use serde_json::json;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::support::{Calls, Process, follow, registry, start, workflow};

/// A node that ends when it is told to, and its calls.
fn gated(gate: &Arc<Notify>) -> ScriptedExecutor {
    let gate = Arc::clone(gate);
    ScriptedExecutor::new(move |_, call| {
        let gate = Arc::clone(&gate);
        let items = call.items().clone();
        Box::pin(async move {
            gate.notified().await;
            Ok(NodeOutput::items(items))
        })
    })
}

fn document() -> serde_json::Value {
    workflow(
        &[
            ("first", "note", json!({})),
            ("held", "gated", json!({})),
            ("last", "note", json!({})),
        ],
        &[("first", 0, "held"), ("held", 0, "last")],
    )
}

/// What a worker did until nothing was left to do: the executions that ended, and those that it
/// left.
async fn caught_up(worker: Worker) -> (Vec<ExecutionId>, Vec<ExecutionId>) {
    let (sender, mut notices) = mpsc::channel(64);
    let works = worker.telling(sender).catch_up(CancellationToken::new());
    let works = tokio::spawn(works);
    let (mut ended, mut left) = (Vec::new(), Vec::new());
    while let Some(notice) = notices.recv().await {
        match notice {
            WorkerNotice::Ended { report, .. } => ended.push(report.execution_id),
            WorkerNotice::Left { execution, .. } => left.push(execution),
            WorkerNotice::TakenUp { events, .. } => assert!(events > 0),
            WorkerNotice::Failed { error, .. } => panic!("{error}"),
            _ => {}
        }
    }
    works.await.unwrap().unwrap();
    (ended, left)
}

/// Starts an execution for a tenant and loses the process that ran it.
async fn lost(store: &MemoryStore, tenant: &TenantId, document: &serde_json::Value) -> ExecutionId {
    let gate = Arc::new(Notify::new());
    let (calls, executor) = (Calls::default(), gated(&gate));
    let registry = registry(&[("note", calls.executor()), ("gated", executor)]);
    let mut process = Process::new(store, registry);
    process.tenant = process.engine.tenant(tenant);
    let plan = process.plan(document);
    let handle = process.tenant.start(&plan, start(&json!([{}]))).unwrap();
    assert!(handle.kept().await.unwrap());
    let id = handle.id();
    let leave = CancellationToken::new();
    leave.cancel();
    let left = handle.wait_here(leave, Duration::ZERO).await.unwrap();
    assert!(left.is_none());
    id
}

fn open() -> Arc<Notify> {
    let gate = Arc::new(Notify::new());
    gate.notify_one();
    gate
}

#[tokio::test(start_paused = true)]
async fn what_is_let_go_of_is_free_at_once_and_what_ran_too_long_runs_once_more() {
    let clock = StoreClock::default();
    let store = MemoryStore::with_clock(clock.clone());
    let calls = Calls::default();
    let gate = Arc::new(Notify::new());
    let executor = gated(&gate);
    let process = Process::new(
        &store,
        registry(&[("note", calls.executor()), ("gated", executor.clone())]),
    );
    let plan = process.plan(&document());
    let handle = process.tenant.start(&plan, start(&json!([{}]))).unwrap();
    let id = handle.id();
    while executor.calls() == 0 {
        tokio::task::yield_now().await;
    }
    let leave = CancellationToken::new();
    let leaving = tokio::spawn(handle.wait_here(leave.clone(), Duration::from_secs(5)));
    let began = tokio::time::Instant::now();
    leave.cancel();
    assert!(leaving.await.unwrap().unwrap().is_none());
    assert_eq!(began.elapsed().as_secs(), 5);

    // The clock of the store has not moved: its lease is not over, but given back.
    let executor = gated(&open());
    let registry = registry(&[("note", calls.executor()), ("gated", executor.clone())]);
    let other = Process::new(&store, registry);
    let report = other.tenant.resume(id).await.unwrap().wait().await.unwrap();
    assert_eq!(report.status, ExecutionStatus::Success);
    assert_eq!((calls.of("first").len(), executor.calls()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn what_runs_may_end_before_an_execution_is_left() {
    let clock = StoreClock::default();
    let store = MemoryStore::with_clock(clock.clone());
    let calls = Calls::default();
    let gate = Arc::new(Notify::new());
    let executor = gated(&gate);
    let process = Process::new(
        &store,
        registry(&[("note", calls.executor()), ("gated", executor.clone())]),
    );
    let plan = process.plan(&document());
    let handle = process.tenant.start(&plan, start(&json!([{}]))).unwrap();
    let id = handle.id();
    while executor.calls() == 0 {
        tokio::task::yield_now().await;
    }
    let leave = CancellationToken::new();
    leave.cancel();
    let leaving = tokio::spawn(handle.wait_here(leave, Duration::from_secs(5)));
    tokio::time::sleep(Duration::from_secs(1)).await;
    gate.notify_one();
    assert!(leaving.await.unwrap().unwrap().is_none());
    assert!(calls.of("last").is_empty());
    let report = process
        .tenant
        .resume(id)
        .await
        .unwrap()
        .wait()
        .await
        .unwrap();
    assert_eq!(report.status, ExecutionStatus::Success);
    assert_eq!((executor.calls(), calls.of("last").len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_worker_for_one_tenant_leaves_those_of_others_alone() {
    let clock = StoreClock::default();
    let _following = follow(&clock);
    let store = MemoryStore::with_clock(clock.clone());
    let [acme, globex] = ["acme", "globex"].map(|id| TenantId::parse(id).unwrap());
    let waits = workflow(
        &[
            ("wait", "wait", json!({ "signal": "go" })),
            ("held", "gated", json!({})),
        ],
        &[("wait", 0, "held")],
    );
    let ours = lost(&store, &acme, &document()).await;
    let waiting = lost(&store, &acme, &waits).await;
    let theirs = lost(&store, &globex, &document()).await;

    let calls = Calls::default();
    let gate = open();
    let registry = registry(&[("note", calls.executor()), ("gated", gated(&gate))]);
    let process = Process::new(&store, registry);
    let engine: TenantEngine = process.engine.tenant(&acme);
    let worker = engine.worker(WorkerOptions::default()).unwrap();
    assert_eq!(caught_up(worker).await, (vec![ours], vec![waiting]));
    let other = process.engine.tenant(&globex);
    let found = other.stored_execution(theirs).await.unwrap();
    assert_eq!(found.state.as_str(), "running");

    // What a signal has woken is its to take up, too.
    let go = jackfield::SignalName::parse("go").unwrap();
    engine.signal(waiting, &go, json!(null)).await.unwrap();
    gate.notify_one();
    let worker = engine.worker(WorkerOptions::default()).unwrap();
    assert_eq!(caught_up(worker).await, (vec![waiting], Vec::new()));
    let found = other.stored_execution(theirs).await.unwrap();
    assert_eq!(found.state.as_str(), "running");
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_catches_up_waits_until_a_lease_is_over() {
    let clock = StoreClock::default();
    let _following = follow(&clock);
    let store = MemoryStore::with_clock(clock.clone());
    let calls = Calls::default();
    let own = store.reopen();
    let shut = gated(&Arc::new(Notify::new()));
    let gone = Process::new(
        &own,
        registry(&[("note", calls.executor()), ("gated", shut)]),
    );
    let plan = gone.plan(&document());
    let running = gone.tenant.start(&plan, start(&json!([{}]))).unwrap();
    assert!(running.kept().await.unwrap());
    let id = running.id();
    // From now on it renews nothing.
    own.close().await.unwrap();

    let opened = gated(&open());
    let other = Process::new(
        &store,
        registry(&[("note", calls.executor()), ("gated", opened)]),
    );
    let began = tokio::time::Instant::now();
    let worker = other.engine.worker(WorkerOptions::default()).unwrap();
    assert_eq!(caught_up(worker).await, (vec![id], Vec::new()));
    let took = began.elapsed().as_secs();
    assert!((1..=10).contains(&took), "{took} s");
    // Nothing is left, and nothing is waited for.
    let worker = other.engine.worker(WorkerOptions::default()).unwrap();
    assert_eq!(caught_up(worker).await, (Vec::new(), Vec::new()));
}
