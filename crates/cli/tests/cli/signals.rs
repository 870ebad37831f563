//! Ctrl-C.

#![cfg(unix)]

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

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
