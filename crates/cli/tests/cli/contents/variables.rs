//! Variables of tenants in the store.

use jackfield::store::Collection;
use serde_json::{Value, json as value};

use super::{done, json, put, run, said};
use crate::harness::{Folder, code, show};

/// Shows what it begins with: one variable of its own, and others.
const SHOWS: &str = r#"{
  "name": "shows",
  "variables": { "own": "workflow" },
  "nodes": [
    { "id": "show", "nodeType": "transform", "parameters": { "set": {
      "own": "{{ $vars.own }}", "region": "{{ $vars.region }}", "given": "{{ $vars.given }}" } } }
  ],
  "connections": {}
}"#;

const PARKS: &str = r#"{
  "name": "parks",
  "nodes": [
    { "id": "wait", "nodeType": "wait", "parameters": { "signal": "go" } },
    { "id": "show", "nodeType": "transform",
      "parameters": { "set": { "region": "{{ $vars.region }}" } } }
  ],
  "connections": { "wait": { "main": [["show"]] } }
}"#;

fn folder() -> Folder {
    Folder::new()
        .file("shows.json", SHOWS)
        .file("parks.json", PARKS)
}

fn set(folder: &Folder, name: &str, value: &str) {
    done(folder, &["variable", "set", name, value]);
}

/// What the workflow shows.
fn shown(folder: &Folder, more: &[&str]) -> Value {
    let report = json(
        folder,
        &[&["run", "shows.json", "--lenient"], more].concat(),
    );
    report["output"][0].clone()
}

#[test]
fn executions_begin_with_the_variables_of_their_tenant() {
    let folder = folder();
    set(&folder, "region", r#""eu""#);
    set(&folder, "own", r#""tenant""#);
    set(&folder, "given", "1");
    // Under those of the workflow and under those that are given.
    let item = shown(&folder, &["--set", "given=2"]);
    assert_eq!(
        item,
        value!({ "own": "workflow", "region": "eu", "given": 2 })
    );
    let item = shown(&folder, &[]);
    assert_eq!(
        item,
        value!({ "own": "workflow", "region": "eu", "given": 1 })
    );
    let others = shown(&folder, &["--tenant", "globex"]);
    assert_eq!(others["region"], Value::Null);
}

#[test]
fn what_an_execution_began_with_stays() {
    let folder = folder();
    set(&folder, "region", r#""eu""#);
    run(&folder, &["run", "parks.json", "--park"]);
    let listed = json(&folder, &["executions", "list"]).to_string();
    let at = listed.find("exec_").unwrap();
    let id = &listed[at..at + 37];
    set(&folder, "region", r#""us""#);
    done(&folder, &["signal", id, "go"]);
    let report = json(&folder, &["resume", id]);
    assert_eq!(report["output"][0]["region"], "eu");
    let begun = done(&folder, &["executions", "events", id, "--output", "json"]);
    let begun = begun.lines().next().unwrap();
    assert!(begun.contains(r#""region":"eu""#), "{begun}");
}

#[test]
fn variables_are_listed_shown_and_removed() {
    let folder = folder();
    set(&folder, "region", r#""eu""#);
    set(&folder, "limits", r#"{"rows": 5}"#);
    set(&folder, "minus", "-1");
    let listed = json(&folder, &["variable", "list"]);
    assert_eq!(
        listed,
        value!({ "limits": { "rows": 5 }, "minus": -1, "region": "eu" })
    );
    let table = done(&folder, &["variables", "list"]);
    assert!(table.contains("3 variables"), "{table}");
    let shown = done(&folder, &["variable", "show", "limits"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown, value!({ "rows": 5 }));
    let removed = run(&folder, &["variable", "remove", "nobody", "region"]);
    assert_eq!(code(&removed), 2, "{}", show(&removed));
    assert!(said(&removed).contains("no variable `nobody`"));
    let gone = run(&folder, &["variable", "show", "region"]);
    assert_eq!(code(&gone), 2);
    let others = done(&folder, &["variable", "list", "--tenant", "globex"]);
    assert!(others.contains("no variables"), "{others}");
}

#[test]
fn what_is_wrong_is_said_and_not_kept() {
    let folder = folder();
    let long = "n".repeat(300);
    let large = format!("\"{}\"", "v".repeat(110_000));
    for (name, text, hint) in [
        ("a", "eu", "texts stand in quotes"),
        ("", "1", "has a name of 1 to"),
        (&long, "1", "has a name of 1 to"),
        ("a\nb", "1", "has a name of 1 to"),
    ] {
        let refused = run(&folder, &["variable", "set", name, text]);
        assert_eq!(code(&refused), 2, "{}", show(&refused));
        assert!(said(&refused).contains(hint), "{}", said(&refused));
    }
    set(&folder, "large", &large);
    // One that cannot be read is named, and nothing begins without it.
    put(&folder, "default", Collection::Variables, "broken", "{");
    for command in [
        &["variable", "list"][..],
        &["run", "shows.json", "--lenient"],
    ] {
        let refused = run(&folder, command);
        assert_eq!(code(&refused), 2, "{}", show(&refused));
        assert!(said(&refused).contains("variable `broken` cannot be read"));
    }
    done(&folder, &["variable", "remove", "broken"]);
    assert_eq!(shown(&folder, &[])["own"], "workflow");
}
