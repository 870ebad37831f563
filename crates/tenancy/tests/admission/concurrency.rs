use std::time::Duration;

use jackfield_tenancy::{Quota, QuotaLimit, TryExecution};
use jackfield_types::{ErrorCode, FailureClass, Quotas, WhenExceeded};
use tokio::time::{Instant, advance};

use crate::scene::{admitted, now, refused, seconds, tenant};

fn two_at_once(when_exceeded: WhenExceeded) -> Quotas {
    Quotas {
        concurrent_executions: Some(2),
        when_exceeded,
        ..Quotas::default()
    }
}

#[tokio::test(start_paused = true)]
async fn without_limits_everybody_is_admitted_and_counted() {
    let tenant = tenant(&Quotas::default());
    let permits: Vec<_> = (0..100).map(|_| admitted(tenant.try_execution())).collect();
    assert_eq!(tenant.state().executions.running, 100);
    drop(permits);
    assert_eq!(tenant.state().executions.running, 0);
    assert!(now(Box::pin(tenant.call())).unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn who_comes_first_has_the_place_that_is_given_back() {
    let tenant = tenant(&two_at_once(WhenExceeded::Queue));
    let first = admitted(tenant.try_execution());
    let _second = admitted(tenant.try_execution());
    assert!(matches!(tenant.try_execution(), TryExecution::Wait));
    let mut third = Box::pin(tenant.execution());
    let mut fourth = Box::pin(tenant.execution());
    assert!(now(&mut third).is_none());
    assert!(now(&mut fourth).is_none());
    assert_eq!(tenant.state().executions.queued, 2);
    drop(first);
    assert!(now(&mut fourth).is_none());
    let third = now(&mut third).unwrap().unwrap();
    assert_eq!(tenant.state().executions.running, 2);
    drop(third);
    let _fourth = now(&mut fourth).unwrap().unwrap();
    assert_eq!(tenant.state().executions.queued, 0);
}

#[tokio::test(start_paused = true)]
async fn who_leaves_the_queue_is_not_waited_for() {
    let tenant = tenant(&two_at_once(WhenExceeded::Queue));
    let first = admitted(tenant.try_execution());
    let _second = admitted(tenant.try_execution());
    let mut third = Box::pin(tenant.execution());
    let mut fourth = Box::pin(tenant.execution());
    assert!(now(&mut third).is_none());
    assert!(now(&mut fourth).is_none());
    drop(third);
    assert_eq!(tenant.state().executions.queued, 1);
    drop(first);
    assert!(now(&mut fourth).unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_place_given_to_one_who_has_just_left_goes_to_the_next() {
    let tenant = tenant(&two_at_once(WhenExceeded::Queue));
    let first = admitted(tenant.try_execution());
    let _second = admitted(tenant.try_execution());
    let mut third = Box::pin(tenant.execution());
    let mut fourth = Box::pin(tenant.execution());
    assert!(now(&mut third).is_none());
    assert!(now(&mut fourth).is_none());
    drop(first);
    // It is the third's now, who does not look any more.
    drop(third);
    assert!(now(&mut fourth).unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn whoever_has_no_turn_in_time_is_told_which_quota_it_is() {
    let tenant = tenant(&Quotas {
        max_wait: seconds(5),
        ..two_at_once(WhenExceeded::Queue)
    });
    let _running = [
        admitted(tenant.try_execution()),
        admitted(tenant.try_execution()),
    ];
    let began = Instant::now();
    let refusal = tenant.execution().await.unwrap_err();
    assert_eq!(began.elapsed(), Duration::from_secs(5));
    assert_eq!(refusal.quota, Quota::ConcurrentExecutions);
    assert_eq!(refusal.limit, QuotaLimit::AtOnce(2));
    assert_eq!(tenant.state().executions.queued, 0);
}

#[tokio::test(start_paused = true)]
async fn reject_says_how_long_to_wait_by_how_long_others_took() {
    let tenant = tenant(&two_at_once(WhenExceeded::Reject));
    for _ in 0..100 {
        let permit = admitted(tenant.try_execution());
        advance(Duration::from_secs(4)).await;
        drop(permit);
    }
    let _running = [
        admitted(tenant.try_execution()),
        admitted(tenant.try_execution()),
    ];
    let refusal = refused(tenant.try_execution());
    assert_eq!(refusal.retry_after, Duration::from_secs(2));
    assert_eq!(
        refusal.to_string(),
        "tenant `acme` has used up its quota `concurrentExecutions` (2 at once); try again in 2.00 s"
    );
    let failure = refusal.to_failure();
    assert_eq!(failure.class, FailureClass::Retryable);
    assert_eq!(failure.code, ErrorCode::QUOTA_EXCEEDED);
    assert_eq!(failure.retry_after, Some(Duration::from_secs(2)));
    assert_eq!(tenant.execution().await.unwrap_err(), refusal);
}

#[tokio::test(start_paused = true)]
async fn drop_says_that_it_is_not_tried_again() {
    let tenant = tenant(&two_at_once(WhenExceeded::Drop));
    let _running = [
        admitted(tenant.try_execution()),
        admitted(tenant.try_execution()),
    ];
    let refusal = refused(tenant.try_execution());
    assert!(refusal.dropped);
    assert_eq!(refusal.to_failure().class, FailureClass::Final);
    assert_eq!(refusal.to_failure().retry_after, None);
    assert_eq!(
        refusal.to_string(),
        "tenant `acme` has used up its quota `concurrentExecutions` (2 at once) and its policy drops what is too much"
    );
}

#[tokio::test(start_paused = true)]
async fn no_more_wait_than_may() {
    let tenant = tenant(&Quotas {
        max_queued: 1,
        ..two_at_once(WhenExceeded::Queue)
    });
    let _running = [
        admitted(tenant.try_execution()),
        admitted(tenant.try_execution()),
    ];
    let mut waiting = Box::pin(tenant.execution());
    assert!(now(&mut waiting).is_none());
    let refusal = now(Box::pin(tenant.execution())).unwrap().unwrap_err();
    assert_eq!(refusal.quota, Quota::MaxQueued);
    assert_eq!(refusal.limit, QuotaLimit::Waiting(1));
    assert!(refusal.retry_after > Duration::ZERO);
    assert_eq!(refused(tenant.try_execution()).quota, Quota::MaxQueued);
}
