//! What a store keeps beside executions: what plugins keep, audit trails, policies, variables.

mod audit;
mod plugin_state;
mod policies;
mod variables;

use std::process::Output;
use std::sync::Arc;

use jackfield::store::{Collection, Expected, Store};
use jackfield::{SqliteOptions, SqliteStore, TenantId};
use serde_json::Value;

use crate::harness::{Folder, code, show};

const STORE: [&str; 2] = ["--store", "runs.db"];

/// The command with the store.
fn run(folder: &Folder, arguments: &[&str]) -> Output {
    folder.run(&[arguments, &STORE].concat())
}

/// The same, which must succeed; what it printed.
fn done(folder: &Folder, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert_eq!(code(&output), 0, "{arguments:?}: {}", show(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// The same, as JSON.
fn json(folder: &Folder, arguments: &[&str]) -> Value {
    let printed = done(folder, &[arguments, &["--output", "json"]].concat());
    serde_json::from_str(&printed).unwrap()
}

/// What the command said to people.
fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Puts a document into the store, as nobody would by a command.
fn put(folder: &Folder, tenant: &str, collection: Collection, name: &str, content: &'static str) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = SqliteStore::open(SqliteOptions::new(folder.path("runs.db"))).unwrap();
        let store: Arc<dyn Store> = Arc::new(store);
        let documents = store.tenant(&TenantId::parse(tenant).unwrap());
        let put = documents.put_document(collection, name, content.into(), Expected::Anything);
        put.await.unwrap();
        store.close().await.unwrap();
    });
}
