//! Whatever is in a document, reading and planning it ends, and ends well.

use crate::support::{StrictCatalog, TestCatalog};
use jackfield_definition::{PlanOptions, SourceText, plan_workflow, workflow_from_value};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Texts that mean something to somebody, and others.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "a",
            "b",
            "main",
            "error",
            "0",
            "1",
            "-1",
            "65536",
            "no-op",
            "loop",
            "condition",
            "merge",
            "trigger.manual",
            "n8n-nodes-base.set",
            "n8n-nodes-base.stickyNote",
            "[object Object]",
            "{{ $json.a }}",
            "={{ $('a').first() }}",
            "{{",
            "{{ $vars",
            "{{ $secrets.PIN }} > 3",
            "$json.a",
            "{$json.a}",
            "execute-workflow",
            "filter",
            "skip",
            "fallback",
            "strict",
            "v1",
            "5s",
            "continueErrorOutput",
            "Europe/Berlin",
            "transform",
            "gone",
            "",
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ]
}

fn field() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "$schema",
            "formatVersion",
            "id",
            "name",
            "nodes",
            "connections",
            "variables",
            "settings",
            "retryPolicy",
            "errorRecovery",
            "meta",
            "pinData",
            "nodeType",
            "type",
            "typeVersion",
            "parameters",
            "disabled",
            "timeout",
            "errorRecoveryStrategy",
            "onError",
            "position",
            "retryOnFail",
            "maxTries",
            "node",
            "index",
            "input",
            "condition",
            "main",
            "error",
            "0",
            "1",
            "a",
            "b",
            "strategy",
            "fallbackNodeType",
            "jitter",
            "executionOrder",
            "timezone",
            "json",
            "defaultValue",
            "compensation",
            "workflow",
            "maxAttempts",
            "retryableErrors",
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..4).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 128, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((field(), inner), 0..8)
                .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Documents that get past the first few questions.
fn document() -> impl Strategy<Value = Value> {
    let node = prop::collection::vec((field(), value()), 0..5).prop_flat_map(|fields| {
        (text(), text(), value(), text()).prop_map(move |(name, node_type, parameters, undo)| {
            let mut node = json!({ "name": name, "type": node_type, "parameters": parameters });
            if undo.len() % 2 == 0 {
                node["compensation"] = json!({ "nodeType": undo, "parameters": parameters });
            }
            node.as_object_mut()
                .expect("an object")
                .extend(fields.clone());
            node
        })
    });
    (
        prop::collection::vec(node, 0..5),
        value(),
        prop::collection::vec((field(), value()), 0..4),
    )
        .prop_map(|(nodes, connections, more)| {
            let mut document = json!({ "nodes": nodes, "connections": connections });
            document.as_object_mut().expect("an object").extend(more);
            document
        })
}

fn look_at(source: &SourceText) {
    let strict = StrictCatalog(TestCatalog::new());
    let _ = plan_workflow(source, &strict, &PlanOptions::default());
    let found = plan_workflow(source, &TestCatalog::new(), &PlanOptions::default());
    let diagnostics = match &found {
        Ok(plan) => {
            let _ = (plan.to_json(), plan.to_mermaid(), plan.to_dot());
            plan.warnings()
        }
        Err(diagnostics) => {
            assert!(diagnostics.has_errors());
            diagnostics
        }
    };
    for finding in diagnostics {
        let location = finding.location.as_ref().expect("a place");
        let end = location.offset + location.length;
        assert!(source.text().is_char_boundary(location.offset), "{finding}");
        assert!(source.text().is_char_boundary(end), "{finding}");
        assert!(!finding.to_string().is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn arbitrary_values_are_read_or_refused(value in value()) {
        let _ = workflow_from_value(&value);
        look_at(&SourceText::new("v", value.to_string()));
    }

    #[test]
    fn arbitrary_documents_are_planned_or_refused(document in document()) {
        look_at(&SourceText::new("d", document.to_string()));
        look_at(&SourceText::new("d", serde_json::to_string_pretty(&document).unwrap()));
    }

    #[test]
    fn arbitrary_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        match SourceText::from_bytes("b", bytes) {
            Ok(source) => look_at(&source),
            Err(findings) => prop_assert!(findings.has_errors()),
        }
    }

    #[test]
    fn broken_documents_are_refused(document in document(), cut in any::<prop::sample::Index>(), with in ".?") {
        let mut text = document.to_string();
        let places: Vec<usize> = text.char_indices().map(|(place, _)| place).collect();
        let place = places[cut.index(places.len())];
        text.truncate(place);
        text.push_str(&with);
        look_at(&SourceText::new("cut", text));
    }
}

/// Documents whose findings or look-ups could cost more than their length.
#[test]
fn long_keys_and_many_mistakes_cost_no_more_than_their_length() {
    let key = "k".repeat(1 << 20);
    let many = vec![json!("{{ ("); 100_000];
    let nobody: Vec<Value> = (0..100_000)
        .map(|place| json!(format!("nobody {place}")))
        .collect();
    let nodes: Vec<Value> = (0..20_000)
        .map(|place| json!({ "id": format!("n{place}"), "nodeType": "no-op" }))
        .collect();
    let documents = [
        json!({ "nodes": [{ "id": "a", "nodeType": "no-op", "parameters": { &key: many } }] }),
        json!({ "nodes": [{ "id": "a", "nodeType": "no-op", "parameters": { "k": many } }] }),
        json!({ "nodes": nodes, "connections": { &key: { "main": [nobody] } } }),
        json!({ "nodes": nodes, "connections": { "n1": { "main": [nobody] } } }),
        json!({ "nodes": [{ "id": "a", "nodeType": "no-op", "parameters": { "k": vec!["{{ $('b') }}"; 50_000] } }] }),
        json!({ "meta": { &key: vec![0; 100_000] } }),
    ];
    for document in documents {
        let source = SourceText::new("long", document.to_string());
        let found = plan_workflow(&source, &TestCatalog::new(), &PlanOptions::default());
        assert!(found.unwrap_err().has_errors());
    }
}

#[test]
fn workflows_within_workflows_are_looked_into_only_so_deep() {
    let mut document = json!({ "nodes": [{ "id": "x", "nodeType": "gone" }] });
    for _ in 0..24 {
        document = json!({ "nodes": [
            { "id": "a", "nodeType": "execute-workflow", "parameters": { "workflow": document } },
        ] });
    }
    let source = SourceText::new("deep.json", document.to_string());
    let planned = plan_workflow(&source, &TestCatalog::new(), &PlanOptions::default());
    assert!(planned.is_ok(), "{:?}", planned.err());
}

#[test]
fn many_likely_mistakes_cost_no_more_than_their_number() {
    let texts: Vec<_> = (0..50_000)
        .map(|place| format!("{{$json.a{place}}} {}", "{ ".repeat(100)))
        .collect();
    let document = json!({ "formatVersion": 1, "nodes": [
        { "id": "a", "nodeType": "transform", "parameters": { "field": "x", "value": texts } },
    ] });
    let source = SourceText::new("many.json", document.to_string());
    let plan = plan_workflow(&source, &TestCatalog::new(), &PlanOptions::default()).unwrap();
    assert_eq!(plan.warnings().len(), 100);
}
