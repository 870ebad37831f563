//! What nodes see after their execution was taken up again, and whose turn it is.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jackfield::{
    Engine, ExecutionStatus, Item, NodeError, NodeOutput, Tenancy, TenantId, WorkerOptions,
};
use jackfield_testkit::ScriptedExecutor;
use jackfield_testkit::store::{FragileStore, Interruption, MemoryStore, StoreClock};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::support::{
    ByStore, Calls, Process, builder, follow, options, output, registry, start, workflow,
};

/// Passes on every other item, the items themselves.
fn halves() -> ScriptedExecutor {
    ScriptedExecutor::immediate(|_, call| {
        let items = call.items().iter().enumerate();
        let kept = items.filter(|(place, _)| place % 2 == 1);
        let kept = kept.map(|(place, item)| item.clone().paired_with(place));
        Ok::<_, NodeError>(NodeOutput::items(kept.collect::<Vec<Item>>()))
    })
}

/// Gives the very list that it was given.
fn passes() -> ScriptedExecutor {
    ScriptedExecutor::immediate(|_, call| Ok(NodeOutput::items(call.items().clone())))
}

#[tokio::test(start_paused = true)]
async fn items_are_still_paired_with_those_that_they_were_made_from() {
    let document = workflow(
        &[
            (
                "named",
                "transform",
                json!({ "set": { "name": "{{ $json.n }}" } }),
            ),
            ("halves", "halves", json!({})),
            ("passes", "passes", json!({})),
            ("wait", "wait", json!({ "for": "1m" })),
            (
                "told",
                "transform",
                json!({ "set": { "from": "{{ $('named').item.json.name }}" }, "keep": ["from"] }),
            ),
        ],
        &[
            ("named", 0, "halves"),
            ("halves", 0, "passes"),
            ("passes", 0, "wait"),
            ("wait", 0, "told"),
        ],
    );
    let clock = StoreClock::default();
    let _following = follow(&clock);
    let store = MemoryStore::with_clock(clock.clone());
    let scripted = [("halves", halves()), ("passes", passes())];
    let process = Process::at(&store, &clock, registry(&scripted)).working();
    let plan = process.plan(&document);
    let input = json!([{ "n": "a" }, { "n": "b" }, { "n": "c" }, { "n": "d" }]);
    let handle = process.tenant.start(&plan, start(&input)).unwrap();
    process.reached(handle.id(), "parked").await;
    let report = handle.wait().await.unwrap();
    assert_eq!(output(&report), json!([{ "from": "b" }, { "from": "d" }]));
}

#[tokio::test(start_paused = true)]
async fn what_a_workflow_within_another_sends_again_has_the_same_keys() {
    let inner = workflow(
        &[("send", "note", json!({})), ("fall", "falls", json!({}))],
        &[("send", 0, "fall")],
    );
    let document = workflow(
        &[("outer", "execute-workflow", json!({ "workflow": inner }))],
        &[],
    );
    let clock = StoreClock::default();
    let _following = follow(&clock);
    let kept = MemoryStore::with_clock(clock.clone());
    let store = FragileStore::new(Arc::new(kept.clone()));
    let calls = Calls::default();
    let falls = {
        let (store, noted) = (store.clone(), calls.clone());
        // The store is gone before the outer node has ended.
        ScriptedExecutor::immediate(move |number, call| {
            if number == 0 {
                store.interrupt(0, Interruption::BeforeTheWrite);
            }
            Ok(noted.note(&call))
        })
    };
    let scripted = [("note", calls.executor()), ("falls", falls)];
    let doomed = Process::new(&store, registry(&scripted));
    let plan = doomed.plan(&document);
    let handle = doomed
        .tenant
        .start(&plan, start(&json!([{ "n": 1 }])))
        .unwrap();
    let id = handle.id();
    assert!(handle.wait().await.is_err());
    drop(doomed);
    let process = Process::new(&kept.reopen(), registry(&scripted)).working();
    let report = process.ended(id).await;
    assert_eq!(report.status, ExecutionStatus::Success);
    assert_eq!(calls.of("send").len(), 1, "it had ended");
    let keys = calls.of("fall");
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[0], keys[1]);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_without_room_keeps_no_other_from_going_on() {
    let clock = StoreClock::default();
    let _following = follow(&clock);
    let store = MemoryStore::with_clock(clock.clone());
    let calls = Calls::default();
    let document = workflow(
        &[
            ("wait", "wait", json!({ "for": "1m" })),
            ("held", "holds", json!({})),
        ],
        &[("wait", 0, "held")],
    );
    let running = Arc::new(Mutex::new((0_u32, 0_u32)));
    let holds = {
        let running = Arc::clone(&running);
        ScriptedExecutor::new(move |_, call| {
            let running = Arc::clone(&running);
            let items = call.items().clone();
            let is_busy = call.context.tenant.as_str() == "busy";
            Box::pin(async move {
                if is_busy {
                    let mut running = running.lock().unwrap();
                    running.0 += 1;
                    running.1 = running.1.max(running.0);
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
                if is_busy {
                    running.lock().unwrap().0 -= 1;
                }
                Ok(NodeOutput::items(items))
            })
        })
    };
    let tenancy = Tenancy::open();
    let busy = TenantId::parse("busy").unwrap();
    let engine: Engine = builder(
        &store,
        registry(&[("note", calls.executor()), ("holds", holds)]),
        options(),
    )
    .tenancy(tenancy.clone())
    .clock(ByStore(clock.clone()))
    .build();
    let plan = |tenant: &TenantId| {
        let workflow = jackfield::workflow_from_value(&document).unwrap();
        engine
            .tenant(tenant)
            .plan(&workflow, &Default::default())
            .unwrap()
    };
    let shutdown = CancellationToken::new();
    let few = WorkerOptions {
        concurrency: 4,
        ..WorkerOptions::default()
    };
    let worker = tokio::spawn(engine.worker(few).unwrap().run(shutdown.clone()));
    tokio::time::sleep(Duration::from_millis(1)).await;
    let mut handles = Vec::new();
    let busy_plan = plan(&busy);
    for _ in 0..12 {
        let handle = engine
            .tenant(&busy)
            .start(&busy_plan, start(&json!([{}])))
            .unwrap();
        handle.kept().await.unwrap();
        handles.push(handle);
    }
    // From now on it may run one at a time.
    let policy = json!({ "quotas": { "concurrentExecutions": 1 } });
    let policy = serde_json::from_value(policy).unwrap();
    tenancy.set_policy(&busy, &policy).unwrap();
    let calm = TenantId::parse("calm").unwrap();
    let calm_plan = plan(&calm);
    let calm = engine
        .tenant(&calm)
        .start(&calm_plan, start(&json!([{}])))
        .unwrap();
    let report = calm.wait().await.unwrap();
    assert_eq!(report.status, ExecutionStatus::Success);
    for handle in handles {
        let report = handle.wait().await.unwrap();
        assert_eq!(report.status, ExecutionStatus::Success);
    }
    assert_eq!(*running.lock().unwrap(), (0, 1));
    shutdown.cancel();
    worker.await.unwrap();
}
