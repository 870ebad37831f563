//! Waiting for times, signals and decisions, in memory and out of it.

use std::sync::Arc;
use std::time::Duration;

use jackfield::kernel::EventKind;
use jackfield::store::{Request, Store};
use jackfield::{Engine, ExecutionStatus, SignalName, StoredError};
use jackfield_testkit::store::{FragileStore, Interruption, MemoryStore, StoreClock};
use serde_json::{Value, json};

use super::support::{Calls, Process, follow, output, registry, start, workflow};

fn name(name: &str) -> SignalName {
    SignalName::parse(name).unwrap()
}

fn waits(parameters: Value) -> Value {
    workflow(
        &[
            ("before", "note", json!({})),
            ("wait", "wait", parameters),
            ("after", "note", json!({})),
            ("otherwise", "note", json!({})),
        ],
        &[
            ("before", 0, "wait"),
            ("wait", 0, "after"),
            ("wait", 1, "otherwise"),
        ],
    )
}

/// A signal of which nobody knows whether it was sent is sent again, and comes once.
#[tokio::test(start_paused = true)]
async fn a_signal_whose_answer_is_lost_comes_once() {
    for interruption in [Interruption::BeforeTheWrite, Interruption::AfterTheWrite] {
        let memory = MemoryStore::new();
        let store = FragileStore::new(Arc::new(memory.clone()));
        let calls = Calls::default();
        let process = Process::new(&store, registry(&[("note", calls.executor())]));
        let plan = process.plan(&waits(json!({ "signal": "go" })));
        let handle = process.tenant.start(&plan, start(&json!([{}]))).unwrap();
        let id = handle.id();
        handle.kept().await.unwrap();
        let rows = memory.tenant(process.tenant.id());
        while rows.execution(id).await.unwrap().length < 4 {
            tokio::task::yield_now().await;
        }
        store.falter(0, interruption, 2);
        let sent = process.tenant.signal(id, &name("other"), json!(1)).await;
        assert_eq!(sent.unwrap(), 1, "{interruption:?}");
        assert_eq!(rows.signals(id, 0).await.unwrap().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_long_leaves_memory_and_goes_on_in_time() {
    let clock = StoreClock::default();
    let _following = follow(&clock);
    let store = MemoryStore::with_clock(clock.clone());
    let calls = Calls::default();
    let process = Process::at(&store, &clock, registry(&[("note", calls.executor())])).working();
    let plan = process.plan(&waits(json!({ "for": "1h" })));
    tokio::time::sleep(Duration::from_millis(1)).await;
    let handle = process.tenant.start(&plan, start(&json!([{}]))).unwrap();
    let mut events = handle.events();
    process.reached(handle.id(), "parked").await;
    assert!(process.tenant.executions().is_empty(), "it is in memory");

    let began = clock.now();
    let report = handle.wait().await.unwrap();
    assert_eq!(report.status, ExecutionStatus::Success);
    let late = clock.now().duration_since(began).as_secs_f64() - 3600.0;
    assert!((-2.0..5.0).contains(&late), "{late} s late");
    let (before, after) = (calls.of("before"), calls.of("after"));
    assert_eq!((before.len(), after.len()), (1, 1));
    // Whoever reads the events of the handle misses none.
    let mut read = 0;
    while let Some(entry) = events.next().await {
        read += 1;
        assert_eq!(entry.sequence, read);
    }
    assert_eq!(read as usize, report.journal.len());
}

#[tokio::test(start_paused = true)]
async fn a_signal_wakes_what_is_parked_and_brings_its_items() {
    let clock = StoreClock::default();
    let _following = follow(&clock);
    let store = MemoryStore::with_clock(clock.clone());
    let calls = Calls::default();
    let process = Process::at(&store, &clock, registry(&[("note", calls.executor())])).working();
    let plan = process.plan(&waits(json!({ "signal": "paid" })));
    tokio::time::sleep(Duration::from_millis(1)).await;
    let handle = process.tenant.start(&plan, start(&json!([{}]))).unwrap();
    let id = handle.id();
    process.reached(id, "parked").await;

    let data = json!([{ "sum": 1.1 }, { "sum": 2 }]);
    let other = name("other");
    let sent = process.tenant.signal(id, &other, data.clone()).await;
    assert_eq!(sent.unwrap(), 1);
    let sent = process.tenant.signal(id, &name("paid"), data).await;
    assert_eq!(sent.unwrap(), 2);
    let report = handle.wait().await.unwrap();
    let expected = json!([{ "sum": 1.1, "after": true }, { "sum": 2, "after": true }]);
    assert_eq!(output(&report), expected);
    let late = process.tenant.signal(id, &name("paid"), json!(null)).await;
    assert!(matches!(late, Err(StoredError::Ended { .. })), "{late:?}");
}

#[tokio::test(start_paused = true)]
async fn a_signal_that_comes_before_it_is_waited_for_is_kept() {
    let clock = StoreClock::default();
    let _following = follow(&clock);
    let store = MemoryStore::with_clock(clock.clone());
    let calls = Calls::default();
    let registry = registry(&[("note", calls.executor())]);
    let process = Process::at(&store, &clock, registry).working();
    let document = workflow(
        &[
            ("pause", "wait", json!({ "for": "10s" })),
            ("first", "wait", json!({ "signal": "go" })),
            ("second", "wait", json!({ "signal": "go", "timeout": "1h" })),
        ],
        &[("pause", 0, "first"), ("first", 0, "second")],
    );
    let plan = process.plan(&document);
    let handle = process.tenant.start(&plan, start(&json!([{}]))).unwrap();
    let id = handle.id();
    assert!(handle.kept().await.unwrap());
    for number in 1..=2 {
        let go = name("go");
        let sent = process.tenant.signal(id, &go, json!({ "n": number })).await;
        assert_eq!(sent.unwrap(), number);
    }
    let report = handle.wait().await.unwrap();
    assert_eq!(output(&report), json!([{ "n": 2 }]));
}

#[tokio::test(start_paused = true)]
async fn a_decision_sends_the_items_one_way_or_the_other() {
    for (approved, way) in [(true, "after"), (false, "otherwise")] {
        let clock = StoreClock::default();
        let following = follow(&clock);
        let store = MemoryStore::with_clock(clock.clone());
        let calls = Calls::default();
        let registry = registry(&[("note", calls.executor())]);
        let process = Process::at(&store, &clock, registry).working();
        let plan = process.plan(&waits(json!({ "approval": "boss", "timeout": "2d" })));
        let handle = process
            .tenant
            .start(&plan, start(&json!([{ "n": 1 }])))
            .unwrap();
        let id = handle.id();
        process.reached(id, "parked").await;
        // What is no decision is passed over.
        let boss = name("boss");
        let signal = |data| process.tenant.signal(id, &boss, data);
        signal(json!({ "maybe": true })).await.unwrap();
        let decision = json!({ "approved": approved, "by": "Ada", "comment": "so be it" });
        signal(decision.clone()).await.unwrap();
        let report = handle.wait().await.unwrap();
        let item = json!([{ "n": 1, "before": true, "approval": decision, way: true }]);
        assert_eq!(output(&report), item);
        following.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn when_no_signal_comes_in_time_the_items_leave_otherwise() {
    let clock = StoreClock::default();
    let _following = follow(&clock);
    let store = MemoryStore::with_clock(clock.clone());
    let calls = Calls::default();
    let process = Process::at(&store, &clock, registry(&[("note", calls.executor())])).working();
    let plan = process.plan(&waits(json!({ "signal": "paid", "timeout": "10m" })));
    let report = process
        .tenant
        .start(&plan, start(&json!([{}])))
        .unwrap()
        .wait();
    let report = report.await.unwrap();
    assert_eq!(calls.of("otherwise").len(), 1);
    assert!(calls.of("after").is_empty());
    assert_eq!(report.status, ExecutionStatus::Success);
}

#[tokio::test]
async fn signals_reach_what_runs_without_a_store() {
    let calls = Calls::default();
    let engine = Engine::builder(registry(&[("note", calls.executor())])).build();
    let tenant = engine.default_tenant();
    let store = MemoryStore::new();
    let plan = {
        let source = waits(json!({ "signal": "paid" })).to_string();
        let source = jackfield::SourceText::new("test.json", source);
        let (workflow, _) = jackfield::read_workflow(&source).unwrap();
        tenant.plan(&workflow, &Default::default()).unwrap()
    };
    drop(store);
    let handle = tenant.start(&plan, start(&json!([{}]))).unwrap();
    let sent = tenant
        .signal(handle.id(), &name("paid"), json!("yes"))
        .await;
    assert_eq!(sent.unwrap(), 1);
    let paused = tenant.request(handle.id(), Request::Pause).await;
    assert!(matches!(paused, Err(StoredError::NoStore)));
    let report = handle.wait().await.unwrap();
    assert_eq!(output(&report), json!([{ "result": "yes", "after": true }]));
    let events = report.journal.events();
    let received = events
        .iter()
        .filter(|event| matches!(event.kind, EventKind::SignalReceived { .. }));
    assert_eq!(received.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_handle_cancels_what_has_left_memory() {
    let clock = StoreClock::default();
    let _following = follow(&clock);
    let store = MemoryStore::with_clock(clock.clone());
    let calls = Calls::default();
    let process = Process::at(&store, &clock, registry(&[("note", calls.executor())])).working();
    let plan = process.plan(&waits(json!({ "signal": "never" })));
    let handle = process.tenant.start(&plan, start(&json!([{}]))).unwrap();
    process.reached(handle.id(), "parked").await;
    handle.cancel();
    let report = handle.wait().await.unwrap();
    assert_eq!(report.status, ExecutionStatus::Cancelled);
}

#[tokio::test(start_paused = true)]
async fn the_time_of_an_execution_runs_on_while_it_is_parked() {
    let clock = StoreClock::default();
    let _following = follow(&clock);
    let store = MemoryStore::with_clock(clock.clone());
    let calls = Calls::default();
    let process = Process::at(&store, &clock, registry(&[("note", calls.executor())])).working();
    let mut document = waits(json!({ "signal": "never" }));
    document["settings"] = json!({ "timeout": "30m" });
    let plan = process.plan(&document);
    let handle = process.tenant.start(&plan, start(&json!([{}]))).unwrap();
    let report = handle.wait().await.unwrap();
    assert_eq!(report.status, ExecutionStatus::TimedOut);
    assert!(
        report.duration < Duration::from_secs(31 * 60),
        "{:?}",
        report.duration
    );
}
