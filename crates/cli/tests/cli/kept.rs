//! Executions that outlive the command that runs them.

mod apart;
mod told;

use std::fs;
use std::process::Output;

use serde_json::{Value, json};

use crate::harness::{Folder, code, show};
use crate::running::{Running, said};
use crate::server::Server;

const STORE: [&str; 2] = ["--store", "runs.db"];

/// Passes by the server before and after it waits.
fn calls(server: &Server, wait: &Value, first: &str) -> String {
    let call = |id: &str, path: &str| {
        json!({ "id": id, "nodeType": "http-request",
            "parameters": { "method": "POST", "url": server.url(path) } })
    };
    json!({
        "name": "calls",
        "nodes": [
            call("before", first),
            { "id": "wait", "nodeType": "wait", "parameters": wait },
            call("after", "/after"),
        ],
        "connections": {
            "before": { "main": [["wait"]] },
            "wait": { "main": [["after"]] },
        },
    })
    .to_string()
}

const WAITS: &str = r#"{
  "name": "waits",
  "nodes": [
    { "id": "wait", "nodeType": "wait", "parameters": { "signal": "go" } },
    { "id": "after", "nodeType": "no-op" }
  ],
  "connections": { "wait": { "main": [["after"]] } }
}"#;

/// The command with the store, run to its end.
fn run(folder: &Folder, arguments: &[&str]) -> Output {
    folder.run(&[arguments, &STORE].concat())
}

fn json_of(folder: &Folder, arguments: &[&str]) -> Value {
    folder.json(&[arguments, &STORE, &["--output", "json"]].concat())
}

/// Begins to run a workflow, and waits until one of its nodes waits.
fn waiting(folder: &Folder, more: &[&str]) -> Running {
    let arguments = ["run", "flow.json", "--output", "events"];
    let mut running = Running::start(folder, &[&arguments, &STORE[..], more].concat());
    running.until(|event| event["event"] == "attempt-succeeded" && event["nodeName"] == "wait");
    running
}

#[test]
fn what_was_done_before_a_kill_is_not_done_again() {
    let server = Server::start();
    let folder = Folder::new().file(
        "flow.json",
        calls(&server, &json!({ "for": "1s" }), "/before"),
    );
    let running = waiting(&folder, &["--allow-private-network"]);
    let id = running.execution().to_owned();
    running.kill();
    assert_eq!(server.requests("/before").len(), 1);
    assert!(server.requests("/after").is_empty());

    let report = json_of(&folder, &["resume", &id, "--allow-private-network"]);
    assert_eq!(report["executionId"], id.as_str());
    assert_eq!(report["status"], "success");
    let (before, after) = (server.requests("/before"), server.requests("/after"));
    assert_eq!((before.len(), after.len()), (1, 1));
    let keys = [&before[0].key, &after[0].key];
    assert!(keys.iter().all(|key| key.is_some()), "{keys:?}");
    assert_ne!(keys[0], keys[1]);

    let again = run(&folder, &["resume", &id]);
    assert_eq!(code(&again), 2, "{}", show(&again));
    assert!(said(&again).starts_with("error[EXECUTION_ENDED] "));
}

#[test]
fn what_was_being_done_is_done_once_more_under_the_same_key() {
    let server = Server::start();
    let folder = Folder::new().file(
        "flow.json",
        calls(&server, &json!({ "for": "1ms" }), "/held"),
    );
    let arguments = ["run", "flow.json", "--allow-private-network"];
    let running = Running::start(&folder, &[&arguments, &STORE[..]].concat());
    server.wait_for("/held");
    running.kill();

    let resumed = run(
        &folder,
        &["resume", "--allow-private-network", "--output", "json"],
    );
    assert_eq!(code(&resumed), 0, "{}", show(&resumed));
    let taken: Value = serde_json::from_slice(&resumed.stdout).unwrap();
    assert_eq!(
        (&taken["tenant"], &taken["workflow"], &taken["status"]),
        (&json!("default"), &json!("calls"), &json!("success"))
    );
    assert!(said(&resumed).contains("1 execution: 1 succeeded"));
    let held = server.requests("/held");
    assert_eq!(held.len(), 2);
    assert!(held[0].key.is_some());
    assert_eq!(held[0].key, held[1].key);
    assert_eq!(server.requests("/after").len(), 1);

    let nothing = run(&folder, &["resume"]);
    assert_eq!(code(&nothing), 0, "{}", show(&nothing));
    assert_eq!(said(&nothing), "nothing is left to do now\n");
}

#[cfg(unix)]
#[test]
fn an_interrupt_leaves_what_is_kept_as_it_is() {
    for signal in ["-INT", "-TERM"] {
        let folder = Folder::new().file("flow.json", WAITS);
        let running = waiting(&folder, &[]);
        let id = running.execution().to_owned();
        running.signal(signal);
        let left = running.output();
        assert_eq!(code(&left), 5, "{}", show(&left));
        let text = said(&left);
        for part in [
            format!("execution {id} is kept in sqlite:runs.db\n"),
            format!("node `wait` waits for the signal `go`: jackfield signal {id} go\n"),
            format!("execution {id} stopped here and is kept; `jackfield resume {id}`"),
        ] {
            assert!(text.contains(&part), "{part}: {text}");
        }
        let listed = json_of(&folder, &["executions", "list"]);
        assert_eq!(listed["executions"][0]["state"]["state"], "running");

        let cancelled = run(&folder, &["executions", "cancel", &id]);
        assert_eq!(code(&cancelled), 0, "{}", show(&cancelled));
        let resumed = run(&folder, &["resume", &id, "--output", "json"]);
        assert_eq!(code(&resumed), 1, "{}", show(&resumed));
        let report: Value = serde_json::from_slice(&resumed.stdout).unwrap();
        assert_eq!(report["status"], "cancelled");
    }
}

#[test]
fn signals_and_pauses_reach_an_execution_that_runs_elsewhere() {
    let folder = Folder::new().file("flow.json", WAITS);
    let running = waiting(&folder, &[]);
    let id = running.execution().to_owned();
    let paused = run(&folder, &["executions", "pause", &id]);
    assert_eq!(code(&paused), 0, "{}", show(&paused));
    let left = running.output();
    assert_eq!(code(&left), 5, "{}", show(&left));
    assert!(said(&left).contains(&format!("execution {id} is paused")));

    // What is paused goes on only when somebody says so.
    let nothing = run(&folder, &["resume"]);
    assert_eq!(said(&nothing), "nothing is left to do now\n");
    let sent = run(&folder, &["signal", &id, "go", "--data", r#"{"n": 1}"#]);
    assert_eq!(code(&sent), 0, "{}", show(&sent));
    let report = json_of(&folder, &["resume", &id]);
    assert_eq!(report["output"], json!([{ "n": 1 }]));

    let running = waiting(&folder, &[]);
    let id = running.execution().to_owned();
    let data = folder.path("data.json");
    fs::write(data, r#"[{"n": 2}, {"n": 3}]"#).unwrap();
    let sent = run(&folder, &["signal", &id, "go", "--data", "@data.json"]);
    assert_eq!(code(&sent), 0, "{}", show(&sent));
    let ended = running.output();
    assert_eq!(code(&ended), 0, "{}", show(&ended));
}

#[test]
fn what_waits_for_long_waits_without_a_process_and_is_taken_up_when_it_is_due() {
    let folder = Folder::new().file("flow.json", WAITS);
    let running = waiting(&folder, &[]);
    let id = running.execution().to_owned();
    running.kill();
    let parked = run(&folder, &["resume", "--output", "json"]);
    assert_eq!(code(&parked), 0, "{}", show(&parked));
    let taken: Value = serde_json::from_slice(&parked.stdout).unwrap();
    assert_eq!(
        (&taken["executionId"], &taken["state"]),
        (&json!(id), &json!("parked"))
    );
    assert!(said(&parked).contains("1 execution: 1 to go on later"));
    let shown = json_of(&folder, &["executions", "show", &id]);
    assert_eq!(shown["waits"][0]["signal"], "go");

    run(&folder, &["signal", &id, "go"]);
    let resumed = run(&folder, &["resume", "--output", "events"]);
    assert_eq!(code(&resumed), 0, "{}", show(&resumed));
    let events = String::from_utf8(resumed.stdout).unwrap();
    let events: Vec<Value> = events
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    // Only what is new.
    assert_eq!(events[0]["event"], "signal-received");
    assert_eq!(events.last().unwrap()["status"], "success");
}

#[test]
fn a_run_may_leave_what_waits_to_whoever_takes_it_up() {
    let folder = Folder::new().file("flow.json", WAITS);
    let parked = run(&folder, &["run", "flow.json", "--park", "--output", "json"]);
    assert_eq!(code(&parked), 5, "{}", show(&parked));
    let report: Value = serde_json::from_slice(&parked.stdout).unwrap();
    assert_eq!(report["status"], "running");
    let id = report["executionId"].as_str().unwrap();
    let is_kept = format!("execution {id} is kept: waits for a signal\n");
    assert!(said(&parked).ends_with(&is_kept), "{}", said(&parked));
    run(&folder, &["signal", id, "go", "--data", r#"{"n": 1}"#]);
    let resumed = run(&folder, &["resume"]);
    assert_eq!(code(&resumed), 0, "{}", show(&resumed));
    let shown = json_of(&folder, &["executions", "show", id]);
    assert_eq!(shown["report"]["output"], json!([{ "n": 1 }]));
    // Without a store it would be lost.
    let refused = folder.run(&["run", "flow.json", "--park"]);
    assert_eq!(code(&refused), 2, "{}", show(&refused));
}

#[cfg(unix)]
#[test]
fn a_worker_takes_up_what_comes_until_it_is_told_to_stop() {
    let folder = Folder::new().file("flow.json", WAITS);
    let running = waiting(&folder, &[]);
    let id = running.execution().to_owned();
    running.kill();
    let arguments = ["resume", "--watch", "--output", "events"];
    let mut worker = Running::start(&folder, &[&arguments, &STORE[..]].concat());
    let sent = run(&folder, &["signal", &id, "go"]);
    assert_eq!(code(&sent), 0, "{}", show(&sent));
    let last = worker.until(|event| event["event"] == "execution-finished");
    assert_eq!(last["status"], "success");
    worker.signal("-TERM");
    let ended = worker.output();
    assert_eq!(code(&ended), 0, "{}", show(&ended));
    assert!(said(&ended).contains("1 execution: 1 succeeded"));
}

#[test]
fn a_second_worker_is_told_who_the_first_one_is() {
    let folder = Folder::new().file("flow.json", WAITS);
    let running = waiting(&folder, &[]);
    for arguments in [&["resume"][..], &["run", "flow.json"]] {
        let refused = run(&folder, arguments);
        assert_eq!(code(&refused), 4, "{}", show(&refused));
        let text = said(&refused);
        assert!(text.starts_with("error[STORE_IN_USE] "), "{text}");
        let process = format!("process {} runs executions in it", running.process());
        assert!(text.contains(&process), "{text}");
    }
    // Looking and asking goes on meanwhile.
    let id = running.execution();
    for arguments in [
        &["executions", "list"][..],
        &["executions", "show", id],
        &["executions", "events", id],
        &["gc", "--keep", "1"],
    ] {
        let done = run(&folder, arguments);
        assert_eq!(code(&done), 0, "{}", show(&done));
    }
}
