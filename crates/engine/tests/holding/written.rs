//! Calls of which nobody knows what came of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jackfield_engine::StartError;
use jackfield_kernel::ExecutionStatus;
use jackfield_testkit::store::{MemoryStore, StoreClock};

use super::hindered::{Call, Fate, HinderedStore};
use super::support::{ByStore, Gate, Process, builder, follow, plan, waits_for, within};

#[tokio::test(start_paused = true)]
async fn what_was_written_without_a_word_is_found_out_as_soon_as_the_store_can_be_asked() {
    let clock = StoreClock::default();
    let _following = follow(&clock);
    let store = HinderedStore::new(Arc::new(MemoryStore::with_clock(clock.clone())));
    let gate = Gate::new();
    gate.open(2);
    let process = Process::new(store.store(), &[("held", gate.executor())]);
    let handle = process.start(&plan(&process.tenant, &["held", "held"]));
    // The store is away after the first write, and when it is asked whether that was made.
    let (mut appends, mut reads) = (0, 0);
    store.rule(move |call| match call {
        Call::Append { .. } => {
            appends += 1;
            if appends == 1 {
                Fate::IsMadeAndLost
            } else {
                Fate::IsMade
            }
        }
        Call::Read(_) => {
            reads += 1;
            if reads <= 2 {
                Fate::IsLost
            } else {
                Fate::IsMade
            }
        }
        _ => Fate::IsMade,
    });
    let report = within(handle.wait()).await.unwrap();
    assert_eq!(report.status, ExecutionStatus::Success);
    assert_eq!(gate.begun(), 2);
}

#[tokio::test(start_paused = true)]
async fn parking_without_a_word_is_no_loss() {
    let clock = StoreClock::default();
    let _following = follow(&clock);
    let store = HinderedStore::new(Arc::new(MemoryStore::with_clock(clock.clone())));
    // Stores do not keep times that exactly.
    let wait = waits_for(Duration::new(60, 123_456_789));
    let engine = builder(store.store(), &[("waits", wait)]).clock(ByStore(clock.clone()));
    let process = Process::of(engine).working();
    tokio::task::yield_now().await;
    let was_parked = Arc::new(AtomicBool::new(false));
    let parked = Arc::clone(&was_parked);
    store.rule(move |call| {
        let parks = call == Call::Append { has_state: true };
        if parks && !parked.swap(true, Ordering::SeqCst) {
            Fate::IsMadeAndLost
        } else {
            Fate::IsMade
        }
    });
    let handle = process.start(&plan(&process.tenant, &["waits"]));
    let report = within(handle.wait()).await.unwrap();
    assert_eq!(report.status, ExecutionStatus::Success);
    assert!(was_parked.load(Ordering::SeqCst));
}

#[tokio::test(start_paused = true)]
async fn whether_it_is_kept_is_not_known_when_the_store_is_lost_as_it_is_made() {
    let clock = StoreClock::default();
    let _following = follow(&clock);
    let kept = MemoryStore::with_clock(clock.clone());
    let store = HinderedStore::new(Arc::new(kept.clone()));
    let gate = Gate::new();
    gate.open(1);
    let scripted = [("held", gate.executor())];
    let process = Process::new(store.store(), &scripted);
    let plan = plan(&process.tenant, &["held"]);
    store.rule(|call| match call {
        Call::Create => Fate::IsMadeAndLost,
        _ => Fate::IsLost,
    });
    let handle = process.start(&plan);
    let id = handle.id();
    let unknown = within(handle.kept()).await.err();
    let expected =
        matches!(unknown, Some(StartError::Unacknowledged { execution, .. }) if execution == id);
    assert!(expected, "{unknown:?}");
    assert_eq!(gate.begun(), 0);
    // It was made, and goes on once somebody can take it up.
    let other = Process::new(Arc::new(kept), &scripted).working();
    other.reached(id, "ended").await;
    assert_eq!(gate.begun(), 1);

    // What the store has refused is not there.
    store.rule(|call| match call {
        Call::Create => Fate::Fails,
        _ => Fate::IsMade,
    });
    let refused = within(process.start(&plan).kept()).await.err();
    assert!(
        matches!(refused, Some(StartError::NotKept { .. })),
        "{refused:?}"
    );
}
