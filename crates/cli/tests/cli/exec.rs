use serde_json::{Value, json};

use crate::harness::{Folder, assert_shown, code};

#[test]
fn a_node_runs_by_itself() {
    let folder = Folder::new();
    let upper = [
        "exec",
        "string.upper",
        "--params",
        r#"{"value": "{{ $json.name }}"}"#,
    ];
    let with = |more: &[&'static str]| [&upper[..], more].concat();
    let people = r#"[{"name": "Ada"}, {"name": "Bob"}]"#;
    assert_shown("exec_pretty", &folder.shown(&with(&["--input", people])));
    let call = folder.json(&with(&["--input", people, "--output", "json"]));
    assert_eq!(
        call["output"],
        json!({ "main": [[{ "result": "ADA" }, { "result": "BOB" }]] })
    );
    assert_eq!(call["status"], "success");
}

#[test]
fn parameters_variables_and_several_inputs_are_given() {
    let folder = Folder::new()
        .file("params.json", r#"{"value": "{{ $vars.who }}"}"#)
        .file("left.json", r#"[{"id": 1}]"#);
    let call = folder.json(&[
        "exec",
        "string.upper@1.0",
        "--params",
        "@params.json",
        "--set",
        "who=eve",
        "--output",
        "json",
    ]);
    assert_eq!(call["output"]["main"][0][0]["result"], "EVE");
    let call = folder.json(&[
        "exec",
        "merge",
        "--input",
        "left.json",
        "--input",
        r#"{"id": 2}"#,
        "--output",
        "json",
    ]);
    assert_eq!(call["output"]["main"][0], json!([{ "id": 1 }, { "id": 2 }]));
    let call = folder.json(&[
        "exec",
        "var.set",
        "--params",
        r#"{"name": "a", "value": 5}"#,
        "--output",
        "json",
    ]);
    assert_eq!(
        call["variables"],
        json!([{ "write": "set", "name": "a", "value": 5 }])
    );
}

#[test]
fn a_failure_is_told_apart_from_wrong_parameters() {
    let folder = Folder::new();
    let division = ["exec", "math.divide", "--params", r#"{"a": 1, "b": 0}"#];
    assert_shown("exec_failed", &folder.shown(&division));
    assert_shown(
        "exec_params",
        &folder.shown(&["exec", "string.upper", "--params", r#"{"valu": 1}"#]),
    );
    let output = folder.run(&[&division[..], &["--output", "json"]].concat());
    assert_eq!(code(&output), 1);
    let call: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(call["status"], "error");
    assert_eq!(call["errorCode"], "NUMBER_ERROR");
}
