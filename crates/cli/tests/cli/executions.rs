//! Looking at executions that are kept, and steering them.

use std::collections::BTreeSet;
use std::fs;
use std::process::Output;

use serde_json::{Value, json};

use crate::harness::{Folder, PEOPLE, assert_shown, code, show};
use crate::running::said;

/// A store with one execution of `hello.json` in it.
fn folder() -> Folder {
    let folder = Folder::with_hello();
    greet(&folder, PEOPLE);
    folder
}

fn greet(folder: &Folder, people: &str) -> String {
    let arguments = ["run", "hello.json", "--input", people];
    let report = json_of(folder, &arguments);
    report["executionId"].as_str().unwrap().to_owned()
}

fn run(folder: &Folder, arguments: &[&str]) -> Output {
    folder.run(&[arguments, &["--store", "runs.db"]].concat())
}

fn json_of(folder: &Folder, arguments: &[&str]) -> Value {
    folder.json(&[arguments, &["--store", "runs.db", "--output", "json"]].concat())
}

/// The execution that was made last.
fn newest(folder: &Folder) -> String {
    let listed = json_of(folder, &["executions", "list", "--limit", "1"]);
    listed["executions"][0]["id"].as_str().unwrap().to_owned()
}

/// What differs from run to run, taken out.
fn steady(text: &str) -> String {
    let mut steady = String::new();
    for part in text.split_inclusive(|one: char| one.is_whitespace() || one == '"') {
        let word = part.trim_end_matches(|one: char| one.is_whitespace() || one == '"');
        let rest = &part[word.len()..];
        let is_time = word.len() >= 20 && word.starts_with("20") && word.ends_with('Z');
        steady.push_str(if is_time { "TIME" } else { word });
        steady.push_str(rest);
    }
    steady
}

fn shown(folder: &Folder, arguments: &[&str]) -> String {
    steady(&show(&run(folder, arguments)))
}

#[test]
fn an_execution_is_shown_as_it_stands_and_as_it_stood() {
    let folder = folder();
    let id = newest(&folder);
    assert_shown("executions_list", &shown(&folder, &["executions", "list"]));
    assert_shown(
        "executions_show",
        &shown(&folder, &["executions", "show", &id]),
    );
    let before = ["executions", "show", &id, "--at", "4"];
    assert_shown("executions_show_at", &shown(&folder, &before));
    let events = shown(&folder, &["executions", "events", &id]);
    assert_shown("executions_events", &events);

    let known = json_of(&folder, &["executions", "show", &id, "--at", "4"]);
    assert_eq!(known["at"], 4);
    assert_eq!(known["report"]["status"], "running");
    assert_eq!(known["report"]["nodes"]["Start"]["status"], "success");
    assert_eq!(known["report"]["nodes"]["Greet"]["status"], "pending");
    let late = run(&folder, &["executions", "show", &id, "--at", "99"]);
    assert_eq!(code(&late), 2, "{}", show(&late));

    let arguments = ["executions", "events", &id, "--from", "3"];
    let events = run(&folder, &[&arguments[..], &["--output", "json"]].concat());
    let events = String::from_utf8(events.stdout).unwrap();
    let first: Value = serde_json::from_str(events.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&first["sequence"], &first["nodeName"]),
        (&json!(3), &json!("Start"))
    );
    let raw = run(
        &folder,
        &["executions", "events", &id, "--raw", "--output", "json"],
    );
    let raw = String::from_utf8(raw.stdout).unwrap();
    let first: Value = serde_json::from_str(raw.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&first["sequence"], &first["record"]["v"]),
        (&json!(1), &json!(1))
    );
    // Following what has ended ends.
    let followed = run(&folder, &["executions", "events", &id, "--follow"]);
    assert_eq!(code(&followed), 0, "{}", show(&followed));
}

#[test]
fn pages_are_found_by_their_cursor_and_filters_hold() {
    let folder = folder();
    for _ in 0..4 {
        greet(&folder, PEOPLE);
    }
    let failing = r#"{"name": "fails", "connections": {},
        "nodes": [{ "id": "stop", "nodeType": "stop-and-error", "parameters": { "message": "no" } }]}"#;
    fs::write(folder.path("fails.json"), failing).unwrap();
    assert_eq!(code(&run(&folder, &["run", "fails.json"])), 1);

    let mut seen = BTreeSet::new();
    let mut after: Option<String> = None;
    loop {
        let mut arguments = vec!["executions", "list", "--limit", "2"];
        if let Some(after) = &after {
            arguments.extend(["--after", after]);
        }
        let page = json_of(&folder, &arguments);
        let listed = page["executions"].as_array().unwrap();
        assert!((1..=2).contains(&listed.len()));
        for execution in listed {
            assert!(seen.insert(execution["id"].as_str().unwrap().to_owned()));
        }
        match page["next"].as_str() {
            Some(next) => after = Some(next.to_owned()),
            None => break,
        }
    }
    assert_eq!(seen.len(), 6);
    let pretty = run(&folder, &["executions", "list", "--limit", "2"]);
    assert!(
        String::from_utf8(pretty.stdout)
            .unwrap()
            .contains("there are more: --after ")
    );

    for (filter, number) in [
        (&["--status", "error"][..], 1),
        (&["--status", "success", "--workflow", "hello"], 5),
        (&["--workflow", "fails"], 1),
        (&["--workflow", "other"], 0),
        (&["--state", "ended", "--since", "1h"], 6),
        (&["--until", "1h"], 0),
        (&["--state", "running"], 0),
    ] {
        let page = json_of(&folder, &[&["executions", "list"], filter].concat());
        assert_eq!(
            page["executions"].as_array().unwrap().len(),
            number,
            "{filter:?}"
        );
    }
    let none = run(&folder, &["executions", "list", "--after", "nowhere"]);
    assert_eq!(code(&none), 2, "{}", show(&none));
}

#[test]
fn an_execution_starts_over_from_a_node_with_other_items() {
    let folder = folder();
    let id = newest(&folder);
    let edited = r#"[{"name": "Eve", "age": 20}]"#;
    let retry = ["executions", "retry", &id, "--from", "Greet"];
    let report = json_of(&folder, &[&retry[..], &["--edit-input", edited]].concat());
    assert_eq!(
        report["nodes"]["Greet"]["output"]["main"][0][0]["result"],
        "hello Eve"
    );
    let retried = newest(&folder);
    assert_ne!(retried, id);
    let shown = json_of(&folder, &["executions", "show", &retried]);
    assert_eq!(shown["execution"]["retryOf"], id.as_str());

    for (from, part) in [("Nobody", "has no node `Nobody`"), ("", "has no node ``")] {
        let refused = run(&folder, &["executions", "retry", &id, "--from", from]);
        assert_eq!(code(&refused), 2, "{}", show(&refused));
        assert!(said(&refused).contains(part), "{}", said(&refused));
    }
}

#[test]
fn an_execution_is_exported_replayed_and_taken_in_elsewhere() {
    let folder = folder();
    let id = newest(&folder);
    let exported = run(&folder, &["executions", "export", &id, "-o", "run.json"]);
    assert_eq!(code(&exported), 0, "{}", show(&exported));
    assert!(exported.stdout.is_empty());
    let printed = run(&folder, &["executions", "export", &id]);
    let text = fs::read_to_string(folder.path("run.json")).unwrap();
    assert_eq!(String::from_utf8(printed.stdout).unwrap().trim_end(), text);

    let same = folder.run(&["replay", "run.json"]);
    assert_eq!(code(&same), 0, "{}", show(&same));
    let altered = text.replace("hello Ada", "hullo Ada");
    let once = altered.replacen("hullo Ada", "hello Ada", 1);
    fs::write(folder.path("altered.json"), once).unwrap();
    assert_shown("replay_differs", &folder.shown(&["replay", "altered.json"]));
    let known = folder.run(&["replay", "altered.json", "--output", "json"]);
    assert_eq!(code(&known), 6, "{}", show(&known));
    let known: Value = serde_json::from_slice(&known.stdout).unwrap();
    assert!(
        known["difference"]["place"]
            .as_str()
            .unwrap()
            .starts_with("/nodes/Greet/")
    );

    let into = ["--store", "other.db", "--output", "json"];
    let import = ["executions", "import", "run.json"];
    let taken = folder.json(&[&import[..], &into].concat());
    assert_eq!(taken["id"], id.as_str());
    let listed = folder.json(&[&["executions", "show", &id], &into[..]].concat());
    assert_eq!(listed["report"]["status"], "success");
    let again = folder.run(&[&import[..], &into].concat());
    assert_eq!(code(&again), 2, "{}", show(&again));
    assert!(said(&again).contains("exists already"), "{}", said(&again));
}

#[test]
fn files_that_are_no_exported_executions_are_refused() {
    let folder = folder();
    let id = newest(&folder);
    run(&folder, &["executions", "export", &id, "-o", "run.json"]);
    let text = fs::read_to_string(folder.path("run.json")).unwrap();
    let newer = text.replacen("\"jackfieldExecution\":2", "\"jackfieldExecution\":9", 1);
    assert_ne!(newer, text);
    for (name, content) in [
        ("cut.json", &text[..text.len() / 2]),
        ("newer.json", &newer),
        ("empty.json", ""),
        ("other.json", "{\"nodes\": []}"),
        ("no.json", "no JSON"),
    ] {
        fs::write(folder.path(name), content).unwrap();
        for command in [
            &["replay"][..],
            &["executions", "import", "--store", "new.db"],
        ] {
            let refused = folder.run(&[command, &[name]].concat());
            assert_eq!(code(&refused), 2, "{name}: {}", show(&refused));
            assert!(
                said(&refused).starts_with("error[INVALID_INPUT] "),
                "{}",
                said(&refused)
            );
        }
    }
    // A record that makes no sense is a difference, and is not taken in.
    let event = "\"event\":\"attempt-succeeded\"";
    let record = text.replacen(event, "\"event\":\"cancel-requested\"", 1);
    assert_ne!(record, text);
    fs::write(folder.path("record.json"), record).unwrap();
    let differs = folder.run(&["replay", "record.json"]);
    assert_eq!(code(&differs), 6, "{}", show(&differs));
    let import = ["executions", "import", "record.json", "--store", "new.db"];
    let refused = folder.run(&import);
    assert_eq!(code(&refused), 2, "{}", show(&refused));
    let missing = folder.run(&["replay", "missing.json"]);
    assert_eq!(code(&missing), 2, "{}", show(&missing));
}

#[test]
fn what_has_ended_is_let_go_of_by_count_and_age() {
    let folder = folder();
    for _ in 0..3 {
        greet(&folder, PEOPLE);
    }
    let count = || {
        let listed = json_of(&folder, &["executions", "list"]);
        listed["executions"].as_array().unwrap().len()
    };
    let would = run(&folder, &["gc", "--keep", "1", "--dry-run"]);
    assert_eq!(
        show(&would),
        "exit 0\n--- stdout\ndefault: 3 executions would go\n"
    );
    assert_eq!(count(), 4);
    let old = run(&folder, &["gc", "--older-than", "1d"]);
    assert_eq!(
        show(&old),
        "exit 0\n--- stdout\ndefault: 0 executions went\n"
    );
    let gone = json_of(&folder, &["gc", "--keep", "1", "--all-tenants"]);
    assert_eq!(gone[0]["executions"], 3);
    assert_eq!(count(), 1);
    let nothing = show(&run(&folder, &["gc"]));
    assert!(nothing.starts_with("exit 0"), "{nothing}");
    assert!(nothing.contains("not set"), "{nothing}");
    assert_eq!(count(), 1);
}

#[test]
fn how_long_executions_are_kept_is_set_for_a_tenant() {
    let folder = folder();
    for _ in 0..3 {
        greet(&folder, PEOPLE);
    }
    let without = run(&folder, &["gc", "--set"]);
    assert_eq!(code(&without), 2, "{}", show(&without));
    let set = json_of(&folder, &["gc", "--keep", "2", "--set"]);
    assert_eq!(set[0]["executions"], 2);
    greet(&folder, PEOPLE);
    // Nobody says how many, and other tenants have no setting.
    let gone = json_of(&folder, &["gc", "--all-tenants"]);
    assert_eq!(gone[0]["executions"], 1);
    let unset = run(&folder, &["gc", "--unset"]);
    assert_eq!(code(&unset), 0, "{}", show(&unset));
    greet(&folder, PEOPLE);
    assert_eq!(json_of(&folder, &["gc"])[0]["executions"], 0);
}

#[test]
fn stores_that_cannot_be_used_are_told_apart() {
    let folder = folder();
    let missing = folder.run(&["executions", "list"]);
    assert_eq!(code(&missing), 2);
    let mut told = show(&missing);
    fs::write(
        folder.path("text.db"),
        "no database, but a text that is long enough for one\n".repeat(40),
    )
    .unwrap();
    let kept = fs::read(folder.path("runs.db")).unwrap();
    let mut newer = kept.clone();
    // The schema's version, as SQLite's file format has it.
    newer[60..64].copy_from_slice(&99_u32.to_be_bytes());
    fs::write(folder.path("newer.db"), newer).unwrap();
    let mut other = kept.clone();
    other[68..72].copy_from_slice(&1_u32.to_be_bytes());
    fs::write(folder.path("other.db"), other).unwrap();
    fs::create_dir(folder.path("folder.db")).unwrap();
    for (store, expected) in [
        ("none.db", 2),
        ("text.db", 2),
        ("newer.db", 2),
        ("other.db", 2),
        ("folder.db", 2),
        ("mysql://ada:secret@host/runs", 2),
        ("runs", 2),
    ] {
        for command in [&["executions", "list"][..], &["resume"]] {
            let refused = folder.run(&[command, &["--store", store]].concat());
            assert_eq!(code(&refused), expected, "{store}: {}", show(&refused));
            if command == ["resume"] {
                told.push_str(&show(&refused));
            }
        }
    }
    assert!(!told.contains("secret"));
    let nowhere = folder.run(&["run", "hello.json", "--store", "no/folder/runs.db"]);
    assert_eq!(code(&nowhere), 2);
    told.push_str(&show(&nowhere));
    assert_shown("stores_refused", &told);
}

#[test]
fn a_damaged_execution_is_told_and_the_others_go_on() {
    let folder = Folder::with_hello();
    let damaged = greet(&folder, r#"[{"name": "Grace", "age": 30}]"#);
    let whole = greet(&folder, PEOPLE);
    let mut bytes = fs::read(folder.path("runs.db")).unwrap();
    let places: Vec<usize> = bytes
        .windows(11)
        .enumerate()
        .filter(|(_, window)| window == b"hello Grace")
        .map(|(place, _)| place)
        .collect();
    assert!(!places.is_empty());
    for place in places {
        bytes[place] = b'j';
    }
    fs::write(folder.path("runs.db"), bytes).unwrap();
    let refused = run(&folder, &["executions", "show", &damaged]);
    assert_eq!(code(&refused), 4, "{}", show(&refused));
    let text = said(&refused);
    assert!(text.starts_with("error[STORE_DAMAGED] "), "{text}");
    assert!(text.contains("executions that are whole go on"), "{text}");
    let shown = json_of(&folder, &["executions", "show", &whole]);
    assert_eq!(shown["report"]["status"], "success");
}
