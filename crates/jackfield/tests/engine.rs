//! What an execution does, seen from outside.

mod support;

use std::sync::Arc;
use std::time::Duration;

use jackfield::kernel::{Execution, ExecutionStatus};
use jackfield::plugin_api::{NodeError, NodeOutput, Scheduling};
use jackfield::{
    Authorizer, Engine, ErrorCode, NodeRequest, NodeTypeId, Refusal, StartError, StartOptions,
    TenantId,
};
use jackfield_testkit::ScriptedExecutor;
use serde_json::{Value, json};
use support::{engine, items, output, plan, registry, run, set, status, workflow};

fn busy() -> NodeError {
    NodeError::retryable(ErrorCode::NETWORK_ERROR, "busy")
}

fn broken() -> NodeError {
    NodeError::permanent(ErrorCode::EXECUTION_ERROR, "broken")
}

#[tokio::test]
async fn a_join_waits_for_all_and_a_dead_path_is_passed_over() {
    let document = workflow(
        &[
            ("start", "trigger.manual", json!({})),
            ("big", "condition", json!({ "condition": "$json.n > 10" })),
            ("yes", "no-op", json!({})),
            ("no", "no-op", json!({})),
            ("after_no", "no-op", json!({})),
            ("join", "merge", json!({})),
        ],
        &[
            ("start", 0, "big", 0),
            ("big", 0, "yes", 0),
            ("big", 1, "no", 0),
            ("no", 0, "after_no", 0),
            ("yes", 0, "join", 0),
            ("after_no", 0, "join", 1),
        ],
    );
    let report = run(&engine(&[]), &document, &json!([{ "n": 11 }, { "n": 12 }])).await;
    assert_eq!(report.status, ExecutionStatus::Success);
    assert_eq!(output(&report), json!([{ "n": 11 }, { "n": 12 }]));
    assert_eq!(
        (status(&report, "no"), status(&report, "after_no")),
        ("skipped", "skipped")
    );
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
async fn loops_go_round_in_batches_and_nest() {
    let document = workflow(
        &[
            ("start", "trigger.manual", json!({})),
            ("outer", "loop", json!({ "batchSize": 2 })),
            ("inner", "loop", json!({ "mode": "times", "count": 3 })),
            (
                "more",
                "transform",
                json!({ "set": { "n": "{{ $json.n + 1 }}" } }),
            ),
            ("end", "no-op", json!({})),
        ],
        &[
            ("start", 0, "outer", 0),
            ("outer", 1, "inner", 0),
            ("inner", 1, "more", 0),
            ("more", 0, "inner", 0),
            ("inner", 0, "outer", 0),
            ("outer", 0, "end", 0),
        ],
    );
    let report = run(
        &engine(&[]),
        &document,
        &json!([{ "n": 0 }, { "n": 10 }, { "n": 20 }]),
    )
    .await;
    assert_eq!(
        output(&report),
        json!([{ "n": 3 }, { "n": 13 }, { "n": 23 }])
    );
    assert_eq!(report.node("more").map(|node| node.runs), Some(6));
}

#[tokio::test]
async fn a_loop_of_many_rounds_takes_time_in_proportion() {
    let document = workflow(
        &[
            ("loop", "loop", json!({ "mode": "times", "count": 20_000 })),
            ("more", "var.increment", json!({ "name": "rounds" })),
            ("end", "no-op", json!({})),
        ],
        &[
            ("loop", 1, "more", 0),
            ("more", 0, "loop", 0),
            ("loop", 0, "end", 0),
        ],
    );
    let report = run(&engine(&[]), &document, &json!([{}])).await;
    assert_eq!(output(&report), json!([{ "result": 20_000 }]));
}

#[tokio::test]
async fn conditions_on_connections_let_single_items_pass() {
    let mut document = workflow(
        &[
            ("start", "no-op", json!({})),
            ("even", "no-op", json!({})),
            ("odd", "no-op", json!({})),
            ("none", "no-op", json!({})),
        ],
        &[],
    );
    document["connections"] = json!({ "start": { "main": [[
        { "node": "even", "condition": "$json.n % 2 == 0" },
        { "node": "odd", "condition": "{{ $json.n % 2 == 1 }}" },
        { "node": "none", "condition": "$json.n > 99" },
    ]] } });
    let report = run(
        &engine(&[]),
        &document,
        &json!([{ "n": 1 }, { "n": 2 }, { "n": 3 }]),
    )
    .await;
    assert_eq!(output(&report), json!([{ "n": 2 }, { "n": 1 }, { "n": 3 }]));
    assert_eq!(status(&report, "none"), "skipped");
}

#[tokio::test]
async fn a_disabled_node_lets_its_items_pass() {
    let mut document = workflow(
        &[
            ("start", "no-op", json!({})),
            ("off", "stop-and-error", json!({ "message": "no" })),
            ("end", "no-op", json!({})),
        ],
        &[("start", 0, "off", 0), ("off", 0, "end", 0)],
    );
    set(&mut document, "off", "disabled", json!(true));
    let report = run(&engine(&[]), &document, &json!([{ "a": 1 }])).await;
    assert_eq!(
        (status(&report, "off"), output(&report)),
        ("skipped", json!([{ "a": 1 }]))
    );
}

#[tokio::test]
async fn expressions_see_nodes_items_and_variables() {
    let mut document = workflow(
        &[
            ("start", "trigger.manual", json!({})),
            ("kept", "filter", json!({ "condition": "$json.n > 1" })),
            (
                "named",
                "transform",
                json!({ "keep": ["n"], "set": { "name": "{{ $('start').item.json.name }}", "first": "{{ $steps.start.output.name }}", "count": "{{ $input.all().length }}", "limit": "{{ $vars.limit }}", "tenant": "{{ $context.tenantId }}" } }),
            ),
        ],
        &[("start", 0, "kept", 0), ("kept", 0, "named", 0)],
    );
    document["variables"] = json!({ "limit": 9007199254740993_u64 });
    let input = json!([{ "n": 1, "name": "a" }, { "n": 2, "name": "b" }, { "n": 3, "name": "ç" }]);
    let report = run(&engine(&[]), &document, &input).await;
    let item = |n: u64, name: &str| json!({ "n": n, "name": name, "first": "a", "count": 2, "limit": 9007199254740993_u64, "tenant": "default" });
    assert_eq!(output(&report), json!([item(2, "b"), item(3, "ç")]));
}

#[tokio::test]
async fn workflows_call_workflows_up_to_a_depth() {
    let greet = workflow(
        &[
            ("in", "trigger.manual", json!({})),
            (
                "hello",
                "string.concat",
                json!({ "values": ["hello ", "{{ $json.name }}"] }),
            ),
        ],
        &[("in", 0, "hello", 0)],
    );
    let document = workflow(
        &[("call", "execute-workflow", json!({ "workflow": greet }))],
        &[],
    );
    let report = run(&engine(&[]), &document, &json!([{ "name": "Ada" }])).await;
    assert_eq!(output(&report), json!([{ "result": "hello Ada" }]));

    let mut nested = greet;
    for _ in 0..4 {
        nested = workflow(
            &[("call", "execute-workflow", json!({ "workflow": nested }))],
            &[],
        );
    }
    let shallow = Engine::builder(registry(&[])).max_depth(3).build();
    let report = run(&shallow, &nested, &json!([{ "name": "Ada" }])).await;
    assert_eq!(
        report.failure.expect("too deep").code,
        ErrorCode::LIMIT_EXCEEDED
    );
}

struct Deny(&'static str);

impl Authorizer for Deny {
    fn authorize(
        &self,
        _: &TenantId,
        node_type: &NodeTypeId,
        _: &jackfield::plugin_api::Version,
    ) -> Result<(), Refusal> {
        if node_type == self.0 {
            Err(Refusal {
                rule: "not for you".to_owned(),
            })
        } else {
            Ok(())
        }
    }
}

#[tokio::test]
async fn a_refusal_comes_before_anything_runs_and_no_fallback_gets_round_it() {
    let forbidden = ScriptedExecutor::failing(0, busy);
    let engine = Engine::builder(registry(&[("forbidden", &forbidden)]))
        .authorizer(Deny("forbidden"))
        .build();
    let mut document = workflow(
        &[
            ("start", "no-op", json!({})),
            ("node", "stop-and-error", json!({ "message": "no" })),
        ],
        &[("start", 0, "node", 0)],
    );
    set(
        &mut document,
        "node",
        "errorRecoveryStrategy",
        json!({ "strategy": "fallback", "fallbackNodeType": "forbidden" }),
    );
    let refused = engine
        .run(&plan(&engine, &document), StartOptions::default())
        .await;
    assert!(matches!(refused.err(), Some(StartError::Forbidden { .. })));
    let request = NodeRequest::new("forbidden".try_into().expect("a name"), json!({}));
    let failure = engine
        .execute_node(request)
        .await
        .expect_err("it is refused");
    assert_eq!(failure.code, ErrorCode::TENANT_FORBIDDEN);
    assert_eq!(forbidden.calls(), 0);
}

#[tokio::test]
async fn a_single_node_runs_through_the_same_pipeline() {
    let engine = engine(&[]);
    let mut request = NodeRequest::new(
        "math.add".try_into().expect("a name"),
        json!({ "a": 2, "b": "{{ $json.n }}" }),
    );
    request.inputs = vec![items(&json!([{ "n": 40 }]))];
    let output = engine.execute_node(request.clone()).await.expect("it runs");
    assert_eq!(output.outputs.main[0][0].json()["result"], 42);
    request.parameters = json!({ "a": "two", "b": 1 });
    let failure = engine
        .execute_node(request)
        .await
        .expect_err("a text is no number");
    assert_eq!(failure.code, ErrorCode::INVALID_PARAMETERS);
    assert_eq!(failure.issues[0].path, "/a");
}

#[tokio::test]
async fn an_unknown_node_type_with_a_fallback_is_served_and_one_that_arrives_is_found() {
    let arriving = ScriptedExecutor::failing(0, busy);
    let engine = engine(&[]);
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
    engine
        .registry()
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
async fn the_journal_replays_to_the_state_that_was_reported() {
    let flaky = ScriptedExecutor::failing(1, busy);
    let engine = engine(&[("flaky", &flaky)]);
    let mut document = workflow(
        &[
            ("start", "trigger.manual", json!({})),
            ("flaky", "flaky", json!({})),
            ("count", "var.increment", json!({ "name": "n" })),
        ],
        &[("start", 0, "flaky", 0), ("flaky", 0, "count", 0)],
    );
    set(
        &mut document,
        "flaky",
        "retryPolicy",
        json!({ "initialDelay": 1 }),
    );
    let prepared = plan(&engine, &document);
    let handle = engine
        .start(&prepared, StartOptions::default())
        .expect("it starts");
    let mut lines = Vec::new();
    let mut events = handle.events();
    while let Some(entry) = events.next().await {
        lines.push(serde_json::to_value(&entry).expect("json"));
    }
    let report = handle.wait().await.expect("it ends");
    let mut replayed = Execution::new(Arc::clone(prepared.graph()));
    for line in &lines {
        let event = serde_json::from_value(line.clone()).expect("an event");
        replayed.apply(&event).expect("it happened");
    }
    for (place, node) in prepared.nodes().iter().enumerate() {
        let result = replayed.result(jackfield::kernel::NodeIndex::new(place));
        assert_eq!(Some(result), report.node(node.name.as_str()));
    }
    let sequence: Vec<_> = lines
        .iter()
        .filter_map(|line| line["sequence"].as_u64())
        .collect();
    assert_eq!(sequence, (1..=lines.len() as u64).collect::<Vec<_>>());
}

#[tokio::test]
async fn n8n_exports_run_depth_first_with_one_run_a_delivery() {
    let node = |name: &str, node_type: &str, y: u32, parameters: Value| json!({ "id": name, "name": name, "type": node_type, "typeVersion": 1, "position": [0, y], "parameters": parameters });
    let document = json!({
        "name": "n8n",
        "nodes": [
            node("Start", "trigger.manual", 0, json!({})),
            node("Lower", "transform", 200, json!({ "set": { "by": "lower" } })),
            node("Upper", "transform", 100, json!({ "set": { "by": "upper" } })),
            node("Both", "transform", 150, json!({ "set": { "label": "={{ $json.by + '!' }}", "plain": "{{ $json.by }}" } })),
        ],
        "connections": {
            "Start": { "main": [[{ "node": "Lower", "type": "main", "index": 0 }, { "node": "Upper", "type": "main", "index": 0 }]] },
            "Lower": { "main": [[{ "node": "Both", "type": "main", "index": 0 }]] },
            "Upper": { "main": [[{ "node": "Both", "type": "main", "index": 0 }]] },
        },
        "settings": { "executionOrder": "v1" },
        "pinData": {}, "meta": null,
    });
    let engine = engine(&[]);
    let report = run(&engine, &document, &json!([{}])).await;
    assert_eq!(report.node("Both").map(|node| node.runs), Some(2));
    assert_eq!(
        output(&report),
        json!([{ "by": "lower", "label": "lower!", "plain": "{{ $json.by }}" }])
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_executions_at_once_do_not_mix() {
    let engine = engine(&[]);
    let document = workflow(
        &[
            ("start", "trigger.manual", json!({})),
            (
                "set",
                "set-variable",
                json!({ "name": "mine", "value": "{{ $json.n }}" }),
            ),
            ("get", "var.get", json!({ "name": "mine" })),
        ],
        &[("start", 0, "set", 0), ("set", 0, "get", 0)],
    );
    let prepared = plan(&engine, &document);
    let handles: Vec<_> = (0..1_000)
        .map(|n| {
            let options = StartOptions {
                items: items(&json!([{ "n": n }])),
                ..StartOptions::default()
            };
            engine.start(&prepared, options).expect("it starts")
        })
        .collect();
    for (n, handle) in handles.into_iter().enumerate() {
        let report = tokio::time::timeout(Duration::from_secs(60), handle.wait()).await;
        assert_eq!(
            output(&report.expect("in time").expect("it ends")),
            json!([{ "result": n }])
        );
    }
}

#[tokio::test]
async fn what_a_script_gives_on_its_second_port_goes_by_that_port() {
    let both = ScriptedExecutor::immediate(|_, call| {
        let items = call.items().to_vec();
        Ok(NodeOutput::ports([Vec::new(), items]))
    });
    let registry = registry(&[]);
    let mut metadata = ScriptedExecutor::metadata("both");
    metadata.ports.outputs = vec!["left".to_owned(), "right".to_owned()];
    registry
        .register_with_metadata("both", Arc::new(both), metadata)
        .expect("it is new");
    let document = workflow(
        &[
            ("both", "both", json!({})),
            ("left", "no-op", json!({})),
            ("right", "no-op", json!({})),
        ],
        &[("both", 0, "left", 0), ("both", 1, "right", 0)],
    );
    let report = run(
        &Engine::builder(registry).build(),
        &document,
        &json!([{ "a": 1 }]),
    )
    .await;
    assert_eq!(
        (status(&report, "left"), status(&report, "right")),
        ("skipped", "success")
    );
}
