//! What a failure leads to: the recovery table, time limits, cancellation, panics.

use std::sync::Arc;

use crate::support::{engine, items, output, plan, registry, run, set, status, workflow};
use jackfield::kernel::ExecutionStatus;
use jackfield::plugin_api::{NodeError, Scheduling};
use jackfield::{Engine, ErrorCode, StartOptions};
use jackfield_testkit::ScriptedExecutor;
use serde_json::json;

fn busy() -> NodeError {
    NodeError::retryable(ErrorCode::NETWORK_ERROR, "busy")
}

fn broken() -> NodeError {
    NodeError::permanent(ErrorCode::EXECUTION_ERROR, "broken")
}

#[tokio::test(start_paused = true)]
async fn retries_wait_as_the_policy_says_and_are_counted() {
    let flaky = ScriptedExecutor::failing(3, busy);
    let mut document = workflow(&[("flaky", "flaky", json!({}))], &[]);
    let policy = json!({ "maxAttempts": 5, "backoffType": "fibonacci", "initialDelay": "1s" });
    set(&mut document, "flaky", "retryPolicy", policy);
    let before = tokio::time::Instant::now();
    let report = run(
        &engine(&[("flaky", &flaky)]),
        &document,
        &json!([{ "a": 1 }]),
    )
    .await;
    assert_eq!(before.elapsed().as_secs(), 1 + 1 + 2);
    let result = report.node("flaky").expect("it ran");
    assert_eq!((flaky.calls(), result.retries), (4, 3));
    assert_eq!(
        serde_json::to_value(result).expect("json")["recoveryApplied"],
        "retry"
    );
    assert_eq!(output(&report), json!([{ "a": 1 }]));
}

#[tokio::test(start_paused = true)]
async fn the_recovery_table_is_followed_in_its_order() {
    let failing = ScriptedExecutor::failing(usize::MAX, busy);
    let engine = engine(&[("failing", &failing)]);
    let mut document = workflow(
        &[
            ("start", "trigger.manual", json!({})),
            ("node", "failing", json!({})),
            ("next", "no-op", json!({})),
        ],
        &[("start", 0, "node", 0), ("node", 0, "next", 0)],
    );
    let retry = json!({ "maxAttempts": 2, "initialDelay": 5, "backoffType": "constant" });
    set(&mut document, "node", "retryPolicy", retry);
    let fallback = json!({ "strategy": "fallback", "fallbackNodeType": "no-op" });
    set(&mut document, "node", "errorRecoveryStrategy", fallback);
    let report = run(&engine, &document, &json!([{ "a": 1 }])).await;
    let result = serde_json::to_value(report.node("node")).expect("json");
    assert_eq!(failing.calls(), 2);
    assert_eq!(result["status"], "success");
    assert_eq!(
        (&result["recoveryApplied"], &result["fallbackNodeType"]),
        (&json!("fallback"), &json!("no-op"))
    );

    set(
        &mut document,
        "node",
        "errorRecoveryStrategy",
        json!("skip"),
    );
    let report = run(&engine, &document, &json!([{ "a": 1 }])).await;
    assert_eq!(
        (status(&report, "node"), status(&report, "next")),
        ("skipped", "success")
    );
    assert_eq!(output(&report), json!([{}]));

    set(
        &mut document,
        "node",
        "errorRecoveryStrategy",
        json!("fail"),
    );
    let report = run(&engine, &document, &json!([{ "a": 1 }])).await;
    assert_eq!(
        (status(&report, "node"), status(&report, "next")),
        ("error", "blocked")
    );
    assert_eq!(report.status, ExecutionStatus::Error);
    assert_eq!(
        report.failure.expect("it failed").code,
        ErrorCode::NETWORK_ERROR
    );
}

#[tokio::test]
async fn on_error_sends_the_items_with_the_error_by_the_port_that_it_names() {
    let failing = ScriptedExecutor::failing(usize::MAX, broken);
    let engine = engine(&[("failing", &failing)]);
    let mut document = workflow(
        &[
            ("node", "failing", json!({})),
            ("fine", "no-op", json!({})),
            ("wrong", "no-op", json!({})),
        ],
        &[("node", 0, "fine", 0)],
    );
    document["connections"]["node"]["error"] = json!([["wrong"]]);
    set(
        &mut document,
        "node",
        "onError",
        json!("continueErrorOutput"),
    );
    let error = json!({ "code": "EXECUTION_ERROR", "message": "broken" });
    let report = run(&engine, &document, &json!([{ "a": 1 }])).await;
    assert_eq!(report.status, ExecutionStatus::Success);
    assert_eq!(
        (status(&report, "fine"), status(&report, "wrong")),
        ("skipped", "success")
    );
    assert_eq!(output(&report), json!([{ "a": 1, "error": error }]));

    set(
        &mut document,
        "node",
        "onError",
        json!("continueRegularOutput"),
    );
    let report = run(&engine, &document, &json!([{ "a": 1 }])).await;
    assert_eq!(
        (status(&report, "fine"), status(&report, "wrong")),
        ("success", "skipped")
    );
}

#[tokio::test]
async fn a_branch_that_does_not_depend_on_a_failure_runs_to_its_end_unless_fail_fast_is_set() {
    let failing = ScriptedExecutor::failing(usize::MAX, broken);
    let slow = ScriptedExecutor::new(|_, call| {
        Box::pin(async move {
            call.context.cancellation.cancelled().await;
            Err(NodeError::Cancelled)
        })
    });
    let engine = engine(&[("failing", &failing), ("slow", &slow)]);
    let mut document = workflow(
        &[
            ("start", "no-op", json!({})),
            ("bad", "failing", json!({})),
            ("other", "no-op", json!({})),
            ("last", "no-op", json!({})),
        ],
        &[
            ("start", 0, "bad", 0),
            ("start", 0, "other", 0),
            ("other", 0, "last", 0),
        ],
    );
    let report = run(&engine, &document, &json!([{}])).await;
    assert_eq!(
        (report.status, status(&report, "last")),
        (ExecutionStatus::Error, "success")
    );

    document["settings"] = json!({ "failFast": true });
    set(&mut document, "other", "nodeType", json!("slow"));
    let report = run(&engine, &document, &json!([{}])).await;
    assert_eq!(
        (report.status, status(&report, "last")),
        (ExecutionStatus::Error, "blocked")
    );
}

#[tokio::test(start_paused = true)]
async fn time_limits_of_nodes_and_executions_are_kept() {
    let stuck = ScriptedExecutor::new(|_, _| Box::pin(std::future::pending()));
    let engine = engine(&[("stuck", &stuck)]);
    let mut document = workflow(
        &[("stuck", "stuck", json!({})), ("next", "no-op", json!({}))],
        &[("stuck", 0, "next", 0)],
    );
    document["settings"] = json!({ "timeout": "10s" });
    let report = run(&engine, &document, &json!([{}])).await;
    assert_eq!(
        (report.status, status(&report, "next")),
        (ExecutionStatus::TimedOut, "blocked")
    );
    set(&mut document, "stuck", "timeout", json!("2s"));
    set(
        &mut document,
        "stuck",
        "retryPolicy",
        json!({ "maxAttempts": 2, "initialDelay": 0 }),
    );
    let before = tokio::time::Instant::now();
    let report = run(&engine, &document, &json!([{}])).await;
    assert_eq!(before.elapsed().as_secs(), 4);
    assert_eq!(report.failure.expect("it failed").code, ErrorCode::TIMEOUT);
}

#[tokio::test]
async fn cancellation_breaks_off_what_runs_and_starts_nothing_more() {
    let stuck = ScriptedExecutor::new(|_, _| Box::pin(std::future::pending()));
    for scheduling in [Scheduling::Inline, Scheduling::Spawned] {
        let engine = engine(&[("stuck", &stuck.clone().scheduled(scheduling))]);
        let document = workflow(
            &[
                ("start", "no-op", json!({})),
                ("one", "stuck", json!({})),
                ("two", "stuck", json!({})),
                ("next", "no-op", json!({})),
            ],
            &[
                ("start", 0, "one", 0),
                ("start", 0, "two", 0),
                ("one", 0, "next", 0),
            ],
        );
        let handle = engine
            .start(&plan(&engine, &document), StartOptions::default())
            .expect("it starts");
        let mut events = handle.events();
        while let Some(entry) = events.next().await {
            if entry.node_name.is_some_and(|name| name == "two") {
                break;
            }
        }
        handle.cancel();
        let report = handle.wait().await.expect("it ends");
        assert_eq!(
            (report.status, status(&report, "next")),
            (ExecutionStatus::Cancelled, "blocked")
        );
        assert_eq!(
            report.node("one").and_then(|node| node.error_code.clone()),
            Some(ErrorCode::CANCELLED)
        );
    }
}

#[tokio::test]
async fn a_panicking_executor_fails_its_node_and_nothing_else() {
    let panicking = ScriptedExecutor::immediate(|_, _| panic!("out of luck"));
    for scheduling in [Scheduling::Inline, Scheduling::Spawned] {
        let engine = engine(&[("panicking", &panicking.clone().scheduled(scheduling))]);
        let document = workflow(
            &[
                ("start", "no-op", json!({})),
                ("bad", "panicking", json!({})),
                ("fine", "no-op", json!({})),
            ],
            &[("start", 0, "bad", 0), ("start", 0, "fine", 0)],
        );
        let report = run(&engine, &document, &json!([{}])).await;
        assert_eq!(
            (status(&report, "bad"), status(&report, "fine")),
            ("error", "success")
        );
        let failure = report.failure.expect("it failed");
        assert_eq!(failure.code, ErrorCode::TRAPPED);
        assert!(
            failure.message.contains("out of luck"),
            "{}",
            failure.message
        );
    }
}

#[tokio::test]
async fn an_unknown_node_type_with_a_fallback_is_served_and_one_that_arrives_is_found() {
    let arriving = ScriptedExecutor::failing(0, busy);
    let registry = registry(&[]);
    let engine = Engine::builder(registry.clone()).build().default_tenant();
    let mut document = workflow(&[("node", "acme/later", json!({}))], &[]);
    set(
        &mut document,
        "node",
        "errorRecoveryStrategy",
        json!({ "strategy": "fallback", "fallbackNodeType": "no-op" }),
    );
    let prepared = plan(&engine, &document);
    let options = StartOptions {
        items: items(&json!([{ "a": 1 }])),
        ..StartOptions::default()
    };
    let report = engine
        .run(&prepared, options.clone())
        .await
        .expect("it runs");
    assert_eq!(
        report
            .node("node")
            .and_then(|node| node.fallback_node_type.clone()),
        Some("no-op".try_into().expect("a name"))
    );
    let metadata = ScriptedExecutor::metadata("acme/later");
    registry
        .register_with_metadata("acme/later", Arc::new(arriving.clone()), metadata)
        .expect("it is new");
    let report = engine.run(&prepared, options).await.expect("it runs");
    assert_eq!(
        (
            arriving.calls(),
            report
                .node("node")
                .and_then(|node| node.fallback_node_type.clone())
        ),
        (1, None)
    );
}

#[tokio::test]
async fn fail_fast_names_the_node_that_failed_and_starts_no_other() {
    let failing = ScriptedExecutor::failing(usize::MAX, broken);
    let counted = ScriptedExecutor::failing(0, broken);
    let engine = engine(&[("failing", &failing), ("counted", &counted)]);
    let mut document = workflow(
        &[
            ("start", "no-op", json!({})),
            ("bad", "failing", json!({})),
            ("one", "counted", json!({})),
            ("two", "counted", json!({})),
        ],
        &[
            ("start", 0, "bad", 0),
            ("start", 0, "one", 0),
            ("start", 0, "two", 0),
        ],
    );
    document["settings"] = json!({ "failFast": true });
    let report = run(&engine, &document, &json!([{}])).await;
    assert_eq!(counted.calls(), 0);
    let failure = report.failure.expect("it failed");
    assert_eq!(
        (failure.node.expect("a node").as_str(), failure.code),
        ("bad", ErrorCode::EXECUTION_ERROR)
    );
}

#[tokio::test]
async fn a_cycle_of_disabled_nodes_ends_with_the_time_limit() {
    let node = |name: &str, node_type: &str, disabled: bool| {
        json!({ "id": name, "name": name, "type": node_type, "typeVersion": 1, "position": [0, 0],
            "parameters": {}, "disabled": disabled })
    };
    let to = |name: &str| json!({ "main": [[{ "node": name, "type": "main", "index": 0 }]] });
    let document = json!({
        "name": "round",
        "nodes": [node("Start", "trigger.manual", false), node("A", "no-op", true), node("B", "no-op", true)],
        "connections": { "Start": to("A"), "A": to("B"), "B": to("A") },
        "settings": { "executionOrder": "v1" }, "pinData": {}, "meta": null,
    });
    let engine = engine(&[]);
    let timeout = Some(std::time::Duration::from_millis(50));
    let options = StartOptions {
        timeout,
        ..StartOptions::default()
    };
    let report = engine
        .run(&plan(&engine, &document), options)
        .await
        .expect("it ends");
    assert_eq!(report.status, ExecutionStatus::TimedOut);
}

#[tokio::test]
async fn a_failure_within_a_called_workflow_keeps_its_class() {
    let flaky = ScriptedExecutor::failing(2, busy);
    let engine = engine(&[("flaky", &flaky)]);
    let inner = workflow(&[("flaky", "flaky", json!({}))], &[]);
    let mut document = workflow(
        &[("call", "execute-workflow", json!({ "workflow": inner }))],
        &[],
    );
    let retry = json!({ "maxAttempts": 5, "initialDelay": 0 });
    set(&mut document, "call", "retryPolicy", retry);
    let report = run(&engine, &document, &json!([{ "a": 1 }])).await;
    assert_eq!(
        (report.status, flaky.calls()),
        (ExecutionStatus::Success, 3)
    );
}

#[test]
fn readers_of_the_journal_come_to_an_end_when_the_runtime_does() {
    let stuck = ScriptedExecutor::new(|_, _| Box::pin(std::future::pending()));
    let engine = engine(&[("stuck", &stuck)]);
    let prepared = plan(&engine, &workflow(&[("stuck", "stuck", json!({}))], &[]));
    let build = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
    };
    let runtime = build().expect("a runtime");
    let mut events = runtime.block_on(async {
        let handle = engine
            .start(&prepared, StartOptions::default())
            .expect("it starts");
        let mut events = handle.events();
        assert!(events.next().await.is_some());
        events
    });
    drop(runtime);
    build()
        .expect("a runtime")
        .block_on(async { while events.next().await.is_some() {} });
}
