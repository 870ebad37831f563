//! What keeps executions from one another and from what they lack, and where they are kept.

use serde_json::{Value, json};

use super::{WAITS, json_of, run, waiting};
use crate::guest::write_package;
use crate::harness::{Folder, code, show};
use crate::running::said;

#[test]
fn what_lacks_its_plugin_is_stuck_until_that_is_there_again() {
    let folder = Folder::new().file(
        "flow.json",
        r#"{ "name": "guests",
            "connections": { "wait": { "main": [["guest"]] } },
            "nodes": [{ "id": "wait", "nodeType": "wait", "parameters": { "signal": "go" } },
                { "id": "guest", "nodeType": "acme/guest" }] }"#,
    );
    write_package(&folder.path("plugins/guest"), "1.2.3");
    let with_plugins = ["--plugins", "plugins", "--signatures=ignored"];
    let ids: Vec<String> = (0..2)
        .map(|_| {
            let running = waiting(&folder, &with_plugins);
            let id = running.execution().to_owned();
            running.kill();
            run(&folder, &["signal", &id, "go"]);
            id
        })
        .collect();

    let stuck = run(&folder, &["resume", &ids[0]]);
    assert_eq!(code(&stuck), 1, "{}", show(&stuck));
    let text = said(&stuck);
    assert!(text.starts_with("error[EXECUTION_STUCK] "), "{text}");
    assert!(text.contains("`acme/guest` 1.2.3"), "{text}");
    let stuck = run(&folder, &["resume"]);
    assert_eq!(code(&stuck), 1, "{}", show(&stuck));
    assert!(said(&stuck).contains("1 execution: 1 stuck"));

    let listed = json_of(&folder, &["executions", "list", "--state", "stuck"]);
    assert_eq!(listed["executions"].as_array().unwrap().len(), 2);
    let shown = run(
        &folder,
        &["executions", "show", &ids[0], "--output", "json"],
    );
    assert_eq!(code(&shown), 2, "{}", show(&shown));
    let known: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(known["execution"]["state"]["state"], "stuck");
    assert_eq!(known["report"], Value::Null);
    let events = run(&folder, &["executions", "events", &ids[0]]);
    assert_eq!(code(&events), 2, "{}", show(&events));
    assert!(
        String::from_utf8(events.stdout)
            .unwrap()
            .contains("execution-started")
    );

    // One goes on, the other one is let go.
    let goes_on = [&["resume", &ids[0]], &with_plugins[..]].concat();
    let report = json_of(&folder, &goes_on);
    assert_eq!(report["output"], json!([{ "a": 1 }]));
    run(&folder, &["executions", "cancel", &ids[1]]);
    let ended = run(&folder, &["resume"]);
    assert_eq!(code(&ended), 0, "{}", show(&ended));
    let shown = json_of(&folder, &["executions", "list", "--status", "cancelled"]);
    assert_eq!(shown["executions"][0]["id"], ids[1].as_str());
}

#[test]
fn no_command_reaches_the_executions_of_another_tenant() {
    let folder = Folder::new().file("flow.json", WAITS);
    let running = waiting(&folder, &["--tenant", "acme"]);
    let id = running.execution().to_owned();
    running.kill();
    let as_globex = ["--tenant", "globex"];
    for arguments in [
        &["resume", &id][..],
        &["signal", &id, "go"],
        &["approve", &id],
        &["reject", &id, "go"],
        &["executions", "show", &id],
        &["executions", "events", &id],
        &["executions", "cancel", &id],
        &["executions", "pause", &id],
        &["executions", "resume", &id],
        &["executions", "retry", &id, "--from", "after"],
        &["executions", "export", &id],
    ] {
        let refused = run(&folder, &[arguments, &as_globex[..]].concat());
        assert_eq!(code(&refused), 2, "{arguments:?}: {}", show(&refused));
        let text = said(&refused);
        assert!(text.starts_with("error[UNKNOWN_EXECUTION] "), "{text}");
    }
    let listed = json_of(&folder, &["executions", "list", "--tenant", "globex"]);
    assert_eq!(listed["executions"], json!([]));
    let nothing = run(&folder, &["resume", "--tenant", "globex"]);
    assert_eq!(said(&nothing), "nothing is left to do now\n");

    let sent = run(&folder, &["signal", &id, "go", "--tenant", "acme"]);
    assert_eq!(code(&sent), 0, "{}", show(&sent));
    let all = run(&folder, &["resume", "--all-tenants"]);
    assert_eq!(code(&all), 0, "{}", show(&all));
    let text = String::from_utf8(all.stdout).unwrap();
    assert!(
        text.starts_with(&format!("acme {id} waits: success in ")),
        "{text}"
    );
}

#[test]
fn a_flag_names_the_store_before_the_environment_and_that_before_the_settings() {
    let folder = Folder::with_hello().file("home/settings.toml", "store = \"settings.db\"\n");
    let stores =
        || ["home/settings.db", "environment.db", "flag.db"].map(|name| folder.path(name).exists());
    let arguments = ["run", "hello.json", "--durability", "full"];
    assert_eq!(code(&folder.run(&arguments)), 0);
    assert_eq!(stores(), [true, false, false]);
    let mut command = folder.command(&arguments);
    let output = command.env("JACKFIELD_STORE", "environment.db").output();
    assert_eq!(code(&output.unwrap()), 0);
    assert_eq!(stores(), [true, true, false]);
    let mut command = folder.command(&[&arguments[..], &["--store", "flag.db"]].concat());
    let output = command.env("JACKFIELD_STORE", "environment.db").output();
    assert_eq!(code(&output.unwrap()), 0);
    assert_eq!(stores(), [true, true, true]);
}

#[test]
fn the_approval_of_the_examples_is_paid_or_sent_back() {
    let flow = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../examples/durable/approval.json"
    );
    for (command, outcome) in [
        ("approve", "paid, approved by Ada"),
        ("reject", "rejected: too much"),
    ] {
        let folder = Folder::new();
        let parked = run(&folder, &["run", flow, "--park", "--output", "json"]);
        assert_eq!(code(&parked), 5, "{}", show(&parked));
        let report: Value = serde_json::from_slice(&parked.stdout).unwrap();
        let id = report["executionId"].as_str().unwrap();
        assert_eq!(report["output"].as_array().unwrap().len(), 2);
        let decision = ["--by", "Ada", "--comment", "too much"];
        let decided = run(&folder, &[&[command, id][..], &decision].concat());
        assert_eq!(code(&decided), 0, "{}", show(&decided));
        let report = json_of(&folder, &["resume", id]);
        let outcomes = report["output"].as_array().unwrap().iter();
        let decided = outcomes.filter(|item| item["outcome"] == outcome);
        assert_eq!(decided.count(), 2, "{report}");
    }
}
