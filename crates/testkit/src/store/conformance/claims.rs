//! Who gets what when executions are taken up, and what becomes of those that cannot go on.

use std::time::Duration;

use jackfield_store_api::{Claim, ExecutionState, Request};

use super::ground::{Ground, fenced, state};

/// A worker of one tenant takes up what is that tenant's, and nobody else's.
pub(super) async fn tenants_take_up_their_own(ground: Ground) {
    let (acme, other) = (ground.tenant("acme").await, ground.tenant("other").await);
    let stranger = ground.stranger("stranger");
    let mut theirs = Vec::new();
    let mut own = Vec::new();
    for _ in 0..5 {
        theirs.push(ground.free(&*other).await);
        own.push(ground.free(&*acme).await);
        ground.pass(Duration::from_millis(2)).await;
    }
    let claim = |most: u32| Claim {
        most,
        ..ground.claim_for(ground.lease())
    };
    assert_eq!(stranger.next_due().await.unwrap(), None);
    assert_eq!(stranger.claim(claim(10)).await.unwrap(), []);
    assert_eq!(acme.claim(claim(0)).await.unwrap(), []);
    let now = ground.store.now().await.unwrap();
    assert!(acme.next_due().await.unwrap().is_some_and(|due| due <= now));
    let first = acme.claim(claim(3)).await.unwrap();
    let ids = |claimed: &[jackfield_store_api::Claimed]| {
        let ids = claimed.iter().map(|one| one.execution);
        ids.collect::<Vec<_>>()
    };
    assert_eq!(ids(&first), own[..3], "what has waited longest comes first");
    assert!(first.iter().all(|one| one.tenant == *acme.id()));
    let rest = acme.claim(claim(10)).await.unwrap();
    assert_eq!(ids(&rest), own[3..]);
    assert_eq!(acme.claim(claim(10)).await.unwrap(), [], "all is held");
    assert!(acme.next_due().await.unwrap().is_some_and(|due| due > now));
    let held = &rest[0];
    assert!(
        acme.renew(held.execution, held.fence, ground.lease())
            .await
            .is_ok()
    );
    let left = ground.due().await;
    assert_eq!(
        left, theirs,
        "what is another tenant's is left to be taken up"
    );
    ground.pass(ground.moment()).await;
}

/// A tenant that has little leaves its share to those that have more.
pub(super) async fn what_one_tenant_leaves_others_take(ground: Ground) {
    let (few, many) = (ground.tenant("few").await, ground.tenant("many").await);
    let none = ground.tenant("none").await;
    ground.held(&*none).await;
    ground.free(&*few).await;
    for _ in 0..30 {
        ground.free(&*many).await;
    }
    let claim = Claim {
        most: 20,
        ..ground.claim_for(ground.lease())
    };
    let claimed = ground.store.claim(claim).await.unwrap();
    let of_few = claimed.iter().filter(|one| one.tenant == *few.id());
    assert_eq!((claimed.len(), of_few.count()), (20, 1));
    assert_eq!(ground.due().await.len(), 11);
}

/// What its holder gives up is stuck, and goes on or ends when somebody asks for it.
pub(super) async fn what_is_given_up_is_stuck_or_ends(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    let held = ground.held(&*tenant).await;
    let reason = "it cannot be read".to_owned();
    let give_up = |reason: String| tenant.give_up(held.id, held.fence, reason);
    super::ground::refused(give_up("x".repeat(1 << 20)).await);
    give_up(reason.clone()).await.unwrap();
    let stuck = ExecutionState::Stuck {
        reason: reason.clone(),
    };
    assert_eq!(state(&*tenant, held.id).await, stuck);
    assert_eq!(ground.due().await, [], "nobody takes it up");
    fenced(give_up(reason.clone()).await);
    fenced(tenant.append(held.append(&["late"])).await);
    // Asked to end it is taken up once more, and whoever gives it up again ends it.
    tenant.request(held.id, Request::Cancel).await.unwrap();
    let claimed = ground.claim().await;
    assert_eq!(claimed.len(), 1);
    let fence = claimed[0].fence;
    tenant.give_up(held.id, fence, reason).await.unwrap();
    let ended = ExecutionState::Ended {
        status: "cancelled".to_owned(),
    };
    assert_eq!(state(&*tenant, held.id).await, ended);
    assert_eq!(ground.due().await, []);
}
