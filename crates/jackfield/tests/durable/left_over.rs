//! What was called and is waited for by nobody any more, or by somebody who cannot go on with it.

use std::sync::Arc;
use std::time::Duration;

use jackfield::plugin_api::{SubWorkflow, WorkflowReference};
use jackfield::store::{ExecutionState, NewExecution, Request, Store};
use jackfield::{ExecutionId, ExecutionStatus, NodeOutput, TenantId, WorkerOptions};
use jackfield_testkit::ScriptedExecutor;
use jackfield_testkit::store::{FragileStore, Interruption, MemoryStore, StoreClock};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::nested::{Named, calling, holds, name, only_part, parts, waiting, working};
use super::support::{
    Calls, Keeps, Process, builder, follow, items, options, output, registry, start, workflow,
};

const INTERRUPTIONS: [Interruption; 2] =
    [Interruption::BeforeTheWrite, Interruption::AfterTheWrite];

/// Works until nothing is left to do.
async fn catch_up(process: &Process) {
    let worker = process.engine.worker(WorkerOptions::default()).unwrap();
    let worked = worker.catch_up(CancellationToken::new());
    let worked = tokio::time::timeout(Duration::from_secs(300), worked).await;
    worked.expect("something is left to do for ever").unwrap();
}

/// A process without the node types of the tests.
fn bare(store: &impl Keeps, clock: &StoreClock) -> Process {
    Process::at(store, clock, registry(&[]))
}

#[tokio::test(start_paused = true)]
async fn what_took_too_long_is_cancelled_wherever_its_caller_was_lost() {
    let mut document = calling(&waiting(json!({ "for": "1h" })));
    document["nodes"][1]["timeout"] = json!("1s");
    document["nodes"][1]["onError"] = json!("continueRegularOutput");
    // The caller lives on.
    document["nodes"][2] =
        json!({ "id": "behind", "nodeType": "wait", "parameters": { "signal": "go" } });
    let mut cancelled = 0;
    for interruption in INTERRUPTIONS {
        for after in 0.. {
            let clock = StoreClock::default();
            let following = follow(&clock);
            let kept = MemoryStore::with_clock(clock.clone());
            let store = FragileStore::new(Arc::new(kept.clone()));
            let calls = Calls::default();
            let registry = || registry(&[("note", calls.executor())]);
            let doomed = Process::at(&store, &clock, registry());
            let plan = doomed.plan(&document);
            store.interrupt(after, interruption);
            let handle = doomed.tenant.start(&plan, start(&json!([{}]))).unwrap();
            let id = handle.id();
            let patience = Duration::from_secs(3);
            let is_lost = tokio::time::timeout(patience, handle.wait()).await.is_ok();
            drop(doomed);
            let process = Process::at(&kept.reopen(), &clock, registry());
            catch_up(&process).await;
            let stands = process.stands(id).await;
            assert!(
                matches!(stands.as_deref(), None | Some("parked")),
                "{stands:?}"
            );
            for part in parts(&process, id).await {
                assert_eq!(part.state.as_str(), "ended", "{after} {interruption:?}");
                cancelled += 1;
            }
            assert!(calls.of("last").is_empty());
            following.abort();
            if !is_lost {
                assert!(after > 6, "there are more writes than that");
                break;
            }
        }
    }
    assert!(cancelled > 8, "{cancelled}");
}

#[tokio::test(start_paused = true)]
async fn what_nobody_goes_on_with_keeps_no_worker_from_coming_to_its_end() {
    let clock = StoreClock::default();
    let _following = follow(&clock);
    let store = MemoryStore::with_clock(clock.clone());
    let mut process = bare(&store, &clock).working();
    let nodes = [("wait", "wait", json!({ "signal": "go" }))];
    let plan = process.plan(&workflow(&nodes, &[]));
    let handle = process.tenant.start(&plan, start(&json!([{}]))).unwrap();
    let id = handle.id();
    process.reached(id, "parked").await;
    process.stop().await;
    // As from a program that did not write down which attempt had called.
    let tenant = store.tenant(&TenantId::default_tenant());
    let caller = tenant.execution(id).await.unwrap();
    let mut pinned: Value = serde_json::from_slice(&caller.pinned).unwrap();
    pinned["called"] = json!({ "by": id });
    let records = tenant.journal(id, 0, 1).await.unwrap();
    let part = NewExecution {
        id: ExecutionId::generate(),
        workflow: caller.workflow,
        pinned: serde_json::to_vec(&pinned).unwrap().into(),
        user: None,
        retry_of: None,
        part_of: Some(id),
        records: records.into_iter().map(|record| record.record).collect(),
        payloads: Vec::new(),
        state: ExecutionState::Running,
        claim: None,
    };
    let part = tenant.create_execution(part).await.unwrap().id;
    catch_up(&process).await;
    assert_eq!(process.stands(part).await.unwrap(), "parked");
    // It ends with its caller all the same.
    process.tenant.request(id, Request::Cancel).await.unwrap();
    catch_up(&process).await;
    for one in [id, part] {
        assert_eq!(process.stands(one).await.unwrap(), "ended");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_called_ends_with_a_caller_that_cannot_be_run_wherever_that_is_lost() {
    for interruption in INTERRUPTIONS {
        for after in 0.. {
            let clock = StoreClock::default();
            let following = follow(&clock);
            let store = MemoryStore::with_clock(clock.clone());
            let calls = Calls::default();
            let mut first = working(&store, &clock, &calls);
            // Two deep, so that what was called has called, too.
            let within = calling(&waiting(json!({ "signal": "paid" })));
            let plan = first.plan(&calling(&within));
            let handle = first.tenant.start(&plan, start(&json!([{}]))).unwrap();
            let id = handle.id();
            first.reached(id, "parked").await;
            first.stop().await;
            first.tenant.request(id, Request::Cancel).await.unwrap();

            let fragile = FragileStore::new(Arc::new(store.clone()));
            fragile.interrupt(after, interruption);
            let mut doomed = bare(&fragile, &clock).working();
            tokio::time::sleep(Duration::from_secs(10)).await;
            doomed.stop().await;
            let process = bare(&store.reopen(), &clock).working();
            process.reached(id, "ended").await;
            for part in parts(&process, id).await {
                process.reached(part.id, "ended").await;
            }
            following.abort();
            if !fragile.is_lost() {
                assert!(after > 3, "there are more writes than that");
                break;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_due_goes_on_when_no_worker_has_a_place_for_it() {
    for parameters in [json!({ "for": "1m" }), json!({ "signal": "paid" })] {
        let clock = StoreClock::default();
        let _following = follow(&clock);
        let store = MemoryStore::with_clock(clock.clone());
        let calls = Calls::default();
        let (begun, let_go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let scripted = [
            ("note", calls.executor()),
            ("holds", holds(&calls, &begun, &let_go)),
        ];
        let process = Process::at(&store, &clock, registry(&scripted));
        let full = WorkerOptions {
            concurrency: 0,
            ..WorkerOptions::default()
        };
        let shutdown = CancellationToken::new();
        let worker = process.engine.worker(full).unwrap().run(shutdown.clone());
        let worker = tokio::spawn(worker);
        // What runs beside the call keeps the caller in memory.
        let call = json!({ "workflow": waiting(parameters) });
        let document = workflow(
            &[
                ("call", "execute-workflow", call),
                ("beside", "holds", json!({})),
            ],
            &[],
        );
        let plan = process.plan(&document);
        let handle = process.tenant.start(&plan, start(&json!([{}]))).unwrap();
        begun.notified().await;
        while parts(&process, handle.id()).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let part = only_part(&process, handle.id()).await;
        process.reached(part, "parked").await;
        // The wait that is for a time hears nothing of it.
        let (tenant, paid) = (&process.tenant, name("paid"));
        tenant.signal(part, &paid, json!([{}])).await.unwrap();
        process.reached(part, "ended").await;
        assert_eq!(calls.of("last").len(), 1);
        let_go.notify_one();
        let report = handle.wait().await.unwrap();
        assert_eq!(report.status, ExecutionStatus::Success);
        shutdown.cancel();
        worker.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn what_could_be_called_by_name_before_and_cannot_be_now_is_no_failure() {
    let clock = StoreClock::default();
    let _following = follow(&clock);
    let store = MemoryStore::with_clock(clock.clone());
    let calls = Calls::default();
    let named = Named::default();
    *named.0.lock().unwrap() = workflow(&[("before", "note", json!({}))], &[]);
    let process = |scripted: &[(&str, ScriptedExecutor)]| {
        let builder = builder(&store, registry(scripted), options());
        Process::at_clock(builder.workflow_source(named.clone()), &clock).working()
    };
    let note = [("note", calls.executor())];
    let document = workflow(
        &[
            ("one", "execute-workflow", json!({ "workflow": "sub" })),
            ("wait", "wait", json!({ "for": "5m" })),
            ("two", "execute-workflow", json!({ "workflow": "sub" })),
        ],
        &[("one", 0, "wait"), ("wait", 0, "two")],
    );
    let mut first = process(&note);
    let plan = first.plan(&document);
    let handle = first.tenant.start(&plan, start(&json!([{}]))).unwrap();
    let id = handle.id();
    first.reached(id, "parked").await;
    first.stop().await;
    drop((first, handle));
    *named.0.lock().unwrap() = workflow(&[("after", "note", json!({}))], &[]);

    let mut without = process(&[]);
    without.reached(id, "stuck").await;
    let found = without.tenant.stored_execution(id).await.unwrap();
    let why = serde_json::to_string(&found.state).unwrap();
    for told in ["`sub`", "note"] {
        assert!(why.contains(told), "{why}");
    }
    without.stop().await;

    let process = process(&note);
    process.tenant.request(id, Request::Resume).await.unwrap();
    let report = process.ended(id).await;
    assert_eq!(report.status, ExecutionStatus::Success);
    assert_eq!((calls.of("before").len(), calls.of("after").len()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn what_another_call_had_called_is_not_taken_for_this_ones() {
    let clock = StoreClock::default();
    let _following = follow(&clock);
    let kept = MemoryStore::with_clock(clock.clone());
    let store = FragileStore::new(Arc::new(kept.clone()));
    let calls = Calls::default();
    let (begun, let_go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let inner = workflow(&[("inside", "holds", json!({}))], &[]);
    // It calls with something else each time that it runs.
    let fickle = ScriptedExecutor::new(move |number, call| {
        let inner = inner.clone();
        Box::pin(async move {
            let called = SubWorkflow {
                reference: WorkflowReference::Inline(&inner),
                items: items(&json!([{ "customer": number }])),
                variables: serde_json::Map::new(),
            };
            let made = call.context.workflows.run(called).await?;
            Ok(NodeOutput::items(made))
        })
    });
    let scripted = [
        ("fickle", fickle),
        ("holds", holds(&calls, &begun, &let_go)),
    ];
    let doomed = Process::at(&store, &clock, registry(&scripted));
    let document = workflow(&[("calls", "fickle", json!({}))], &[]);
    let plan = doomed.plan(&document);
    let handle = doomed.tenant.start(&plan, start(&json!([{}]))).unwrap();
    let id = handle.id();
    begun.notified().await;
    store.interrupt(0, Interruption::BeforeTheWrite);
    assert!(handle.wait().await.is_err());
    drop(doomed);

    let process = Process::at(&kept.reopen(), &clock, registry(&scripted)).working();
    process.reached(id, "stuck").await;
    let part = only_part(&process, id).await;
    let found = process.tenant.stored_execution(id).await.unwrap();
    let why = serde_json::to_string(&found.state).unwrap();
    for told in [part.to_string(), "something else".to_owned()] {
        assert!(why.contains(&told), "{why}");
    }
    assert_eq!(calls.of("inside").len(), 1);
    // A new execution has nothing to do with what was called before.
    let retried = process.tenant.retry_from(id, "calls", None).await.unwrap();
    let report = retried.wait().await.unwrap();
    assert_eq!(output(&report)[0]["customer"], json!(2));
}
