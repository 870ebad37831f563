//! What plugins keep.

use serde_json::json;

use super::{STORE, done};
use crate::guest::write_counter;
use crate::harness::Folder;

const WORKFLOW: &str = r#"{
  "name": "counts",
  "nodes": [{ "id": "guest", "nodeType": "acme/guest" }],
  "connections": {}
}"#;

const PLUGINS: [&str; 3] = ["--plugins", "plugins", "--signatures=ignored"];

fn folder() -> Folder {
    let folder = Folder::new().file("flow.json", WORKFLOW);
    write_counter(&folder.path("plugins/guest"));
    folder
}

/// What the plugin says, run in a workflow.
fn counted(folder: &Folder, more: &[&str]) -> serde_json::Value {
    let run = ["run", "flow.json", "--output", "json"];
    let report = folder.json(&[&run[..], &PLUGINS, more].concat());
    report["output"][0]["n"].clone()
}

#[test]
fn what_a_plugin_keeps_is_there_for_the_next_process() {
    let folder = folder();
    assert_eq!(counted(&folder, &STORE), json!(1));
    assert_eq!(counted(&folder, &STORE), json!(2));
    // A node by itself shares it, other tenants and those without a store do not.
    let exec = ["exec", "acme/guest", "--output", "json"];
    let call = done(&folder, &[&exec[..], &PLUGINS].concat());
    assert!(
        call.contains("\"n\": 3") || call.contains("\"n\":3"),
        "{call}"
    );
    let globex = [&STORE[..], &["--tenant", "globex"]].concat();
    assert_eq!(counted(&folder, &globex), json!(1));
    assert_eq!(counted(&folder, &[]), json!(1));
    assert_eq!(counted(&folder, &STORE), json!(4));
}
