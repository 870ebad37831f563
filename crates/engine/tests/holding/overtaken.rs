//! Leases that run out while what they are for still runs.

use std::sync::Arc;
use std::time::Duration;

use jackfield_engine::StartError;
use jackfield_kernel::ExecutionStatus;
use jackfield_testkit::store::{MemoryStore, StoreClock};

use super::hindered::{Call, Fate, HinderedStore};
use super::support::{Gate, Process, follow, plan, within};

#[tokio::test(start_paused = true)]
async fn what_a_process_claims_anew_does_not_run_beside_itself() {
    let clock = StoreClock::default();
    let _following = follow(&clock);
    let store = HinderedStore::new(Arc::new(MemoryStore::with_clock(clock.clone())));
    let gate = Gate::new();
    let process = Process::new(store.store(), &[("held", gate.executor())]).working();
    let handle = process.start(&plan(&process.tenant, &["held"]));
    let mut events = handle.events();
    gate.reaches(1).await;
    // The clock of the store makes a step: by it the lease is over, and by that of the process not.
    store.rule(|call| match call {
        Call::Renew => Fate::Hangs,
        _ => Fate::IsMade,
    });
    clock.advance(Duration::from_secs(60));
    gate.reaches(2).await;
    assert_eq!(gate.most_at_once(), 1);
    store.rule(|_| Fate::IsMade);
    gate.open(2);
    let report = within(handle.wait()).await.unwrap();
    assert_eq!(report.status, ExecutionStatus::Success);
    assert_eq!((gate.begun(), gate.most_at_once()), (2, 1));
    // Whoever reads the events of the handle misses none.
    let mut read = 0;
    while let Some(entry) = within(events.next()).await {
        read += 1;
        assert_eq!(entry.sequence, read);
    }
    assert_eq!(read as usize, report.journal.len());
}

#[tokio::test(start_paused = true)]
async fn nothing_runs_on_once_somebody_else_may_have_it() {
    const COUNT: usize = 200;
    let clock = StoreClock::default();
    let _following = follow(&clock);
    let kept = MemoryStore::with_clock(clock.clone());
    let store = HinderedStore::new(Arc::new(kept.clone()));
    let gate = Gate::new();
    let scripted = [("held", gate.executor())];
    let cut_off = Process::new(store.store(), &scripted);
    let plan = plan(&cut_off.tenant, &["held"]);
    let handles: Vec<_> = (0..COUNT).map(|_| cut_off.start(&plan)).collect();
    gate.reaches(COUNT).await;
    // From now on this process asks the store in vain.
    store.rule(|call| match call {
        Call::Create => Fate::IsMade,
        _ => Fate::Hangs,
    });
    let other = Process::new(Arc::new(kept), &scripted).working();
    gate.reaches(2 * COUNT).await;
    assert_eq!(gate.most_at_once(), 1);
    gate.open(2 * COUNT);
    for handle in handles {
        let id = handle.id();
        let lost = within(handle.wait()).await.err();
        assert!(matches!(lost, Some(StartError::NotKept { .. })), "{lost:?}");
        other.reached(id, "ended").await;
    }
    assert_eq!((gate.begun(), gate.most_at_once()), (2 * COUNT, 1));
}

#[tokio::test(start_paused = true)]
async fn what_stood_still_goes_on_if_nobody_has_taken_it_over() {
    let clock = StoreClock::default();
    let _following = follow(&clock);
    let store = MemoryStore::with_clock(clock.clone());
    let gate = Gate::new();
    let process = Process::new(Arc::new(store), &[("held", gate.executor())]);
    let handle = process.start(&plan(&process.tenant, &["held", "held"]));
    gate.reaches(1).await;
    tokio::time::advance(Duration::from_secs(60)).await;
    clock.advance(Duration::from_secs(60));
    gate.open(2);
    let report = within(handle.wait()).await.unwrap();
    assert_eq!(report.status, ExecutionStatus::Success);
    assert_eq!(gate.begun(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_for_a_moment_takes_nothing_from_anybody() {
    let clock = StoreClock::default();
    let _following = follow(&clock);
    let kept = MemoryStore::with_clock(clock.clone());
    let store = HinderedStore::new(Arc::new(kept.clone()));
    let gate = Gate::new();
    let scripted = [("held", gate.executor())];
    let process = Process::new(store.store(), &scripted);
    let _other = Process::new(Arc::new(kept), &scripted).working();
    let handle = process.start(&plan(&process.tenant, &["held"]));
    gate.reaches(1).await;
    // Every other renewal fails.
    let mut renewals = 0;
    store.rule(move |call| {
        if call != Call::Renew {
            return Fate::IsMade;
        }
        renewals += 1;
        if renewals % 2 == 1 {
            Fate::IsLost
        } else {
            Fate::IsMade
        }
    });
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(gate.begun(), 1);
    gate.open(1);
    let report = within(handle.wait()).await.unwrap();
    assert_eq!(report.status, ExecutionStatus::Success);
}
