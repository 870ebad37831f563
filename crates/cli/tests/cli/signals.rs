//! Ctrl-C.

#![cfg(unix)]

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::guest::write_endless_package;
use crate::harness::Folder;

const WAITS: &str = r#"{
  "name": "waits",
  "nodes": [
    { "id": "wait", "nodeType": "wait", "parameters": { "for": "1h" } },
    { "id": "after", "nodeType": "no-op" }
  ],
  "connections": { "wait": { "main": [[{ "node": "after" }]] } }
}"#;

fn interrupt(child: &Child, signal: &str) {
    let sent = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
}

#[test]
fn a_signal_cancels_the_execution_cleanly() {
    for signal in ["-INT", "-TERM"] {
        let folder = Folder::new().file("waits.json", WAITS);
        let mut child = folder
            .process(&["run", "waits.json", "--output", "events"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut events = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.contains("attempt-succeeded") {
            line.clear();
            assert!(
                events.read_line(&mut line).unwrap() > 0,
                "it ended by itself"
            );
        }
        interrupt(&child, signal);
        let mut rest = String::new();
        events.read_to_string(&mut rest).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(1), "{signal}");
        let last: Value = serde_json::from_str(rest.lines().last().unwrap()).unwrap();
        assert_eq!(last["event"], "execution-finished");
        assert_eq!(last["status"], "cancelled");
    }
}

#[test]
fn a_signal_ends_a_plugin_that_computes() {
    let folder = Folder::new().file(
        "endless.json",
        r#"{ "name": "endless", "connections": { "first": { "main": [["guest"]] } }, "nodes": [
            { "id": "first", "nodeType": "no-op" }, { "id": "guest", "nodeType": "acme/guest" }] }"#,
    );
    write_endless_package(&folder.path("guest"));
    let arguments = [
        "run",
        "endless.json",
        "--output",
        "events",
        "--plugins",
        "guest",
        "--signatures=ignored",
    ];
    let mut child = folder
        .process(&arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut events = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !(line.contains("attempt-started") && line.contains("\"guest\"")) {
        line.clear();
        assert!(
            events.read_line(&mut line).unwrap() > 0,
            "it ended by itself"
        );
    }
    interrupt(&child, "-INT");
    let mut rest = String::new();
    events.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let last: Value = serde_json::from_str(rest.lines().last().unwrap()).unwrap();
    assert_eq!(last["status"], "cancelled", "{rest}");
}
