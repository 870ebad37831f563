//! What is asked of executions, by whomever and wherever they are.

use std::sync::Arc;
use std::time::Duration;

use jackfield_engine::{DurableOptions, WorkerOptions};
use jackfield_kernel::ExecutionStatus;
use jackfield_store_api::Request;
use jackfield_tenancy::Tenancy;
use jackfield_testkit::store::{MemoryStore, StoreClock};
use jackfield_types::{SignalName, TenantId};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::support::{
    Gate, Process, builder, follow, leave, plan, start, waits_for, waits_for_signal, within,
};

#[tokio::test(start_paused = true)]
async fn resuming_takes_back_a_pause_that_nobody_has_heard_of() {
    let clock = StoreClock::default();
    let _following = follow(&clock);
    let store = Arc::new(MemoryStore::with_clock(clock.clone()));
    let gate = Gate::new();
    let process = Process::new(store, &[("held", gate.executor())]);
    let id = process
        .leave_one(&plan(&process.tenant, &["held"]), &gate)
        .await;
    process.tenant.request(id, Request::Pause).await.unwrap();
    assert_eq!(process.stands(id).await, "running");
    let handle = process.tenant.resume(id).await.unwrap();
    gate.open(1);
    let report = within(handle.wait()).await.unwrap();
    assert_eq!(report.status, ExecutionStatus::Success);
}

#[tokio::test(start_paused = true)]
async fn what_has_no_room_is_paused_when_it_is_asked_to() {
    let clock = StoreClock::default();
    let _following = follow(&clock);
    let store = Arc::new(MemoryStore::with_clock(clock.clone()));
    let tenancy = Tenancy::open();
    let gate = Gate::new();
    let engine = builder(store, &[("held", gate.executor())]).tenancy(tenancy.clone());
    let process = Process::of(engine);
    let plan = plan(&process.tenant, &["held"]);
    let id = process.leave_one(&plan, &gate).await;
    let first = process.start(&plan);
    gate.reaches(2).await;
    let policy = serde_json::from_value(json!({ "quotas": { "concurrentExecutions": 1 } }));
    tenancy
        .set_policy(process.tenant.id(), &policy.unwrap())
        .unwrap();
    process.tenant.request(id, Request::Pause).await.unwrap();
    let process = process.working();
    // It is no matter of time: a worker that takes it up again and again never waits.
    let mut is_paused = false;
    for _ in 0..10_000 {
        is_paused = process.stands(id).await == "paused";
        if is_paused {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert!(is_paused, "it is {}", process.stands(id).await);
    process.tenant.request(id, Request::Resume).await.unwrap();
    gate.open(2);
    let report = within(first.wait()).await.unwrap();
    assert_eq!(report.status, ExecutionStatus::Success);
    process.reached(id, "ended").await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_for_one_tenant_has_no_other_leave_memory() {
    let clock = StoreClock::default();
    let _following = follow(&clock);
    let store = Arc::new(MemoryStore::with_clock(clock.clone()));
    let wait = waits_for(Duration::from_secs(3_600));
    let process = Process::new(store, &[("waits", wait)]);
    let [acme, globex] = ["acme", "globex"].map(|id| {
        let tenant = TenantId::parse(id).unwrap();
        process.engine.tenant(&tenant)
    });
    let worker = acme.worker(WorkerOptions::default()).unwrap();
    let shutdown = CancellationToken::new();
    let working = tokio::spawn(worker.run(shutdown.clone()));
    tokio::task::yield_now().await;
    let ours = start(&acme, &plan(&acme, &["waits"]));
    let theirs = start(&globex, &plan(&globex, &["waits"]));
    assert!(theirs.kept().await.unwrap());
    tokio::time::sleep(Duration::from_secs(60)).await;
    let found = acme.stored_execution(ours.id()).await.unwrap();
    assert_eq!(found.state.as_str(), "parked");
    let found = globex.stored_execution(theirs.id()).await.unwrap();
    assert_eq!(found.state.as_str(), "running");
    let report = tokio::time::timeout(Duration::from_secs(3_600), theirs.wait());
    let report = report.await.unwrap().unwrap();
    assert_eq!(report.status, ExecutionStatus::Success);
    shutdown.cancel();
    working.await.unwrap();
}

/// A process whose leases are long, so that their renewal brings no news.
fn patient(
    store: &MemoryStore,
    scripted: &[(&str, jackfield_testkit::ScriptedExecutor)],
) -> Process {
    Process::of(
        builder(Arc::new(store.clone()), scripted).durable_options(DurableOptions {
            lease: Duration::from_secs(3_600),
            ..DurableOptions::default()
        }),
    )
}

#[tokio::test(start_paused = true)]
async fn what_runs_elsewhere_hears_within_seconds() {
    let clock = StoreClock::default();
    let _following = follow(&clock);
    let store = MemoryStore::with_clock(clock.clone());
    let gate = Gate::new();
    let scripted = [
        ("listens", waits_for_signal("go")),
        ("held", gate.executor()),
    ];
    let (here, elsewhere) = (patient(&store, &scripted), patient(&store, &scripted));
    let soon = Duration::from_secs(3);

    let handle = here.start(&plan(&here.tenant, &["listens", "held"]));
    assert!(handle.kept().await.unwrap());
    tokio::time::sleep(Duration::from_secs(30)).await;
    let go = SignalName::parse("go").unwrap();
    let sent = elsewhere.tenant.signal(handle.id(), &go, json!(null));
    sent.await.unwrap();
    let began = tokio::time::Instant::now();
    gate.reaches(1).await;
    assert!(began.elapsed() < soon, "{:?}", began.elapsed());

    tokio::time::sleep(Duration::from_secs(30)).await;
    let asked = elsewhere.tenant.request(handle.id(), Request::Cancel);
    asked.await.unwrap();
    let report = tokio::time::timeout(soon, handle.wait()).await.unwrap();
    assert_eq!(report.unwrap().status, ExecutionStatus::Cancelled);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_runs_ends_with_the_next_claim_once_it_is_cancelled() {
    let clock = StoreClock::default();
    let _following = follow(&clock);
    let store = MemoryStore::with_clock(clock.clone());
    let gate = Gate::new();
    let scripted = [
        ("listens", waits_for_signal("go")),
        ("held", gate.executor()),
    ];
    let process = Process::new(Arc::new(store), &scripted);
    let listens = process.start(&plan(&process.tenant, &["listens"]));
    let waiting = listens.id();
    leave(listens).await;
    let held = process
        .leave_one(&plan(&process.tenant, &["held"]), &gate)
        .await;
    let parked = {
        let worker = process.engine.worker(WorkerOptions::default()).unwrap();
        let shutdown = CancellationToken::new();
        let working = tokio::spawn(worker.run(shutdown.clone()));
        tokio::task::yield_now().await;
        let handle = process.start(&plan(&process.tenant, &["listens"]));
        assert!(handle.kept().await.unwrap());
        process.reached(handle.id(), "parked").await;
        process.reached(waiting, "parked").await;
        shutdown.cancel();
        working.await.unwrap();
        handle.id()
    };
    let begun = gate.begun();
    for id in [waiting, held, parked] {
        process.tenant.request(id, Request::Cancel).await.unwrap();
    }
    let worker = process.engine.worker(WorkerOptions::default()).unwrap();
    let caught_up = worker.catch_up(CancellationToken::new());
    within(caught_up).await.unwrap();
    for id in [waiting, held, parked] {
        let report = process.tenant.history(id).await.unwrap().report().unwrap();
        assert_eq!(report.status, ExecutionStatus::Cancelled);
    }
    assert_eq!(gate.begun(), begun);
}
