//! Calls outside of the common path: single nodes, refusals, nested workflows, many at once, replay.

use std::sync::Arc;
use std::time::Duration;

use crate::support::{engine, items, output, plan, registry, run, set, workflow};
use jackfield::kernel::Execution;
use jackfield::plugin_api::NodeError;
use jackfield::{Engine, ErrorCode, NodeRequest, StartOptions};
use jackfield_testkit::ScriptedExecutor;
use serde_json::json;

fn busy() -> NodeError {
    NodeError::retryable(ErrorCode::NETWORK_ERROR, "busy")
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
    let shallow = Engine::builder(registry(&[]))
        .max_depth(3)
        .build()
        .default_tenant();
    let report = run(&shallow, &nested, &json!([{ "name": "Ada" }])).await;
    assert_eq!(
        report.failure.expect("too deep").code,
        ErrorCode::LIMIT_EXCEEDED
    );
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
