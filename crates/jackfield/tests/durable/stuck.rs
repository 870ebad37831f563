//! Executions that cannot go on, beside others that do.

use std::time::Duration;

use jackfield::store::{Append, Claim, ExecutionState, Request, Store, WorkerId};
use jackfield::types::NodeTypeMetadata;
use jackfield::{ExecutionId, ExecutionStatus, StoredError, TenantId};
use jackfield_testkit::ScriptedExecutor;
use jackfield_testkit::store::{MemoryStore, StoreClock};
use serde_json::{Value, json};

use super::support::{Calls, Process, follow, registry, start, workflow};

fn document() -> Value {
    workflow(
        &[
            ("first", "note", json!({})),
            ("wait", "wait", json!({ "signal": "go" })),
            ("last", "note", json!({})),
        ],
        &[("first", 0, "wait"), ("wait", 0, "last")],
    )
}

/// Leaves an execution that waits, and ends the process.
async fn left(store: &MemoryStore, clock: &StoreClock, calls: &Calls) -> ExecutionId {
    let mut process = Process::at(store, clock, registry(&[("note", calls.executor())])).working();
    let plan = process.plan(&document());
    tokio::time::sleep(Duration::from_millis(1)).await;
    let handle = process.tenant.start(&plan, start(&json!([{}]))).unwrap();
    process.reached(handle.id(), "parked").await;
    process.stop().await;
    handle.id()
}

async fn reason(process: &Process, id: ExecutionId) -> String {
    process.reached(id, "stuck").await;
    match process.tenant.stored_execution(id).await.unwrap().state {
        ExecutionState::Stuck { reason } => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn without_its_plugin_an_execution_is_stuck_until_that_is_back() {
    let clock = StoreClock::default();
    let _following = follow(&clock);
    let store = MemoryStore::with_clock(clock.clone());
    let calls = Calls::default();
    let id = left(&store, &clock, &calls).await;

    let mut without = Process::at(&store, &clock, registry(&[])).working();
    without.tenant.request(id, Request::Resume).await.unwrap();
    let why = reason(&without, id).await;
    assert!(
        why.contains("`note` 1.0.0") && why.contains("install it again"),
        "{why}"
    );
    let history = without.tenant.history(id).await.err();
    assert!(
        matches!(history, Some(StoredError::Stuck { .. })),
        "{history:?}"
    );
    let records = without.tenant.stored_records(id, 0, 100).await.unwrap();
    assert_eq!(records[0]["event"], "execution-started");
    without.stop().await;

    // Another version will not do.
    let mut metadata = ScriptedExecutor::metadata("note");
    metadata.version = "1.0.1".parse().unwrap();
    let other = registry(&[]);
    let executor = std::sync::Arc::new(calls.executor());
    other
        .register_with_metadata("note", executor, metadata)
        .unwrap();
    let mut changed = Process::at(&store, &clock, other).working();
    let resumed = changed.tenant.resume(id).await.err();
    let Some(StoredError::Stuck { reason: why, .. }) = resumed else {
        panic!("{resumed:?}");
    };
    assert!(why.contains("`note` 1.0.0"), "{why}");
    changed.stop().await;

    let process = Process::at(&store, &clock, registry(&[("note", calls.executor())])).working();
    process.tenant.request(id, Request::Resume).await.unwrap();
    let go = jackfield::SignalName::parse("go").unwrap();
    process.tenant.signal(id, &go, json!(null)).await.unwrap();
    let report = process.ended(id).await;
    assert_eq!(report.status, ExecutionStatus::Success);
    assert_eq!((calls.of("first").len(), calls.of("last").len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn what_is_stuck_can_be_cancelled() {
    let clock = StoreClock::default();
    let _following = follow(&clock);
    let store = MemoryStore::with_clock(clock.clone());
    let calls = Calls::default();
    let id = left(&store, &clock, &calls).await;
    let process = Process::at(&store, &clock, registry(&[])).working();
    process.tenant.request(id, Request::Resume).await.unwrap();
    reason(&process, id).await;
    process.tenant.request(id, Request::Cancel).await.unwrap();
    process.reached(id, "ended").await;
    let state = process.tenant.stored_execution(id).await.unwrap().state;
    let status = "cancelled".to_owned();
    assert_eq!(state, ExecutionState::Ended { status });
}

/// Adds a record that no engine wrote.
async fn tamper(store: &MemoryStore, id: ExecutionId, record: &Value) {
    let tenant = store.tenant(&TenantId::default_tenant());
    let claim = Claim {
        worker: WorkerId::generate(),
        lease: Duration::from_secs(1),
        most: 1,
    };
    let claimed = tenant.claim_execution(id, claim).await.unwrap().unwrap();
    let after = tenant.execution(id).await.unwrap().length;
    let append = Append {
        execution: id,
        fence: claimed.fence,
        after,
        records: vec![record.to_string().into()],
        payloads: Vec::new(),
        state: None,
    };
    tenant.append(append).await.unwrap();
    tenant.release(id, claimed.fence).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_does_not_replay_keeps_no_other_execution_from_going_on() {
    let clock = StoreClock::default();
    let _following = follow(&clock);
    let store = MemoryStore::with_clock(clock.clone());
    let calls = Calls::default();
    let at = "2026-01-01T00:00:09Z";
    let wrong = [
        (
            json!({ "v": 99, "at": at, "event": "cancel-requested" }),
            "format version 99",
        ),
        (
            json!({ "v": 1, "at": at, "event": "timer-fired", "node": 2, "run": 0, "attempt": 1 }),
            "does not follow",
        ),
        (
            json!({ "v": 1, "at": at, "event": "timer-fired", "node": 77, "run": 0, "attempt": 1 }),
            "which the graph does not have",
        ),
        (
            json!({ "v": 1, "at": at, "event": "fell-over" }),
            "unknown variant",
        ),
        (json!(["no", "record"]), "no record"),
    ];
    let mut ids = Vec::new();
    for (record, expected) in &wrong {
        let id = left(&store, &clock, &calls).await;
        tamper(&store, id, record).await;
        ids.push((id, *expected));
    }
    let good = left(&store, &clock, &calls).await;
    let process = Process::at(&store, &clock, registry(&[("note", calls.executor())])).working();
    let go = jackfield::SignalName::parse("go").unwrap();
    process.tenant.signal(good, &go, json!(null)).await.unwrap();
    let report = process.ended(good).await;
    assert_eq!(report.status, ExecutionStatus::Success);
    for (id, expected) in ids {
        let why = reason(&process, id).await;
        assert!(why.contains(expected), "{why}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_built_in_is_the_same_or_says_that_it_serves() {
    let clock = StoreClock::default();
    let _following = follow(&clock);
    let calls = Calls::default();
    let note = || ScriptedExecutor::metadata("note");
    let process = |store: &MemoryStore, metadata: NodeTypeMetadata| {
        let registry = registry(&[]);
        let executor = std::sync::Arc::new(calls.executor());
        let made = registry.register_with_metadata("note", executor, metadata);
        let contract = made.unwrap().contract().to_owned();
        (Process::at(store, &clock, registry).working(), contract)
    };
    let begun = async || {
        let store = MemoryStore::with_clock(clock.clone());
        let id = left(&store, &clock, &calls).await;
        (store, id)
    };
    let other = NodeTypeMetadata {
        schema: Some(json!({ "type": "object", "properties": { "n": { "type": "integer" } } })),
        ..note()
    };
    let at_first = process(&MemoryStore::new(), note()).1;

    // What is said about it may change.
    let (store, id) = begun().await;
    let described = NodeTypeMetadata {
        documentation: "More about it.".to_owned(),
        description: "Notes.".to_owned(),
        ..note()
    };
    let (same, contract) = process(&store, described);
    assert_eq!(contract, at_first);
    let go = jackfield::SignalName::parse("go").unwrap();
    same.tenant.signal(id, &go, json!(null)).await.unwrap();
    assert_eq!(same.ended(id).await.status, ExecutionStatus::Success);

    // What it takes may not.
    let (store, id) = begun().await;
    let (mut changed, contract) = process(&store, other.clone());
    assert_ne!(contract, at_first);
    changed.tenant.signal(id, &go, json!(null)).await.unwrap();
    let why = reason(&changed, id).await;
    for told in ["`note` 1.0.0", &at_first, &contract, "servedContracts"] {
        assert!(why.contains(told), "{why}");
    }
    changed.stop().await;

    // Unless it goes on with what was begun before.
    let serves = NodeTypeMetadata {
        served_contracts: vec![at_first],
        ..other
    };
    let (serving, _) = process(&store, serves);
    serving.tenant.request(id, Request::Resume).await.unwrap();
    assert_eq!(serving.ended(id).await.status, ExecutionStatus::Success);
}
