//! Starting over from a node, and looking back.

use jackfield::kernel::EventKind;
use jackfield::store::{ExecutionFilter, PageRequest};
use jackfield::{ExecutionStatus, NodeError, NodeOutput, StoredError};
use jackfield_testkit::ScriptedExecutor;
use jackfield_testkit::store::MemoryStore;
use serde_json::{Value, json};

use super::support::{Calls, Process, items, output, registry, start, workflow};

/// Fails as long as its items say so.
fn picky() -> ScriptedExecutor {
    ScriptedExecutor::immediate(|_, call| {
        if call
            .items()
            .iter()
            .any(|item| item.json().contains_key("bad"))
        {
            return Err(NodeError::permanent(
                jackfield::ErrorCode::EXECUTION_ERROR,
                "this will not do",
            ));
        }
        Ok(NodeOutput::items(call.items().clone()))
    })
}

fn document() -> Value {
    workflow(
        &[
            ("first", "note", json!({})),
            ("picky", "picky", json!({})),
            ("aside", "note", json!({})),
            ("last", "note", json!({})),
        ],
        &[
            ("first", 0, "picky"),
            ("first", 0, "aside"),
            ("picky", 0, "last"),
        ],
    )
}

#[tokio::test]
async fn a_retry_reuses_what_came_before_and_runs_the_rest_with_other_input() {
    let store = MemoryStore::new();
    let calls = Calls::default();
    let scripted = [("note", calls.executor()), ("picky", picky())];
    let process = Process::new(&store, registry(&scripted));
    let plan = process.plan(&document());
    let failed = process
        .tenant
        .run(&plan, start(&json!([{ "bad": 1 }])))
        .await
        .unwrap();
    assert_eq!(failed.status, ExecutionStatus::Error);
    assert_eq!(calls.of("last").len(), 0);

    let edited = items(&json!([{ "good": 1 }]));
    let retried = process
        .tenant
        .retry_from(failed.execution_id, "picky", Some(edited))
        .await
        .unwrap();
    assert_ne!(retried.id(), failed.execution_id);
    let id = retried.id();
    let report = retried.wait().await.unwrap();
    assert_eq!(report.status, ExecutionStatus::Success);
    assert_eq!(
        report.node("last").unwrap().output.main[0][0].json()["good"],
        1
    );
    assert_eq!((calls.of("first").len(), calls.of("aside").len()), (1, 1));
    assert_eq!(calls.of("last").len(), 1);
    let found = process.tenant.stored_execution(id).await.unwrap();
    assert_eq!(found.retry_of, Some(failed.execution_id));
    let events = report.journal.events();
    let is_replaced =
        |event: &jackfield::Event| matches!(event.kind, EventKind::InputReplaced { .. });
    assert!(events.iter().any(is_replaced));
    // What was written is what was run.
    let history = process.tenant.history(id).await.unwrap();
    assert_eq!(output(&history.report().unwrap()), output(&report));
}

#[tokio::test]
async fn a_retry_needs_a_node_that_was_reached() {
    let store = MemoryStore::new();
    let calls = Calls::default();
    let scripted = [("note", calls.executor()), ("picky", picky())];
    let process = Process::new(&store, registry(&scripted));
    let plan = process.plan(&document());
    let failed = process
        .tenant
        .run(&plan, start(&json!([{ "bad": 1 }])))
        .await
        .unwrap();
    let id = failed.execution_id;
    for (node, expected) in [("nobody", "has no node"), ("last", "was not reached")] {
        let refused = process.tenant.retry_from(id, node, None).await.err();
        let Some(StoredError::Invalid { reason }) = refused else {
            panic!("{refused:?}");
        };
        assert!(reason.contains(expected), "{reason}");
    }
    let again = process.tenant.retry_from(id, "first", None).await.unwrap();
    let report = again.wait().await.unwrap();
    assert_eq!(report.status, ExecutionStatus::Error);
    assert_eq!(calls.of("first").len(), 2);
}

#[tokio::test]
async fn a_retry_inside_of_a_loop_runs_the_loop_anew() {
    let store = MemoryStore::new();
    let calls = Calls::default();
    let process = Process::new(&store, registry(&[("note", calls.executor())]));
    let document = workflow(
        &[
            ("first", "note", json!({})),
            ("each", "loop", json!({})),
            ("body", "note", json!({})),
            ("last", "note", json!({})),
        ],
        &[
            ("first", 0, "each"),
            ("each", 1, "body"),
            ("body", 0, "each"),
            ("each", 0, "last"),
        ],
    );
    let plan = process.plan(&document);
    let input = json!([{ "n": 1 }, { "n": 2 }]);
    let report = process.tenant.run(&plan, start(&input)).await.unwrap();
    let retried = process
        .tenant
        .retry_from(report.execution_id, "body", None)
        .await
        .unwrap();
    let again = retried.wait().await.unwrap();
    assert_eq!(output(&again), output(&report));
    assert_eq!(calls.of("first").len(), 1);
    assert_eq!((calls.of("body").len(), calls.of("last").len()), (4, 2));
    let input = Some(items(&json!([{}])));
    let refused = process
        .tenant
        .retry_from(report.execution_id, "body", input)
        .await;
    assert!(matches!(refused, Err(StoredError::Invalid { .. })));
}

#[tokio::test]
async fn an_execution_is_seen_as_it_stood_after_any_event() {
    let store = MemoryStore::new();
    let calls = Calls::default();
    let scripted = [("note", calls.executor()), ("picky", picky())];
    let process = Process::new(&store, registry(&scripted));
    let plan = process.plan(&document());
    let report = process
        .tenant
        .run(&plan, start(&json!([{}])))
        .await
        .unwrap();
    let history = process.tenant.history(report.execution_id).await.unwrap();
    let count = history.entries().len() as u64;
    assert_eq!(count, history.execution().events);
    let begun = history.report_at(1).unwrap();
    assert_eq!(begun.status, ExecutionStatus::Running);
    assert_eq!(begun.node("first").unwrap().status.as_str(), "pending");
    let done: Vec<_> = (1..=count)
        .map(|place| {
            let report = history.report_at(place).unwrap();
            report
                .nodes()
                .filter(|(_, result)| result.status.as_str() == "success")
                .count()
        })
        .collect();
    assert!(done.is_sorted(), "{done:?}");
    assert_eq!(done.last(), Some(&4));
    assert!(history.report_at(count + 1).is_err());
    let names: Vec<_> = history
        .entries()
        .filter_map(|entry| entry.node_name)
        .collect();
    assert_eq!(names[0], "first");

    let filter = ExecutionFilter {
        status: Some("success".to_owned()),
        ..ExecutionFilter::default()
    };
    let page = PageRequest::default();
    let listed = process
        .tenant
        .stored_executions(&filter, &page)
        .await
        .unwrap();
    assert_eq!(listed.entries.len(), 1);
    assert_eq!(listed.entries[0].id, report.execution_id);
}
