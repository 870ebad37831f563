use std::time::Duration;

use jackfield_types::{Quotas, WhenExceeded};
use tokio::time::Instant;

use crate::scene::{admitted, at_once, call_admitted, id, now, open, refused, seconds, tenant};

fn executions(count: u32) -> Quotas {
    Quotas {
        concurrent_executions: Some(count),
        ..Quotas::default()
    }
}

#[tokio::test(start_paused = true)]
async fn raising_a_limit_lets_those_in_who_wait() {
    let tenant = tenant(&executions(1));
    let _running = admitted(tenant.try_execution());
    let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(tenant.execution())).collect();
    assert!(waiting.iter_mut().all(|waiting| now(waiting).is_none()));
    tenant.set_quotas(&executions(3));
    let permits: Vec<_> = waiting.iter_mut().filter_map(now).collect();
    assert_eq!(permits.len(), 2);
    tenant.set_quotas(&Quotas::default());
    assert!(now(&mut waiting[2]).unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn lowering_a_limit_breaks_nothing_off_and_admits_nobody_before_it_is_kept() {
    let tenant = tenant(&executions(3));
    let mut running: Vec<_> = (0..3).map(|_| admitted(tenant.try_execution())).collect();
    tenant.set_quotas(&executions(1));
    assert_eq!(tenant.state().executions.running, 3);
    let mut waiting = Box::pin(tenant.execution());
    assert!(now(&mut waiting).is_none());
    running.truncate(1);
    assert!(now(&mut waiting).is_none());
    running.clear();
    assert!(now(&mut waiting).unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_began_without_limits_counts_when_there_are_some() {
    let tenant = tenant(&Quotas::default());
    let mut running: Vec<_> = (0..2).map(|_| admitted(tenant.try_execution())).collect();
    tenant.set_quotas(&Quotas {
        when_exceeded: WhenExceeded::Reject,
        ..executions(2)
    });
    refused(tenant.try_execution());
    tenant.set_quotas(&executions(2));
    let mut waiting = Box::pin(tenant.execution());
    assert!(now(&mut waiting).is_none());
    running.pop();
    assert!(now(&mut waiting).unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_faster_rate_wakes_those_who_wait_for_the_slower_one() {
    let slow = Quotas {
        node_calls_per_second: Some(0.1),
        node_call_burst: Some(1),
        ..Quotas::default()
    };
    let tenant = tenant(&slow);
    assert!(call_admitted(&tenant.try_call()));
    let began = Instant::now();
    let waiting = tokio::spawn({
        let tenant = tenant.clone();
        async move { tenant.call().await.is_ok() }
    });
    tokio::task::yield_now().await;
    tenant.set_quotas(&Quotas {
        node_calls_per_second: Some(2.0),
        ..slow
    });
    assert!(waiting.await.unwrap());
    assert_eq!(began.elapsed(), Duration::from_millis(500));
}

#[tokio::test(start_paused = true)]
async fn a_slower_rate_holds_for_those_who_wait_already() {
    let fast = Quotas {
        node_calls_per_second: Some(2.0),
        node_call_burst: Some(1),
        ..Quotas::default()
    };
    let tenant = tenant(&fast);
    assert!(call_admitted(&tenant.try_call()));
    let began = Instant::now();
    let mut waiting = Box::pin(tenant.call());
    assert!(now(&mut waiting).is_none());
    tenant.set_quotas(&Quotas {
        node_calls_per_second: Some(0.25),
        ..fast
    });
    assert!(waiting.await.is_ok());
    assert_eq!(began.elapsed(), Duration::from_secs(4));
}

#[tokio::test(start_paused = true)]
async fn a_tenant_has_one_part_however_often_it_is_asked_for() {
    let instance = open();
    let quotas = executions(1);
    let one = instance.tenant(&id("acme"), &quotas);
    let same = instance.tenant(&id("acme"), &quotas);
    let _running = admitted(one.try_execution());
    assert!(now(Box::pin(same.execution())).is_none());
    let other = instance.tenant(&id("globex"), &quotas);
    assert!(now(Box::pin(other.execution())).is_some());
    assert_eq!(instance.tenants(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_nobody_holds_is_forgotten() {
    let instance = at_once(2);
    let permit = admitted(instance.tenant(&id("acme"), &executions(1)).try_execution());
    assert_eq!(instance.tenants(), 1);
    let again = instance.tenant(&id("acme"), &executions(1));
    assert_eq!(again.state().executions.running, 1);
    drop(again);
    drop(permit);
    assert_eq!(instance.tenants(), 0);
    assert_eq!(instance.state().executions.running, 0);
}

#[tokio::test(start_paused = true)]
async fn a_wait_without_end_ends_nothing() {
    let tenant = tenant(&Quotas {
        max_wait: seconds(u64::MAX / 1_000_000),
        ..executions(1)
    });
    let running = admitted(tenant.try_execution());
    let mut waiting = Box::pin(tenant.execution());
    assert!(now(&mut waiting).is_none());
    drop(running);
    assert!(now(&mut waiting).unwrap().is_ok());
}
