//! How executions stand that are made, at once or in parts.

use jackfield_store_api::{
    Append, Claimed, ExecutionFilter, ExecutionState, Fence, NewExecution, Request, Requests,
    Retention, TenantStore, Waiting,
};
use jackfield_types::ExecutionId;

use super::executions::list;
use super::ground::{
    Ground, Held, bytes, execution, fenced, journal, out_of_turn, payload, refused, state,
};

fn made_as(state: ExecutionState) -> NewExecution {
    NewExecution {
        state,
        ..execution()
    }
}

fn ended() -> ExecutionState {
    let status = "completed".to_owned();
    ExecutionState::Ended { status }
}

fn stuck() -> ExecutionState {
    let reason = "no plugin".to_owned();
    ExecutionState::Stuck { reason }
}

/// One of which only a part is there.
fn incomplete(ground: &Ground) -> NewExecution {
    NewExecution {
        claim: Some((ground.worker, 3 * ground.moment())),
        payloads: vec![payload("first")],
        ..made_as(ExecutionState::Incomplete)
    }
}

async fn make(tenant: &dyn TenantStore, new: NewExecution) -> Held {
    let made = tenant.create_execution(new).await.unwrap();
    assert_eq!(tenant.execution(made.id).await.unwrap(), made);
    Held {
        id: made.id,
        fence: made.fence,
        length: made.length,
    }
}

/// The last part of one, which says how it stands.
fn rest(held: &Held, state: ExecutionState) -> Append {
    Append {
        payloads: vec![payload("second")],
        state: Some(state),
        ..held.append(&["rest"])
    }
}

pub(super) async fn executions_stand_as_they_are_made(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    let now = ground.store.now().await.unwrap();
    let later = ExecutionState::Parked(Waiting {
        until: Some(now + 5 * ground.moment()),
        signal_after: None,
    });
    let told = ExecutionState::Parked(Waiting {
        until: None,
        signal_after: Some(0),
    });
    let mut ids = Vec::new();
    for state in [ExecutionState::Paused, stuck(), ended(), later, told] {
        let held = make(&*tenant, made_as(state.clone())).await;
        let record = tenant.execution(held.id).await.unwrap();
        assert_eq!(record.state.as_str(), state.as_str());
        assert_eq!((record.fence, record.lease), (Fence(0), None));
        assert_eq!(record.requests.pause, state == ExecutionState::Paused);
        assert_eq!(journal(&*tenant, held.id).await, ["begin"]);
        let filter = ExecutionFilter {
            state: Some(state.as_str().to_owned()),
            ..ExecutionFilter::default()
        };
        assert!(list(&*tenant, &filter, 10).await.contains(&held.id));
        ids.push(held.id);
    }
    let [paused, stuck, ended, later, told] = ids[..] else {
        panic!("there are five");
    };
    assert_eq!(ground.due().await, []);
    tenant.send_signal(told, "go", bytes("")).await.unwrap();
    assert_eq!(ground.due().await, [told]);
    ground.pass(6 * ground.moment()).await;
    assert_eq!(ground.due().await, [later]);
    for id in [paused, stuck] {
        tenant.request(id, Request::Resume).await.unwrap();
        assert_eq!(ground.due().await, [id]);
    }
    out_of_turn(tenant.request(ended, Request::Resume).await);
    let everything = Retention {
        max_count: Some(0),
        ..Retention::default()
    };
    let collected = tenant.collect(everything).await.unwrap();
    assert_eq!(collected.executions, 1, "what ended from the beginning");
}

/// Whatever happens to it, and whoever is gone, it is not taken up before it is whole.
pub(super) async fn incomplete_executions_are_taken_up_by_nobody(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    let mut held = make(&*tenant, incomplete(&ground)).await;
    let id = held.id;
    assert_eq!(held.fence, Fence(1));
    held.write(&*tenant, "more").await;
    let is_left_alone = async || {
        assert_eq!(ground.due().await, [] as [ExecutionId; 0]);
        assert_eq!(ground.store.next_due().await.unwrap(), None);
        assert_eq!(state(&*tenant, id).await, ExecutionState::Incomplete);
    };
    is_left_alone().await;
    tenant.send_signal(id, "go", bytes("")).await.unwrap();
    for request in [Request::Pause, Request::Resume] {
        tenant.request(id, request).await.unwrap();
        is_left_alone().await;
    }
    ground.pass(4 * ground.moment()).await;
    is_left_alone().await;
    tenant.renew(id, held.fence, ground.moment()).await.unwrap();
    is_left_alone().await;
    let other = ground.subject.after_crash().await.unwrap();
    let claimed = other.claim(ground.claim_for(ground.lease())).await;
    assert_eq!(claimed.unwrap(), []);
    let found = other.tenant(tenant.id()).execution(id).await.unwrap();
    assert_eq!((found.state, found.length), (ExecutionState::Incomplete, 2));
    other.close().await.unwrap();
    ground.pass(2 * ground.moment()).await;
    is_left_alone().await;

    // Whoever makes it may be slow.
    let appended = tenant.append(rest(&held, ExecutionState::Running)).await;
    assert_eq!(appended.unwrap().standing.signals, 1);
    assert_eq!(journal(&*tenant, id).await, ["begin", "more", "rest"]);
    assert!(tenant.payload(payload("first").0).await.is_ok());
    assert_eq!(ground.due().await, [id], "its lease is over");
}

pub(super) async fn incomplete_executions_run_when_they_are_whole(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    let mut new = incomplete(&ground);
    new.claim = Some((ground.worker, ground.lease()));
    let held = make(&*tenant, new).await;
    let appended = tenant.append(rest(&held, ExecutionState::Running)).await;
    let mut held = Held {
        length: appended.unwrap().length,
        ..held
    };
    assert_eq!(state(&*tenant, held.id).await, ExecutionState::Running);
    assert_eq!(ground.due().await, [], "whoever made it holds it");
    assert!(ground.store.next_due().await.unwrap().is_some());
    held.write(&*tenant, "goes on").await;
    tenant.release(held.id, held.fence).await.unwrap();
    assert_eq!(ground.due().await, [held.id]);
}

pub(super) async fn incomplete_executions_are_completed_by_whoever_has_the_rest(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    for state_then in [ExecutionState::Paused, ended()] {
        let late = make(&*tenant, incomplete(&ground)).await;
        let claim = ground.claim_for(ground.lease());
        let claimed = tenant.claim_execution(late.id, claim).await.unwrap();
        assert_eq!(claimed, None, "whoever makes it may be there");
        ground.pass(4 * ground.moment()).await;
        let claimed: Option<Claimed> = tenant.claim_execution(late.id, claim).await.unwrap();
        let next = Held::of(&claimed.unwrap(), late.length);
        assert_eq!(state(&*tenant, late.id).await, ExecutionState::Incomplete);
        assert_eq!(ground.due().await, []);
        fenced(tenant.append(rest(&late, ExecutionState::Running)).await);
        tenant
            .append(rest(&next, state_then.clone()))
            .await
            .unwrap();
        let found = tenant.execution(next.id).await.unwrap();
        assert_eq!((found.state, found.lease), (state_then.clone(), None));
        assert_eq!(found.requests.pause, state_then == ExecutionState::Paused);
        assert_eq!(ground.due().await, []);
        assert_eq!(journal(&*tenant, next.id).await, ["begin", "rest"]);
    }
}

pub(super) async fn incomplete_executions_that_are_cancelled_end_at_once(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    let mut new = incomplete(&ground);
    new.claim = Some((ground.worker, ground.lease()));
    let held = make(&*tenant, new).await;
    let asked = tenant.request(held.id, Request::Cancel).await.unwrap();
    let status = "cancelled".to_owned();
    assert_eq!(asked.state, ExecutionState::Ended { status });
    let requests = Requests {
        cancel: true,
        pause: false,
    };
    assert_eq!((asked.requests, asked.lease), (requests, None));
    assert_eq!(ground.due().await, []);
    out_of_turn(tenant.append(rest(&held, ExecutionState::Running)).await);
    let everything = Retention {
        max_count: Some(0),
        ..Retention::default()
    };
    let collected = tenant.collect(everything).await.unwrap();
    assert_eq!((collected.executions, collected.payloads), (1, 1));
}

pub(super) async fn what_cannot_be_made_so_is_refused(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    let claim = Some((ground.worker, ground.lease()));
    let parked = ExecutionState::Parked(Waiting::default());
    for (state, claim) in [
        (ExecutionState::Incomplete, None),
        (ExecutionState::Paused, claim),
        (parked, claim),
        (stuck(), claim),
        (ended(), claim),
        (
            ExecutionState::Stuck {
                reason: "\0".into(),
            },
            None,
        ),
        (ExecutionState::Ended { status: "".into() }, None),
    ] {
        let new = NewExecution {
            claim,
            ..made_as(state)
        };
        refused(tenant.create_execution(new).await);
    }
    assert_eq!(list(&*tenant, &ExecutionFilter::default(), 10).await, []);
    let held = ground.held(&*tenant).await;
    refused(tenant.append(rest(&held, ExecutionState::Incomplete)).await);
    assert_eq!(state(&*tenant, held.id).await, ExecutionState::Running);
}
