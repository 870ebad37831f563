//! What no way round is left to: the bounds hold for conditions, and for what failures say.

use crate::support::{plan, registry, run, set, status, tenancy, tenant_id, workflow};
use jackfield::kernel::EventKind;
use jackfield::plugin_api::NodeError;
use jackfield::{Engine, ErrorCode, ExecutionStatus, Item, StartOptions, Tenancy, TenantEngine};
use jackfield_testkit::ScriptedExecutor;
use serde_json::{Value, json};

fn acme(tenancy: Tenancy, scripted: &[(&str, &ScriptedExecutor)]) -> TenantEngine {
    let engine = Engine::builder(registry(scripted)).tenancy(tenancy);
    engine.build().tenant(&tenant_id("acme"))
}

fn with_policy(policy: Value, scripted: &[(&str, &ScriptedExecutor)]) -> TenantEngine {
    acme(tenancy(&[("acme", policy)]), scripted)
}

/// Takes a while for each item.
const SLOW: &str = "{{ 'x'.repeat(20000).split('').map(a => a + 'y').join('').length > 0 }}";

fn slow_condition() -> Value {
    let nodes = [
        ("a", "merge", json!({ "mode": "append" })),
        ("b", "merge", json!({ "mode": "append" })),
    ];
    let mut document = workflow(&nodes, &[]);
    document["connections"] = json!({ "a": { "main": [[{ "node": "b", "condition": SLOW }]] } });
    document
}

fn items(count: usize) -> Value {
    Value::from_iter((0..count).map(|number| json!({ "n": number })))
}

#[tokio::test]
async fn conditions_use_up_processor_time() {
    let engine = with_policy(json!({ "quotas": { "cpuTimePerExecution": "1ms" } }), &[]);
    let mut document = slow_condition();
    let report = run(&engine, &document, &items(100)).await;
    assert_eq!(report.status, ExecutionStatus::Error);
    let failure = report.failure.unwrap();
    assert_eq!(failure.code, ErrorCode::QUOTA_EXCEEDED);
    assert!(failure.message.contains("cpuTimePerExecution"));

    // A node that is passed over has no failure that could say so, but nothing goes on either.
    set(&mut document, "a", "disabled", json!(true));
    let report = run(&engine, &document, &items(100)).await;
    assert_eq!(report.status, ExecutionStatus::Cancelled);

    // No strategy gets round it.
    set(&mut document, "a", "disabled", json!(false));
    set(
        &mut document,
        "a",
        "onError",
        json!("continueRegularOutput"),
    );
    let report = run(&engine, &document, &items(100)).await;
    assert_eq!(report.status, ExecutionStatus::Error);
}

#[tokio::test]
async fn conditions_behind_a_failed_node_use_up_processor_time_too() {
    let broken = ScriptedExecutor::new(|_, _| {
        let error = NodeError::permanent(ErrorCode::EXECUTION_ERROR, "broken");
        Box::pin(async { Err(error) })
    });
    let policy = json!({ "quotas": { "cpuTimePerExecution": "1ms" } });
    let engine = with_policy(policy, &[("broken", &broken)]);
    let mut document = slow_condition();
    document["nodes"][0] =
        json!({ "id": "a", "nodeType": "broken", "onError": "continueRegularOutput" });
    let report = run(&engine, &document, &items(100)).await;
    assert_eq!(report.status, ExecutionStatus::Error);
    assert_eq!(report.failure.unwrap().code, ErrorCode::QUOTA_EXCEEDED);
}

#[tokio::test]
async fn conditions_end_with_the_time_of_the_execution() {
    let engine = acme(Tenancy::open(), &[]);
    for disabled in [false, true] {
        let mut document = slow_condition();
        document["settings"] = json!({ "timeout": "30ms" });
        set(&mut document, "a", "disabled", json!(disabled));
        let report = run(&engine, &document, &items(200)).await;
        assert_eq!(report.status, ExecutionStatus::TimedOut, "{disabled}");
    }
}

#[tokio::test]
async fn conditions_let_others_run_and_end_when_the_execution_is_cancelled() {
    let engine = acme(Tenancy::open(), &[]);
    let options = StartOptions {
        items: crate::support::items(&items(200)),
        ..StartOptions::default()
    };
    let handle = engine
        .start(&plan(&engine, &slow_condition()), options)
        .unwrap();
    let mut events = handle.events();
    while let Some(entry) = events.next().await {
        if matches!(entry.event.kind, EventKind::AttemptStarted { .. }) {
            break;
        }
    }
    // There is one thread: that this runs now means that the conditions have let it.
    handle.cancel();
    let report = handle.wait().await.unwrap();
    assert_eq!(report.status, ExecutionStatus::Cancelled);
    assert_eq!(status(&report, "a"), "error");
}

#[tokio::test]
async fn many_items_pass_as_few_do() {
    let engine = acme(Tenancy::open(), &[]);
    let mut document = slow_condition();
    document["connections"] =
        json!({ "a": { "main": [[{ "node": "b", "condition": "$json.n % 3 == 0" }]] } });
    let report = run(&engine, &document, &items(1_000)).await;
    let passed: Vec<_> = report.output.iter().map(Item::json).cloned().collect();
    let expected: Vec<_> = (0..1_000).step_by(3).map(|n| json!({ "n": n })).collect();
    assert_eq!(json!(passed), json!(expected));
}

fn talkative(length: usize) -> ScriptedExecutor {
    ScriptedExecutor::new(move |_, _| {
        let error = NodeError::permanent(ErrorCode::EXECUTION_ERROR, "ä".repeat(length));
        Box::pin(async { Err(error) })
    })
}

fn continuing() -> Value {
    let mut document = workflow(&[("a", "talkative", json!({}))], &[]);
    set(
        &mut document,
        "a",
        "onError",
        json!("continueRegularOutput"),
    );
    document
}

#[tokio::test]
async fn messages_are_cut_and_their_copies_bounded() {
    let executor = talkative(500_000);
    let engine = acme(Tenancy::open(), &[("talkative", &executor)]);
    let report = run(&engine, &continuing(), &items(1)).await;
    let message = report.output[0].json()["error"]["message"]
        .as_str()
        .unwrap();
    assert!(message.len() <= 8 * 1024 && message.ends_with("ä…"));
    assert!(
        serde_json::to_string(&report.journal.events())
            .unwrap()
            .len()
            < 64 * 1024
    );

    let report = run(&engine, &continuing(), &items(10_000)).await;
    let size: usize = report
        .output
        .iter()
        .map(|item| item.json()["error"]["message"].as_str().unwrap().len())
        .sum();
    assert!(size <= 5 * 1024 * 1024, "{size}");
}

#[tokio::test]
async fn what_failures_leave_behind_counts() {
    let executor = talkative(1_000);
    let scripted = [("talkative", &executor)];
    let engine = with_policy(json!({ "maxOutputSize": 500 }), &scripted);
    let report = run(&engine, &continuing(), &items(1)).await;
    // The note that it is too much is not.
    assert_eq!(report.status, ExecutionStatus::Success);
    let error = &report.output[0].json()["error"];
    assert_eq!(error["code"], "OUTPUT_TOO_LARGE");

    // With many items it is.
    let report = run(&engine, &continuing(), &items(10)).await;
    assert_eq!(report.status, ExecutionStatus::Error);
    let failure = report.failure.unwrap();
    assert_eq!(failure.code, ErrorCode::QUOTA_EXCEEDED);
    assert!(failure.message.contains("maxOutputSize"));

    let quotas = json!({ "quotas": { "memoryPerExecution": "10KiB" } });
    let engine = with_policy(quotas, &scripted);
    let report = run(&engine, &continuing(), &items(10)).await;
    assert_eq!(report.failure.unwrap().code, ErrorCode::QUOTA_EXCEEDED);
    let report = run(&engine, &continuing(), &items(2)).await;
    assert_eq!(report.status, ExecutionStatus::Success);

    let engine = with_policy(json!({ "quotas": { "itemsPerExecution": 9 } }), &scripted);
    let report = run(&engine, &continuing(), &items(10)).await;
    assert_eq!(report.failure.unwrap().code, ErrorCode::QUOTA_EXCEEDED);
}
