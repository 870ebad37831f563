//! Whoever makes an execution of what another one did is lost, at any write: what is there then
//! runs as it was meant to, or not at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jackfield::store::Request;
use jackfield::{
    ErrorCode, ExecutionId, ExecutionStatus, NodeError, NodeOutput, Registry, SignalName,
    StoredError, StoredExecution,
};
use jackfield_testkit::ScriptedExecutor;
use jackfield_testkit::store::{FragileStore, Interruption, MemoryStore, StoreClock};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::files::executions;
use super::support::{Calls, Process, follow, items, output, registry, start, workflow};

/// How many rounds a loop goes whose events are more than a store takes at once.
const ROUNDS: usize = 2_600;
const INTERRUPTIONS: [Interruption; 2] =
    [Interruption::BeforeTheWrite, Interruption::AfterTheWrite];

/// A store with a clock that goes, and what its executions call.
struct Ground {
    store: MemoryStore,
    clock: StoreClock,
    calls: Calls,
    /// How often something was called that fails.
    failures: Arc<AtomicUsize>,
    following: JoinHandle<()>,
}

impl Drop for Ground {
    fn drop(&mut self) {
        self.following.abort();
    }
}

impl Ground {
    fn new() -> Self {
        let clock = StoreClock::default();
        Self {
            store: MemoryStore::with_clock(clock.clone()),
            following: follow(&clock),
            clock,
            calls: Calls::default(),
            failures: Arc::default(),
        }
    }

    fn registry(&self) -> Registry {
        let failures = Arc::clone(&self.failures);
        let picky = ScriptedExecutor::immediate(move |_, call| {
            let items = call.items();
            if items.iter().any(|item| item.json().contains_key("bad")) {
                failures.fetch_add(1, Ordering::SeqCst);
                let code = ErrorCode::EXECUTION_ERROR;
                return Err(NodeError::permanent(code, "this will not do"));
            }
            Ok(NodeOutput::items(items.clone()))
        });
        registry(&[("note", self.calls.executor()), ("picky", picky)])
    }

    fn process(&self) -> Process {
        Process::at(&self.store, &self.clock, self.registry())
    }

    /// A process that is lost at a write, and its store.
    fn doomed(&self, after: u64, interruption: Interruption) -> (Process, FragileStore) {
        let store = FragileStore::new(Arc::new(self.store.clone()));
        store.interrupt(after, interruption);
        let process = Process::at(&store, &self.clock, self.registry());
        (process, store)
    }

    /// Has a worker take up whatever can be taken up, until long after all leases are over.
    async fn clear_up(&self) -> Vec<StoredExecution> {
        let mut process = self.process().working();
        tokio::time::sleep(Duration::from_secs(60)).await;
        process.stop().await;
        executions(&process.tenant).await
    }
}

fn invalid<T: std::fmt::Debug>(result: Result<T, StoredError>) -> String {
    match result {
        Err(StoredError::Invalid { reason }) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_is_lost_at_any_write_runs_just_what_was_asked_for() {
    let document = workflow(
        &[
            ("first", "note", json!({})),
            ("picky", "picky", json!({})),
            ("last", "note", json!({})),
        ],
        &[("first", 0, "picky"), ("picky", 0, "last")],
    );
    let ground = Ground::new();
    let process = ground.process();
    let plan = process.plan(&document);
    let run = process.tenant.run(&plan, start(&json!([{ "bad": 1 }])));
    let id = run.await.unwrap().execution_id;
    let mut made = 0;
    for interruption in INTERRUPTIONS {
        for after in 0.. {
            let (lost, store) = ground.doomed(after, interruption);
            let input = Some(items(&json!([{ "good": 1 }])));
            let retried = lost.tenant.retry_from(id, "picky", input).await;
            if let Ok(retried) = retried {
                let _ = retried.wait().await;
            }
            let there = executions(&process.tenant).await.len() - 1;
            assert!(there - made <= 1);
            made = there;
            if !store.is_lost() {
                assert!(after > 3, "there are more writes than that");
                break;
            }
        }
    }
    let all = ground.clear_up().await;
    let retries: Vec<_> = all.iter().filter(|one| one.retry_of == Some(id)).collect();
    assert_eq!((retries.len(), all.len()), (made, made + 1));
    assert!(made > 6, "{made}");
    for retry in retries {
        let history = process.tenant.history(retry.id).await.unwrap();
        let report = history.report().unwrap();
        assert_eq!(report.status, ExecutionStatus::Success, "{retry:?}");
        assert_eq!(output(&report), json!([{ "good": 1, "last": true }]));
    }
    assert_eq!(ground.calls.of("first").len(), 1);
    assert_eq!(ground.failures.load(Ordering::SeqCst), 1);
}

/// A loop with many rounds, two signals, and a node after all that.
fn large() -> Value {
    workflow(
        &[
            ("each", "loop", json!({ "batchSize": 1 })),
            ("body", "note", json!({})),
            ("once", "wait", json!({ "signal": "once" })),
            ("twice", "wait", json!({ "signal": "twice" })),
            ("last", "note", json!({})),
        ],
        &[
            ("each", 1, "body"),
            ("body", 0, "each"),
            ("each", 0, "once"),
            ("once", 0, "twice"),
            ("twice", 0, "last"),
        ],
    )
}

/// Runs the large one until it waits for the second signal; gives it as a file, too.
async fn half_run(ground: &Ground) -> (ExecutionId, Vec<u8>) {
    let mut process = ground.process().working();
    let plan = process.plan(&large());
    let input: Vec<Value> = (0..ROUNDS).map(|n| json!({ "n": n })).collect();
    let handle = process.tenant.start(&plan, start(&json!(input))).unwrap();
    let id = handle.id();
    assert!(handle.kept().await.unwrap());
    send(&process, id, "once").await;
    // Both waits are longer than what stays in memory.
    let waits = async {
        loop {
            tokio::time::sleep(Duration::from_secs(10)).await;
            let found = process.tenant.stored_execution(id).await.unwrap();
            if found.state.as_str() == "parked" && found.events as usize > 4 * ROUNDS + 4 {
                return;
            }
        }
    };
    let patience = Duration::from_secs(600);
    if tokio::time::timeout(patience, waits).await.is_err() {
        panic!("{:?}", process.tenant.stored_execution(id).await);
    }
    process.stop().await;
    let file = process.tenant.export(id).await.unwrap();
    (id, file)
}

async fn send(process: &Process, id: ExecutionId, name: &str) {
    let name = SignalName::parse(name).unwrap();
    let data = json!([{ "told": name.as_str() }]);
    process.tenant.signal(id, &name, data).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_retry_of_which_a_part_is_there_is_run_by_nobody() {
    let ground = Ground::new();
    let (id, _) = half_run(&ground).await;
    let mut process = ground.process().working();
    send(&process, id, "twice").await;
    let report = process.ended(id).await;
    process.stop().await;
    assert_eq!(report.status, ExecutionStatus::Success);
    // The workflow, the first part, and the last.
    for (after, interruption) in [
        (1, Interruption::BeforeTheWrite),
        (1, Interruption::AfterTheWrite),
        (2, Interruption::BeforeTheWrite),
        (2, Interruption::AfterTheWrite),
    ] {
        let (lost, store) = ground.doomed(after, interruption);
        let retried = lost.tenant.retry_from(id, "last", None).await;
        assert!(retried.is_err() && store.is_lost());
    }
    let all = ground.clear_up().await;
    let mut states: Vec<_> = all.iter().map(|one| one.state.as_str()).collect();
    states.sort_unstable();
    assert_eq!(states, ["ended", "ended", "incomplete", "incomplete"]);
    let calls = &ground.calls;
    assert_eq!(
        (calls.of("body").len(), calls.of("last").len()),
        (ROUNDS, 2)
    );

    let is_part = |one: &&StoredExecution| one.state.as_str() == "incomplete";
    for part in all.iter().filter(is_part) {
        let part = part.id;
        for refused in [
            invalid(process.tenant.request(part, Request::Resume).await),
            invalid(process.tenant.resume(part).await.map(|_| ())),
            invalid(
                process
                    .tenant
                    .retry_from(part, "last", None)
                    .await
                    .map(|_| ()),
            ),
            invalid(process.tenant.export(part).await),
        ] {
            assert!(refused.contains("is incomplete"), "{refused}");
        }
        process.tenant.request(part, Request::Cancel).await.unwrap();
        let found = process.tenant.stored_execution(part).await.unwrap();
        let state = json!({ "state": "ended", "status": "cancelled" });
        assert_eq!(serde_json::to_value(found.state).unwrap(), state);
    }
    ground.clear_up().await;
    assert_eq!(calls.of("last").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_import_that_was_lost_is_gone_on_with_when_it_is_repeated() {
    let from = Ground::new();
    let (id, file) = half_run(&from).await;
    let events = from.process().tenant.replay(&file).await.unwrap().events;
    for (after, interruption, before) in [
        (1, Interruption::BeforeTheWrite, None),
        (1, Interruption::AfterTheWrite, Some("incomplete")),
        (2, Interruption::BeforeTheWrite, Some("incomplete")),
        (2, Interruption::AfterTheWrite, Some("paused")),
    ] {
        let ground = Ground::new();
        let (lost, store) = ground.doomed(after, interruption);
        assert!(lost.tenant.import(&file).await.is_err() && store.is_lost());
        let process = ground.process();
        assert_eq!(process.stands(id).await.as_deref(), before);
        if before == Some("incomplete") {
            // Whoever made it may be there still.
            let refused = invalid(process.tenant.import(&file).await);
            assert!(refused.contains("by another process"), "{refused}");
        }
        ground.clear_up().await;
        assert_eq!(process.stands(id).await.as_deref(), before);
        let again = process.tenant.import(&file).await;
        assert_eq!(again.is_ok(), before != Some("paused"), "{again:?}");
        assert_eq!(process.stands(id).await.as_deref(), Some("paused"));
        let exported = process.tenant.export(id).await.unwrap();
        let replayed = process.tenant.replay(&exported).await.unwrap();
        assert_eq!((replayed.events, replayed.difference), (events, None));

        let mut process = process.working();
        process.tenant.request(id, Request::Resume).await.unwrap();
        // It is the first one here, whatever was received elsewhere.
        send(&process, id, "twice").await;
        let report = process.ended(id).await;
        process.stop().await;
        assert_eq!(report.status, ExecutionStatus::Success);
        let calls = &ground.calls;
        assert_eq!((calls.of("body").len(), calls.of("last").len()), (0, 1));
    }
}
