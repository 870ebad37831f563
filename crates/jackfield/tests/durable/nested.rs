//! Workflows within workflows: each is an execution of its own, which outlives whatever ran it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jackfield::kernel::EventKind;
use jackfield::store::{Durability, ExecutionFilter, PageRequest, Request, Store};
use jackfield::tenancy::StaticSecrets;
use jackfield::types::Secret;
use jackfield::{
    ErrorCode, ExecutionHandle, ExecutionId, ExecutionStatus, NodeError, NodeOutput, SignalName,
    SourceText, SqliteOptions, SqliteStore, StoredError, StoredExecution, Tenancy, TenantId,
    Workflow, WorkflowSource, WorkflowSourceError, read_workflow,
};
use jackfield_testkit::ScriptedExecutor;
use jackfield_testkit::store::{FragileStore, Interruption, MemoryStore, StoreClock};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Notify;

use super::support::{Calls, Process, builder, follow, options, output, registry, start, workflow};

/// A workflow that does nothing but call another one.
pub(super) fn calling(inner: &Value) -> Value {
    workflow(
        &[
            ("ahead", "note", json!({})),
            ("call", "execute-workflow", json!({ "workflow": inner })),
            ("behind", "note", json!({})),
        ],
        &[("ahead", 0, "call"), ("call", 0, "behind")],
    )
}

pub(super) fn waiting(parameters: Value) -> Value {
    workflow(
        &[
            ("first", "note", json!({})),
            ("wait", "wait", parameters),
            ("last", "note", json!({})),
        ],
        &[("first", 0, "wait"), ("wait", 0, "last")],
    )
}

/// Notes its calls; the first one does not end before it is let.
pub(super) fn holds(calls: &Calls, begun: &Arc<Notify>, let_go: &Arc<Notify>) -> ScriptedExecutor {
    let (calls, begun, let_go) = (calls.clone(), Arc::clone(begun), Arc::clone(let_go));
    let has_held = Arc::new(AtomicBool::new(false));
    ScriptedExecutor::new(move |_, call| {
        let output = calls.note(&call);
        let is_first = !has_held.swap(true, Ordering::SeqCst);
        let (begun, let_go) = (Arc::clone(&begun), Arc::clone(&let_go));
        Box::pin(async move {
            if is_first {
                begun.notify_one();
                let_go.notified().await;
            }
            Ok(output)
        })
    })
}

/// What an execution called, and what that called, newest first.
pub(super) async fn parts(process: &Process, id: ExecutionId) -> Vec<StoredExecution> {
    let filter = ExecutionFilter {
        part_of: Some(id),
        ..ExecutionFilter::default()
    };
    let page = PageRequest::default();
    let found = process.tenant.stored_executions(&filter, &page).await;
    found.unwrap().entries
}

pub(super) async fn only_part(process: &Process, id: ExecutionId) -> ExecutionId {
    let parts = parts(process, id).await;
    assert_eq!(parts.len(), 1, "{parts:?}");
    parts[0].id
}

fn status(execution: &StoredExecution) -> Value {
    serde_json::to_value(execution).unwrap()["state"]["status"].clone()
}

pub(super) fn name(name: &str) -> SignalName {
    SignalName::parse(name).unwrap()
}

/// A process that works, by the clock of its store.
pub(super) fn working(store: &MemoryStore, clock: &StoreClock, calls: &Calls) -> Process {
    Process::at(store, clock, registry(&[("note", calls.executor())])).working()
}

#[test]
fn a_killed_process_leaves_what_was_called_to_the_next_one() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.db");
    kill_and_go_on(async || {
        let options = SqliteOptions::new(path.clone()).durability(Durability::Relaxed);
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(options).unwrap());
        store
    });
}

#[cfg(feature = "postgres")]
#[test]
fn a_killed_process_leaves_what_was_called_to_the_next_one_in_postgres() {
    let url = jackfield_testkit::database::Postgres::shared().create_database();
    kill_and_go_on(async || {
        let options = jackfield::PostgresOptions::new(&url);
        let store = jackfield::PostgresStore::open(options).await.unwrap();
        let store: Arc<dyn Store> = Arc::new(store);
        store
    });
}

fn kill_and_go_on(open: impl AsyncFn() -> Arc<dyn Store>) {
    let inner = workflow(
        &[
            ("first", "note", json!({})),
            ("middle", "holds", json!({})),
            ("last", "note", json!({})),
        ],
        &[("first", 0, "middle"), ("middle", 0, "last")],
    );
    // Two deep, so that what was called has called, too.
    let outer = calling(&workflow(
        &[("deeper", "execute-workflow", json!({ "workflow": inner }))],
        &[],
    ));
    let calls = Calls::default();
    let (begun, never) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let scripted = [
        ("note", calls.executor()),
        ("holds", holds(&calls, &begun, &never)),
    ];
    let doomed = tokio::runtime::Runtime::new().unwrap();
    let (store, id) = doomed.block_on(async {
        let store = open().await;
        let process = Process::new(&store, registry(&scripted));
        let plan = process.plan(&outer);
        let handle = process.tenant.start(&plan, start(&json!([{ "n": 1 }])));
        begun.notified().await;
        (store, handle.unwrap().id())
    });
    // All that ran is gone in the middle of it, and nobody has let go of anything.
    doomed.shutdown_timeout(Duration::from_secs(30));

    let next = tokio::runtime::Runtime::new().unwrap();
    next.block_on(async {
        store.close().await.unwrap();
        let process = Process::new(&open().await, registry(&scripted)).working();
        let report = process.ended(id).await;
        assert_eq!(report.status, ExecutionStatus::Success);
        assert_eq!(report.output[0].json()["last"], json!(true));
        for once in ["ahead", "first", "last", "behind"] {
            assert_eq!(calls.of(once).len(), 1, "{once}");
        }
        let keys = calls.of("middle");
        assert_eq!(keys.len(), 2);
        assert_eq!(keys[0], keys[1]);
        let parts = parts(&process, id).await;
        assert_eq!(parts.len(), 2, "{parts:?}");
        for part in &parts {
            assert_eq!(status(part), json!("success"));
            assert_eq!(part.part_of, Some(id));
        }
    });
}

#[tokio::test(start_paused = true)]
async fn what_waits_within_leaves_memory_with_its_caller_and_goes_on_in_time() {
    let clock = StoreClock::default();
    let _following = follow(&clock);
    let store = MemoryStore::with_clock(clock.clone());
    let calls = Calls::default();
    let process = working(&store, &clock, &calls);
    let rounds = workflow(
        &[
            ("each", "loop", json!({ "mode": "times", "count": 120 })),
            ("wait", "wait", json!({ "for": "1m" })),
            ("last", "note", json!({})),
        ],
        &[
            ("each", 1, "wait"),
            ("wait", 0, "each"),
            ("each", 0, "last"),
        ],
    );
    let plan = process.plan(&calling(&rounds));
    let began = clock.now();
    let handle = process.tenant.start(&plan, start(&json!([{}]))).unwrap();
    let id = handle.id();
    process.reached(id, "parked").await;
    let part = only_part(&process, id).await;
    assert_eq!(process.stands(part).await.unwrap(), "parked");
    assert!(process.tenant.executions().is_empty(), "it is in memory");
    let report = handle.wait().await.unwrap();
    assert_eq!(report.status, ExecutionStatus::Success);
    let late = clock.now().duration_since(began).as_secs_f64() - 7200.0;
    // Each of 120 waits may be a little late.
    assert!((-2.0..360.0).contains(&late), "{late} s late");
    for once in ["ahead", "last", "behind"] {
        assert_eq!(calls.of(once).len(), 1, "{once}");
    }
    // To wait for it for so long has cost nothing.
    let history = process.tenant.history(id).await.unwrap();
    assert_eq!(history.entries().len(), 8);
}

#[tokio::test(start_paused = true)]
async fn a_signal_reaches_what_was_called() {
    let clock = StoreClock::default();
    let _following = follow(&clock);
    let store = MemoryStore::with_clock(clock.clone());
    let calls = Calls::default();
    let process = working(&store, &clock, &calls);
    let plan = process.plan(&calling(&waiting(json!({ "signal": "paid" }))));
    let handle = process.tenant.start(&plan, start(&json!([{}]))).unwrap();
    process.reached(handle.id(), "parked").await;
    let part = only_part(&process, handle.id()).await;
    let data = json!([{ "sum": 7 }]);
    let sent = process.tenant.signal(part, &name("paid"), data).await;
    assert_eq!(sent.unwrap(), 1);
    let report = handle.wait().await.unwrap();
    assert_eq!(report.status, ExecutionStatus::Success);
    assert_eq!(report.output[0].json()["sum"], json!(7));
    assert_eq!((calls.of("first").len(), calls.of("last").len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_wait_within_goes_on_after_a_crash_from_when_it_began() {
    let clock = StoreClock::default();
    let _following = follow(&clock);
    let kept = MemoryStore::with_clock(clock.clone());
    let store = FragileStore::new(Arc::new(kept.clone()));
    let calls = Calls::default();
    // Without a worker nothing leaves memory.
    let doomed = Process::at(&store, &clock, registry(&[("note", calls.executor())]));
    let plan = doomed.plan(&calling(&waiting(json!({ "for": "1h" }))));
    let began = clock.now();
    let handle = doomed.tenant.start(&plan, start(&json!([{}]))).unwrap();
    let id = handle.id();
    while calls.of("first").is_empty() || clock.now().duration_since(began).as_secs_f64() < 1800.0 {
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    store.interrupt(0, Interruption::BeforeTheWrite);
    assert!(handle.wait().await.is_err());
    drop(doomed);
    let process = working(&kept.reopen(), &clock, &calls);
    while clock.now().duration_since(began).as_secs_f64() < 3540.0 {
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    assert_eq!(process.stands(id).await.unwrap(), "parked");
    let report = process.ended(id).await;
    assert_eq!(report.status, ExecutionStatus::Success);
    let late = clock.now().duration_since(began).as_secs_f64() - 3600.0;
    assert!((-2.0..60.0).contains(&late), "{late} s late");
    for once in ["ahead", "first", "last", "behind"] {
        assert_eq!(calls.of(once).len(), 1, "{once}");
    }
}

/// Workflows by name, which somebody may change at any time.
#[derive(Clone, Default)]
pub(super) struct Named(pub(super) Arc<Mutex<Value>>);

impl WorkflowSource for Named {
    fn load(&self, _: &TenantId, _: &str) -> Result<Workflow, WorkflowSourceError> {
        let source = SourceText::new("named.json", self.0.lock().unwrap().to_string());
        Ok(read_workflow(&source).unwrap().0)
    }
}

#[tokio::test(start_paused = true)]
async fn a_workflow_called_by_name_stays_as_it_was_at_the_first_call() {
    let clock = StoreClock::default();
    let _following = follow(&clock);
    let store = MemoryStore::with_clock(clock.clone());
    let calls = Calls::default();
    let named = Named::default();
    *named.0.lock().unwrap() = workflow(&[("before", "note", json!({}))], &[]);
    let process = |store: &MemoryStore| {
        let registry = registry(&[("note", calls.executor())]);
        let builder = builder(store, registry, options()).workflow_source(named.clone());
        Process::at_clock(builder, &clock).working()
    };
    let document = workflow(
        &[
            ("one", "execute-workflow", json!({ "workflow": "sub" })),
            ("wait", "wait", json!({ "for": "5m" })),
            ("two", "execute-workflow", json!({ "workflow": "sub" })),
        ],
        &[("one", 0, "wait"), ("wait", 0, "two")],
    );
    let mut first = process(&store);
    let plan = first.plan(&document);
    let handle = first.tenant.start(&plan, start(&json!([{}]))).unwrap();
    let id = handle.id();
    first.reached(id, "parked").await;
    first.stop().await;
    drop((first, handle));
    *named.0.lock().unwrap() = workflow(&[("after", "note", json!({}))], &[]);
    let next = process(&store.reopen());
    let report = next.ended(id).await;
    assert_eq!(report.status, ExecutionStatus::Success);
    assert_eq!((calls.of("before").len(), calls.of("after").len()), (2, 0));
    // Others begin with what there is now.
    let plan = next.plan(&document);
    let handle = next.tenant.start(&plan, start(&json!([{}]))).unwrap();
    assert_eq!(
        handle.wait().await.unwrap().status,
        ExecutionStatus::Success
    );
    assert_eq!((calls.of("before").len(), calls.of("after").len()), (2, 2));
}

async fn parked(process: &Process) -> (ExecutionHandle, ExecutionId) {
    let plan = process.plan(&calling(&waiting(json!({ "signal": "paid" }))));
    let handle = process.tenant.start(&plan, start(&json!([{}]))).unwrap();
    process.reached(handle.id(), "parked").await;
    let part = only_part(process, handle.id()).await;
    (handle, part)
}

#[tokio::test(start_paused = true)]
async fn cancelling_reaches_what_was_called_and_what_calls() {
    let clock = StoreClock::default();
    let _following = follow(&clock);
    let store = MemoryStore::with_clock(clock.clone());
    let calls = Calls::default();
    let process = working(&store, &clock, &calls);
    let cancelled = ExecutionStatus::Cancelled;

    let (handle, part) = parked(&process).await;
    let asked = process.tenant.request(handle.id(), Request::Cancel).await;
    asked.unwrap();
    assert_eq!(handle.wait().await.unwrap().status, cancelled);
    assert_eq!(process.ended(part).await.status, cancelled);

    let (handle, part) = parked(&process).await;
    process.tenant.request(part, Request::Cancel).await.unwrap();
    assert_eq!(process.ended(part).await.status, cancelled);
    let report = handle.wait().await.unwrap();
    assert_eq!(report.failure.unwrap().code, ErrorCode::CANCELLED);

    // In memory, too.
    let plan = process.plan(&calling(&waiting(json!({ "for": "4s" }))));
    let handle = process.tenant.start(&plan, start(&json!([{}]))).unwrap();
    let before = calls.of("first").len();
    while calls.of("first").len() == before {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let part = only_part(&process, handle.id()).await;
    handle.cancel();
    assert_eq!(handle.wait().await.unwrap().status, cancelled);
    // It has ended before its caller has.
    assert_eq!(process.stands(part).await.unwrap(), "ended");
    assert_eq!(process.ended(part).await.status, cancelled);
    assert!(calls.of("last").is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_takes_longer_than_its_call_may_is_cancelled() {
    let clock = StoreClock::default();
    let _following = follow(&clock);
    let store = MemoryStore::with_clock(clock.clone());
    let calls = Calls::default();
    let process = working(&store, &clock, &calls);
    let mut document = calling(&waiting(json!({ "for": "4s" })));
    document["nodes"][1]["timeout"] = json!("1s");
    let plan = process.plan(&document);
    let handle = process.tenant.start(&plan, start(&json!([{}]))).unwrap();
    let id = handle.id();
    let report = handle.wait().await.unwrap();
    assert_eq!(report.failure.unwrap().code, ErrorCode::TIMEOUT);
    let part = only_part(&process, id).await;
    let ended = process.ended(part).await;
    assert_eq!(ended.status, ExecutionStatus::Cancelled);
    assert!(calls.of("last").is_empty());
}

#[tokio::test(start_paused = true)]
async fn another_attempt_calls_anew_with_the_same_keys() {
    let clock = StoreClock::default();
    let _following = follow(&clock);
    let store = MemoryStore::with_clock(clock.clone());
    let calls = Calls::default();
    let fails_once = ScriptedExecutor::immediate(|number, call| {
        if number == 0 {
            let code = ErrorCode::NETWORK_ERROR;
            return Err(NodeError::retryable(code, "not yet"));
        }
        Ok(NodeOutput::items(call.items().clone()))
    });
    let scripted = [("note", calls.executor()), ("fails-once", fails_once)];
    let process = Process::at(&store, &clock, registry(&scripted));
    let inner = workflow(
        &[
            ("send", "note", json!({})),
            ("fall", "fails-once", json!({})),
        ],
        &[("send", 0, "fall")],
    );
    let mut document = calling(&inner);
    document["nodes"][1]["retryPolicy"] = json!({ "maxAttempts": 2, "initialDelay": "5ms" });
    let plan = process.plan(&document);
    let handle = process.tenant.start(&plan, start(&json!([{}]))).unwrap();
    let id = handle.id();
    let report = handle.wait().await.unwrap();
    assert_eq!(report.status, ExecutionStatus::Success);
    let found = parts(&process, id).await;
    let mut statuses: Vec<Value> = found.iter().map(status).collect();
    statuses.sort_by_key(Value::to_string);
    assert_eq!(statuses, [json!("error"), json!("success")]);
    let keys = calls.of("send");
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[0], keys[1]);
}

#[tokio::test(start_paused = true)]
async fn a_pause_stops_what_was_called_after_what_runs() {
    let clock = StoreClock::default();
    let _following = follow(&clock);
    let store = MemoryStore::with_clock(clock.clone());
    let calls = Calls::default();
    let (begun, let_go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let scripted = [
        ("note", calls.executor()),
        ("holds", holds(&calls, &begun, &let_go)),
    ];
    let process = Process::at(&store, &clock, registry(&scripted)).working();
    let inner = workflow(
        &[("middle", "holds", json!({})), ("last", "note", json!({}))],
        &[("middle", 0, "last")],
    );
    let plan = process.plan(&calling(&inner));
    let handle = process.tenant.start(&plan, start(&json!([{}]))).unwrap();
    let id = handle.id();
    begun.notified().await;
    let part = only_part(&process, id).await;
    for request in [Request::Pause, Request::Resume] {
        let refused = process.tenant.request(part, request).await;
        let Err(StoredError::Invalid { .. }) = refused else {
            panic!("{refused:?}");
        };
    }
    process.tenant.request(id, Request::Pause).await.unwrap();
    let_go.notify_one();
    process.reached(id, "paused").await;
    assert_ne!(process.stands(part).await.unwrap(), "ended");
    // Nobody goes on with it meanwhile.
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(calls.of("last").is_empty());
    process.tenant.request(id, Request::Resume).await.unwrap();
    let report = handle.wait().await.unwrap();
    assert_eq!(report.status, ExecutionStatus::Success);
    assert_eq!(output(&report)[0]["last"], json!(true));
    for once in ["ahead", "middle", "last", "behind"] {
        assert_eq!(calls.of(once).len(), 1, "{once}");
    }
    let attempts = process.tenant.history(part).await.unwrap();
    let attempts = attempts
        .entries()
        .filter(|entry| matches!(entry.event.kind, EventKind::AttemptStarted { .. }));
    assert_eq!(attempts.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_go_on_is_stuck_with_its_caller_until_that_is_resumed() {
    let clock = StoreClock::default();
    let _following = follow(&clock);
    let store = MemoryStore::with_clock(clock.clone());
    let calls = Calls::default();
    let named = Named::default();
    *named.0.lock().unwrap() = waiting(json!({ "for": "5m" }));
    let process = |scripted: &[(&str, ScriptedExecutor)]| {
        let builder = builder(&store, registry(scripted), options());
        Process::at_clock(builder.workflow_source(named.clone()), &clock).working()
    };
    let note = [("note", calls.executor())];
    let mut first = process(&note);
    let document = workflow(
        &[("call", "execute-workflow", json!({ "workflow": "sub" }))],
        &[],
    );
    let plan = first.plan(&document);
    let handle = first.tenant.start(&plan, start(&json!([{}]))).unwrap();
    let id = handle.id();
    first.reached(id, "parked").await;
    let part = only_part(&first, id).await;
    first.stop().await;
    drop((first, handle));

    let mut without = process(&[]);
    without.reached(id, "stuck").await;
    let found = without.tenant.stored_execution(id).await.unwrap();
    let why = serde_json::to_string(&found.state).unwrap();
    for told in [part.to_string(), "`note` 1.0.0".to_owned()] {
        assert!(why.contains(&told), "{why}");
    }
    without.stop().await;

    let process = process(&note);
    process.tenant.request(id, Request::Resume).await.unwrap();
    let report = process.ended(id).await;
    assert_eq!(report.status, ExecutionStatus::Success);
    assert_eq!((calls.of("first").len(), calls.of("last").len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn secrets_in_what_is_called_are_not_kept() {
    const KEY: &str = "s3cr3t-Va/ue+1";
    let clock = StoreClock::default();
    let _following = follow(&clock);
    let store = MemoryStore::with_clock(clock.clone());
    let calls = Calls::default();
    let named = Named::default();
    *named.0.lock().unwrap() = workflow(&[("inside", "note", json!({}))], &[]);
    let secrets = BTreeMap::from([("KEY".to_owned(), Secret::new(KEY.to_owned()))]);
    let of = BTreeMap::from([(TenantId::default_tenant(), secrets)]);
    let secrets = StaticSecrets::from_map(of).unwrap();
    let registry = registry(&[("note", calls.executor())]);
    let builder = builder(&store, registry, options())
        .workflow_source(named)
        .tenancy(Tenancy::builder().secrets(secrets).build());
    let process = Process::at_clock(builder, &clock);
    let run = async |called: &str| {
        let nodes = [("call", "execute-workflow", json!({ "workflow": called }))];
        let plan = process.plan(&workflow(&nodes, &[]));
        let report = process.tenant.run(&plan, start(&json!([{}]))).await;
        report.unwrap()
    };
    // The name is not written down; the call is made all the same.
    let report = run("{{ 'sub-' + $secrets.KEY }}").await;
    assert_eq!(report.status, ExecutionStatus::Success);
    assert_eq!(calls.of("inside").len(), 1);
    let part = only_part(&process, report.execution_id).await;
    let tenant = store.tenant(&TenantId::default_tenant());
    let pinned = tenant.execution(part).await.unwrap().pinned;
    let pinned = String::from_utf8(pinned.to_vec()).unwrap();
    assert!(
        pinned.contains("called") && !pinned.contains(KEY),
        "{pinned}"
    );
    // A workflow would be.
    let made = "{{ ({ formatVersion: 1, name: 'made', connections: {}, nodes: [{ id: 'inside', nodeType: 'note', parameters: { key: $secrets.KEY } }] }) }}";
    let failure = run(made).await.failure.unwrap();
    assert_eq!(failure.code, ErrorCode::INVALID_WORKFLOW, "{failure:?}");
    assert!(
        failure.message.contains("made with a secret"),
        "{failure:?}"
    );
    assert_eq!(calls.of("inside").len(), 1);
}
