//! Who may write: claims, leases, fences, and what the clock does to them.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use jackfield_store_api::{Claim, Fence, WorkerId};
use jackfield_types::{ExecutionId, TenantId};

use super::ground::{Ground, Held, fenced, journal};

pub(super) async fn lease_keeps_others_away_until_it_ends(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    let id = ground.free(&*tenant).await;
    let claim = ground.claim_for(ground.moment());
    let first = ground.store.claim(claim).await.unwrap();
    assert_eq!(first.len(), 1);
    assert_eq!((first[0].execution, first[0].fence), (id, Fence(1)));
    assert_eq!(&first[0].tenant, tenant.id());
    assert_eq!(ground.store.claim(claim).await.unwrap(), []);
    assert_eq!(tenant.claim_execution(id, claim).await.unwrap(), None);
    let until = tenant.execution(id).await.unwrap().lease.unwrap().until;
    assert_eq!(ground.store.next_due().await.unwrap(), Some(until));
    ground.pass(ground.moment() * 2).await;
    let second = ground
        .store
        .claim(ground.claim_for(ground.lease()))
        .await
        .unwrap();
    assert_eq!((second[0].execution, second[0].fence), (id, Fence(2)));
}

pub(super) async fn late_writes_of_a_former_holder_are_refused(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    let id = ground.free(&*tenant).await;
    let first = ground
        .store
        .claim(ground.claim_for(ground.moment()))
        .await
        .unwrap();
    let mut stalled = Held::of(&first[0], 1);
    stalled.write(&*tenant, "in time").await;
    ground.pass(ground.moment() * 2).await;
    let second = tenant
        .claim_execution(id, ground.claim_for(ground.lease()))
        .await
        .unwrap();
    let mut held = Held::of(&second.unwrap(), 2);
    fenced(tenant.append(stalled.append(&["late"])).await);
    fenced(tenant.renew(id, stalled.fence, ground.lease()).await);
    fenced(tenant.release(id, stalled.fence).await);
    held.write(&*tenant, "taken over").await;
    fenced(tenant.append(stalled.append(&["late"])).await);
    held.end(&*tenant).await;
    fenced(tenant.append(stalled.append(&["late"])).await);
    for fence in [0, 3, u64::MAX] {
        stalled.fence = Fence(fence);
        fenced(tenant.append(stalled.append(&["made up"])).await);
    }
    assert_eq!(
        journal(&*tenant, id).await,
        ["begin", "in time", "taken over", "put"]
    );
}

pub(super) async fn lease_can_be_renewed_as_long_as_nobody_else_came(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    let id = ground.free(&*tenant).await;
    let short = ground.claim_for(ground.moment());
    let claimed = ground.store.claim(short).await.unwrap();
    let mut held = Held::of(&claimed[0], 1);
    ground.pass(ground.moment() * 2).await;
    held.write(&*tenant, "late, but nobody came").await;
    tenant.renew(id, held.fence, ground.lease()).await.unwrap();
    ground.pass(ground.moment() * 2).await;
    assert_eq!(ground.due().await, []);
    // What is asked for may be shorter than what it has.
    let before = tenant.execution(id).await.unwrap().lease.unwrap().until;
    tenant.renew(id, held.fence, Duration::ZERO).await.unwrap();
    assert_eq!(
        tenant.execution(id).await.unwrap().lease.unwrap().until,
        before
    );
    tenant.renew(id, held.fence, Duration::MAX).await.unwrap();
    assert!(tenant.execution(id).await.unwrap().lease.unwrap().until > before);
}

pub(super) async fn what_is_released_can_be_taken_up_at_once(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    let mut held = ground.held(&*tenant).await;
    held.write(&*tenant, "two").await;
    tenant.release(held.id, held.fence).await.unwrap();
    fenced(tenant.append(held.append(&["after letting go"])).await);
    fenced(tenant.renew(held.id, held.fence, ground.lease()).await);
    fenced(tenant.release(held.id, held.fence).await);
    let claimed = ground.claim().await;
    assert_eq!(claimed.len(), 1);
    let mut next = Held::of(&claimed[0], 2);
    assert!(next.fence > held.fence);
    next.write(&*tenant, "three").await;
}

/// Many workers claim at once: each execution goes to one of them.
pub(super) async fn racing_claimers_get_each_execution_once(ground: Ground) {
    const EXECUTIONS: usize = 400;
    let tenants = [ground.tenant("acme").await, ground.tenant("other").await];
    let mut all = HashSet::new();
    for number in 0..EXECUTIONS {
        all.insert(ground.free(&*tenants[number % 2]).await);
    }
    let mut workers = Vec::new();
    for number in 0..16u32 {
        let store = Arc::clone(&ground.store);
        let tenant = store.tenant(tenants[number as usize % 2].id());
        let ids: Vec<ExecutionId> = all.iter().copied().collect();
        let claim = Claim {
            worker: WorkerId::generate(),
            lease: Duration::from_secs(3_600),
            most: 1 + number % 7,
        };
        workers.push(tokio::spawn(async move {
            let mut got = Vec::new();
            // Half of them take whatever comes, the others ask for one after another.
            if number % 4 < 2 {
                loop {
                    let some = store.claim(claim).await.unwrap();
                    assert!(some.len() <= claim.most as usize);
                    if some.is_empty() {
                        break;
                    }
                    got.extend(some);
                }
            } else {
                for id in ids {
                    if let Ok(Some(one)) = tenant.claim_execution(id, claim).await {
                        got.push(one);
                    }
                }
            }
            for one in &got {
                let tenant = store.tenant(&one.tenant);
                let lease = tenant
                    .execution(one.execution)
                    .await
                    .unwrap()
                    .lease
                    .unwrap();
                assert_eq!(lease.worker, claim.worker);
                Held::of(one, 1).write(&*tenant, "mine").await;
            }
            got
        }));
    }
    let mut got = HashSet::new();
    for worker in workers {
        for one in worker.await.unwrap() {
            assert_eq!(one.fence, Fence(1));
            assert!(
                got.insert(one.execution),
                "{} was claimed twice",
                one.execution
            );
        }
    }
    assert_eq!(got, all);
}

pub(super) async fn tenants_take_turns(ground: Ground) {
    let greedy = ground.tenant("greedy").await;
    let mut many = Vec::new();
    for _ in 0..50 {
        many.push(ground.free(&*greedy).await);
        ground.pass(Duration::from_millis(1)).await;
    }
    let (modest, small) = (ground.tenant("modest").await, ground.tenant("small").await);
    let late = [ground.free(&*modest).await, ground.free(&*small).await];
    let mut claim = ground.claim_for(ground.lease());
    claim.most = 6;
    let first = ground.store.claim(claim).await.unwrap();
    let first: Vec<_> = first.iter().map(|one| one.execution).collect();
    assert!(
        late.iter().all(|id| first.contains(id)),
        "one does not starve the others"
    );
    let of_greedy: Vec<_> = first
        .iter()
        .filter(|id| !late.contains(id))
        .copied()
        .collect();
    assert_eq!(of_greedy, many[..4], "those that wait longest come first");
    // Also one at a time.
    ground.free(&*modest).await;
    claim.most = 1;
    let mut turns = HashSet::new();
    for _ in 0..2 {
        let one = ground.store.claim(claim).await.unwrap();
        assert!(
            turns.insert(one[0].tenant.clone()),
            "the same one had two turns"
        );
    }
    assert!(turns.contains(&TenantId::parse("modest").unwrap()));
}

pub(super) async fn claims_take_no_more_than_they_want(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    for _ in 0..5 {
        ground.free(&*tenant).await;
    }
    let mut claim = ground.claim_for(ground.lease());
    for (most, got) in [(0, 0), (2, 2), (100, 3), (100, 0)] {
        claim.most = most;
        assert_eq!(ground.store.claim(claim).await.unwrap().len(), got);
    }
}

/// Time that goes back neither ends leases early nor wakes anything early, and nothing breaks.
pub(super) async fn time_that_goes_back_breaks_nothing(ground: Ground) {
    use jackfield_store_api::{ExecutionState, Waiting};
    let Some(clock) = ground.subject.clock() else {
        return;
    };
    let tenant = ground.tenant("acme").await;
    let mut held = ground.held(&*tenant).await;
    let mut parked = ground.held(&*tenant).await;
    let now = clock.now();
    let until = Some(now + ground.moment());
    let waiting = Waiting {
        until,
        signal_after: None,
    };
    parked.put(&*tenant, ExecutionState::Parked(waiting)).await;
    let before = tenant.execution(held.id).await.unwrap();

    clock.set_back(Duration::from_secs(86_400));
    assert_eq!(ground.due().await, []);
    tenant
        .renew(held.id, held.fence, ground.lease())
        .await
        .unwrap();
    held.write(&*tenant, "yesterday").await;
    let after = tenant.execution(held.id).await.unwrap();
    assert!(
        after.lease.unwrap().until >= before.lease.unwrap().until,
        "no lease gets shorter"
    );
    assert!(after.changed_at >= after.created_at);
    let made = ground.free(&*tenant).await;
    assert_eq!(ground.due().await, [made], "what is made then is due then");
    assert_eq!(
        ground.store.next_due().await.unwrap(),
        Some(clock.now() + ground.lease())
    );
    tenant
        .send_signal(parked.id, "unasked", bytes::Bytes::new())
        .await
        .unwrap();
    assert_eq!(ground.due().await, []);

    clock.set(now + ground.moment());
    let due = ground.due().await;
    assert!(
        due.contains(&parked.id),
        "it wakes when its time has come after all"
    );
    assert!(!due.contains(&held.id));
}

pub(super) async fn leases_of_any_length_can_be_asked_for(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    let id = ground.free(&*tenant).await;
    let zero = ground
        .store
        .claim(ground.claim_for(Duration::ZERO))
        .await
        .unwrap();
    assert_eq!(zero.len(), 1);
    ground.pass(Duration::from_millis(2)).await;
    let endless = ground
        .store
        .claim(ground.claim_for(Duration::MAX))
        .await
        .unwrap();
    assert_eq!(endless[0].execution, id);
    assert_eq!(ground.due().await, []);
}
