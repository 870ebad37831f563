//! Database nodes, from the command: the databases that a file names, and whose rows are seen.

use serde_json::json;

use crate::harness::{Folder, code, show};

const STORE: &str = r#"{
  "name": "store",
  "nodes": [
    { "id": "start", "name": "Start", "nodeType": "trigger.manual" },
    { "id": "write", "name": "Write", "nodeType": "dbal-write",
      "parameters": { "entity": "people", "operation": "upsert", "conflict": ["name"] } },
    { "id": "read", "name": "Read", "nodeType": "dbal-read",
      "parameters": { "entity": "people", "fields": ["name", "age"], "sort": [{ "field": "name" }] } }
  ],
  "connections": { "start": { "main": [["write"]] }, "write": { "main": [["read"]] } }
}"#;

const QUERY: &str = r#"{
  "name": "query",
  "nodes": [
    { "id": "start", "name": "Start", "nodeType": "trigger.manual" },
    { "id": "query", "name": "Query", "nodeType": "dbal-query",
      "parameters": { "sql": "SELECT count(*) AS n FROM people" } }
  ],
  "connections": { "start": { "main": [["query"]] } }
}"#;

const SOURCES: &str = "
shared:
  main:
    url: sqlite:people.db?mode=rwc
    entities:
      - entity: people
        columns:
          name: { type: text, maxLength: 100, required: true }
          age: { type: integer, schema: { minimum: 0 } }
        primaryKey: [name]
";

fn folder() -> Folder {
    Folder::new()
        .file("store.json", STORE)
        .file("query.json", QUERY)
        .file("sources.yaml", SOURCES)
        .file("policies/strict.json", r#"{"tenant": "strict"}"#)
        .file(
            "policies/granted.json",
            r#"{"tenant": "granted", "capabilities": ["database", "sql"]}"#,
        )
        .file(
            "policies/relaxed.json",
            r#"{"tenant": "relaxed", "capabilities": ["database", "sql"], "dataIsolation": "relaxed"}"#,
        )
}

fn run<'a>(workflow: &'a str, tenant: &'a str, input: &'a str) -> [&'a str; 12] {
    [
        "run",
        workflow,
        "--data-sources",
        "sources.yaml",
        "--policies",
        "policies",
        "--tenant",
        tenant,
        "--input",
        input,
        "--output",
        "json",
    ]
}

#[test]
fn each_tenant_sees_its_own_rows_of_one_database() {
    let folder = folder();
    let ada = r#"[{"name": "Ada", "age": 36}]"#;
    folder.json(&run("store.json", "strict", ada));
    let both = r#"[{"name": "Ada", "age": 1}, {"name": "Bob", "age": 9}]"#;
    let other = folder.json(&run("store.json", "granted", both));
    assert_eq!(
        other["output"],
        json!([{"name": "Ada", "age": 1}, {"name": "Bob", "age": 9}])
    );
    let own = folder.json(&run(
        "store.json",
        "strict",
        r#"[{"name": "Cleo", "age": 50}]"#,
    ));
    assert_eq!(
        own["output"],
        json!([{"name": "Ada", "age": 36}, {"name": "Cleo", "age": 50}])
    );
    let refused = folder.run(&run(
        "store.json",
        "strict",
        r#"[{"name": "Dan", "age": -1}]"#,
    ));
    assert!(
        show(&refused).contains("INVALID_INPUT"),
        "{}",
        show(&refused)
    );
}

#[test]
fn sql_is_for_those_whose_policy_says_so() {
    let folder = folder();
    folder.json(&run(
        "store.json",
        "strict",
        r#"[{"name": "Ada", "age": 36}]"#,
    ));
    let unnamed = folder.run(&run("query.json", "strict", "[{}]"));
    assert_ne!(code(&unnamed), 0);
    assert!(
        show(&unnamed).contains("capability `sql` is not granted"),
        "{}",
        show(&unnamed)
    );
    let strict = folder.run(&run("query.json", "granted", "[{}]"));
    assert!(
        show(&strict).contains("strict isolation"),
        "{}",
        show(&strict)
    );
    let relaxed = folder.json(&run("query.json", "relaxed", "[{}]"));
    assert_eq!(relaxed["output"], json!([{"n": 1}]));
}

#[test]
fn a_file_of_data_sources_that_is_wrong_says_where() {
    let folder = folder().file(
        "sources.yaml",
        "shared: { main: { url: 'oracle://me:hunter2@x' } }",
    );
    let wrong = folder.run(&run("store.json", "strict", "[{}]"));
    assert!(
        show(&wrong).contains("data source `main`"),
        "{}",
        show(&wrong)
    );
    assert!(!show(&wrong).contains("hunter2"), "{}", show(&wrong));
    let folder = Folder::new().file("store.json", STORE);
    let missing = folder.run(&["run", "store.json", "--input", "[{}]"]);
    assert!(
        show(&missing).contains("has no data source `main`"),
        "{}",
        show(&missing)
    );
}

#[cfg(unix)]
#[test]
fn a_file_with_passwords_is_not_for_others_to_read_and_none_for_them_to_change() {
    use std::os::unix::fs::PermissionsExt;
    let secret = "shared: { main: { url: 'postgres://nodes:hunter2@127.0.0.1:1/app' } }";
    let folder = folder().file("secret.yaml", secret);
    let run = |file: &str, mode: u32| {
        let rights = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(folder.path(file), rights).expect("it is ours");
        let mut arguments = run("store.json", "strict", "[]");
        arguments[3] = file;
        let output = folder.run(&arguments);
        (code(&output), show(&output))
    };
    for mode in [0o644, 0o640, 0o604] {
        let (code, shown) = run("secret.yaml", mode);
        assert_eq!(code, 2, "{mode:o}: {shown}");
        assert!(
            shown.contains("chmod 600") && !shown.contains("hunter2"),
            "{shown}"
        );
    }
    let (_, shown) = run("secret.yaml", 0o600);
    assert!(!shown.contains("chmod"), "{shown}");
    // What nobody has to hide may be read.
    let (code_of, shown) = run("sources.yaml", 0o644);
    assert_eq!(code_of, 0, "{shown}");
    let (code_of, shown) = run("sources.yaml", 0o646);
    assert_eq!(code_of, 2, "{shown}");
    assert!(shown.contains("chmod o-w"), "{shown}");
}

#[test]
fn what_is_wrong_in_a_file_of_data_sources_is_said_by_its_place_alone() {
    let folder = folder().file(
        "sources.yaml",
        "shared: { main: 'postgres://nodes:hunter2@db/app' }",
    );
    let output = folder.run(&run("store.json", "strict", "[]"));
    let shown = show(&output);
    assert_eq!(code(&output), 2, "{shown}");
    assert!(
        shown.contains("`shared.main` is no object") && !shown.contains("hunter2"),
        "{shown}"
    );
}
