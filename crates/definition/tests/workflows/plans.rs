//! What plans say of good workflows, and that both dialects become the same model.

use crate::support::{TestCatalog, codes, plan};
use jackfield_definition::expression::MissingFields;
use jackfield_definition::{
    Dialect, PlanOptions, SourceText, Workflow, plan_workflow, read_workflow, workflow_from_value,
};
use jackfield_kernel::{FailureMode, Law, NodeIndex, Output};
use jackfield_types::{OnError, Strategy, VariableAccess};
use serde_json::json;

fn read(text: &str) -> Workflow {
    let (workflow, warnings) =
        read_workflow(&SourceText::new("test.json", text)).expect("a workflow");
    assert!(warnings.is_empty(), "{warnings}");
    workflow
}

/// What of a connection does not depend on how it was written.
fn connections(workflow: &Workflow) -> Vec<(String, Output, String, u16)> {
    let one = |one: &jackfield_definition::Connection| {
        (one.from.to_string(), one.output, one.to.clone(), one.input)
    };
    workflow.connections.iter().map(one).collect()
}

#[test]
fn both_dialects_become_the_same_model() {
    let native = read(
        r#"{
      "formatVersion": 1, "id": "w1", "name": "Orders",
      "nodes": [
        { "id": "1", "name": "Start", "nodeType": "trigger.manual", "position": [0, 0] },
        { "id": "2", "name": "Fetch", "nodeType": "transform", "typeVersion": 2.1, "position": { "x": 200, "y": 0 },
          "parameters": { "field": "x" }, "onError": "continueErrorOutput", "alwaysOutputData": true, "executeOnce": true,
          "retryPolicy": { "maxAttempts": 5, "backoffType": "constant", "initialDelay": "2s" }, "notes": "n",
          "pinData": [{ "a": 1 }] },
        { "id": "3", "name": "Old", "type": "no-op", "position": [400, 0], "onError": "continueRegularOutput", "disabled": true }
      ],
      "connections": { "Start": { "main": { "0": ["Fetch"] } }, "Fetch": { "main": [[{ "node": "Old" }]] } },
      "settings": { "timeout": "1m", "timezone": "UTC" }
    }"#,
    );
    let n8n = read(
        r#"{
      "id": "w1", "name": "Orders", "versionId": "x", "staticData": null, "somethingNew": {},
      "nodes": [
        { "id": "1", "name": "Start", "type": "trigger.manual", "position": [0, 0] },
        { "id": "2", "name": "Fetch", "type": "transform", "typeVersion": 2.1, "position": [200, 0],
          "parameters": { "field": "x" }, "onError": "continueErrorOutput", "alwaysOutputData": true, "executeOnce": true,
          "retryOnFail": true, "maxTries": 5, "waitBetweenTries": 2000, "notes": "n", "credentials": {} },
        { "id": "3", "name": "Old", "type": "no-op", "position": [400, 0], "continueOnFail": true, "disabled": true },
        { "id": "4", "name": "Note", "type": "n8n-nodes-base.stickyNote", "position": [0, 300], "parameters": { "content": "…" } }
      ],
      "connections": {
        "Start": { "main": [[{ "node": "Fetch", "type": "main", "index": 0 }]] },
        "Fetch": { "main": [[{ "node": "Old", "type": "main", "index": 0 }, { "node": "Note", "type": "main", "index": 0 }]],
                   "ai_tool": [[{ "node": "Start", "type": "ai_tool", "index": 0 }]] },
        "Note": { "main": [[{ "node": "Old", "type": "main", "index": 0 }]] }
      },
      "pinData": { "Fetch": [{ "json": { "a": 1 }, "pairedItem": 0 }], "Gone": [] },
      "settings": { "executionOrder": "v1", "executionTimeout": 60, "timezone": "UTC" }
    }"#,
    );
    assert_eq!(native.nodes, n8n.nodes);
    assert_eq!(connections(&native), connections(&n8n));
    assert_eq!((native.id, native.name), (n8n.id, n8n.name));
    assert_eq!(native.settings.timeout, n8n.settings.timeout);
    assert_eq!(
        (native.dialect, native.settings.law),
        (Dialect::Native, Law::Settled)
    );
    assert_eq!(
        (n8n.dialect, n8n.settings.law),
        (Dialect::N8n, Law::DepthFirst)
    );
    assert_eq!(n8n.attachments.len(), 1);
    assert_eq!(n8n.nodes[2].on_error, OnError::ContinueRegularOutput);
}

#[test]
fn connections_mean_the_same_in_every_form() {
    let forms = [
        r#"{ "a": { "main": [["b"], [{ "node": "c", "index": 1 }]], "error": [["b"]] } }"#,
        r#"{ "A": { "main": [[{ "node": "b" }], [{ "node": "c", "input": 1, "type": "main" }]], "error": ["b"] } }"#,
        r#"{ "a": { "main": { "1": { "node": "c", "index": 1 }, "0": "b" }, "error": { "0": ["b"] } } }"#,
        r#"{ "a": { "main": [[null, "b"], [{ "node": "c", "port": "main", "index": 1 }]], "error": "b" }, "b": null, "c": { "main": null } }"#,
    ];
    let resolved = |form: &str| {
        let text = format!(
            r#"{{ "nodes": [
                {{ "id": "a", "name": "A", "nodeType": "condition", "onError": "continueErrorOutput" }},
                {{ "id": "b", "nodeType": "no-op" }}, {{ "id": "c", "nodeType": "merge" }}
            ], "connections": {form} }}"#
        );
        let plan = plan(&text).unwrap();
        // Nothing leads to the first input of the node `c`.
        assert_eq!(codes(plan.warnings()), ["LIKELY_MISTAKE"]);
        let mut found: Vec<_> = plan
            .connections()
            .iter()
            .map(|one| (one.from, one.output, one.to, one.input))
            .collect();
        found.sort();
        found
    };
    let (a, b, c) = (NodeIndex::new(0), NodeIndex::new(1), NodeIndex::new(2));
    let expected = vec![
        (a, Output::Main(0), b, 0),
        (a, Output::Main(1), c, 1),
        (a, Output::Error, b, 0),
    ];
    for form in forms {
        assert_eq!(resolved(form), expected, "{form}");
    }
}

#[test]
fn dialects_are_told_apart() {
    let node = |fields: &str| format!(r#"{{ "nodes": [{{ "name": "a", {fields} }}] }}"#);
    let n8n = [
        node(r#""type": "no-op", "typeVersion": 1"#),
        node(r#""type": "n8n-nodes-base.set""#),
        node(r#""nodeType": "n8n-nodes-base.set""#),
        r#"{ "nodes": [{ "name": "a", "nodeType": "x" }], "settings": { "executionOrder": "v1" } }"#.to_owned(),
        r#"{ "nodes": [{ "name": "a", "type": "x" }], "connections": { "a": { "main": [[{ "node": "a", "type": "main", "index": 0 }]] } } }"#.to_owned(),
    ];
    let native = [
        node(r#""type": "no-op""#),
        node(r#""nodeType": "no-op", "typeVersion": 1, "position": [0, 0]"#),
        node(r#""type": "no-op", "typeVersion": 1, "timeout": "5s""#),
        r#"{ "formatVersion": 1, "nodes": [{ "name": "a", "type": "n8n-nodes-base.set" }] }"#
            .to_owned(),
    ];
    for text in n8n {
        assert_eq!(read(&text).dialect, Dialect::N8n, "{text}");
    }
    for text in native {
        assert_eq!(read(&text).dialect, Dialect::Native, "{text}");
    }
}

const ORDERS: &str = r#"{
  "name": "Orders",
  "variables": { "seen": 0, "limit": { "type": "number", "defaultValue": 3, "description": "how many" } },
  "settings": { "missingFields": "strict", "failFast": true, "timezone": "Europe/Berlin", "timeout": 5000 },
  "retryPolicy": { "maxAttempts": 4 },
  "errorRecovery": { "strategy": "retry", "maxRetries": 6 },
  "nodes": [
    { "id": "hook", "nodeType": "trigger.webhook" },
    { "id": "start", "nodeType": "trigger.manual" },
    { "id": "each", "name": "Each order", "nodeType": "loop" },
    { "id": "check", "nodeType": "condition", "onError": "continueErrorOutput", "parameters": { "x": "{{ $vars.limit }}" } },
    { "id": "keep", "nodeType": "filter", "parameters": { "condition": "$item.n > $vars.seen" }, "errorRecoveryStrategy": "skip" },
    { "id": "end", "nodeType": "no-op", "errorRecoveryStrategy": { "strategy": "fallback", "fallbackNodeType": "set-variable" } }
  ],
  "connections": {
    "hook": { "main": [["Each order"]] },
    "start": { "main": [["Each order"]] },
    "Each order": { "main": [["end"], ["check"]] },
    "check": { "main": [[{ "node": "keep", "condition": "$json.ok" }], ["each"]], "error": [["each"]] },
    "keep": { "main": [["each"]] }
  }
}"#;

#[test]
fn a_plan_answers_what_the_engine_asks() {
    let plan = plan(ORDERS).unwrap();
    assert!(plan.warnings().is_empty(), "{}", plan.warnings());
    let index = |name: &str| plan.node_index(name).unwrap();
    assert_eq!(index("each"), index("Each order"));
    assert_eq!(plan.node_index("nobody"), None);
    assert_eq!(plan.triggers(), [index("hook"), index("start")]);
    assert_eq!(plan.default_trigger(), Some(index("start")));
    assert_eq!(plan.leaves(), [index("end")]);
    assert_eq!(plan.missing_fields(), MissingFields::Strict);
    assert_eq!(plan.time_zone().iana_name(), Some("Europe/Berlin"));
    assert_eq!(
        **plan.variables(),
        *json!({ "seen": 0, "limit": 3 }).as_object().unwrap()
    );

    let graph = plan.graph();
    let spec = |name: &str| graph.node(index(name));
    assert_eq!(spec("check").variables, VariableAccess::Reads);
    assert_eq!(spec("keep").variables, VariableAccess::Reads);
    assert_eq!(spec("end").variables, VariableAccess::Writes);
    assert_eq!(spec("start").variables, VariableAccess::None);
    assert_eq!(
        spec("check")
            .recovery
            .retry
            .as_ref()
            .unwrap()
            .max_attempts
            .get(),
        7
    );
    assert_eq!(
        spec("keep")
            .recovery
            .retry
            .as_ref()
            .unwrap()
            .max_attempts
            .get(),
        4
    );
    assert_eq!(spec("keep").recovery.strategy, Strategy::Skip);

    let check = plan.node(index("check"));
    assert!(check.has_conditions && !plan.node(index("end")).has_conditions);
    assert_eq!(check.output_count, Some(2));
    assert_eq!(check.version.as_ref().unwrap().to_string(), "1.0.0");
    let keep = plan.node(index("keep"));
    assert!(keep.parameters.is_static());
    assert!(keep.parameters.deferred("$item.n > $vars.seen").is_some());
    assert_eq!(
        plan.node(index("end")).fallback.as_ref().unwrap().node_type,
        "set-variable"
    );
    insta::assert_snapshot!("orders.mmd", plan.to_mermaid());
    insta::assert_snapshot!("orders.dot", plan.to_dot());
    insta::assert_json_snapshot!("orders.json", plan.to_json());
}

#[test]
fn options_override_the_workflow() {
    let source = SourceText::new("orders.json", ORDERS);
    let options = PlanOptions {
        missing_fields: Some(MissingFields::Lenient),
    };
    let plan = plan_workflow(&source, &TestCatalog::new(), &options).unwrap();
    assert_eq!(plan.missing_fields(), MissingFields::Lenient);
    let (workflow, _) = read_workflow(&source).unwrap();
    assert_eq!(workflow.settings.failure_mode, FailureMode::FailFast);
    assert!(
        workflow
            .plan(&TestCatalog::new(), &PlanOptions::default())
            .is_ok()
    );
}

#[test]
fn in_the_n8n_dialect_the_error_port_comes_after_the_last_and_the_topmost_target_first() {
    let plan = plan(
        r#"{
      "nodes": [
        { "name": "If", "type": "condition", "typeVersion": 1, "position": [0, 0], "onError": "continueErrorOutput" },
        { "name": "Low", "type": "no-op", "typeVersion": 1, "position": [0, 200] },
        { "name": "Right", "type": "no-op", "typeVersion": 1, "position": [200, 100] },
        { "name": "Left", "type": "no-op", "typeVersion": 1, "position": [100, 100] }
      ],
      "connections": { "If": { "main": [[{ "node": "Low" }, { "node": "Right" }], null, [{ "node": "Left" }]] } }
    }"#,
    )
    .unwrap();
    let order: Vec<_> = plan
        .connections()
        .iter()
        .map(|one| (plan.node(one.to).name.as_str(), one.output))
        .collect();
    let expected = [
        ("Left", Output::Error),
        ("Right", Output::Main(0)),
        ("Low", Output::Main(0)),
    ];
    assert_eq!(order, expected);
}

#[test]
fn a_node_of_unknown_type_is_planned_when_its_strategy_serves() {
    let plan = plan(
        r#"{ "nodes": [
          { "id": "a", "nodeType": "gone", "parameters": { "field": "x" }, "errorRecoveryStrategy": { "strategy": "fallback", "fallbackNodeType": "transform" } },
          { "id": "b", "nodeType": "gone", "errorRecoveryStrategy": "skip" }
        ] }"#,
    )
    .unwrap();
    assert_eq!(
        codes(plan.warnings()),
        ["UNKNOWN_NODE_TYPE", "UNKNOWN_NODE_TYPE"]
    );
    assert!(plan.nodes().iter().all(|node| node.entry.is_none()));
    assert!(plan.nodes()[0].fallback.is_some() && plan.nodes()[1].fallback.is_none());
}

#[test]
fn inline_workflows_are_read_from_values() {
    let workflow = workflow_from_value(&json!({ "nodes": [{ "id": "a", "nodeType": "no-op" }] }));
    assert_eq!(workflow.unwrap().nodes.len(), 1);
    let error = workflow_from_value(&json!({ "nodes": [{ "id": "a" }] })).unwrap_err();
    assert_eq!(error.as_slice()[0].path.as_deref(), Some("/nodes/0"));
    let mut deep = json!(1);
    for _ in 0..200 {
        deep = json!([deep]);
    }
    let error = workflow_from_value(&json!({ "meta": deep })).unwrap_err();
    assert_eq!(codes(&error), ["LIMIT_EXCEEDED"]);
}

#[test]
fn hostile_names_stay_labels_in_pictures() {
    let name = "x\"] --> evil[\"\n%%{init}%% <script>alert(1)</script> `a` \\\" ; #quot; 猫";
    let text = json!({
        "name": name,
        "nodes": [{ "id": "a", "name": name, "nodeType": "no-op" }, { "id": "b", "nodeType": "no-op" }],
        "connections": { "a": { "main": [[{ "node": "b", "condition": "\"|]\" == '<b>'" }]] } },
    });
    let plan = plan(&text.to_string()).unwrap();
    insta::assert_snapshot!("hostile.mmd", plan.to_mermaid());
    insta::assert_snapshot!("hostile.dot", plan.to_dot());
}

#[test]
fn a_chain_of_a_hundred_thousand_nodes_is_planned() {
    let mut text = String::from("{\"formatVersion\":1,\"nodes\":[");
    for place in 0..100_000 {
        let comma = if place > 0 { "," } else { "" };
        let before = place.max(1) - 1;
        let parameters = if place % 100 == 99 {
            format!("{{\"x\":\"{{{{ $('n{before}').first().json.x }}}}\"}}")
        } else {
            "{}".to_owned()
        };
        text += &format!(
            "{comma}{{\"id\":\"n{place}\",\"nodeType\":\"no-op\",\"parameters\":{parameters}}}"
        );
    }
    text += "],\"connections\":{";
    for place in 1..100_000 {
        let comma = if place > 1 { "," } else { "" };
        text += &format!("{comma}\"n{}\":{{\"main\":[[\"n{place}\"]]}}", place - 1);
    }
    text += "}}";
    let plan = plan(&text).unwrap();
    assert_eq!(plan.graph().len(), 100_000);
    assert_eq!(plan.leaves(), [NodeIndex::new(99_999)]);
}

#[test]
fn the_documented_example_is_read() {
    let page = include_str!("../../../../docs/workflow-format.md");
    let (_, rest) = page.split_once("```json\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let workflow = read(example);
    assert_eq!(workflow.dialect, Dialect::Native);
    assert_eq!((workflow.nodes.len(), workflow.connections.len()), (4, 3));
    assert_eq!(workflow.variables["limit"], 100);
}
