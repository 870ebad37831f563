//! What wakes an execution, and that nothing that would wake it is lost.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jackfield_store_api::{ExecutionState, Request, Requests, TenantStore, Waiting};
use jackfield_types::ExecutionId;

use super::ground::{Ground, Held, bytes, refused, state};

const ENDLESSLY: Waiting = Waiting {
    until: None,
    signal_after: None,
};

async fn parked(ground: &Ground, tenant: &dyn TenantStore, waiting: Waiting) -> ExecutionId {
    let mut held = ground.held(tenant).await;
    held.put(tenant, ExecutionState::Parked(waiting)).await;
    assert_eq!(
        state(tenant, held.id).await,
        ExecutionState::Parked(waiting)
    );
    assert_eq!(tenant.execution(held.id).await.unwrap().lease, None);
    held.id
}

pub(super) async fn time_wakes_what_is_parked(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    let now = ground.store.now().await.unwrap();
    let mut expected = Vec::new();
    for moments in [3, 1, 2] {
        let until = Some(now + ground.moment() * moments);
        let waiting = Waiting { until, ..ENDLESSLY };
        expected.push((moments, parked(&ground, &*tenant, waiting).await));
    }
    parked(&ground, &*tenant, ENDLESSLY).await;
    expected.sort_unstable();
    assert_eq!(
        ground.store.next_due().await.unwrap(),
        Some(now + ground.moment())
    );
    if ground.subject.clock().is_some() {
        assert_eq!(ground.due().await, [], "not before its time");
    }
    ground.pass(ground.moment() * 4).await;
    let woken: Vec<_> = expected.iter().map(|(_, id)| *id).collect();
    assert_eq!(
        ground.due().await,
        woken,
        "the one whose time came first comes first"
    );
    assert_eq!(state(&*tenant, woken[0]).await, ExecutionState::Running);
}

pub(super) async fn signals_wake_what_waits_for_them(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    let waiting = Waiting {
        signal_after: Some(0),
        ..ENDLESSLY
    };
    let waits = parked(&ground, &*tenant, waiting).await;
    let does_not = parked(&ground, &*tenant, ENDLESSLY).await;
    assert_eq!(ground.store.next_due().await.unwrap(), None);
    assert_eq!(ground.due().await, []);
    for id in [waits, does_not] {
        assert_eq!(tenant.send_signal(id, "go", bytes("now")).await.unwrap(), 1);
    }
    assert!(ground.store.next_due().await.unwrap().is_some());
    assert_eq!(ground.due().await, [waits]);
}

pub(super) async fn signals_that_came_before_are_not_lost(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    let mut held = ground.held(&*tenant).await;
    tenant
        .send_signal(held.id, "one", Bytes::new())
        .await
        .unwrap();
    let waiting = Waiting {
        signal_after: Some(0),
        ..ENDLESSLY
    };
    let told = held.put(&*tenant, ExecutionState::Parked(waiting)).await;
    assert_eq!(told.standing.signals, 1);
    let claimed = ground.claim().await;
    assert_eq!(claimed.len(), 1, "it stays to be taken up at once");
    // One that it knows of does not wake it again.
    let mut held = Held::of(&claimed[0], told.length);
    let waiting = Waiting {
        signal_after: Some(1),
        ..ENDLESSLY
    };
    held.put(&*tenant, ExecutionState::Parked(waiting)).await;
    assert_eq!(ground.due().await, []);
    tenant
        .send_signal(held.id, "two", Bytes::new())
        .await
        .unwrap();
    assert_eq!(ground.due().await, [held.id]);
}

pub(super) async fn signals_are_numbered_and_kept(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    let mut held = ground.held(&*tenant).await;
    for number in 1..=20u64 {
        let data = bytes(&format!("data {number}"));
        let got = tenant
            .send_signal(held.id, &format!("signal {}", number % 3), data)
            .await;
        assert_eq!(got.unwrap(), number);
    }
    assert_eq!(held.write(&*tenant, "two").await.standing.signals, 20);
    let renewed = tenant
        .renew(held.id, held.fence, ground.lease())
        .await
        .unwrap();
    assert_eq!(renewed.signals, 20);
    let signals = tenant.signals(held.id, 15).await.unwrap();
    let numbers: Vec<_> = signals.iter().map(|signal| signal.number).collect();
    assert_eq!(numbers, [16, 17, 18, 19, 20]);
    assert_eq!(
        (&signals[0].name[..], &signals[0].data[..]),
        ("signal 1", &b"data 16"[..])
    );
    assert!(signals[0].at <= ground.store.now().await.unwrap());
    assert_eq!(tenant.signals(held.id, 20).await.unwrap(), []);
    assert_eq!(tenant.signals(held.id, u64::MAX).await.unwrap(), []);
    refused(tenant.send_signal(held.id, "", Bytes::new()).await);
    refused(tenant.send_signal(held.id, "a\0b", Bytes::new()).await);
    held.end(&*tenant).await;
    assert_eq!(
        tenant.signals(held.id, 0).await.unwrap().len(),
        20,
        "they can still be read"
    );
}

/// A signal is sent at the same time as the execution is parked, over and over: it is always taken
/// up afterwards.
pub(super) async fn signals_and_parking_may_race(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    for round in 0..50 {
        let mut held = ground.held(&*tenant).await;
        let id = held.id;
        let sender = {
            let tenant = Arc::clone(&tenant);
            tokio::spawn(async move {
                if round % 2 == 0 {
                    tenant.send_signal(id, "go", Bytes::new()).await.unwrap();
                } else {
                    tenant.request(id, Request::Cancel).await.unwrap();
                }
            })
        };
        let waiting = Waiting {
            signal_after: Some(0),
            ..ENDLESSLY
        };
        held.put(&*tenant, ExecutionState::Parked(waiting)).await;
        sender.await.unwrap();
        assert_eq!(ground.due().await, [id], "round {round}");
    }
}

pub(super) async fn requests_wake_what_is_parked(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    for (request, expected) in [
        (
            Request::Cancel,
            Requests {
                cancel: true,
                pause: false,
            },
        ),
        (
            Request::Pause,
            Requests {
                cancel: false,
                pause: true,
            },
        ),
        (Request::Resume, Requests::default()),
    ] {
        let id = parked(&ground, &*tenant, ENDLESSLY).await;
        assert_eq!(ground.due().await, []);
        let record = tenant.request(id, request).await.unwrap();
        assert_eq!((record.id, record.requests), (id, expected));
        assert_eq!(tenant.execution(id).await.unwrap(), record);
        assert_eq!(ground.due().await, [id], "{request:?}");
    }
}

pub(super) async fn requests_reach_the_holder(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    let mut held = ground.held(&*tenant).await;
    tenant.request(held.id, Request::Pause).await.unwrap();
    assert!(held.write(&*tenant, "two").await.standing.requests.pause);
    tenant.request(held.id, Request::Resume).await.unwrap();
    tenant.request(held.id, Request::Cancel).await.unwrap();
    let standing = tenant
        .renew(held.id, held.fence, ground.lease())
        .await
        .unwrap();
    assert_eq!(
        standing.requests,
        Requests {
            cancel: true,
            pause: false
        }
    );
    assert_eq!(ground.due().await, [], "it is held all the time");
}

pub(super) async fn paused_ones_go_on_when_they_are_asked_to(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    for request in [Request::Resume, Request::Cancel] {
        let mut held = ground.held(&*tenant).await;
        tenant.request(held.id, Request::Pause).await.unwrap();
        held.put(&*tenant, ExecutionState::Paused).await;
        assert_eq!(state(&*tenant, held.id).await, ExecutionState::Paused);
        assert_eq!(ground.due().await, []);
        assert_eq!(ground.store.next_due().await.unwrap(), None);
        let claim = ground.claim_for(ground.lease());
        assert_eq!(tenant.claim_execution(held.id, claim).await.unwrap(), None);
        tenant.request(held.id, Request::Pause).await.unwrap();
        tenant
            .send_signal(held.id, "signal", Bytes::new())
            .await
            .unwrap();
        assert_eq!(ground.due().await, [], "it stays paused");
        let record = tenant.request(held.id, request).await.unwrap();
        assert_eq!(record.state, ExecutionState::Running);
        assert_eq!(ground.due().await, [held.id], "{request:?}");
        held.fence = tenant.execution(held.id).await.unwrap().fence;
        held.end(&*tenant).await;
    }
}

/// Whoever pauses or puts aside may not know yet that it was asked to go on or to end.
pub(super) async fn requests_that_came_before_are_not_lost(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    let stuck = ExecutionState::Stuck {
        reason: "a plugin is gone".to_owned(),
    };
    let parked = ExecutionState::Parked(ENDLESSLY);
    for (requests, put) in [
        (
            vec![Request::Pause, Request::Resume],
            ExecutionState::Paused,
        ),
        (
            vec![Request::Pause, Request::Cancel],
            ExecutionState::Paused,
        ),
        (vec![Request::Cancel], stuck),
        (vec![Request::Cancel], parked.clone()),
        (vec![Request::Pause], parked),
    ] {
        let mut held = ground.held(&*tenant).await;
        for request in &requests {
            tenant.request(held.id, *request).await.unwrap();
        }
        held.put(&*tenant, put.clone()).await;
        assert_eq!(ground.due().await, [held.id], "{requests:?}, then {put:?}");
    }
}

pub(super) async fn stuck_ones_go_on_when_they_are_asked_to(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    for request in [Request::Resume, Request::Cancel] {
        let mut held = ground.held(&*tenant).await;
        let stuck = ExecutionState::Stuck {
            reason: "a plugin is gone".to_owned(),
        };
        held.put(&*tenant, stuck.clone()).await;
        assert_eq!(state(&*tenant, held.id).await, stuck);
        ground.pass(ground.moment()).await;
        assert_eq!(ground.due().await, []);
        let claim = ground.claim_for(ground.lease());
        assert_eq!(tenant.claim_execution(held.id, claim).await.unwrap(), None);
        tenant.request(held.id, request).await.unwrap();
        assert_eq!(ground.due().await, [held.id], "{request:?}");
    }
}

pub(super) async fn parked_ones_can_be_taken_up_early(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    let id = parked(&ground, &*tenant, ENDLESSLY).await;
    let claim = ground.claim_for(ground.lease());
    let claimed = tenant.claim_execution(id, claim).await.unwrap().unwrap();
    assert_eq!((claimed.execution, &claimed.tenant), (id, tenant.id()));
    assert_eq!(state(&*tenant, id).await, ExecutionState::Running);
    assert_eq!(tenant.claim_execution(id, claim).await.unwrap(), None);
    Held::of(&claimed, 2).write(&*tenant, "early").await;
}

/// Times are kept to the microsecond, and never so that something wakes early.
pub(super) async fn wake_up_times_are_never_too_early(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    let mut held = ground.held(&*tenant).await;
    let odd = ground.store.now().await.unwrap() + Duration::from_nanos(3_600_000_000_001);
    let waiting = Waiting {
        until: Some(odd),
        ..ENDLESSLY
    };
    held.put(&*tenant, ExecutionState::Parked(waiting)).await;
    let ExecutionState::Parked(kept) = state(&*tenant, held.id).await else {
        panic!("it is parked");
    };
    assert!(kept.until.unwrap() >= odd);
    assert_eq!(ground.store.next_due().await.unwrap(), kept.until);
    let mut held = ground.held(&*tenant).await;
    let waiting = Waiting {
        until: Some(jiff::Timestamp::MAX),
        signal_after: Some(u64::MAX >> 1),
    };
    held.put(&*tenant, ExecutionState::Parked(waiting)).await;
    assert!(matches!(
        state(&*tenant, held.id).await,
        ExecutionState::Parked(_)
    ));
}
