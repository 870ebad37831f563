//! Several processes over one store.

use std::sync::Arc;
use std::time::Duration;

use jackfield::store::Request;
use jackfield::{ExecutionStatus, NodeOutput, StartError, StoredError};
use jackfield_testkit::ScriptedExecutor;
use jackfield_testkit::store::{MemoryStore, StoreClock};
use serde_json::json;
use tokio::sync::Notify;

use super::support::{Calls, Process, follow, output, registry, start, workflow};

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

#[tokio::test(start_paused = true)]
async fn a_stalled_process_is_taken_over_and_its_late_write_is_refused() {
    let clock = StoreClock::default();
    let _following = follow(&clock);
    let store = MemoryStore::with_clock(clock.clone());
    let calls = Calls::default();
    let gate = Arc::new(Notify::new());
    let stalled_gate = gated(&gate);
    let stalled = Process::new(
        &store,
        registry(&[("note", calls.executor()), ("gated", stalled_gate.clone())]),
    );
    let plan = stalled.plan(&document());
    let handle = stalled
        .tenant
        .start(&plan, start(&json!([{ "n": 1 }])))
        .unwrap();
    let id = handle.id();
    while stalled_gate.calls() == 0 {
        tokio::task::yield_now().await;
    }
    // The lease runs out without anybody noticing: the process stands still.
    clock.advance(Duration::from_secs(60));
    let open = Arc::new(Notify::new());
    let executor = gated(&open);
    open.notify_one();
    let other = Process::new(
        &store,
        registry(&[("note", calls.executor()), ("gated", executor.clone())]),
    )
    .working();
    let report = other.ended(id).await;
    assert_eq!(report.status, ExecutionStatus::Success);
    assert_eq!(
        output(&report),
        json!([{ "n": 1, "first": true, "last": true }])
    );
    assert_eq!(calls.of("first").len(), 1);

    gate.notify_one();
    let late = handle.wait().await.err();
    assert_eq!(late, Some(StartError::TakenOver { execution: id }));
    assert_eq!((executor.calls(), stalled_gate.calls()), (1, 1));
    assert_eq!(calls.of("last").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_runs_elsewhere_is_paused_goes_on_and_is_cancelled() {
    let clock = StoreClock::default();
    let _following = follow(&clock);
    let store = MemoryStore::with_clock(clock.clone());
    let calls = Calls::default();
    let gate = Arc::new(Notify::new());
    let executor = gated(&gate);
    let scripted = [("note", calls.executor()), ("gated", executor.clone())];
    let here = Process::new(&store, registry(&scripted)).working();
    let elsewhere = Process::new(&store, registry(&scripted));
    let plan = here.plan(&document());
    let handle = here.tenant.start(&plan, start(&json!([{}]))).unwrap();
    let id = handle.id();
    while executor.calls() == 0 {
        tokio::task::yield_now().await;
    }
    elsewhere.tenant.request(id, Request::Pause).await.unwrap();
    // It is heard with the next renewal; what runs then runs to its end.
    tokio::time::sleep(Duration::from_secs(5)).await;
    gate.notify_one();
    here.reached(id, "paused").await;
    assert!(calls.of("last").is_empty());
    let held = elsewhere.tenant.stored_execution(id).await.unwrap();
    assert!(held.requests.pause);

    elsewhere.tenant.request(id, Request::Resume).await.unwrap();
    let report = handle.wait().await.unwrap();
    assert_eq!(report.status, ExecutionStatus::Success);
    assert_eq!((calls.of("first").len(), calls.of("last").len()), (1, 1));

    let handle = here.tenant.start(&plan, start(&json!([{}]))).unwrap();
    let id = handle.id();
    while executor.calls() == 1 {
        tokio::task::yield_now().await;
    }
    elsewhere.tenant.request(id, Request::Cancel).await.unwrap();
    let report = handle.wait().await.unwrap();
    assert_eq!(report.status, ExecutionStatus::Cancelled);
    let again = elsewhere.tenant.request(id, Request::Cancel).await;
    assert!(matches!(again, Err(StoredError::Ended { .. })), "{again:?}");
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_is_told_to_stop_lets_go_at_once() {
    let clock = StoreClock::default();
    let _following = follow(&clock);
    let store = MemoryStore::with_clock(clock.clone());
    let calls = Calls::default();
    let (closed, open) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let stuck = gated(&closed);
    let first = Process::new(
        &store,
        registry(&[("note", calls.executor()), ("gated", stuck.clone())]),
    );
    let plan = first.plan(&document());
    let handle = first.tenant.start(&plan, start(&json!([{}]))).unwrap();
    let id = handle.id();
    while stuck.calls() == 0 {
        tokio::task::yield_now().await;
    }
    drop(first);
    clock.advance(Duration::from_secs(60));
    let mut second = Process::new(
        &store,
        registry(&[("note", calls.executor()), ("gated", stuck.clone())]),
    )
    .working();
    while stuck.calls() == 1 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    second.stop().await;
    let found = second.tenant.stored_execution(id).await.unwrap();
    assert_eq!(found.state.as_str(), "running");

    open.notify_one();
    let third = Process::new(
        &store,
        registry(&[("note", calls.executor()), ("gated", gated(&open))]),
    );
    // Nobody holds it, so it needs no waiting.
    let resumed = third.tenant.resume(id).await.unwrap();
    assert_eq!(resumed.id(), id);
    let taken = third.tenant.resume(id).await.err();
    assert!(matches!(taken, Some(StoredError::Held { .. })), "{taken:?}");
    let report = resumed.wait().await.unwrap();
    assert_eq!(report.status, ExecutionStatus::Success);
    assert_eq!(calls.of("first").len(), 1);
    let ended = third.tenant.resume(id).await.err();
    assert!(
        matches!(ended, Some(StoredError::Ended { .. })),
        "{ended:?}"
    );
}
