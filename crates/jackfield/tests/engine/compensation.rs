//! What completed is undone when the execution fails, in reverse, and the report says so.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::{
    engine, plan, registry, run, secrets, set, set_policies, tenancy, tenant_id, traces, workflow,
};
use jackfield::kernel::Execution;
use jackfield::plugin_api::NodeError;
use jackfield::{
    Engine, ErrorCode, ExecutionStatus, NodeOutput, NodeStatus, StartOptions, Tenancy,
};
use jackfield_testkit::ScriptedExecutor;
use serde_json::{Value, json};

type Log = Arc<Mutex<Vec<String>>>;

/// Writes down what it is given, and fails as often as `failures` says.
fn undo(log: &Log, failures: usize) -> ScriptedExecutor {
    let log = Arc::clone(log);
    ScriptedExecutor::immediate(move |number, call| {
        let parameters = call.parameters.resolve(0)?;
        let line = format!("{} {}", parameters["what"], call.context.attempt);
        log.lock().expect("nobody panics").push(line);
        if number < failures {
            return Err(NodeError::retryable(ErrorCode::NETWORK_ERROR, "busy"));
        }
        Ok(NodeOutput::items(call.items().clone()))
    })
}

fn lines(log: &Log) -> Vec<String> {
    log.lock().expect("nobody panics").clone()
}

/// Two bookings that can be undone, and a step that fails.
fn booking() -> Value {
    let book = |name: &str| json!({ "set": { "booked": name } });
    let mut document = workflow(
        &[
            ("start", "trigger.manual", json!({})),
            ("flight", "transform", book("flight")),
            ("hotel", "transform", book("hotel")),
            ("pay", "stop-and-error", json!({ "message": "no money" })),
        ],
        &[
            ("start", 0, "flight", 0),
            ("flight", 0, "hotel", 0),
            ("hotel", 0, "pay", 0),
        ],
    );
    for node in ["flight", "hotel"] {
        let compensation = json!({
            "nodeType": "undo",
            "parameters": { "what": "undo {{ $json.booked }}" },
            "retryPolicy": { "maxAttempts": 3, "initialDelay": 10 }
        });
        set(&mut document, node, "compensation", compensation);
    }
    document
}

#[tokio::test(start_paused = true)]
async fn what_completed_is_undone_last_first_and_each_by_its_own_recovery() {
    let log = Log::default();
    let undo = undo(&log, 1);
    let engine = engine(&[("undo", &undo)]);
    let report = run(&engine, &booking(), &json!([{}])).await;
    assert_eq!(report.status, ExecutionStatus::Error);
    let expected = ["\"undo hotel\" 1", "\"undo hotel\" 2", "\"undo flight\" 1"];
    assert_eq!(lines(&log), expected);
    let undone: Vec<_> = report
        .compensations()
        .map(|one| (one.node.to_string(), one.result.status, one.result.retries))
        .collect();
    let success = NodeStatus::Success;
    assert_eq!(
        undone,
        [
            ("hotel".to_owned(), success, 1),
            ("flight".to_owned(), success, 0)
        ]
    );
    let json = serde_json::to_value(&report).expect("json");
    assert_eq!(json["compensations"][0]["node"], "hotel");
    assert_eq!(json["compensations"][0]["nodeType"], "undo");
    assert_eq!(json["compensations"][0]["status"], "success");
    assert_eq!(json["nodes"].as_object().map(serde_json::Map::len), Some(4));
    assert_eq!(
        report.failure.as_ref().expect("it failed").message,
        "no money"
    );

    let mut replayed = Execution::new(Arc::clone(plan(&engine, &booking()).graph()));
    for event in report.journal.events() {
        replayed.apply(&event).expect("it happened");
    }
    assert_eq!(replayed.status(), ExecutionStatus::Error);
    assert_eq!(replayed.compensations().count(), 2);
}

#[tokio::test]
async fn nothing_is_undone_when_all_went_well() {
    let log = Log::default();
    let undo = undo(&log, 0);
    let mut document = booking();
    set(&mut document, "pay", "nodeType", json!("no-op"));
    set(&mut document, "pay", "parameters", json!({}));
    let report = run(&engine(&[("undo", &undo)]), &document, &json!([{}])).await;
    assert_eq!(report.status, ExecutionStatus::Success);
    assert_eq!(report.compensations().count(), 0);
    assert_eq!(undo.calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_does_not_keep_the_others_from_running() {
    let log = Log::default();
    let undo = undo(&log, 3);
    let report = run(&engine(&[("undo", &undo)]), &booking(), &json!([{}])).await;
    let json = serde_json::to_value(&report).expect("json");
    assert_eq!(json["compensations"][0]["status"], "error");
    assert_eq!(json["compensations"][0]["errorCode"], "NETWORK_ERROR");
    assert_eq!(json["compensations"][1]["status"], "success");
    assert_eq!(report.failure.expect("it failed").message, "no money");
}

#[tokio::test(start_paused = true)]
async fn what_breaks_the_execution_off_does_not_break_off_what_undoes_it() {
    let hangs = ScriptedExecutor::new(|_, call| {
        Box::pin(async move {
            call.context.cancellation.cancelled().await;
            Err(NodeError::Cancelled)
        })
    });
    let undo = ScriptedExecutor::new(|_, call| {
        Box::pin(async move {
            tokio::select! {
                () = call.context.cancellation.cancelled() => Err(NodeError::Cancelled),
                () = tokio::time::sleep(Duration::from_secs(60)) => {
                    Ok(NodeOutput::items(call.items().clone()))
                }
            }
        })
    });
    let engine = engine(&[("hangs", &hangs), ("undo", &undo)]);
    let mut document = booking();
    set(&mut document, "pay", "nodeType", json!("hangs"));
    set(&mut document, "pay", "parameters", json!({}));
    document["settings"] = json!({ "timeout": "5s" });
    let report = run(&engine, &document, &json!([{}])).await;
    assert_eq!(report.status, ExecutionStatus::TimedOut);
    let statuses: Vec<_> = report
        .compensations()
        .map(|one| one.result.status)
        .collect();
    assert_eq!(statuses, [NodeStatus::Success, NodeStatus::Success]);

    // Cancelling does: nobody waits for what undoes it any more.
    let handle = engine.start(&plan(&engine, &document), StartOptions::default());
    let handle = handle.expect("it starts");
    let mut events = handle.events();
    while let Some(entry) = events.next().await {
        if entry.event.kind.name() == "deadline-passed" {
            break;
        }
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    handle.cancel();
    let report = handle.wait().await.expect("it ends");
    assert_eq!(report.status, ExecutionStatus::TimedOut);
    assert!(
        report
            .compensations()
            .any(|one| one.result.status == NodeStatus::Blocked)
    );
}

#[tokio::test]
async fn a_compensation_is_authorized_when_it_is_planned_started_and_called() {
    let log = Log::default();
    let undo = undo(&log, 0);
    let tenancy = tenancy(&[]);
    let forbids = json!({ "restrictedNodeTypes": ["undo"] });
    let fails = {
        let (tenancy, forbids) = (tenancy.clone(), forbids.clone());
        ScriptedExecutor::immediate(move |_, _| {
            set_policies(&tenancy, &[("acme", forbids.clone())]);
            Err(NodeError::permanent(ErrorCode::EXECUTION_ERROR, "broken"))
        })
    };
    let engine = Engine::builder(registry(&[("undo", &undo), ("fails", &fails)]))
        .tenancy(tenancy.clone())
        .build()
        .tenant(&tenant_id("acme"));
    let mut document = booking();
    set(&mut document, "pay", "nodeType", json!("fails"));
    set(&mut document, "pay", "parameters", json!({}));
    let prepared = plan(&engine, &document);
    let report = engine.run(&prepared, StartOptions::default()).await;
    let report = report.expect("it starts");
    let codes: Vec<_> = report
        .compensations()
        .map(|one| one.result.error_code)
        .collect();
    let refused = Some(ErrorCode::TENANT_FORBIDDEN);
    assert_eq!(codes, [refused.clone(), refused]);
    assert_eq!(undo.calls(), 0);
    let error = engine.run(&prepared, StartOptions::default()).await.err();
    let code = error.expect("it is refused").code();
    assert_eq!(code, Some(ErrorCode::TENANT_FORBIDDEN));
    let source = jackfield::SourceText::new("test.json", document.to_string());
    let (workflow, _) = jackfield::read_workflow(&source).expect("it reads");
    let findings = engine.plan(&workflow, &Default::default()).err();
    let findings = findings.expect("it is refused");
    assert_eq!(findings.as_slice()[0].code, ErrorCode::TENANT_FORBIDDEN);
}

#[tokio::test]
async fn a_compensation_shows_no_secret() {
    let tenancy = Tenancy::builder()
        .secrets(secrets(&[("acme", "KEY", "the-value-of-it")]))
        .build();
    let engine = Engine::builder(registry(&[])).tenancy(tenancy).build();
    let engine = engine.tenant(&tenant_id("acme"));
    let mut document = booking();
    for node in ["flight", "hotel"] {
        let compensation = json!({
            "nodeType": "transform",
            "parameters": { "set": { "key": "{{ $secrets.KEY }}", "of": "{{ $json.booked }}" } }
        });
        set(&mut document, node, "compensation", compensation);
    }
    let prepared = plan(&engine, &document);
    let report = engine
        .run(&prepared, StartOptions::default())
        .await
        .expect("it starts");
    assert!(!traces(&report).contains("the-value-of-it"));
    let first = report.compensations().next().expect("there are two");
    assert_eq!(first.result.output.main[0][0].json()["key"], "[redacted]");
    assert_eq!(first.result.output.main[0][0].json()["of"], "hotel");
}
