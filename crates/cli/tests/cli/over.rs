//! Starting executions over from a node.

use std::fs;
use std::process::Output;

use serde_json::{Value, json};

use crate::harness::{Folder, PEOPLE, code, show};
use crate::running::said;

const STORE: [&str; 2] = ["--store", "runs.db"];

fn run(folder: &Folder, arguments: &[&str]) -> Output {
    folder.run(&[arguments, &STORE].concat())
}

fn json_of(folder: &Folder, arguments: &[&str]) -> Value {
    folder.json(&[arguments, &STORE, &["--output", "json"]].concat())
}

/// A folder with one execution of `hello.json` in its store, and its id.
fn folder() -> (Folder, String) {
    let folder = Folder::with_hello();
    let report = json_of(&folder, &["run", "hello.json", "--input", PEOPLE]);
    let id = report["executionId"].as_str().unwrap().to_owned();
    (folder, id)
}

/// The events that were written of an execution, by what they are and by their node.
fn events(folder: &Folder, id: &str) -> Vec<(String, String)> {
    let arguments = ["executions", "events", id, "--output", "json"];
    let listed = run(folder, &arguments);
    let listed = String::from_utf8(listed.stdout).unwrap();
    let events = listed.lines().map(|line| {
        let event: Value = serde_json::from_str(line).unwrap();
        let text = |name| event[name].as_str().unwrap_or_default().to_owned();
        (text("event"), text("nodeName"))
    });
    events.collect()
}

#[test]
fn only_what_depends_on_the_node_is_done_again() {
    let (folder, id) = folder();
    let items = r#"[{"name": "Eve", "age": 20}]"#;
    fs::write(folder.path("items.json"), items).unwrap();
    let retry = ["executions", "retry", &id, "--from", "Greet"];
    let report = json_of(
        &folder,
        &[&retry[..], &["--edit-input", "items.json"]].concat(),
    );
    assert_eq!(report["status"], "success");
    let greeted = &report["nodes"]["Greet"]["output"]["main"][0];
    assert_eq!(greeted[0]["result"], "hello Eve");
    let minor = &report["nodes"]["Minor"]["output"]["main"][0];
    assert_eq!(minor[0]["name"], "Bob", "it does not depend on that");

    let retried = report["executionId"].as_str().unwrap();
    let events = events(&folder, retried);
    let count = |event: &str, node: &str| {
        let is_it = |one: &&(String, String)| one.0 == event && one.1 == node;
        events.iter().filter(is_it).count()
    };
    assert_eq!(count("input-replaced", "Greet"), 1, "{events:?}");
    for node in ["Start", "Is adult", "Greet", "Minor"] {
        assert_eq!(count("attempt-succeeded", node), 1, "{events:?}");
    }
    // What was taken over is there before anything is done.
    let places = |event: &str| events.iter().position(|one| one.0 == event).unwrap();
    let greets = events
        .iter()
        .position(|one| one.1 == "Greet" && one.0 == "attempt-started");
    assert!(places("input-replaced") < greets.unwrap(), "{events:?}");
}

#[test]
fn a_retry_that_cannot_be_is_refused_and_leaves_nothing() {
    let (folder, id) = folder();
    let failing = json!({
        "name": "fails",
        "nodes": [
            { "id": "stop", "nodeType": "stop-and-error", "parameters": { "message": "no" } },
            { "id": "after", "nodeType": "no-op" },
        ],
        "connections": { "stop": { "main": [["after"]] } },
    });
    fs::write(folder.path("fails.json"), failing.to_string()).unwrap();
    assert_eq!(code(&run(&folder, &["run", "fails.json"])), 1);
    let listed = json_of(&folder, &["executions", "list", "--status", "error"]);
    let failed = listed["executions"][0]["id"].as_str().unwrap();
    fs::write(folder.path("no-items.json"), "{\"name\": ").unwrap();
    let unknown = "exec_00000000000000000000000000000000";
    for (arguments, part) in [
        (&[&id, "--from", "Nobody"][..], "has no node `Nobody`"),
        (&[failed, "--from", "after"], "node `after` was not reached"),
        (&[unknown, "--from", "Greet"], "error[UNKNOWN_EXECUTION]"),
        (&["exec_1", "--from", "Greet"], "exec_1"),
        (&[&id], "--from"),
        (
            &[&id, "--from", "Greet", "--edit-input", "none.json"],
            "none.json",
        ),
        (
            &[&id, "--from", "Greet", "--edit-input", "no-items.json"],
            "no-items.json",
        ),
        (&[&id, "--from", "Greet", "--edit-input", "[1]"], "item"),
        (
            &[&id, "--from", "Greet", "--tenant", "other"],
            "error[UNKNOWN_EXECUTION]",
        ),
    ] {
        let refused = run(&folder, &[&["executions", "retry"], arguments].concat());
        assert_eq!(code(&refused), 2, "{arguments:?}: {}", show(&refused));
        assert!(said(&refused).contains(part), "{part}: {}", said(&refused));
    }
    let listed = json_of(&folder, &["executions", "list"]);
    assert_eq!(listed["executions"].as_array().unwrap().len(), 2);
    // What failed fails again, and says so.
    let again = run(&folder, &["executions", "retry", failed, "--from", "stop"]);
    assert_eq!(code(&again), 1, "{}", show(&again));
}
