//! What is kept of an execution holds nothing of a credential, wherever it goes on.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jackfield::store::Store;
use jackfield::{
    ErrorCode, ExecutionId, Items, Report, SignalName, SqliteOptions, SqliteStore, StartOptions,
    WorkerOptions,
};
use jackfield::{ExecutionStatus, Item};
use jackfield_testkit::store::MemoryStore;
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::support::{Process, TOKEN, key};

/// All bytes of the files in a folder.
fn bytes_of(folder: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        all.extend(std::fs::read(file.unwrap().path()).unwrap());
    }
    all
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|part| part == text.as_bytes())
}

fn told(report: &Report) -> String {
    let events = serde_json::to_string(&report.journal.events()).unwrap();
    format!("{} {events}", serde_json::to_string(report).unwrap())
}

#[tokio::test]
async fn one_file_keeps_executions_and_credentials_and_shows_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteOptions::new(folder.path().join("jackfield.db"));
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(options).unwrap());
    let process = Process::new(&store, &key());
    process.put("crm", &["crm.example.org"]).await;

    let plan = process.plan(&[("send", "sends", json!({ "host": "crm.example.org" }))]);
    let report = process.tenant.run(&plan, StartOptions::default()).await;
    let report = report.unwrap();
    assert_eq!(report.status, ExecutionStatus::Success, "{}", told(&report));
    assert!(told(&report).contains("Bearer [redacted]"));

    let plan = process.plan(&[("send", "sends", json!({ "host": "evil.example" }))]);
    let refused = process.tenant.run(&plan, StartOptions::default()).await;
    let refused = refused.unwrap();
    let failure = refused.failure.as_ref().unwrap();
    assert_eq!(failure.code, ErrorCode::TENANT_FORBIDDEN);
    assert!(told(&refused).contains("is not in hosts of credential `crm`"));

    let exported = process.tenant.export(report.execution_id).await.unwrap();
    // While it is open, what was written last is in the log beside the file.
    let open = bytes_of(folder.path());
    store.close().await.unwrap();
    let closed = bytes_of(folder.path());
    for (what, bytes) in [
        ("the open store", &open),
        ("the closed store", &closed),
        ("the export", &exported),
        ("the report", &told(&report).into_bytes()),
        ("the refusal", &told(&refused).into_bytes()),
    ] {
        assert!(!holds(bytes, TOKEN), "{what}");
    }
    // The looking is right: what is no secret is found.
    assert!(holds(&closed, "crm.example.org"));
}

/// Nodes of which the last one names the credential, so that the whole execution masks it.
fn guessing(
    before: (&'static str, &'static str, Value),
) -> [(&'static str, &'static str, Value); 3] {
    let request = json!({ "url": "http://127.0.0.1:1/", "auth": { "credential": "crm" } });
    [
        before,
        ("guess", "says", json!({})),
        ("send", "http-request", request),
    ]
}

async fn all_of(process: &Process, id: ExecutionId) -> String {
    let history = process.tenant.history(id).await.unwrap();
    told(&history.report().unwrap())
}

/// Waits until an execution stands so.
async fn reached(process: &Process, id: ExecutionId, state: &str) {
    let reached = async {
        loop {
            // It need not be there yet.
            let found = process.tenant.stored_execution(id).await;
            if found.is_ok_and(|found| found.state.as_str() == state) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let patience = Duration::from_secs(120);
    let reached = tokio::time::timeout(patience, reached).await;
    reached.unwrap_or_else(|_| panic!("it never is {state}"));
}

/// Lets a process work for as long as this is kept.
fn work(process: &Process) -> DropGuard {
    let worker = process.engine.worker(WorkerOptions::default()).unwrap();
    let shutdown = CancellationToken::new();
    tokio::spawn(worker.run(shutdown.clone()));
    shutdown.drop_guard()
}

#[tokio::test]
async fn an_execution_that_goes_on_in_another_process_masks_what_its_plan_names() {
    let key = key();
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let first = Process::new(&store, &key);
    first.put("crm", &["crm.example.org"]).await;
    let nodes = guessing(("wait", "wait", json!({ "signal": "go" })));
    let plan = first.plan(&nodes);
    let working = work(&first);
    let handle = first.tenant.start(&plan, StartOptions::default()).unwrap();
    let id = handle.id();
    reached(&first, id, "parked").await;
    drop((handle, working, first));

    // Nothing has been read of the tenant there.
    let second = Process::new(&store, &key);
    let go = SignalName::parse("go").unwrap();
    second.tenant.signal(id, &go, json!({})).await.unwrap();
    let _working = work(&second);
    reached(&second, id, "ended").await;
    let told = all_of(&second, id).await;
    assert!(
        told.contains("[redacted]") && !told.contains(TOKEN),
        "{told}"
    );
}

#[tokio::test]
async fn what_an_execution_is_given_when_it_is_retried_is_masked_before_it_is_kept() {
    let key = key();
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let first = Process::new(&store, &key);
    first.put("crm", &["crm.example.org"]).await;
    let plan = first.plan(&guessing(("pass", "no-op", json!({}))));
    let report = first.tenant.run(&plan, StartOptions::default()).await;
    let id = report.unwrap().execution_id;
    drop(first);

    let second = Process::new(&store, &key);
    let input = Item::from_value(json!({ "edited": TOKEN })).unwrap();
    let input: Items = Arc::new(vec![input]);
    let retried = second.tenant.retry_from(id, "guess", Some(input)).await;
    let again = retried.unwrap().wait().await.unwrap();
    let told = format!(
        "{} {}",
        told(&again),
        all_of(&second, again.execution_id).await
    );
    assert!(told.contains("edited") && !told.contains(TOKEN), "{told}");
}
