//! Executions as files: written, replayed and taken in, and files that are not what they should be.

use std::fs;
use std::process::Output;

use serde_json::{Value, json};

use crate::guest::write_package;
use crate::harness::{Folder, PEOPLE, code, show};
use crate::running::said;

const PLUGINS: [&str; 3] = ["--plugins", "plugins", "--signatures=ignored"];

/// Exports the one execution that a folder has of a workflow; gives its id.
fn export(folder: &Folder, workflow: &str, more: &[&str]) -> String {
    let arguments = ["run", workflow, "--store", "runs.db", "--output", "json"];
    let report = folder.json(&[&arguments, more].concat());
    let id = report["executionId"].as_str().unwrap().to_owned();
    let export = [
        "executions",
        "export",
        &id,
        "-o",
        "run.json",
        "--store",
        "runs.db",
    ];
    let plugins = if more == PLUGINS { more } else { &[] };
    let exported = folder.run(&[&export[..], plugins].concat());
    assert_eq!(code(&exported), 0, "{}", show(&exported));
    id
}

fn import(folder: &Folder, file: &str, more: &[&str]) -> Output {
    let arguments = ["executions", "import", file, "--store", "new.db"];
    folder.run(&[&arguments, more].concat())
}

/// What is in the store that files are taken into.
fn taken_in(folder: &Folder) -> Vec<Value> {
    if !folder.path("new.db").exists() {
        return Vec::new();
    }
    let arguments = [
        "executions",
        "list",
        "--store",
        "new.db",
        "--output",
        "json",
    ];
    let listed = folder.json(&arguments);
    listed["executions"].as_array().unwrap().clone()
}

#[track_caller]
fn refused(output: &Output, part: &str) {
    assert_eq!(code(output), 2, "{part}: {}", show(output));
    assert!(said(output).contains(part), "{part}: {}", said(output));
}

#[test]
fn a_file_that_was_tampered_with_is_not_taken_in_and_it_is_said_where() {
    let folder = Folder::with_hello();
    let id = export(&folder, "hello.json", &["--input", PEOPLE]);
    let text = fs::read_to_string(folder.path("run.json")).unwrap();
    let place = text.find("\"records\"").unwrap();
    for (name, changed) in [
        (
            "name.json",
            text.replacen("\"name\":\"hello\"", "\"name\":\"hullo\"", 1),
        ),
        (
            "time.json",
            text.replacen("\"createdAt\":\"20", "\"createdAt\":\"19", 1),
        ),
        (
            "report.json",
            text.replacen("\"status\":\"success\"", "\"status\":\"skipped\"", 1),
        ),
    ] {
        assert_ne!(changed, text, "{name}");
        fs::write(folder.path(name), changed).unwrap();
        refused(
            &import(&folder, name, &[]),
            "was changed, or cut off, between the bytes ",
        );
    }
    let mut bytes = text.clone().into_bytes();
    bytes.truncate(place);
    fs::write(folder.path("cut.json"), &bytes).unwrap();
    refused(&import(&folder, "cut.json", &[]), "line 1 column ");
    fs::write(folder.path("more.json"), text.clone() + "{}").unwrap();
    refused(
        &import(&folder, "more.json", &[]),
        "trailing characters at line 1",
    );
    let pretty: Value = serde_json::from_str(&text).unwrap();
    let pretty = serde_json::to_string_pretty(&pretty).unwrap();
    fs::write(folder.path("pretty.json"), pretty).unwrap();
    refused(
        &import(&folder, "pretty.json", &[]),
        "take the file as it was exported",
    );
    let replayed = folder.run(&["replay", "pretty.json"]);
    assert_eq!(code(&replayed), 0, "how it is written makes no difference");
    assert_eq!(taken_in(&folder), [] as [Value; 0]);

    // A line's end, as editors and terminals add it, is no change.
    fs::write(folder.path("line.json"), text + "\n").unwrap();
    let taken = import(&folder, "line.json", &[]);
    assert_eq!(code(&taken), 0, "{}", show(&taken));
    assert_eq!(taken_in(&folder)[0]["id"], id.as_str());
}

#[test]
fn a_file_of_another_version_or_of_another_kind_says_what_to_do() {
    let folder = Folder::with_hello();
    export(&folder, "hello.json", &[]);
    let text = fs::read_to_string(folder.path("run.json")).unwrap();
    let version = |number: u32| {
        let version = format!("\"jackfieldExecution\":{number}");
        text.replacen("\"jackfieldExecution\":2", &version, 1)
    };
    for (file, content, part) in [
        (
            "newer.json",
            version(3),
            "format version 3, and this program knows 2",
        ),
        (
            "older.json",
            version(1),
            "it can be replayed, and has to be exported again",
        ),
        ("none.json", version(0), "format version 0"),
        (
            "workflow.json",
            fs::read_to_string(folder.path("hello.json")).unwrap(),
            "no exported",
        ),
        ("deep.json", "[".repeat(500), "120 deep"),
    ] {
        fs::write(folder.path(file), content).unwrap();
        refused(&import(&folder, file, &[]), part);
    }
    refused(&folder.run(&["replay", "newer.json"]), "knows 2");
    let old = folder.run(&["replay", "older.json"]);
    assert_eq!(code(&old), 0, "{}", show(&old));
    refused(&import(&folder, "missing.json", &[]), "missing.json");
    refused(&import(&folder, ".", &[]), "it is a directory");
    assert_eq!(taken_in(&folder), [] as [Value; 0]);
    let store = ["--store", "runs.db"];
    let unknown = "exec_00000000000000000000000000000000";
    let export = ["executions", "export", unknown, "-o", "other.json"];
    refused(
        &folder.run(&[&export[..], &store].concat()),
        "error[UNKNOWN_EXECUTION]",
    );
    assert!(!folder.path("other.json").exists());
}

#[test]
fn what_lacks_its_plugin_is_replayed_and_taken_in_once_that_is_there() {
    let workflow = json!({
        "name": "guest",
        "nodes": [
            { "id": "start", "nodeType": "trigger.manual" },
            { "id": "guest", "nodeType": "acme/guest" },
        ],
        "connections": { "start": { "main": [["guest"]] } },
    });
    let folder = Folder::new().file("flow.json", workflow.to_string());
    write_package(&folder.path("plugins/guest"), "1.2.3");
    let id = export(&folder, "flow.json", &PLUGINS);
    let part = "needs node type `acme/guest` 1.2.3";
    refused(&folder.run(&["replay", "run.json"]), part);
    refused(&import(&folder, "run.json", &[]), part);
    refused(&import(&folder, "run.json", &[]), "--plugins DIR");
    assert_eq!(taken_in(&folder), [] as [Value; 0]);

    let replayed = folder.run(&[&["replay", "run.json"], &PLUGINS[..]].concat());
    assert_eq!(code(&replayed), 0, "{}", show(&replayed));
    let taken = import(&folder, "run.json", &PLUGINS);
    assert_eq!(code(&taken), 0, "{}", show(&taken));
    let known = taken_in(&folder);
    assert_eq!(
        (&known[0]["id"], &known[0]["state"]["status"]),
        (&json!(id), &json!("success"))
    );
}

#[test]
fn what_had_not_ended_is_paused_and_goes_on_for_whoever_took_it_in() {
    let workflow = json!({
        "name": "waits",
        "settings": { "timeout": "1h" },
        "nodes": [
            { "id": "one", "nodeType": "wait", "parameters": { "signal": "one" } },
            { "id": "two", "nodeType": "wait", "parameters": { "signal": "two" } },
        ],
        "connections": { "one": { "main": [["two"]] } },
    });
    let folder = Folder::new().file("flow.json", workflow.to_string());
    let store = ["--store", "runs.db"];
    let parked = folder.run(&[&["run", "flow.json", "--park"], &store[..]].concat());
    assert_eq!(code(&parked), 5, "{}", show(&parked));
    let listed = folder.json(&[&["executions", "list", "--output", "json"], &store[..]].concat());
    let id = listed["executions"][0]["id"].as_str().unwrap().to_owned();
    let done = |arguments: &[&str]| {
        let output = folder.run(arguments);
        assert_eq!(code(&output), 0, "{arguments:?}: {}", show(&output));
    };
    done(&["signal", &id, "one", "--store", "runs.db"]);
    done(&["resume", "--store", "runs.db"]);
    done(&[
        "executions",
        "export",
        &id,
        "-o",
        "run.json",
        "--store",
        "runs.db",
    ]);
    let taken = import(
        &folder,
        "run.json",
        &["--user", "ada@example.com", "--output", "json"],
    );
    assert_eq!(code(&taken), 0, "{}", show(&taken));
    let known = taken_in(&folder);
    assert_eq!(known[0]["state"]["state"], "paused");
    assert_eq!(known[0]["user"], "ada@example.com");
    done(&["signal", &id, "two", "--store", "new.db"]);
    let report = folder.json(&["resume", &id, "--store", "new.db", "--output", "json"]);
    assert_eq!(report["status"], "success", "{report}");
}
