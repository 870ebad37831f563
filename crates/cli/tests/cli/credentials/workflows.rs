//! Workflows name credentials: when they are planned, when plugins read them, when others keep them.

use std::process::Output;

use super::{TOKEN, add, assert_hidden, folder, with_store};
use crate::guest::write_secret_reader;
use crate::harness::{Folder, code, show};

const READING: &str = r#"{
  "name": "read",
  "nodes": [
    { "id": "read", "name": "Read", "nodeType": "transform",
      "parameters": { "set": { "value": "{{ $secrets.crm + '!' }}" } } }
  ],
  "connections": {}
}"#;

const GUEST: &str = r#"{
  "name": "guest",
  "nodes": [{ "id": "guest", "name": "Guest", "nodeType": "acme/guest" }],
  "connections": {}
}"#;

#[test]
fn what_is_in_the_store_is_known_when_a_workflow_is_planned() {
    let folder = folder().file("read.json", READING);
    let plan =
        |folder: &Folder, command: &str| folder.run(&[command, "read.json", "--store", "kept.db"]);
    // There is no store yet, and none is made.
    for command in ["validate", "plan"] {
        let missing = plan(&folder, command);
        assert_eq!(code(&missing), 2);
        assert!(
            show(&missing).contains("CREDENTIAL_MISSING"),
            "{}",
            show(&missing)
        );
    }
    assert!(!folder.path("kept.db").exists());
    add(&folder, "crm", &[]);
    for command in ["validate", "plan"] {
        let planned = plan(&folder, command);
        assert_eq!(code(&planned), 0, "{}", show(&planned));
    }
    let run = with_store(&["run", "read.json", "--output", "json"]);
    let report = folder.json(&run);
    assert_eq!(report["output"][0]["value"], "[redacted]!");
    let id = report["executionId"].as_str().unwrap();
    let shown = folder.run(&["executions", "show", id, "--store", "kept.db"]);
    assert_eq!(code(&shown), 0, "{}", show(&shown));

    // One that is bound is not for expressions.
    add(&folder, "crm", &["--replace", "--host", "http://127.0.0.1"]);
    let refused = plan(&folder, "validate");
    assert_eq!(code(&refused), 3, "{}", show(&refused));
    assert!(
        show(&refused).contains("is bound by its hosts"),
        "{}",
        show(&refused)
    );
    assert_hidden("the refusal", show(&refused).as_bytes());
}

#[test]
fn a_single_node_uses_them_too() {
    let folder = folder();
    add(&folder, "crm", &["--host", "api.example.org"]);
    let parameters = r#"{"url": "http://127.0.0.1:9/", "auth": {"credential": "crm"}}"#;
    let arguments = [
        "exec",
        "http-request",
        "--params",
        parameters,
        "--allow-private-network",
    ];
    let refused = folder.run(&with_store(&arguments));
    assert_eq!(code(&refused), 3, "{}", show(&refused));
    assert!(show(&refused).contains("is not in hosts of credential `crm`"));
}

fn run_guest(folder: &Folder) -> Output {
    let arguments = [
        "run",
        "guest.json",
        "--plugins",
        "plugins",
        "--signatures",
        "ignored",
    ];
    folder.run(&with_store(&arguments))
}

#[test]
fn a_plugin_in_the_sandbox_reads_what_is_bound_to_nothing() {
    let folder = folder().file("guest.json", GUEST);
    write_secret_reader(&folder.path("plugins/guest"), "crm");
    let missing = run_guest(&folder);
    assert_eq!(code(&missing), 1, "{}", show(&missing));
    assert!(
        show(&missing).contains("no secret `crm`"),
        "{}",
        show(&missing)
    );

    add(&folder, "crm", &[]);
    let given = run_guest(&folder);
    assert_eq!(code(&given), 0, "{}", show(&given));
    assert!(show(&given).contains("[redacted]"), "{}", show(&given));
    assert_hidden("what a plugin gave", show(&given).as_bytes());

    add(&folder, "crm", &["--replace", "--node-type", "acme/guest"]);
    let refused = run_guest(&folder);
    assert_eq!(code(&refused), 3, "{}", show(&refused));
    assert!(
        show(&refused).contains("is bound by its nodeTypes"),
        "{}",
        show(&refused)
    );

    // The key is not there: people are told which, and the plugin is not.
    add(&folder, "crm", &["--replace", "--any-node-type"]);
    let arguments = [
        "run",
        "guest.json",
        "--plugins",
        "plugins",
        "--signatures",
        "ignored",
    ];
    let unreadable = folder.run(&[&arguments[..], &["--store", "kept.db"]].concat());
    assert_eq!(code(&unreadable), 1, "{}", show(&unreadable));
    assert!(
        show(&unreadable).contains("needs the master key `2025`, and there are none"),
        "{}",
        show(&unreadable)
    );
}

#[test]
fn credentials_that_others_keep_serve_behind_those_of_the_store() {
    let document = r#"{"default": {
        "crm": {"type": "bearer", "fields": {"token": {"env": "THE_TOKEN"}}, "hosts": ["api.example.org"]},
        "free": {"file": "token"}
    }}"#;
    let folder = folder()
        .file("elsewhere.json", document)
        .file("token", format!("{TOKEN}\n"))
        .file(
            "read.json",
            READING.replace("$secrets.crm", "$secrets.free"),
        );
    let run = |arguments: &[&str]| {
        let arguments = [arguments, &["--credentials", "elsewhere.json"]].concat();
        let mut process = folder.process(&arguments);
        process.env("THE_TOKEN", TOKEN).output().unwrap()
    };
    let read = run(&["run", "read.json", "--output", "json"]);
    assert_eq!(code(&read), 0, "{}", show(&read));
    assert!(show(&read).contains("[redacted]!"));
    assert_hidden("the output", show(&read).as_bytes());
    let parameters = r#"{"url": "http://127.0.0.1:9/", "auth": {"credential": "crm"}}"#;
    let call = [
        "exec",
        "http-request",
        "--params",
        parameters,
        "--allow-private-network",
    ];
    let refused = run(&call);
    assert!(
        show(&refused).contains("is not in hosts of credential `crm`"),
        "{}",
        show(&refused)
    );
    // That of the store comes first, and may go there; that nobody listens is another matter.
    add(&folder, "crm", &["--host", "http://127.0.0.1"]);
    let shadowed = run(&with_store(&call));
    assert_eq!(code(&shadowed), 1);
    assert!(
        show(&shadowed).contains("NETWORK_ERROR"),
        "{}",
        show(&shadowed)
    );
    let missing = folder.run(&["run", "read.json", "--credentials", "elsewhere.json"]);
    assert_eq!(code(&missing), 2);
    assert!(
        show(&missing).contains("no text under `THE_TOKEN`"),
        "{}",
        show(&missing)
    );
}

#[test]
fn a_database_is_reached_by_the_url_that_a_credential_has() {
    let server = jackfield_testkit::database::Postgres::shared();
    let url = server.create_database();
    let password = url.split(':').nth(2).unwrap().split('@').next().unwrap();
    let folder = folder()
        .file(
            "sources.yaml",
            "tenants:\n  default:\n    main:\n      url: { credential: db }\n      rows: exclusive\n      \
             entities:\n        - entity: people\n          columns: { name: { type: text, maxLength: 100 } }\n          \
             primaryKey: [name]\n",
        )
        .file(
            "store.json",
            r#"{
  "name": "store",
  "nodes": [
    { "id": "write", "name": "Write", "nodeType": "dbal-write",
      "parameters": { "entity": "people", "operation": "upsert", "conflict": ["name"] } },
    { "id": "read", "name": "Read", "nodeType": "dbal-read",
      "parameters": { "entity": "people", "fields": ["name"] } }
  ],
  "connections": { "write": { "main": [["read"]] } }
}"#,
        );
    let keep = |host: &str| {
        let arguments = [
            "credential",
            "add",
            "db",
            "--type",
            "database",
            "--replace",
            "--host",
            host,
        ];
        let added = super::fed(&folder, &with_store(&arguments), &url);
        assert_eq!(code(&added), 0, "{}", show(&added));
    };
    let run = |input: &str| {
        let arguments = [
            "run",
            "store.json",
            "--data-sources",
            "sources.yaml",
            "--input",
            input,
        ];
        let more = ["--output", "json", "--log", "trace"];
        folder.run(&with_store(&[&arguments[..], &more].concat()))
    };
    keep("127.0.0.1");
    let written = run(r#"[{"name": "Ada"}]"#);
    assert_eq!(code(&written), 0, "{}", show(&written));
    let report: serde_json::Value = serde_json::from_slice(&written.stdout).unwrap();
    assert_eq!(report["output"], serde_json::json!([{ "name": "Ada" }]));
    keep("db.example.org");
    let refused = run("[{}]");
    assert_eq!(code(&refused), 3, "{}", show(&refused));
    assert!(
        show(&refused).contains("is not in hosts of credential `db`"),
        "{}",
        show(&refused)
    );
    let files = super::bytes_below(&folder.path("."));
    for (what, bytes) in [
        ("what is written", show(&written).as_bytes()),
        ("the refusal", show(&refused).as_bytes()),
        ("the files", &files),
    ] {
        assert!(!super::holds(bytes, password), "{what}");
    }
}

#[test]
fn a_store_in_postgresql_keeps_them_as_well() {
    let server = jackfield_testkit::database::Postgres::shared();
    let url = server.create_database();
    let folder = folder().file("read.json", READING);
    let with = |arguments: &[&str]| {
        let kept = ["--store", &url, "--credential-key", "2025=file:2025.key"];
        let arguments: Vec<String> = arguments
            .iter()
            .chain(&kept)
            .map(|&argument| argument.to_owned())
            .collect();
        arguments
    };
    let add = with(&["credential", "add", "crm", "--type", "bearer"]);
    let add: Vec<&str> = add.iter().map(String::as_str).collect();
    let added = super::fed(&folder, &add, TOKEN);
    assert_eq!(code(&added), 0, "{}", show(&added));
    let run = with(&["run", "read.json", "--output", "json"]);
    let run: Vec<&str> = run.iter().map(String::as_str).collect();
    let report = folder.json(&run);
    assert_eq!(report["output"][0]["value"], "[redacted]!");
    let database = url.rsplit('/').next().unwrap();
    let tables = "SET xmlbinary TO hex; SELECT coalesce(string_agg(query_to_xml(format('SELECT * FROM %I.%I', schemaname, \
                  tablename), true, false, '')::text, ''), '') FROM pg_tables \
                  WHERE schemaname NOT IN ('pg_catalog', 'information_schema')";
    let rows = server.execute(database, tables);
    // Bytes are shown in hexadecimal there. The looking is right: the head of each credential is found.
    assert!(rows.to_lowercase().contains("4a464301"), "{rows}");
    assert_hidden("the database", rows.as_bytes());
}
