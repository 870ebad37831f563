//! Quotas: what is too much waits, is turned away or is dropped, as the policy says.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use crate::support::{items, plan, registry, set, tenancy, tenant_id, workflow};
use jackfield::plugin_api::{NodeError, Scheduling};
use jackfield::{
    AdmissionLimits, Engine, ErrorCode, ExecutionStatus, Item, NodeOutput, NodeRequest, StartError,
    StartOptions, Tenancy, TenantEngine,
};
use jackfield_testkit::ScriptedExecutor;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::time::Instant;

fn acme(policy: Value, scripted: &[(&str, &ScriptedExecutor)]) -> TenantEngine {
    let tenancy = tenancy(&[("acme", policy)]);
    let engine = Engine::builder(registry(scripted)).tenancy(tenancy);
    engine.build().tenant(&tenant_id("acme"))
}

fn quotas(quotas: &Value) -> Value {
    json!({ "quotas": quotas })
}

/// Waits until the test lets it go on.
fn held() -> (ScriptedExecutor, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let executor = ScriptedExecutor::new(move |_, call| {
        let held = Arc::clone(&held);
        Box::pin(async move {
            if let Ok(permit) = held.acquire().await {
                permit.forget();
            }
            Ok(NodeOutput::items(call.items().clone()))
        })
    });
    (executor, gate)
}

async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::task::yield_now().await;
    }
}

fn one(node_type: &str) -> Value {
    workflow(&[("a", node_type, json!({}))], &[])
}

#[tokio::test]
async fn executions_that_are_too_many_wait_for_their_turn() {
    let (executor, gate) = held();
    let engine = acme(
        quotas(&json!({ "concurrentExecutions": 1, "maxQueued": 1 })),
        &[("held", &executor)],
    );
    let prepared = plan(&engine, &one("held"));
    let start = || engine.start(&prepared, StartOptions::default());
    let first = start().expect("it starts");
    until(|| executor.calls() == 1).await;
    let second = start().expect("it waits");
    until(|| engine.tenant().admission().state().executions.queued == 1).await;
    assert_eq!(engine.executions().len(), 2);
    assert!(second.journal().is_empty());
    let error = start().err().expect("nobody else may wait");
    assert!(matches!(error, StartError::QuotaExceeded(_)), "{error}");
    assert_eq!(error.code(), Some(ErrorCode::QUOTA_EXCEEDED));
    gate.add_permits(2);
    for handle in [first, second] {
        let report = handle.wait().await.expect("it ends");
        assert_eq!(report.status, ExecutionStatus::Success);
    }
    assert_eq!(executor.calls(), 2);
    assert!(engine.executions().is_empty());
}

#[tokio::test]
async fn an_execution_that_waits_can_be_cancelled_and_does_nothing_then() {
    let (executor, gate) = held();
    let engine = acme(
        quotas(&json!({ "concurrentExecutions": 1 })),
        &[("held", &executor)],
    );
    let prepared = plan(&engine, &one("held"));
    let start = || engine.start(&prepared, StartOptions::default());
    let first = start().expect("it starts");
    until(|| executor.calls() == 1).await;
    let second = start().expect("it waits");
    assert!(engine.cancel(second.id()));
    let report = second.wait().await.expect("it ends");
    assert_eq!(report.status, ExecutionStatus::Cancelled);
    gate.add_permits(1);
    first.wait().await.expect("it ends");
    assert_eq!(executor.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn executions_are_turned_away_or_dropped_when_the_policy_says_so() {
    for (when, is_dropped) in [("reject", false), ("drop", true)] {
        let engine = acme(
            quotas(&json!({
                "executionsPerSecond": 2, "executionBurst": 1, "whenExceeded": when
            })),
            &[],
        );
        let prepared = plan(&engine, &one("no-op"));
        let run = || engine.run(&prepared, StartOptions::default());
        run().await.expect("it runs");
        let Err(StartError::QuotaExceeded(exceeded)) = run().await else {
            panic!("it is too much");
        };
        assert_eq!(exceeded.dropped, is_dropped);
        assert_eq!(exceeded.quota.as_str(), "executionsPerSecond");
        assert!(exceeded.retry_after <= Duration::from_millis(500));
        tokio::time::advance(exceeded.retry_after).await;
        run().await.expect("it runs again");
    }
}

#[tokio::test(start_paused = true)]
async fn calls_wait_for_their_turn_and_no_time_limit_of_theirs_runs_meanwhile() {
    let executor = ScriptedExecutor::failing(0, || NodeError::Cancelled);
    let engine = acme(
        quotas(&json!({ "nodeCallsPerSecond": 1, "nodeCallBurst": 1 })),
        &[("counts", &executor)],
    );
    let mut document = workflow(
        &[
            ("a", "counts", json!({})),
            ("b", "counts", json!({})),
            ("c", "counts", json!({})),
        ],
        &[("a", 0, "b", 0), ("b", 0, "c", 0)],
    );
    set(&mut document, "c", "timeout", json!("100ms"));
    let before = Instant::now();
    let prepared = plan(&engine, &document);
    let report = engine
        .run(&prepared, StartOptions::default())
        .await
        .expect("it runs");
    assert_eq!(
        report.status,
        ExecutionStatus::Success,
        "{:?}",
        report.failure
    );
    let took = before.elapsed();
    assert!(
        took >= Duration::from_secs(2) && took < Duration::from_secs(3),
        "{took:?}"
    );
    let request = NodeRequest::new("counts".try_into().expect("a name"), json!({}));
    engine.execute_node(request).await.expect("it waits");
    assert!(before.elapsed() >= Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn calls_that_are_turned_away_may_be_tried_again_and_dropped_ones_not() {
    for (when, calls, status) in [
        ("reject", 3, ExecutionStatus::Success),
        ("drop", 1, ExecutionStatus::Error),
    ] {
        let executor = ScriptedExecutor::failing(0, || NodeError::Cancelled);
        let engine = acme(
            quotas(&json!({
                "nodeCallsPerSecond": 1, "nodeCallBurst": 1, "whenExceeded": when
            })),
            &[("counts", &executor)],
        );
        let mut document = workflow(
            &[
                ("a", "counts", json!({})),
                ("b", "counts", json!({})),
                ("c", "counts", json!({})),
            ],
            &[("a", 0, "b", 0), ("b", 0, "c", 0)],
        );
        for node in ["b", "c"] {
            let retry = json!({ "maxAttempts": 3, "initialDelay": 1 });
            set(&mut document, node, "retryPolicy", retry);
            set(
                &mut document,
                node,
                "onError",
                json!("continueRegularOutput"),
            );
        }
        let prepared = plan(&engine, &document);
        let report = engine
            .run(&prepared, StartOptions::default())
            .await
            .expect("it starts");
        assert_eq!(report.status, status, "{when}");
        assert_eq!(executor.calls(), calls, "{when}");
        if when == "drop" {
            let failure = report.failure.expect("it failed");
            assert_eq!(failure.code, ErrorCode::QUOTA_EXCEEDED);
        }
    }
}

#[tokio::test]
async fn what_one_execution_gives_is_bounded_whatever_recovers_it() {
    let many = ScriptedExecutor::immediate(|_, _| Ok(NodeOutput::items(vec![Item::default(); 6])));
    let engine = acme(
        quotas(&json!({ "itemsPerExecution": 10 })),
        &[("many", &many)],
    );
    let mut document = workflow(
        &[
            ("a", "many", json!({})),
            ("b", "many", json!({})),
            ("c", "no-op", json!({})),
        ],
        &[("a", 0, "b", 0), ("b", 0, "c", 0)],
    );
    set(
        &mut document,
        "b",
        "onError",
        json!("continueRegularOutput"),
    );
    set(&mut document, "b", "errorRecoveryStrategy", json!("skip"));
    let prepared = plan(&engine, &document);
    for _ in 0..2 {
        // Each execution begins anew.
        let report = engine.run(&prepared, StartOptions::default()).await;
        let failure = report.expect("it starts").failure.expect("too many");
        assert_eq!(failure.code, ErrorCode::QUOTA_EXCEEDED);
        assert!(
            failure.message.contains("itemsPerExecution"),
            "{}",
            failure.message
        );
    }
    // Those of workflows that it calls count as its own.
    let inner = workflow(&[("inner", "many", json!({}))], &[]);
    let document = workflow(
        &[("call", "execute-workflow", json!({ "workflow": inner }))],
        &[],
    );
    let prepared = plan(&engine, &document);
    let failure = engine
        .run(&prepared, StartOptions::default())
        .await
        .expect("it starts")
        .failure
        .expect("too many");
    assert_eq!(failure.code, ErrorCode::QUOTA_EXCEEDED);
}

#[tokio::test]
async fn memory_and_variables_of_one_execution_are_bounded() {
    let engine = acme(quotas(&json!({ "memoryPerExecution": "1KiB" })), &[]);
    let document = workflow(
        &[(
            "a",
            "set-variable",
            json!({ "name": "big", "value": "{{ 'x'.repeat(4000) }}" }),
        )],
        &[],
    );
    let prepared = plan(&engine, &document);
    let failure = engine
        .run(&prepared, StartOptions::default())
        .await
        .expect("it starts")
        .failure
        .expect("too large");
    assert_eq!(failure.code, ErrorCode::QUOTA_EXCEEDED);
    assert!(failure.message.contains("memoryPerExecution"));
}

#[tokio::test]
async fn processor_time_of_one_execution_is_bounded() {
    let spins = ScriptedExecutor::new(|_, call| {
        Box::pin(async move {
            // It pauses now and then: only there can it be stopped.
            for round in 0..1_000_000_u64 {
                std::hint::black_box((0..10_000_u64).fold(round, u64::wrapping_add));
                tokio::task::yield_now().await;
            }
            Ok(NodeOutput::items(call.items().clone()))
        })
    })
    .scheduled(Scheduling::Spawned);
    let engine = acme(
        quotas(&json!({ "cpuTimePerExecution": "20ms" })),
        &[("spins", &spins)],
    );
    let mut document = one("spins");
    set(
        &mut document,
        "a",
        "onError",
        json!("continueRegularOutput"),
    );
    let prepared = plan(&engine, &document);
    let failure = engine
        .run(&prepared, StartOptions::default())
        .await
        .expect("it starts")
        .failure
        .expect("too long");
    assert_eq!(failure.code, ErrorCode::QUOTA_EXCEEDED);
    assert!(failure.message.contains("cpuTimePerExecution"));
}

#[tokio::test]
async fn an_instance_that_makes_one_call_at_a_time_still_runs_workflows_within_workflows() {
    let limits = AdmissionLimits {
        executions: NonZeroU32::new(1),
        calls: NonZeroU32::new(1),
    };
    let tenancy = Tenancy::builder().admission(limits).build();
    let engine = Engine::builder(registry(&[])).tenancy(tenancy).build();
    let engine = engine.tenant(&tenant_id("acme"));
    let mut document = one("no-op");
    for _ in 0..3 {
        document = workflow(
            &[("call", "execute-workflow", json!({ "workflow": document }))],
            &[],
        );
    }
    let prepared = plan(&engine, &document);
    let starts: Vec<_> = (0..8)
        .map(|number| {
            let options = StartOptions {
                items: items(&json!([{ "n": number }])),
                ..StartOptions::default()
            };
            engine
                .start(&prepared, options)
                .expect("it starts or waits")
        })
        .collect();
    for (number, handle) in starts.into_iter().enumerate() {
        let report = handle.wait().await.expect("it ends");
        assert_eq!(
            report.status,
            ExecutionStatus::Success,
            "{:?}",
            report.failure
        );
        assert_eq!(report.output[0].json()["n"], number);
    }
}
