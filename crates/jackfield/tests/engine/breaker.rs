//! Circuits open when a node type fails too often, let one call try, and close when it does well.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::support::{plan, policy, registry, tenancy, tenant_id, workflow};
use jackfield::plugin_api::NodeError;
use jackfield::types::CircuitBreaker;
use jackfield::{
    CircuitState, Engine, ErrorCode, NodeOutput, NodeRequest, PreparedPlan, StartOptions,
    TenantEngine,
};
use jackfield_testkit::ScriptedExecutor;
use serde_json::json;
use tokio::sync::Semaphore;

/// Fails as long as it is told to, with an error of the test's choice.
fn switched(
    error: impl Fn() -> NodeError + Send + Sync + 'static,
) -> (ScriptedExecutor, Arc<AtomicBool>) {
    let is_down = Arc::new(AtomicBool::new(true));
    let switch = Arc::clone(&is_down);
    let executor = ScriptedExecutor::immediate(move |_, call| {
        if switch.load(Ordering::SeqCst) {
            Err(error())
        } else {
            Ok(NodeOutput::items(call.items().clone()))
        }
    });
    (executor, is_down)
}

fn busy() -> NodeError {
    NodeError::retryable(ErrorCode::NETWORK_ERROR, "busy")
}

fn breaker() -> CircuitBreaker {
    CircuitBreaker {
        failure_rate: 0.5,
        minimum_calls: 4,
        window: jackfield::types::Span::from_millis(10_000),
        open_for: jackfield::types::Span::from_millis(5_000),
    }
}

fn engine(executor: &ScriptedExecutor) -> (TenantEngine, Arc<PreparedPlan>) {
    let engine = Engine::builder(registry(&[("shaky", executor)]))
        .circuit_breaker(breaker())
        .build()
        .default_tenant();
    let prepared = plan(&engine, &workflow(&[("a", "shaky", json!({}))], &[]));
    (engine, prepared)
}

async fn code(engine: &TenantEngine, prepared: &Arc<PreparedPlan>) -> Option<ErrorCode> {
    let report = engine.run(prepared, StartOptions::default()).await;
    report
        .expect("it starts")
        .failure
        .map(|failure| failure.code)
}

#[tokio::test(start_paused = true)]
async fn a_circuit_opens_tries_and_closes() {
    let (executor, is_down) = switched(busy);
    let (engine, prepared) = engine(&executor);
    for _ in 0..4 {
        assert_eq!(
            code(&engine, &prepared).await,
            Some(ErrorCode::NETWORK_ERROR)
        );
    }
    assert_eq!(engine.circuits()[0].state, CircuitState::Open);
    assert_eq!(
        code(&engine, &prepared).await,
        Some(ErrorCode::CIRCUIT_OPEN)
    );
    assert_eq!(executor.calls(), 4);

    tokio::time::advance(Duration::from_millis(4_900)).await;
    assert_eq!(
        code(&engine, &prepared).await,
        Some(ErrorCode::CIRCUIT_OPEN)
    );
    tokio::time::advance(Duration::from_millis(200)).await;
    assert_eq!(engine.circuits()[0].state, CircuitState::HalfOpen);
    // The trial fails: it is open for as long again.
    assert_eq!(
        code(&engine, &prepared).await,
        Some(ErrorCode::NETWORK_ERROR)
    );
    assert_eq!(
        code(&engine, &prepared).await,
        Some(ErrorCode::CIRCUIT_OPEN)
    );

    tokio::time::advance(Duration::from_millis(5_100)).await;
    is_down.store(false, Ordering::SeqCst);
    assert_eq!(code(&engine, &prepared).await, None);
    assert_eq!(engine.circuits()[0].state, CircuitState::Closed);
    assert_eq!(code(&engine, &prepared).await, None);
    assert_eq!(executor.calls(), 7);
}

#[tokio::test(start_paused = true)]
async fn an_open_circuit_says_when_to_try_again_and_retries_wait_for_it() {
    let (executor, is_down) = switched(busy);
    let (engine, prepared) = engine(&executor);
    for _ in 0..4 {
        code(&engine, &prepared).await;
    }
    let request = NodeRequest::new("shaky".try_into().expect("a name"), json!({}));
    let failure = engine.execute_node(request).await.expect_err("it is open");
    assert_eq!(failure.code, ErrorCode::CIRCUIT_OPEN);
    assert_eq!(failure.retry_after, Some(Duration::from_secs(5)));

    is_down.store(false, Ordering::SeqCst);
    let mut document = workflow(&[("a", "shaky", json!({}))], &[]);
    let retry = json!({ "maxAttempts": 2, "initialDelay": 10 });
    crate::support::set(&mut document, "a", "retryPolicy", retry);
    let before = tokio::time::Instant::now();
    assert_eq!(code(&engine, &plan(&engine, &document)).await, None);
    assert_eq!(before.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn what_the_caller_did_wrong_does_not_open_a_circuit() {
    let (executor, _) = switched(|| NodeError::permanent(ErrorCode::EXECUTION_ERROR, "no"));
    let (engine, prepared) = engine(&executor);
    for _ in 0..20 {
        assert_eq!(
            code(&engine, &prepared).await,
            Some(ErrorCode::EXECUTION_ERROR)
        );
    }
    assert_eq!(engine.circuits()[0].state, CircuitState::Closed);
}

#[tokio::test(start_paused = true)]
async fn failures_of_long_ago_and_too_few_of_them_do_not_count() {
    let (executor, is_down) = switched(busy);
    let (engine, prepared) = engine(&executor);
    for _ in 0..3 {
        code(&engine, &prepared).await;
    }
    tokio::time::advance(Duration::from_secs(11)).await;
    code(&engine, &prepared).await;
    assert_eq!(engine.circuits()[0].state, CircuitState::Closed);
    is_down.store(false, Ordering::SeqCst);
    for _ in 0..4 {
        assert_eq!(code(&engine, &prepared).await, None);
    }
    // Now it is one of five that failed, then two of six.
    is_down.store(true, Ordering::SeqCst);
    code(&engine, &prepared).await;
    assert_eq!(engine.circuits()[0].state, CircuitState::Closed);
}

#[tokio::test(start_paused = true)]
async fn one_call_tries_at_a_time_and_one_that_is_broken_off_leaves_its_turn_to_the_next() {
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let executor = ScriptedExecutor::new(move |number, call| {
        let held = Arc::clone(&held);
        Box::pin(async move {
            if number < 4 {
                return Err(busy());
            }
            // Nobody closes it.
            let permit = held.acquire().await;
            drop(permit);
            Ok(NodeOutput::items(call.items().clone()))
        })
    });
    let (engine, prepared) = engine(&executor);
    for _ in 0..4 {
        code(&engine, &prepared).await;
    }
    tokio::time::advance(Duration::from_secs(6)).await;
    let trial = engine
        .start(&prepared, StartOptions::default())
        .expect("it starts");
    while executor.calls() < 5 {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        code(&engine, &prepared).await,
        Some(ErrorCode::CIRCUIT_OPEN)
    );
    trial.cancel();
    trial.wait().await.expect("it ends");
    gate.add_permits(1);
    assert_eq!(code(&engine, &prepared).await, None);
    assert_eq!(engine.circuits()[0].state, CircuitState::Closed);
}

#[tokio::test(start_paused = true)]
async fn time_limits_and_panics_open_a_circuit_and_a_policy_says_when() {
    let slow = ScriptedExecutor::new(|_, _| Box::pin(std::future::pending()));
    let panics = ScriptedExecutor::immediate(|_, _| panic!("no"));
    let document = json!({
        "circuitBreaker": { "failureRate": 0.5, "minimumCalls": 2, "window": "1m", "openFor": "1m" }
    });
    let engine = Engine::builder(registry(&[("slow", &slow), ("panics", &panics)]))
        .tenancy(tenancy(&[("acme", document)]))
        .build();
    let acme = engine.tenant(&tenant_id("acme"));
    for node_type in ["slow", "panics"] {
        let mut document = workflow(&[("a", node_type, json!({}))], &[]);
        crate::support::set(&mut document, "a", "timeout", json!("1s"));
        let prepared = plan(&acme, &document);
        for _ in 0..2 {
            code(&acme, &prepared).await;
        }
        assert_eq!(code(&acme, &prepared).await, Some(ErrorCode::CIRCUIT_OPEN));
    }
    // Without one in the policy there is none.
    let tenancy = engine.tenancy();
    tenancy
        .set_policy(&tenant_id("acme"), &policy(json!({})))
        .expect("a policy");
    let prepared = plan(&acme, &workflow(&[("a", "panics", json!({}))], &[]));
    assert_ne!(code(&acme, &prepared).await, Some(ErrorCode::CIRCUIT_OPEN));
}

#[tokio::test(start_paused = true)]
async fn a_call_from_before_says_nothing_about_an_open_circuit() {
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let executor = ScriptedExecutor::new(move |number, call| {
        let held = Arc::clone(&held);
        Box::pin(async move {
            if number > 0 {
                return Err(busy());
            }
            let permit = held.acquire().await;
            drop(permit);
            Ok(NodeOutput::items(call.items().clone()))
        })
    });
    let (engine, prepared) = engine(&executor);
    let early = engine
        .start(&prepared, StartOptions::default())
        .expect("it starts");
    while executor.calls() == 0 {
        tokio::task::yield_now().await;
    }
    for _ in 0..4 {
        code(&engine, &prepared).await;
    }
    gate.add_permits(1);
    assert!(early.wait().await.expect("it ends").failure.is_none());
    assert_eq!(engine.circuits()[0].state, CircuitState::Open);
    assert_eq!(
        code(&engine, &prepared).await,
        Some(ErrorCode::CIRCUIT_OPEN)
    );
}

#[tokio::test]
async fn an_executor_that_panics_again_and_again_is_called_no_more_and_a_fallback_serves() {
    let panics = ScriptedExecutor::immediate(|_, _| panic!("no"));
    let registry = registry(&[("panics", &panics)]);
    let engine = Engine::builder(registry.clone()).build().default_tenant();
    let mut document = workflow(&[("a", "panics", json!({}))], &[]);
    let prepared = plan(&engine, &document);
    for _ in 0..5 {
        assert_eq!(code(&engine, &prepared).await, Some(ErrorCode::TRAPPED));
    }
    assert_eq!(code(&engine, &prepared).await, Some(ErrorCode::QUARANTINED));
    assert_eq!(panics.calls(), 5);
    assert_eq!(registry.stats().quarantined.len(), 1);
    let fallback = json!({ "strategy": "fallback", "fallbackNodeType": "no-op" });
    crate::support::set(&mut document, "a", "errorRecoveryStrategy", fallback);
    assert_eq!(code(&engine, &plan(&engine, &document)).await, None);
    registry.release("panics", None);
    assert_eq!(code(&engine, &prepared).await, Some(ErrorCode::TRAPPED));
}

#[tokio::test]
async fn a_circuit_that_is_to_stay_open_for_ever_stays_open() {
    let (executor, _) = switched(busy);
    let engine = Engine::builder(registry(&[("shaky", &executor)]))
        .circuit_breaker(CircuitBreaker {
            minimum_calls: 1,
            open_for: Duration::MAX.into(),
            ..breaker()
        })
        .build()
        .default_tenant();
    let prepared = plan(&engine, &workflow(&[("a", "shaky", json!({}))], &[]));
    assert_eq!(
        code(&engine, &prepared).await,
        Some(ErrorCode::NETWORK_ERROR)
    );
    assert_eq!(
        code(&engine, &prepared).await,
        Some(ErrorCode::CIRCUIT_OPEN)
    );
}
