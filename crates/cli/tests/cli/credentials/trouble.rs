//! Wrong keys, missing keys, damaged rows, unknown types: each told by itself, and the others go on.

use std::sync::Arc;

use jackfield::credentials::{
    CredentialStore, CredentialType, CredentialTypes, KeySource, MasterKeys, NewCredential,
};
use jackfield::store::{Collection, Expected, Store};
use jackfield::types::Secret;
use jackfield::{SqliteOptions, SqliteStore, TenantId};
use serde_json::json;
use wiremock::matchers::any;
use wiremock::{Mock, ResponseTemplate};

use super::{Server, TOKEN, add, assert_hidden, calling, folder, timeless, with_store};
use crate::harness::{Folder, assert_shown, code, show};

/// Beside `crm`, which is whole: one of a type of somebody else's program, one that broke off, one
/// of a newer program, one that was moved, and one that needs another key.
fn troubled() -> Folder {
    let folder = folder();
    add(&folder, "crm", &["--host", "http://127.0.0.1"]);
    folder.run(&["credential", "key", "generate", "2024", "--to", "2024.key"]);
    let other = [
        "--store",
        "kept.db",
        "--credential-key",
        "2024=file:2024.key",
    ];
    let added = ["credential", "add", "old", "--type", "bearer"];
    super::fed(&folder, &[&added[..], &other].concat(), TOKEN);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let opened = SqliteStore::open(SqliteOptions::new(folder.path("kept.db"))).unwrap();
        let store: Arc<dyn Store> = Arc::new(opened);
        let tenant = TenantId::default_tenant();
        let source = format!("2025=file:{}", folder.path("2025.key").display());
        let source: KeySource = source.parse().unwrap();
        let keys = MasterKeys::read(&[source]).await.unwrap();
        let mut types = CredentialTypes::new();
        let pin = json!({ "pin": { "type": "string", "writeOnly": true } });
        let schema = json!({ "type": "object", "properties": pin });
        types
            .add(CredentialType::new("acme/bank", schema).unwrap())
            .unwrap();
        let credentials = CredentialStore::builder(Arc::clone(&store), keys)
            .types(types)
            .build();
        let bank = NewCredential {
            credential_type: "acme/bank".to_owned(),
            fields: Secret::new([("pin".to_owned(), json!(TOKEN))].into_iter().collect()),
            hosts: None,
            node_types: None,
        };
        let acme = credentials.tenant(&tenant);
        acme.put("bank", &bank, Expected::Absent).await.unwrap();
        let rows = store.tenant(&tenant);
        let row = rows.document(Collection::Credentials, "crm").await;
        let row = row.unwrap().unwrap().content;
        let mut newer = row.to_vec();
        newer[3] = 9;
        for (name, content) in [
            ("cut", row.slice(..60)),
            ("newer", newer.into()),
            ("moved", row.clone()),
            ("\u{1b}[31m", row.slice(..60)),
        ] {
            let put = rows.put_document(Collection::Credentials, name, content, Expected::Absent);
            put.await.unwrap();
        }
        store.close().await.unwrap();
    });
    folder
}

#[test]
fn each_is_told_by_itself() {
    let folder = troubled();
    let mut all = folder.shown(&with_store(&["credential", "list"]));
    for name in [
        "crm",
        "old",
        "cut",
        "newer",
        "moved",
        "bank",
        "none",
        "\u{1b}[31m",
    ] {
        all += &folder.shown(&with_store(&["credential", "show", name]));
    }
    // Without a key, what can be told is told.
    all += &folder.shown(&["credential", "list", "--store", "kept.db"]);
    all += &folder.shown(&["credential", "list", "--store", "there-is-none.db"]);
    assert!(!all.contains('\u{1b}'), "{all}");
    assert_hidden("what is told", all.as_bytes());
    assert_shown("credentials_trouble", &timeless(&all));

    // What is damaged can be put anew and removed.
    add(
        &folder,
        "cut",
        &["--replace", "--host", "a.example", "--any-node-type"],
    );
    let removed = folder.run(&[
        "credential",
        "remove",
        "moved",
        "newer",
        "--store",
        "kept.db",
    ]);
    assert_eq!(code(&removed), 0, "{}", show(&removed));
    // What was bound to nobody knows what does not become free by chance.
    let again = ["credential", "add", "old", "--replace", "--type", "bearer"];
    let again = super::fed(&folder, &with_store(&again), TOKEN);
    assert_eq!(code(&again), 2);
    assert!(
        show(&again).contains("nobody knows what it is bound to"),
        "{}",
        show(&again)
    );
}

/// What a report says of a failure.
fn failure(output: &std::process::Output) -> String {
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let error = &report["error"];
    let (code, message) = (error["code"].as_str(), error["message"].as_str());
    format!("{}: {}\n", code.unwrap(), message.unwrap())
}

#[test]
fn a_workflow_that_needs_one_fails_by_it_and_others_run() {
    let server = Server::start();
    server.mount(Mock::given(any()).respond_with(ResponseTemplate::new(200)));
    let url = server.url("127.0.0.1", "/");
    let mut folder = troubled();
    let names = ["old", "cut", "newer", "moved", "bank", "none"];
    for name in names {
        let document = calling(&url).replace("\"crm\"", &format!("\"{name}\""));
        folder = folder.file(&format!("{name}.json"), document);
    }
    folder = folder.file("crm.json", calling(&url));
    let run = |file: &str, keys: &[&str]| {
        let arguments = [
            "run",
            file,
            "--allow-private-network",
            "--store",
            "kept.db",
            "-o",
            "json",
        ];
        folder.run(&[&arguments[..], keys].concat())
    };
    let key = ["--credential-key", "2025=file:2025.key"];
    let mut all = String::new();
    for name in names {
        let output = run(&format!("{name}.json"), &key);
        assert_eq!(code(&output), 1, "{}", show(&output));
        all += &failure(&output);
    }
    assert_eq!(server.authorizations().len(), 0);
    let whole = run("crm.json", &key);
    assert_eq!(code(&whole), 0, "{}", show(&whole));
    // Without any key at all, and with one that is called the same.
    for keys in [&[][..], &["--credential-key", "2025=file:2024.key"]] {
        let output = run("crm.json", keys);
        assert_eq!(code(&output), 1, "{}", show(&output));
        all += &failure(&output);
    }
    assert_hidden("the failures", all.as_bytes());
    assert_shown("credentials_failures", &all);
    assert_eq!(server.authorizations().len(), 1);
}
