//! How items flow: joins, branches, loops, conditions, expressions, both dialects.

use std::sync::Arc;

use crate::support::{engine, output, plan, registry, run, set, status, workflow};
use jackfield::kernel::ExecutionStatus;
use jackfield::plugin_api::NodeOutput;
use jackfield::{Engine, StartOptions};
use jackfield_testkit::ScriptedExecutor;
use serde_json::{Value, json};

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
        &Engine::builder(registry).build().default_tenant(),
        &document,
        &json!([{ "a": 1 }]),
    )
    .await;
    assert_eq!(
        (status(&report, "left"), status(&report, "right")),
        ("skipped", "success")
    );
}

#[tokio::test]
async fn no_items_deliver_nothing_and_nothing_said_is_one_empty_item() {
    let document = workflow(
        &[
            ("start", "trigger.manual", json!({})),
            ("next", "no-op", json!({})),
        ],
        &[("start", 0, "next", 0)],
    );
    let engine = engine(&[]);
    let report = run(&engine, &document, &json!([])).await;
    assert_eq!(
        (status(&report, "next"), output(&report)),
        ("skipped", json!([]))
    );
    let prepared = plan(&engine, &document);
    let report = engine
        .run(&prepared, StartOptions::default())
        .await
        .expect("it runs");
    assert_eq!(
        (status(&report, "next"), output(&report)),
        ("success", json!([{}]))
    );
}

#[tokio::test]
async fn the_item_that_always_output_data_gives_passes_conditions_too() {
    let mut document = workflow(
        &[
            ("none", "limit", json!({ "count": 0 })),
            ("next", "no-op", json!({})),
        ],
        &[],
    );
    set(&mut document, "none", "alwaysOutputData", json!(true));
    document["connections"] =
        json!({ "none": { "main": [[{ "node": "next", "condition": "true" }]] } });
    let report = run(&engine(&[]), &document, &json!([{ "a": 1 }])).await;
    assert_eq!(output(&report), json!([{}]));
}

#[tokio::test]
async fn an_expression_that_data_made_reads_its_item_and_nothing_else() {
    let mut document = workflow(
        &[("kept", "filter", json!({ "condition": "{{ $json.rule }}" }))],
        &[],
    );
    document["variables"] = json!({ "limit": 1 });
    let report = run(
        &engine(&[]),
        &document,
        &json!([{ "rule": "$vars.limit > 0" }]),
    )
    .await;
    let kept = &report.node("kept").expect("a node").output;
    // What data says is data: the text is truthy, and nobody evaluates it.
    assert_eq!((kept.main[0].len(), report.failure), (1, None));
}

#[tokio::test]
async fn conditions_know_which_item_of_an_earlier_node_an_item_was_made_from() {
    let mut document = workflow(
        &[
            ("start", "trigger.manual", json!({})),
            ("kept", "filter", json!({ "condition": "$json.n > 1" })),
            ("last", "no-op", json!({})),
        ],
        &[("start", 0, "kept", 0)],
    );
    let target = json!({ "node": "last", "condition": "$('start').item.json.n == 3" });
    document["connections"]["kept"] = json!({ "main": [[target]] });
    let input = json!([{ "n": 1 }, { "n": 2 }, { "n": 3 }]);
    let report = run(&engine(&[]), &document, &input).await;
    assert_eq!(output(&report), json!([{ "n": 3 }]));
}
