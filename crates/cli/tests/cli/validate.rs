use serde_json::Value;

use crate::harness::{Folder, HELLO, assert_shown, code};

const WRONG: &str = r#"{
  "name": "wrong",
  "nodes": [
    { "id": "a", "nodeType": "string.uper" },
    { "id": "b", "nodeType": "limit", "parameters": { "count": "many" }, "retryPolcy": {} }
  ],
  "connections": { "a": { "main": [[{ "node": "zzz" }]] } }
}"#;

#[test]
fn all_errors_of_all_files_are_reported() {
    let folder = Folder::with_hello().file("wrong.json", WRONG);
    let files = ["validate", "wrong.json", "hello.json", "none.json"];
    assert_shown("validate_pretty", &folder.shown(&files));
    let files = [
        "validate",
        "wrong.json",
        "hello.json",
        "none.json",
        "--output",
        "json",
    ];
    assert_shown("validate_json", &folder.shown(&files));
}

#[test]
fn valid_files_end_with_0() {
    let folder = Folder::with_hello().file("other.json", HELLO);
    let output = folder.run(&["validate", "hello.json", "other.json"]);
    assert_eq!(code(&output), 0);
    let report: Value = folder.json(&["validate", "hello.json", "--output", "json"]);
    assert_eq!(report["files"][0]["valid"], true);
    assert_eq!(report["files"][0]["diagnostics"], Value::Array(Vec::new()));
}
