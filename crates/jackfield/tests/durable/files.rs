//! Executions as files: exported, replayed elsewhere, and taken in.

use jackfield::store::Request;
use jackfield::types::ByteSize;
use jackfield::{DurableOptions, ExecutionStatus, StoredError};
use jackfield_testkit::store::MemoryStore;
use serde_json::{Value, json};

use super::support::{Calls, Process, options, output, registry, start, workflow};

fn document() -> Value {
    workflow(
        &[("first", "note", json!({})), ("last", "note", json!({}))],
        &[("first", 0, "last")],
    )
}

/// A process that keeps lists of more than a few bytes apart, and an execution in it.
async fn exported(calls: &Calls) -> (Vec<u8>, Value) {
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

fn changed(file: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut value = serde_json::from_slice(file).unwrap();
    change(&mut value);
    serde_json::to_vec(&value).unwrap()
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
    let process = Process::new(&MemoryStore::new(), registry(&[("note", calls.executor())]));
    let wrong = [
        b"[]".to_vec(),
        b"{\"jackfieldExecution\": 1}".to_vec(),
        changed(&file, |file| file["jackfieldExecution"] = json!(2)),
        changed(&file, |file| file["more"] = json!(2)),
        changed(&file, |file| file["pinned"]["format"] = json!(7)),
        changed(&file, |file| file["records"][0]["trigger"] = json!(4_000)),
        changed(&file, |file| file["records"][1]["node"] = json!(4_000)),
        changed(&file, |file| {
            file["records"][0]["execution"] = json!("exec_00000000000000000000000000000000");
        }),
        changed(&file, |file| file["payloads"] = json!({})),
        changed(&file, |file| {
            let payloads = file["payloads"].as_object_mut().unwrap();
            let first = payloads.values_mut().next().unwrap();
            *first = json!([{}]);
        }),
        changed(&file, |file| file["records"] = json!([])),
        changed(&file, |file| file["workflow"]["document"] = json!("{")),
    ];
    for (place, file) in wrong.iter().enumerate() {
        let taken = process.tenant.import(file).await;
        assert!(taken.is_err(), "{place}");
    }
    assert!(process.tenant.replay(&wrong[2]).await.is_err());
}
