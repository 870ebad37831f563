use std::time::Duration;

use jackfield_tenancy::{Quota, QuotaLimit, TryCall};
use jackfield_types::{Quotas, WhenExceeded};
use tokio::time::{Instant, advance};

use crate::scene::{admitted, call_admitted, now, refused, seconds, tenant};

/// Ten a second, and three at once.
fn ten_a_second(when_exceeded: WhenExceeded) -> Quotas {
    Quotas {
        node_calls_per_second: Some(10.0),
        node_call_burst: Some(3),
        when_exceeded,
        ..Quotas::default()
    }
}

#[tokio::test(start_paused = true)]
async fn after_the_burst_each_waits_for_its_token() {
    let tenant = tenant(&ten_a_second(WhenExceeded::Queue));
    let began = Instant::now();
    let calls = (0..8).map(|_| async {
        let _permit = tenant.call().await.unwrap();
        began.elapsed().as_millis()
    });
    let at = futures_util::future::join_all(calls).await;
    assert_eq!(at, [0, 0, 0, 100, 200, 300, 400, 500]);
}

#[tokio::test(start_paused = true)]
async fn a_rate_faster_than_the_timer_is_kept_all_the_same() {
    let tenant = tenant(&Quotas {
        node_calls_per_second: Some(50_000.0),
        node_call_burst: Some(100),
        max_queued: 100_000,
        ..Quotas::default()
    });
    let began = Instant::now();
    let calls = (0..5_100).map(|_| tenant.call());
    let calls = futures_util::future::join_all(calls).await;
    assert!(calls.iter().all(Result::is_ok));
    assert_eq!(began.elapsed().as_millis(), 100);
}

#[tokio::test(start_paused = true)]
async fn whose_turn_would_be_too_late_is_told_at_once() {
    let tenant = tenant(&Quotas {
        max_wait: seconds(1),
        ..ten_a_second(WhenExceeded::Queue)
    });
    let mut calls: Vec<_> = (0..13).map(|_| Box::pin(tenant.call())).collect();
    let admitted = calls.iter_mut().filter_map(now).count();
    assert_eq!(admitted, 3);
    let refusal = now(Box::pin(tenant.call())).unwrap().unwrap_err();
    assert_eq!(refusal.quota, Quota::NodeCallsPerSecond);
    assert_eq!(refusal.limit, QuotaLimit::PerSecond(10.0));
    assert_eq!(refusal.retry_after, Duration::from_millis(1_100));
    assert_eq!(
        refusal.to_string(),
        "tenant `acme` has used up its quota `nodeCallsPerSecond` (10 a second); try again in 1.10 s"
    );
}

#[tokio::test(start_paused = true)]
async fn who_leaves_lets_those_behind_move_up() {
    let tenant = tenant(&ten_a_second(WhenExceeded::Queue));
    let mut calls: Vec<_> = (0..6).map(|_| Box::pin(tenant.call())).collect();
    let done = calls.iter_mut().filter_map(now).count();
    assert_eq!(done, 3);
    let mut waiting = calls.split_off(3);
    drop(waiting.remove(0));
    let began = Instant::now();
    drop(waiting.remove(0).await.unwrap());
    assert_eq!(began.elapsed(), Duration::from_millis(100));
    drop(waiting.remove(0).await.unwrap());
    assert_eq!(began.elapsed(), Duration::from_millis(200));
}

#[tokio::test(start_paused = true)]
async fn a_token_given_to_one_who_has_just_left_is_there_for_the_next() {
    let tenant = tenant(&ten_a_second(WhenExceeded::Queue));
    for _ in 0..3 {
        assert!(call_admitted(&tenant.try_call()));
    }
    let mut first = Box::pin(tenant.call());
    let mut second = Box::pin(tenant.call());
    assert!(now(&mut first).is_none());
    assert!(now(&mut second).is_none());
    advance(Duration::from_millis(100)).await;
    // Looking gives the token to the first, who leaves before it knows.
    assert!(matches!(tenant.try_call(), TryCall::Wait));
    drop(first);
    assert!(now(&mut second).unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn reject_and_drop_say_when_the_next_token_is_there() {
    for (when_exceeded, dropped) in [(WhenExceeded::Reject, false), (WhenExceeded::Drop, true)] {
        let tenant = tenant(&ten_a_second(when_exceeded));
        for _ in 0..3 {
            assert!(call_admitted(&tenant.try_call()));
        }
        advance(Duration::from_millis(40)).await;
        let TryCall::Refused(refusal) = tenant.try_call() else {
            panic!("admitted");
        };
        assert_eq!(refusal.retry_after, Duration::from_millis(60));
        assert_eq!(refusal.dropped, dropped);
        advance(Duration::from_millis(60)).await;
        assert!(call_admitted(&tenant.try_call()));
        assert!(!call_admitted(&tenant.try_call()));
    }
}

#[tokio::test(start_paused = true)]
async fn executions_have_a_rate_of_their_own() {
    let tenant = tenant(&Quotas {
        executions_per_second: Some(0.5),
        when_exceeded: WhenExceeded::Reject,
        ..Quotas::default()
    });
    assert_eq!(tenant.state().executions.tokens, Some(1));
    drop(admitted(tenant.try_execution()));
    assert_eq!(tenant.state().executions.tokens, Some(0));
    let refusal = refused(tenant.try_execution());
    assert_eq!(refusal.quota, Quota::ExecutionsPerSecond);
    assert_eq!(refusal.retry_after, Duration::from_secs(2));
    assert_eq!(tenant.state().calls.tokens, None);
    assert!(call_admitted(&tenant.try_call()));
}

#[tokio::test(start_paused = true)]
async fn rates_that_are_no_rates_admit_nothing_and_break_nothing() {
    for rate in [0.0, -1.0, f64::NAN, 1e-300] {
        let tenant = tenant(&Quotas {
            node_calls_per_second: Some(rate),
            ..Quotas::default()
        });
        let _ = tenant.try_call();
        let refusal = now(Box::pin(tenant.call())).unwrap().unwrap_err();
        assert!(refusal.retry_after <= Duration::from_secs(365 * 24 * 60 * 60));
    }
}
