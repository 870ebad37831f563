use std::process::{Output, Stdio};

use serde_json::{Value, json};

use crate::harness::{Folder, PEOPLE, assert_shown, code, show};

#[test]
fn pretty_shows_what_every_node_did() {
    let shown = Folder::with_hello().shown(&["run", "hello.json", "--input", PEOPLE]);
    assert_shown("run_pretty", &shown);
}

#[test]
fn json_is_one_object() {
    let folder = Folder::with_hello();
    let mut report = folder.json(&["run", "hello.json", "--input", PEOPLE, "--output", "json"]);
    let keys: Vec<_> = report.as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        keys,
        [
            "executionId",
            "workflow",
            "status",
            "durationMs",
            "nodes",
            "output"
        ]
    );
    assert_eq!(
        report["output"],
        json!([{ "result": "hello Ada" }, { "name": "Bob", "age": 9 }])
    );
    report["executionId"] = "exec_ID".into();
    assert_shown("run_json", &serde_json::to_string_pretty(&report).unwrap());
}

#[test]
fn events_are_the_journal_a_line_each() {
    let folder = Folder::with_hello();
    let only_one = r#"{"name": "Ada", "age": 36}"#;
    assert_shown(
        "run_events",
        &folder.shown(&[
            "run",
            "hello.json",
            "--input",
            only_one,
            "--output",
            "events",
        ]),
    );
}

#[test]
fn variables_are_set_over_those_of_the_workflow() {
    let folder = Folder::with_hello();
    let people = r#"{"name": "Ada", "age": 36}"#;
    let greeted = |set: &str| {
        let run = [
            "run",
            "hello.json",
            "--input",
            people,
            "--output",
            "json",
            "--set",
            set,
        ];
        folder.json(&run)["output"][0]["result"].clone()
    };
    assert_eq!(greeted("greeting=moin moin"), "moin moin Ada");
    assert_eq!(greeted("greeting=5"), "5 Ada");
    assert_eq!(greeted("greeting=\"5\""), "5 Ada");
    assert_eq!(greeted("other=x"), "hello Ada");
}

#[test]
fn items_come_from_files_standard_input_and_arguments() {
    let lines = "{\"name\": \"Ada\", \"age\": 36}\n\n{\"name\": \"Eve\", \"age\": 40}\n";
    let folder = Folder::with_hello()
        .file("people.json", PEOPLE)
        .file("people.ndjson", lines);
    let names = |output: &Output| {
        assert_eq!(code(output), 0, "{}", show(output));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        report["nodes"]["Start"]["output"]["main"][0]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let run = |input| folder.run(&["run", "hello.json", "--output", "json", "--input", input]);
    assert_eq!(names(&run("people.json")), ["Ada", "Bob"]);
    assert_eq!(names(&run("people.ndjson")), ["Ada", "Eve"]);
    assert_eq!(names(&run("  {\"name\": \"Zoë\"}")), ["Zoë"]);
    let mut piped = folder.command(&["run", "hello.json", "--output", "json", "--input", "-"]);
    assert_eq!(
        names(&piped.write_stdin(lines).output().unwrap()),
        ["Ada", "Eve"]
    );
}

#[test]
fn a_workflow_names_its_own_input_and_the_command_line_overrules_it() {
    let flow = r#"{"name": "own", "input": "data/items.json",
        "nodes": [{"id": "a", "nodeType": "trigger.manual"}], "connections": {}}"#;
    let folder = Folder::new()
        .file("flows/own.json", flow)
        .file("flows/data/items.json", r#"[{"n": 1}]"#)
        .file(
            "flows/out.json",
            flow.replace("data/items.json", "../secret.json"),
        )
        .file("secret.json", r#"[{"secret": true}]"#);
    let run = ["run", "flows/own.json", "--output", "json"];
    assert_eq!(folder.json(&run)["output"], json!([{ "n": 1 }]));
    let run = [
        "run",
        "flows/own.json",
        "--output",
        "json",
        "--input",
        r#"{"n": 2}"#,
    ];
    assert_eq!(folder.json(&run)["output"], json!([{ "n": 2 }]));
    assert_shown(
        "run_input_outside",
        &folder.shown(&["run", "flows/out.json"]),
    );
}

#[test]
fn strict_makes_a_missing_field_an_error_and_lenient_makes_it_null() {
    let flow = |settings: &str| {
        format!(
            r#"{{"name": "missing", "settings": {settings}, "connections": {{}},
            "nodes": [{{"id": "a", "nodeType": "convert.toJson", "parameters": {{"value": "{{{{ $json.no.such }}}}"}}}}]}}"#
        )
    };
    let folder = Folder::new()
        .file("default.json", flow("{}"))
        .file("strict.json", flow(r#"{"missingFields": "strict"}"#));
    let run = |file, mode: &[&str]| code(&folder.run(&[&["run", file], mode].concat()));
    assert_eq!(run("default.json", &[]), 0);
    assert_eq!(run("default.json", &["--lenient"]), 0);
    assert_eq!(run("default.json", &["--strict"]), 1);
    assert_eq!(run("strict.json", &[]), 1);
    assert_eq!(run("strict.json", &["--lenient"]), 0);
    assert_shown(
        "run_strict",
        &folder.shown(&["run", "default.json", "--strict"]),
    );
}

const STOPS: &str = r#"{
  "name": "stops",
  "nodes": [
    { "id": "start", "nodeType": "trigger.manual" },
    { "id": "stop", "name": "Stop here", "nodeType": "stop-and-error",
      "parameters": { "message": "no more orders" } },
    { "id": "after", "nodeType": "no-op" }
  ],
  "connections": {
    "start": { "main": [[{ "node": "stop" }]] },
    "stop": { "main": [[{ "node": "after" }]] }
  }
}"#;

#[test]
fn a_failed_execution_says_where_and_why_and_ends_with_1() {
    let folder = Folder::new().file("stops.json", STOPS);
    assert_shown("run_failed", &folder.shown(&["run", "stops.json"]));
    let output = folder.run(&["run", "stops.json", "--output", "json"]);
    assert_eq!(code(&output), 1);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["status"], "error");
    assert_eq!(report["error"]["node"], "Stop here");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        stderr,
        "error[STOPPED] at node `Stop here`: no more orders\n"
    );
}

const WAITS: &str = r#"{
  "name": "waits",
  "nodes": [{ "id": "wait", "nodeType": "wait", "parameters": { "for": "1h" } }],
  "connections": {}
}"#;

#[test]
fn a_timeout_ends_the_execution() {
    let folder = Folder::new().file("waits.json", WAITS);
    assert_shown(
        "run_timeout",
        &folder.shown(&["run", "waits.json", "--timeout", "20ms"]),
    );
}

#[test]
fn the_trigger_can_be_chosen() {
    let flow = r#"{"name": "two", "nodes": [
        {"id": "a", "nodeType": "trigger.manual"}, {"id": "b", "nodeType": "trigger.event",
         "parameters": {"event": "order.created"}},
        {"id": "c", "nodeType": "no-op"}, {"id": "d", "nodeType": "no-op"}],
        "connections": {"a": {"main": [[{"node": "c"}]]}, "b": {"main": [[{"node": "d"}]]}}}"#;
    let folder = Folder::new().file("two.json", flow);
    let statuses = |trigger: &[&str]| {
        let report = folder.json(&[&["run", "two.json", "--output", "json"], trigger].concat());
        ["c", "d"].map(|node| report["nodes"][node]["status"].as_str().unwrap().to_owned())
    };
    assert_eq!(statuses(&[]), ["success", "skipped"]);
    assert_eq!(statuses(&["--trigger", "b"]), ["skipped", "success"]);
    assert_shown(
        "run_unknown_trigger",
        &folder.shown(&["run", "two.json", "--trigger", "c"]),
    );
}

#[test]
fn the_environment_is_empty_unless_granted() {
    let flow = r#"{"name": "env", "connections": {}, "nodes": [{"id": "a", "nodeType": "convert.toJson",
        "parameters": {"value": "{{ [$env.JACKFIELD_A, $env.JACKFIELD_B] }}"}}]}"#;
    let folder = Folder::new().file("env.json", flow);
    let result = |grants: &[&str]| {
        let arguments = [&["run", "env.json", "--output", "json"], grants].concat();
        let mut command = folder.command(&arguments);
        let output = command
            .env("JACKFIELD_A", "a")
            .env("JACKFIELD_B", "b")
            .output()
            .unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        report["output"][0]["result"].as_str().unwrap().to_owned()
    };
    assert_eq!(result(&[]), "[null,null]");
    assert_eq!(result(&["--env", "JACKFIELD_B"]), "[null,\"b\"]");
    assert_eq!(
        code(&folder.run(&["run", "env.json", "--env", "JACKFIELD_NOT_SET"])),
        2
    );
    assert_eq!(code(&folder.run(&["run", "env.json", "--env", "A=B"])), 2);
}

#[test]
fn other_workflows_are_found_below_the_folder_and_nowhere_else() {
    let outer = |reference: &str| {
        format!(
            r#"{{"name": "outer", "connections": {{}}, "nodes": [{{"id": "call", "nodeType": "execute-workflow",
            "parameters": {{"workflow": "{reference}"}}}}]}}"#
        )
    };
    let inner = r#"{"name": "inner", "connections": {}, "nodes": [{"id": "a", "nodeType": "string.upper",
        "parameters": {"value": "inner"}}]}"#;
    let folder = Folder::new()
        .file("flows/good.json", outer("parts/inner"))
        .file("flows/bad.json", outer("../secret.json"))
        .file("flows/parts/inner.json", inner)
        .file("secret.json", inner);
    let report = folder.json(&["run", "flows/good.json", "--output", "json"]);
    assert_eq!(report["output"], json!([{ "result": "INNER" }]));
    assert_shown(
        "run_workflow_outside",
        &folder.shown(&["run", "flows/bad.json"]),
    );
}

#[test]
fn pinned_data_is_used_unless_the_command_line_says_otherwise() {
    let flow = r#"{
        "name": "pinned",
        "nodes": [{ "id": "1", "name": "Start", "type": "trigger.manual", "typeVersion": 1,
                    "position": [0, 0], "parameters": {} }],
        "connections": {},
        "pinData": { "Start": [{ "json": { "pinned": true } }] },
        "settings": { "executionOrder": "v1" }
    }"#;
    let folder = Folder::new().file("pinned.json", flow);
    let input = r#"{"pinned": false}"#;
    let run = ["run", "pinned.json", "--output", "json", "--input", input];
    assert_eq!(folder.json(&run)["output"], json!([{ "pinned": true }]));
    let run = [&run[..], &["--no-pinned-data"]].concat();
    assert_eq!(folder.json(&run)["output"], json!([{ "pinned": false }]));
}

#[test]
fn the_log_shows_what_the_registry_decides() {
    let folder = Folder::with_hello();
    let output = folder.run(&[
        "--log",
        "registry=debug",
        "run",
        "hello.json",
        "--output",
        "json",
    ]);
    assert_eq!(code(&output), 0);
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(
        log.contains("node type registered") && log.contains("node type resolved"),
        "{log}"
    );
    let mut command = folder.command(&["run", "hello.json", "--output", "json"]);
    let output = command
        .env("JACKFIELD_LOG", "registry=debug")
        .output()
        .unwrap();
    assert!(!output.stderr.is_empty());
    let mut command = folder.command(&["--log", "off", "run", "hello.json", "--output", "json"]);
    let output = command
        .env("JACKFIELD_LOG", "registry=debug")
        .output()
        .unwrap();
    assert!(output.stderr.is_empty());
}

#[test]
fn a_reader_who_goes_away_changes_nothing() {
    let folder = Folder::with_hello();
    for output in ["pretty", "json", "events"] {
        let mut child = folder
            .process(&["run", "hello.json", "--output", output, "--input", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Closed before the items are there, so nothing can have been written before.
        drop(child.stdout.take());
        let mut stdin = child.stdin.take().unwrap();
        std::io::Write::write_all(&mut stdin, PEOPLE.as_bytes()).unwrap();
        drop(stdin);
        let ended = child.wait_with_output().unwrap();
        assert_eq!(code(&ended), 0, "{}", show(&ended));
        assert!(ended.stderr.is_empty(), "{}", show(&ended));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_not_the_fault_of_the_input() {
    let folder = Folder::with_hello();
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = folder
        .process(&["run", "hello.json"])
        .stdout(full)
        .output()
        .unwrap();
    assert_shown("run_disk_full", &show(&output));
}
