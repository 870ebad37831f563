use std::time::Duration;

use jackfield_tenancy::{Quota, TenantAdmission, TryCall};
use jackfield_types::{Quotas, WhenExceeded};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use crate::scene::{at_once, call_admitted, id, now, seconds};

fn weight(weight: u32) -> Quotas {
    Quotas {
        weight,
        ..Quotas::default()
    }
}

/// Has so many calls of a tenant wait, each of which says so when it has its turn and takes a
/// while.
fn line_up(
    tenant: &TenantAdmission,
    name: &'static str,
    count: usize,
    turns: &mpsc::UnboundedSender<&'static str>,
) {
    for _ in 0..count {
        let (tenant, turns) = (tenant.clone(), turns.clone());
        tokio::spawn(async move {
            let _permit = tenant.call().await.unwrap();
            sleep(Duration::from_millis(10)).await;
            turns.send(name).unwrap();
        });
    }
}

async fn next(
    turns: &mut mpsc::UnboundedReceiver<&'static str>,
    count: usize,
) -> Vec<&'static str> {
    let mut had = Vec::new();
    while had.len() < count {
        had.push(turns.recv().await.unwrap());
    }
    had
}

#[tokio::test(start_paused = true)]
async fn tenants_have_turns_by_their_weights() {
    let instance = at_once(4);
    let large = instance.tenant(&id("large"), &weight(3));
    let small = instance.tenant(&id("small"), &weight(1));
    let (sender, mut turns) = mpsc::unbounded_channel();
    line_up(&large, "large", 400, &sender);
    line_up(&small, "small", 400, &sender);
    let had = next(&mut turns, 204).await;
    let large = had[4..].iter().filter(|name| **name == "large").count();
    assert!((148..=152).contains(&large), "{large} of 200");
}

#[tokio::test(start_paused = true)]
async fn a_tenant_who_has_many_waiting_does_not_keep_another_waiting() {
    let instance = at_once(1);
    let loud = instance.tenant(&id("loud"), &weight(1));
    let quiet = instance.tenant(&id("quiet"), &weight(1));
    let (sender, mut turns) = mpsc::unbounded_channel();
    line_up(&loud, "loud", 1_000, &sender);
    next(&mut turns, 100).await;
    let began = Instant::now();
    let _permit = quiet.call().await.unwrap();
    assert!(began.elapsed() <= Duration::from_millis(20));
}

#[tokio::test(start_paused = true)]
async fn a_tenant_at_its_own_limit_does_not_block_others() {
    let instance = at_once(2);
    let slow = instance.tenant(
        &id("slow"),
        &Quotas {
            node_calls_per_second: Some(1.0),
            node_call_burst: Some(1),
            ..weight(100)
        },
    );
    let other = instance.tenant(&id("other"), &weight(1));
    assert!(call_admitted(&slow.try_call()));
    let mut waiting = Box::pin(slow.call());
    assert!(now(&mut waiting).is_none());
    for _ in 0..100 {
        assert!(call_admitted(&other.try_call()));
    }
    assert!(waiting.await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn who_rejects_what_is_too_much_still_waits_for_the_instance() {
    let instance = at_once(1);
    let busy = instance.tenant(&id("busy"), &weight(1));
    let strict = instance.tenant(
        &id("strict"),
        &Quotas {
            concurrent_executions: Some(1),
            when_exceeded: WhenExceeded::Reject,
            max_wait: seconds(3),
            ..Quotas::default()
        },
    );
    let held = busy.execution().await.unwrap();
    let mut waiting = Box::pin(strict.execution());
    assert!(now(&mut waiting).is_none());
    // The one who waits counts: a second would be too many.
    let refusal = strict.execution().await.unwrap_err();
    assert_eq!(refusal.quota, Quota::ConcurrentExecutions);
    drop(held);
    drop(now(&mut waiting).unwrap().unwrap());

    let _held = busy.execution().await.unwrap();
    let refusal = strict.execution().await.unwrap_err();
    assert_eq!(refusal.quota, Quota::InstanceExecutions);
    let text = refusal.to_string();
    assert!(
        text.starts_with("the instance is busy (`instanceExecutions`: 1 at once), tenant `strict`"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_instance_says_what_it_runs() {
    let instance = at_once(2);
    let one = instance.tenant(&id("one"), &weight(1));
    let other = instance.tenant(&id("other"), &weight(1));
    let _held = [one.execution().await, other.execution().await];
    let mut waiting = Box::pin(one.execution());
    assert!(now(&mut waiting).is_none());
    let state = instance.state();
    assert_eq!((state.executions.running, state.executions.queued), (2, 1));
    assert_eq!((state.calls.running, state.calls.queued), (0, 0));
    assert_eq!(one.state().executions.running, 1);
    assert_eq!(other.state().executions.queued, 0);
    let TryCall::Admitted(Some(_permit)) = one.try_call() else {
        panic!("calls of a bounded instance have permits");
    };
    assert_eq!(instance.state().calls.running, 1);
}
