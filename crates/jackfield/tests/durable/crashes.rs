//! Whatever runs an execution is lost, at any write.

use jackfield::{ExecutionStatus, StartError};
use jackfield_testkit::store::{Interruption, MemoryStore, StoreClock};
use serde_json::{Value, json};

use super::support::{Calls, Process, follow, output, registry, start, workflow};

/// Two branches, a loop, a short wait and a join.
fn document() -> Value {
    workflow(
        &[
            ("first", "note", json!({})),
            ("left", "note", json!({})),
            ("pause", "wait", json!({ "for": "20ms" })),
            ("each", "loop", json!({ "batchSize": 1 })),
            ("body", "note", json!({})),
            ("join", "note", json!({})),
        ],
        &[
            ("first", 0, "left"),
            ("first", 0, "pause"),
            ("pause", 0, "each"),
            ("each", 1, "body"),
            ("body", 0, "each"),
            ("each", 0, "join"),
            ("left", 0, "join"),
        ],
    )
}

#[tokio::test(start_paused = true)]
async fn an_execution_that_is_broken_off_at_any_write_ends_as_one_that_is_not() {
    let input = json!([{ "n": 1 }, { "n": 2 }]);
    let calls = Calls::default();
    let whole = MemoryStore::new();
    let process = Process::new(&whole, registry(&[("note", calls.executor())]));
    let plan = process.plan(&document());
    let report = process.tenant.run(&plan, start(&input)).await.unwrap();
    let expected = output(&report);
    assert_eq!(report.status, ExecutionStatus::Success);
    let writes = whole.writes();
    assert!(writes > 8, "{writes} writes are too few to tell anything");

    for interruption in [Interruption::BeforeTheWrite, Interruption::AfterTheWrite] {
        for after in 0..writes {
            let clock = StoreClock::default();
            let following = follow(&clock);
            let store = MemoryStore::with_clock(clock);
            let calls = Calls::default();
            let doomed = Process::new(&store, registry(&[("note", calls.executor())]));
            let plan = doomed.plan(&document());
            store.interrupt(after, interruption);
            let handle = doomed.tenant.start(&plan, start(&input)).unwrap();
            let id = handle.id();
            let was_kept = handle.kept().await;
            let error = handle.wait().await.err();
            assert!(
                matches!(error, Some(StartError::NotKept { .. })),
                "{after}: {error:?}"
            );
            drop(doomed);

            let store = store.reopen();
            let process = Process::new(&store, registry(&[("note", calls.executor())])).working();
            let found = process.tenant.stored_execution(id).await;
            if was_kept.is_err() && found.is_err() {
                // It was never said to be there.
                following.abort();
                continue;
            }
            let report = process.ended(id).await;
            assert_eq!(report.status, ExecutionStatus::Success, "{after}");
            assert_eq!(output(&report), expected, "{after}");
            let mut again = 0;
            for (node, most) in [("first", 1), ("left", 1), ("body", 2), ("join", 1)] {
                let keys = calls.of(node);
                let mut different = keys.clone();
                different.sort();
                different.dedup();
                assert_eq!(different.len(), most, "{after}: {node}: {keys:?}");
                again += keys.len() - most;
            }
            // Only what ran when the store was lost runs again: two at the most at a time.
            assert!(again <= 2, "{after}: {again} calls were made again");
            following.abort();
        }
    }
}
