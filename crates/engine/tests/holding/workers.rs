//! Workers whose store does not do what they ask.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jackfield_engine::WorkerOptions;
use jackfield_store_api::StoreError;
use jackfield_testkit::store::{MemoryStore, StoreClock};
use tokio_util::sync::CancellationToken;

use super::hindered::{Call, Fate, HinderedStore};
use super::support::{Gate, Process, follow, plan, within};

/// Has a worker catch up.
async fn catch_up(process: &Process) -> Result<(), StoreError> {
    let worker = process.engine.worker(WorkerOptions::default()).unwrap();
    within(worker.catch_up(CancellationToken::new())).await
}

#[tokio::test(start_paused = true)]
async fn catching_up_is_no_success_when_the_store_cannot_be_asked() {
    let clock = StoreClock::default();
    let _following = follow(&clock);
    let store = HinderedStore::new(Arc::new(MemoryStore::with_clock(clock.clone())));
    let gate = Gate::new();
    let process = Process::new(store.store(), &[("held", gate.executor())]);
    let id = process
        .leave_one(&plan(&process.tenant, &["held"]), &gate)
        .await;
    gate.open(1);
    for hindered in [Call::Claim, Call::NextDue] {
        for fate in [Fate::Fails, Fate::IsLost] {
            store.rule(move |call| if call == hindered { fate } else { Fate::IsMade });
            let failed = catch_up(&process).await.unwrap_err();
            assert_eq!(failed.is_transient(), fate == Fate::IsLost, "{failed}");
            assert_eq!(process.stands(id).await, "running");
        }
    }
    // What passes is borne with.
    let mut calls = 0;
    store.rule(move |call| {
        calls += usize::from(call == Call::Claim);
        if call == Call::Claim && calls < 3 {
            Fate::IsLost
        } else {
            Fate::IsMade
        }
    });
    catch_up(&process).await.unwrap();
    assert_eq!(process.stands(id).await, "ended");
}

#[tokio::test(start_paused = true)]
async fn what_runs_ends_before_a_worker_says_that_the_store_fails() {
    let clock = StoreClock::default();
    let _following = follow(&clock);
    let store = HinderedStore::new(Arc::new(MemoryStore::with_clock(clock.clone())));
    let gate = Gate::new();
    let process = Process::new(store.store(), &[("held", gate.executor())]);
    let id = process
        .leave_one(&plan(&process.tenant, &["held"]), &gate)
        .await;
    let worker = process.engine.worker(WorkerOptions::default()).unwrap();
    let working = tokio::spawn(worker.catch_up(CancellationToken::new()));
    gate.reaches(2).await;
    store.rule(|call| match call {
        Call::Claim | Call::NextDue => Fate::Fails,
        _ => Fate::IsMade,
    });
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(!working.is_finished());
    gate.open(1);
    assert!(within(working).await.unwrap().is_err());
    assert_eq!(process.stands(id).await, "ended");
}

#[tokio::test(start_paused = true)]
async fn one_that_cannot_be_read_holds_up_no_other_and_is_told_of() {
    let clock = StoreClock::default();
    let _following = follow(&clock);
    let kept = MemoryStore::with_clock(clock.clone());
    let store = HinderedStore::new(Arc::new(kept));
    let gate = Gate::new();
    let process = Process::new(store.store(), &[("held", gate.executor())]);
    let plan = plan(&process.tenant, &["held"]);
    let damaged = process.leave_one(&plan, &gate).await;
    let whole = process.leave_one(&plan, &gate).await;
    gate.open(1);
    let claims = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&claims);
    let is_hindered = move |call| match call {
        Call::Read(id) if id == damaged => Fate::IsDamaged,
        Call::Claim => {
            counted.fetch_add(1, Ordering::SeqCst);
            Fate::IsMade
        }
        _ => Fate::IsMade,
    };
    // It cannot even be written down that it cannot be read.
    let hindered = is_hindered.clone();
    store.rule(move |call| match call {
        Call::GiveUp => Fate::IsDamaged,
        call => hindered(call),
    });
    let failed = catch_up(&process).await.unwrap_err();
    assert!(matches!(failed, StoreError::Damaged { .. }), "{failed}");
    assert_eq!(process.stands(whole).await, "ended");
    // It is not claimed again before its lease is over.
    let claims = claims.load(Ordering::SeqCst);
    assert!(claims <= 6, "{claims} claims");

    store.rule(is_hindered);
    catch_up(&process).await.unwrap();
    store.rule(|_| Fate::IsMade);
    assert_eq!(process.stands(damaged).await, "stuck");
}
