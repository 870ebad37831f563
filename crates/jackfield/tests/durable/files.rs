//! Executions as files: exported, replayed elsewhere, and taken in.

use std::time::Duration;

use jackfield::store::{ExecutionFilter, PageRequest, Request, Store, limits};
use jackfield::types::{ByteSize, UserId};
use jackfield::{DurableOptions, ExecutionStatus, StoredError, StoredExecution, TenantEngine};
use jackfield_testkit::store::MemoryStore;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::support::{Calls, Process, options, output, registry, start, workflow};

pub(crate) fn document() -> Value {
    let mut document = workflow(
        &[("first", "note", json!({})), ("last", "note", json!({}))],
        &[("first", 0, "last")],
    );
    document["settings"] = json!({ "timeout": "1h" });
    document
}

/// All executions that are kept.
pub(crate) async fn executions(tenant: &TenantEngine) -> Vec<StoredExecution> {
    let page = PageRequest::first(1_000);
    let filter = ExecutionFilter::default();
    let listed = tenant.stored_executions(&filter, &page);
    listed.await.unwrap().entries
}

/// Writes a file as an export is written, whatever is in it.
pub(crate) fn sealed(file: &Value) -> Vec<u8> {
    let mut file = file.clone();
    let fields = file.as_object_mut().unwrap();
    fields.shift_remove("sums");
    fields.shift_remove("digest");
    let mut sealed = serde_json::to_vec(&file).unwrap();
    sealed.pop();
    let sums = sealed.chunks(1_024).map(|block| {
        let digest = limits::digest_of(block).to_string();
        let (_, digits) = digest.split_once(':').unwrap();
        digits[..8].to_owned()
    });
    let sums: Vec<String> = sums.collect();
    sealed.extend(format!(",\"sums\":{}", json!(sums)).into_bytes());
    let digest = limits::digest_of(&sealed);
    sealed.extend(format!(",\"digest\":\"{digest}\"}}").into_bytes());
    sealed
}

/// A process that keeps lists of more than a few bytes apart, and an execution in it.
pub(crate) async fn exported(calls: &Calls) -> (Vec<u8>, Value) {
    let store = MemoryStore::new();
    let apart = DurableOptions {
        inline: ByteSize::bytes(64),
        ..options()
    };
    let process = Process::with_options(&store, registry(&[("note", calls.executor())]), apart);
    let plan = process.plan(&document());
    let input = json!([{ "text": "long ".repeat(40), "number": 0.1 }, { "n": 2 }]);
    let report = process.tenant.run(&plan, start(&input)).await.unwrap();
    let id = report.execution_id;
    (process.tenant.export(id).await.unwrap(), output(&report))
}

/// Another file, made up as if it had been exported so.
fn changed(file: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut value = serde_json::from_slice(file).unwrap();
    change(&mut value);
    sealed(&value)
}

#[tokio::test]
async fn an_exported_execution_replays_elsewhere_without_a_difference() {
    let calls = Calls::default();
    let (file, _) = exported(&calls).await;
    let value: Value = serde_json::from_slice(&file).unwrap();
    assert!(!value["payloads"].as_object().unwrap().is_empty());
    let elsewhere = Process::new(&MemoryStore::new(), registry(&[("note", calls.executor())]));
    let replayed = elsewhere.tenant.replay(&file).await.unwrap();
    assert_eq!(replayed.difference, None);
    assert_eq!(replayed.events, 6);
    assert_eq!(calls.of("first").len(), 1, "nothing is run");
}

#[tokio::test]
async fn the_first_difference_is_found() {
    let calls = Calls::default();
    let (file, _) = exported(&calls).await;
    let elsewhere = Process::new(&MemoryStore::new(), registry(&[("note", calls.executor())]));
    let replay = async |file: Vec<u8>| {
        let replayed = elsewhere.tenant.replay(&file).await.unwrap();
        replayed.difference.unwrap()
    };
    let found = replay(changed(&file, |file| {
        file["records"].as_array_mut().unwrap().swap(3, 4);
    }));
    let found = found.await;
    assert_eq!(found.sequence, Some(4));
    let found = replay(changed(&file, |file| {
        file["report"]["nodes"]["first"]["status"] = json!("error");
    }));
    let found = found.await;
    assert_eq!(found.place.as_deref(), Some("/nodes/first/status"));
    assert_eq!(
        (&*found.recorded, &*found.now),
        ("\"error\"", "\"success\"")
    );
    let found = replay(changed(&file, |file| {
        file["records"][5]["status"] = json!("error");
    }));
    let found = found.await;
    assert_eq!(found.sequence, Some(6));
    assert!(found.now.contains("would end as `success`"), "{found:?}");
}

#[tokio::test]
async fn an_exported_execution_is_taken_in_by_another_store() {
    let calls = Calls::default();
    let (file, expected) = exported(&calls).await;
    let store = MemoryStore::new();
    let process = Process::new(&store, registry(&[("note", calls.executor())]));
    let id = process.tenant.import(&file).await.unwrap();
    let history = process.tenant.history(id).await.unwrap();
    let report = history.report().unwrap();
    assert_eq!(report.status, ExecutionStatus::Success);
    assert_eq!(output(&report), expected);
    assert_eq!(history.execution().state.as_str(), "ended");
    let twice = process.tenant.import(&file).await;
    assert!(matches!(twice, Err(StoredError::Store(_))), "{twice:?}");

    // Another tenant has it as its own.
    let other = jackfield::TenantId::parse("other").unwrap();
    let other = process.engine.tenant(&other);
    assert_eq!(other.import(&file).await.unwrap(), id);
    let history = other.history(id).await.unwrap();
    assert_eq!(output(&history.report().unwrap()), expected);
}

#[tokio::test]
async fn what_had_not_ended_is_paused_and_goes_on_when_it_is_asked_to() {
    let calls = Calls::default();
    let (file, expected) = exported(&calls).await;
    let cut = changed(&file, |file| {
        file["records"].as_array_mut().unwrap().truncate(4);
    });
    let store = MemoryStore::new();
    let process = Process::new(&store, registry(&[("note", calls.executor())]));
    let id = process.tenant.import(&cut).await.unwrap();
    let found = process.tenant.stored_execution(id).await.unwrap();
    assert_eq!(found.state.as_str(), "paused");
    process.tenant.request(id, Request::Resume).await.unwrap();
    let report = process
        .tenant
        .resume(id)
        .await
        .unwrap()
        .wait()
        .await
        .unwrap();
    assert_eq!(output(&report), expected);
    assert_eq!(calls.of("last").len(), 2);
    assert_eq!(calls.of("first").len(), 1);
}

#[tokio::test]
async fn files_that_are_no_executions_are_refused() {
    let calls = Calls::default();
    let (file, _) = exported(&calls).await;
    let again = changed(&file, |_| {});
    assert!(again == file, "it is written as an export is");
    let process = Process::new(&MemoryStore::new(), registry(&[("note", calls.executor())]));
    let wrong = [
        (b"[]".to_vec(), "no exported execution"),
        (
            b"{\"jackfieldExecution\": 2}".to_vec(),
            "was changed, or cut off",
        ),
        (
            changed(&file, |file| file["jackfieldExecution"] = json!(3)),
            "format version 3, and this program knows 2",
        ),
        (
            changed(&file, |file| file["jackfieldExecution"] = json!(1)),
            "has to be exported again",
        ),
        (
            changed(&file, |file| file["more"] = json!(2)),
            "unknown field `more`",
        ),
        (
            changed(&file, |file| file["pinned"]["format"] = json!(7)),
            "format version 7",
        ),
        (
            changed(&file, |file| file["records"][0]["trigger"] = json!(4_000)),
            "record 1",
        ),
        (
            changed(&file, |file| file["records"][1]["node"] = json!(4_000)),
            "record 2",
        ),
        (
            changed(&file, |file| {
                let other = json!("exec_00000000000000000000000000000000");
                file["records"][0]["execution"] = other;
            }),
            "record 1: it is about another execution",
        ),
        (
            changed(&file, |file| file["payloads"] = json!({})),
            "in the file",
        ),
        (
            changed(&file, |file| {
                let payloads = file["payloads"].as_object_mut().unwrap();
                let first = payloads.values_mut().next().unwrap();
                *first = json!([{}]);
            }),
            "is not what its name says",
        ),
        (
            changed(&file, |file| file["records"] = json!([])),
            "record 1",
        ),
        (
            changed(&file, |file| file["workflow"]["document"] = json!("{")),
            "its workflow cannot be read",
        ),
        (
            changed(&file, |file| {
                let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
                file["report"] = serde_json::from_str(&deep[80..320]).unwrap();
            }),
            "120 deep",
        ),
    ];
    for (file, expected) in &wrong {
        let refused = process.tenant.import(file).await.unwrap_err().to_string();
        assert!(refused.contains(expected), "{expected}: {refused}");
    }
    assert_eq!(executions(&process.tenant).await, []);
    assert!(process.tenant.replay(&wrong[2].0).await.is_err());
    // What was recorded before there were digests is replayed.
    let old = changed(&file, |file| file["jackfieldExecution"] = json!(1));
    assert_eq!(process.tenant.replay(&old).await.unwrap().difference, None);
}

#[tokio::test]
async fn a_file_that_is_too_large_is_refused_before_it_is_read() {
    let process = Process::new(&MemoryStore::new(), registry(&[]));
    let mut long = b"{\"jackfieldExecution\":2,\"report\":\"".to_vec();
    long.resize((256 << 20) + 1, b' ');
    let many = format!(
        "{{\"jackfieldExecution\":2,\"report\":[{}0]}}",
        "0,".repeat(8_000_000)
    );
    for (file, expected) in [
        (long, "at most 268435456 bytes"),
        (many.into_bytes(), "values"),
    ] {
        for refused in [
            process.tenant.import(&file).await.err(),
            process.tenant.replay(&file).await.err(),
        ] {
            let refused = refused.unwrap().to_string();
            assert!(refused.contains(expected), "{refused}");
        }
    }
}

#[tokio::test]
async fn what_is_taken_in_is_the_users_who_takes_it_in_for_as_long_as_its_workflow_says() {
    let calls = Calls::default();
    let (file, _) = exported(&calls).await;
    let forged = changed(&file, |file| {
        file["user"] = json!("root@example.com");
        file["pinned"]["deadline"] = json!("9999-01-01T00:00:00Z");
        file["records"].as_array_mut().unwrap().truncate(4);
    });
    let store = MemoryStore::new();
    let process = Process::new(&store, registry(&[("note", calls.executor())]));
    let ada = UserId::parse("ada@example.com").unwrap();
    let tenant = process.tenant.clone().as_user(ada.clone());
    let before = Timestamp::now();
    let id = tenant.import(&forged).await.unwrap();
    let kept = store.tenant(tenant.id());
    let found = jackfield::store::Executions::execution(&*kept, id)
        .await
        .unwrap();
    assert_eq!(found.user, Some(ada));
    assert_eq!((found.state.as_str(), found.lease), ("paused", None));
    let pinned: Value = serde_json::from_slice(&found.pinned).unwrap();
    let deadline: Timestamp = pinned["deadline"].as_str().unwrap().parse().unwrap();
    let hour = Duration::from_secs(3_600);
    assert!((before + hour..=Timestamp::now() + hour).contains(&deadline));
    // Nobody is nobody, whoever the file says.
    let store = MemoryStore::new();
    let process = Process::new(&store, registry(&[("note", calls.executor())]));
    process.tenant.import(&forged).await.unwrap();
    let found = process.tenant.stored_execution(id).await.unwrap();
    assert_eq!(found.user, None);
}
