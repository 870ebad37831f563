//! Policies in the store.

use jackfield::store::Collection;

use super::{done, json, put, run, said};
use crate::harness::{Folder, PEOPLE, code, show};

const RUN: [&str; 6] = ["run", "hello.json", "--tenant", "acme", "--input", PEOPLE];
const ACME: [&str; 2] = ["--tenant", "acme"];

/// A folder with a policy under which nobody is greeted.
fn folder() -> Folder {
    Folder::with_hello()
        .file(
            "strict.json",
            r#"{"restrictedNodeTypes": ["string.concat"], "description": "says nothing"}"#,
        )
        .file("open.toml", "tenant = \"acme\"\n")
}

fn set(folder: &Folder, file: &str) {
    done(folder, &["policy", "set", file, "--tenant", "acme"]);
}

#[test]
fn a_policy_that_is_kept_is_in_force_for_its_tenant() {
    let folder = folder();
    done(&folder, &RUN);
    set(&folder, "strict.json");
    let refused = run(&folder, &RUN);
    assert_eq!(code(&refused), 3, "{}", show(&refused));
    assert!(said(&refused).contains("error[TENANT_FORBIDDEN]"));
    // Others have none; nor has who names no store.
    done(&folder, &["run", "hello.json", "--input", PEOPLE]);
    assert_eq!(code(&folder.run(&RUN)), 0);
    for planned in [["validate", "hello.json"], ["plan", "hello.json"]] {
        let refused = run(&folder, &[&planned[..], &ACME].concat());
        assert_eq!(code(&refused), 3, "{}", show(&refused));
    }
    let exec = ["exec", "string.concat", "--params", r#"{"values": ["a"]}"#];
    assert_ne!(code(&run(&folder, &[&exec[..], &ACME].concat())), 0);
    let why = ["policy", "explain", "--node-type", "string.concat"];
    assert_eq!(code(&run(&folder, &[&why[..], &ACME].concat())), 3);

    let listed = json(&folder, &["policy", "list"]);
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!(listed[0]["tenant"], "acme");
    assert_eq!(listed[0]["description"], "says nothing");
    let shown = done(&folder, &[&["policy", "show"], &ACME[..]].concat());
    assert!(shown.contains("string.concat"), "{shown}");

    set(&folder, "open.toml");
    done(&folder, &RUN);
    set(&folder, "strict.json");
    done(&folder, &["policy", "remove", "--tenant", "acme"]);
    done(&folder, &RUN);
    let again = run(&folder, &["policy", "remove", "--tenant", "acme"]);
    assert_eq!(code(&again), 2);
    assert!(done(&folder, &["policy", "list"]).contains("no tenant has a policy"));
}

#[test]
fn a_folder_that_is_named_counts_instead() {
    let folder = folder().file("policies/globex.json", "{}");
    set(&folder, "strict.json");
    assert_eq!(code(&run(&folder, &RUN)), 3);
    done(&folder, &[&RUN[..], &["--policies", "policies"]].concat());
}

#[test]
fn a_wrong_policy_is_not_kept() {
    let folder = folder()
        .file("wrong.json", r#"{"allowedNodeTypes": [5]}"#)
        .file("theirs.json", r#"{"tenant": "globex"}"#);
    set(&folder, "strict.json");
    for file in ["wrong.json", "theirs.json", "nowhere.json", "hello"] {
        let refused = run(&folder, &["policy", "set", file, "--tenant", "acme"]);
        assert_eq!(code(&refused), 2, "{}", show(&refused));
    }
    assert_eq!(code(&run(&folder, &RUN)), 3);
}

#[test]
fn a_policy_that_cannot_be_read_lets_nothing_through() {
    let folder = folder();
    done(&folder, &RUN);
    for content in [
        "",
        "{",
        "[]",
        r#"{"fromTheFuture": true}"#,
        r#"{"tenant": "globex"}"#,
    ] {
        put(&folder, "acme", Collection::Policies, "policy", content);
        let refused = run(&folder, &RUN);
        assert_eq!(code(&refused), 3, "{content}: {}", show(&refused));
        assert!(
            said(&refused).contains("cannot be read"),
            "{}",
            said(&refused)
        );
        let call = ["exec", "no-op", "--tenant", "acme"];
        assert_ne!(code(&run(&folder, &call)), 0);
    }
    let listed = json(&folder, &["policy", "list"]);
    assert_eq!(listed[0]["readable"], false);
    let shown = run(&folder, &[&["policy", "show"], &ACME[..]].concat());
    assert_eq!(code(&shown), 2, "{}", show(&shown));
    // Others are not concerned, and it is mended by setting it anew.
    done(&folder, &["run", "hello.json", "--input", PEOPLE]);
    set(&folder, "open.toml");
    done(&folder, &RUN);
}

#[test]
fn executions_go_on_under_the_policy_of_then() {
    let folder = folder().file(
        "waits.json",
        r#"{
          "name": "waits",
          "nodes": [
            { "id": "wait", "nodeType": "wait", "parameters": { "signal": "go" } },
            { "id": "greet", "nodeType": "string.concat", "parameters": { "values": ["a"] } }
          ],
          "connections": { "wait": { "main": [["greet"]] } }
        }"#,
    );
    let begin = ["run", "waits.json", "--park", "--tenant"];
    for tenant in ["acme", "globex"] {
        run(&folder, &[&begin[..], &[tenant]].concat());
        let listed = json(&folder, &["executions", "list", "--tenant", tenant]);
        let listed = listed.to_string();
        let at = listed.find("exec_").unwrap();
        let id = &listed[at..at + 37];
        done(&folder, &["signal", id, "go", "--tenant", tenant]);
    }
    set(&folder, "strict.json");
    // One process for all tenants asks for the policy of each.
    let resumed = run(&folder, &["resume", "--all-tenants"]);
    assert_ne!(code(&resumed), 0, "{}", show(&resumed));
    let status =
        |tenant: &str| json(&folder, &["executions", "list", "--tenant", tenant]).to_string();
    assert!(status("globex").contains("success"), "{}", status("globex"));
    assert!(!status("acme").contains("success"), "{}", status("acme"));
}
