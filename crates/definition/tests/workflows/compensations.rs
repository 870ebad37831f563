//! What undoes nodes is planned behind them, and recovered by what it says itself.

use jackfield_definition::{SourceText, read_workflow};
use jackfield_kernel::NodeIndex;
use jackfield_types::Strategy;
use serde_json::json;

use crate::support::plan;

const BOOKING: &str = r#"{
  "retryPolicy": { "maxAttempts": 4 },
  "errorRecovery": "skip",
  "nodes": [
    { "id": "start", "nodeType": "trigger.manual" },
    { "id": "book", "name": "Book", "nodeType": "no-op", "compensation": {
      "nodeType": "transform", "typeVersion": "^1.0", "timeout": "5s",
      "parameters": { "id": "{{ $json.id }}", "of": "{{ $('Book').first().json.id }} {{ $('start').first() }}" },
      "retryPolicy": { "maxAttempts": 7 },
      "errorRecoveryStrategy": { "strategy": "fallback", "fallbackNodeType": "no-op" }
    } },
    { "id": "pay", "name": "Pay", "nodeType": "no-op", "compensation": "no-op" },
    { "id": "Pay (compensation)", "nodeType": "no-op" }
  ],
  "connections": {
    "start": { "main": [["book"]] },
    "book": { "main": [["pay"]] },
    "pay": { "main": [["Pay (compensation)"]] }
  }
}"#;

#[test]
fn compensations_are_hidden_nodes_behind_the_ordinary_ones() {
    let plan = plan(BOOKING).unwrap();
    assert!(plan.warnings().is_empty(), "{}", plan.warnings());
    assert_eq!((plan.nodes().len(), plan.compensations().len()), (4, 2));
    let graph = plan.graph();
    assert_eq!((graph.len(), graph.order().len()), (4, 4));
    let index = |name: &str| plan.node_index(name).unwrap();
    let undo_book = graph.compensation(index("book")).unwrap();
    let undo_pay = graph.compensation(index("pay")).unwrap();
    assert_eq!(undo_book, NodeIndex::new(4));
    assert_eq!(graph.compensated(undo_pay), Some(index("pay")));
    assert_eq!(graph.compensation(index("start")), None);

    let node = plan.node(undo_book);
    assert_eq!(node.name.as_str(), "Book (compensation)");
    assert_eq!(plan.node_index("Book (compensation)"), None);
    assert_eq!(node.version.as_ref().unwrap().to_string(), "1.4.0");
    assert_eq!(node.fallback.as_ref().unwrap().node_type, "no-op");
    assert_eq!(node.timeout.unwrap().to_string(), "5.00 s");
    assert!(!node.parameters.is_static());
    let recovery = &graph.node(undo_book).recovery;
    assert_eq!(recovery.retry.as_ref().unwrap().max_attempts.get(), 7);
    assert_eq!(recovery.strategy, Strategy::Fallback);

    // What the workflow says of failures is not said of compensations.
    let recovery = &graph.node(undo_pay).recovery;
    assert_eq!(
        (recovery.strategy, &recovery.retry),
        (Strategy::Fail, &None)
    );
    // Calls are told apart by the names of nodes.
    assert_eq!(plan.node(undo_pay).name.as_str(), "Pay (compensation 3.0)");
}

#[test]
fn pictures_and_orders_show_only_ordinary_nodes() {
    let plan = plan(BOOKING).unwrap();
    let json = plan.to_json();
    assert_eq!(json["nodes"].as_array().unwrap().len(), 4);
    assert_eq!(json["nodes"][1]["compensationNodeType"], json!("transform"));
    assert_eq!(json["nodes"][0].get("compensationNodeType"), None);
    assert!(!plan.to_mermaid().contains("Book (compensation"));
    assert!(!plan.to_dot().contains("Book (compensation"));
}

#[test]
fn names_of_compensations_are_unique_however_long_and_many_nodes_there_are() {
    let nodes: Vec<_> = (0..200)
        .map(|place| {
            let name = format!("{}{place:03}", "ä".repeat(480));
            json!({ "name": name, "nodeType": "no-op", "compensation": "no-op" })
        })
        .collect();
    let plan = plan(&json!({ "nodes": nodes }).to_string()).unwrap();
    let mut names: Vec<_> = plan
        .compensations()
        .iter()
        .chain(plan.nodes())
        .map(|node| node.name.clone())
        .collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 400);
}

#[test]
fn n8n_knows_no_compensations() {
    let text = r#"{ "nodes": [{ "name": "A", "type": "n8n-nodes-base.set", "typeVersion": 1,
        "position": [0, 0], "compensation": "no-op" }] }"#;
    let (workflow, _) = read_workflow(&SourceText::new("n8n.json", text)).unwrap();
    assert_eq!(workflow.nodes[0].compensation, None);
}
