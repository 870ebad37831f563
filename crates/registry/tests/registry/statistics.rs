//! Running nodes, and what is counted about it.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use jackfield_plugin_api::{BoxFuture, NodeCall, NodeError, NodeExecutor, NodeOutput};
use jackfield_registry::Registry;
use jackfield_types::{ErrorCode, FailureClass, NodeTypeMetadata, VersionSelector};
use serde_json::json;

use crate::common::{Scene, Scripted, metadata, number_of, numbered};

fn execute(registry: &Registry, node_type: &str) -> Result<NodeOutput, NodeError> {
    let scene = Scene::new(json!({}));
    let context = scene.context();
    registry
        .execute(node_type, scene.call(&context))
        .now_or_never()
        .unwrap()
}

fn register(registry: &Registry, node_type: &str, executor: Arc<dyn NodeExecutor>) {
    registry
        .register_with_metadata(node_type, executor, metadata(node_type, "1.0.0"))
        .unwrap();
}

fn failing(code: ErrorCode) -> Arc<dyn NodeExecutor> {
    Arc::new(Scripted(move || {
        Err(NodeError::permanent(code.clone(), "no"))
    }))
}

#[test]
fn a_single_node_runs_outside_of_a_workflow() {
    let registry = Registry::new();
    register(&registry, "a", numbered(4));
    assert_eq!(number_of(&execute(&registry, "a").unwrap()), 4);
    let newer = metadata("a", "2.0.0");
    registry
        .register_with_metadata("a", numbered(5), newer)
        .unwrap();
    assert_eq!(number_of(&execute(&registry, "a").unwrap()), 5);
    let scene = Scene::new(json!({}));
    let context = scene.context();
    let old: VersionSelector = "1".parse().unwrap();
    let output = registry
        .execute_version("a", &old, scene.call(&context))
        .now_or_never()
        .unwrap();
    assert_eq!(number_of(&output.unwrap()), 4);
}

#[test]
fn what_cannot_be_found_says_what_there_is() {
    let registry = Registry::new();
    register(&registry, "string.upper", numbered(0));
    let failure = execute(&registry, "string.uper")
        .unwrap_err()
        .into_failure();
    assert_eq!(failure.code, ErrorCode::UNKNOWN_NODE_TYPE);
    assert_eq!(
        failure.message,
        "unknown node type `string.uper`; did you mean `string.upper`?"
    );
    let failure = execute(&registry, "not a name").unwrap_err().into_failure();
    assert_eq!(failure.code, ErrorCode::UNKNOWN_NODE_TYPE);
    let scene = Scene::new(json!({}));
    let context = scene.context();
    let wanted: VersionSelector = "7".parse().unwrap();
    let call = registry.execute_version("string.upper", &wanted, scene.call(&context));
    let failure = call.now_or_never().unwrap().unwrap_err().into_failure();
    assert_eq!(failure.code, ErrorCode::UNKNOWN_VERSION);
    assert_eq!(
        failure.message,
        "node type `string.upper` has no version 7; there is 1.0.0"
    );
}

#[test]
fn wrong_parameters_are_refused_before_the_executor_is_called() {
    let registry = Registry::new();
    let metadata = NodeTypeMetadata {
        required_fields: vec!["entity".to_owned()],
        ..metadata("a", "1.0.0")
    };
    registry
        .register_with_metadata("a", numbered(0), metadata)
        .unwrap();
    let failure = execute(&registry, "a").unwrap_err().into_failure();
    assert_eq!(
        (failure.class, failure.code),
        (FailureClass::Final, ErrorCode::INVALID_PARAMETERS)
    );
    assert_eq!(registry.stats().total.executions, 0);
}

#[test]
fn a_panic_fails_the_attempt_and_names_the_node_type() {
    let registry = Registry::new();
    register(
        &registry,
        "a",
        Arc::new(Scripted(|| panic!("index {} is no good", 7))),
    );
    let failure = execute(&registry, "a").unwrap_err().into_failure();
    assert_eq!(failure.code, ErrorCode::TRAPPED);
    assert_eq!(
        failure.message,
        "the executor of node type `a` 1.0.0 panicked: index 7 is no good"
    );
    assert_eq!(registry.stats().total.errors[&ErrorCode::TRAPPED], 1);
}

/// Panics before there is a future at all.
struct Abrupt;

impl NodeExecutor for Abrupt {
    fn execute<'a>(&'a self, _: NodeCall<'a>) -> BoxFuture<'a, Result<NodeOutput, NodeError>> {
        panic!("at once")
    }
}

#[test]
fn a_panic_before_the_first_poll_is_caught_too() {
    let registry = Registry::new();
    register(&registry, "a", Arc::new(Abrupt));
    assert_eq!(
        execute(&registry, "a").unwrap_err().code(),
        ErrorCode::TRAPPED
    );
}

#[test]
fn attempts_errors_and_retries_are_counted_by_node_type() {
    let registry = Registry::new();
    register(&registry, "good", numbered(1));
    register(&registry, "bad", failing(ErrorCode::TIMEOUT));
    register(&registry, "idle", numbered(2));
    for _ in 0..3 {
        execute(&registry, "good").unwrap();
        execute(&registry, "bad").unwrap_err();
    }
    let bad = registry.executors().remove(0);
    registry.record_retry(&bad);
    registry.record_retry(&bad);
    let stats = registry.stats();
    assert_eq!((stats.registrations, stats.node_types), (3, 3));
    assert_eq!((stats.total.executions, stats.total.retries), (6, 2));
    let names: Vec<_> = stats.by_node_type.keys().map(ToString::to_string).collect();
    assert_eq!(names, ["bad", "good"]);
    let bad = &stats.by_node_type["bad"];
    assert_eq!(
        (bad.executions, bad.errors[&ErrorCode::TIMEOUT], bad.retries),
        (3, 3, 2)
    );
    let good = &stats.by_node_type["good"];
    assert!(good.errors.is_empty());
    let took = good.duration;
    assert!(took.min <= took.p50 && took.p50 <= took.p95 && took.p95 <= took.p99);
    assert!(took.p99 <= took.max && took.max > Duration::ZERO);
    let json = serde_json::to_value(&stats).unwrap();
    assert_eq!(json["byNodeType"]["bad"]["errors"]["TIMEOUT"], 3);
    assert!(json["total"]["duration"]["p95"].is_number());
}

#[test]
fn statistics_outlive_a_replacement_and_span_versions() {
    let registry = Registry::new();
    register(&registry, "a", numbered(1));
    execute(&registry, "a").unwrap();
    registry
        .replace_with_metadata("a", numbered(2), metadata("a", "1.0.0"))
        .unwrap();
    execute(&registry, "a").unwrap();
    registry
        .register_with_metadata("a", numbered(3), metadata("a", "2.0.0"))
        .unwrap();
    execute(&registry, "a").unwrap();
    assert_eq!(registry.stats().by_node_type["a"].executions, 3);
    registry.unregister("a", None);
    register(&registry, "a", numbered(4));
    assert!(registry.stats().by_node_type.is_empty());
}

/// Never ends.
struct Endless;

impl NodeExecutor for Endless {
    fn execute<'a>(&'a self, _: NodeCall<'a>) -> BoxFuture<'a, Result<NodeOutput, NodeError>> {
        Box::pin(pending())
    }
}

#[test]
fn an_attempt_that_is_dropped_counts_as_cancelled() {
    let registry = Registry::new();
    register(&registry, "a", Arc::new(Endless));
    let scene = Scene::new(json!({}));
    let context = scene.context();
    assert!(
        registry
            .execute("a", scene.call(&context))
            .now_or_never()
            .is_none()
    );
    let stats = registry.stats();
    assert_eq!(stats.by_node_type["a"].errors[&ErrorCode::CANCELLED], 1);
    assert_eq!(stats.total.executions, 1);
}

#[test]
fn codes_without_number_do_not_fill_the_memory() {
    let registry = Registry::new();
    let count = std::sync::atomic::AtomicUsize::new(0);
    let executor = Scripted(move || {
        let number = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Err(NodeError::permanent(
            ErrorCode::custom(&format!("E{number}")),
            "no",
        ))
    });
    register(&registry, "a", Arc::new(executor));
    for _ in 0..200 {
        execute(&registry, "a").unwrap_err();
    }
    let errors = &registry.stats().by_node_type["a"].errors;
    assert!(errors.len() <= 65);
    assert_eq!(errors.values().sum::<u64>(), 200);
}

#[test]
fn what_many_threads_do_is_counted_to_the_last_attempt() {
    const THREADS: u64 = 8;
    const CALLS: u64 = 500;
    let registry = Registry::new();
    register(&registry, "good", numbered(1));
    register(&registry, "bad", failing(ErrorCode::TIMEOUT));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..CALLS {
                    execute(&registry, "good").unwrap();
                    execute(&registry, "bad").unwrap_err();
                }
            });
        }
    });
    let stats = registry.stats();
    assert_eq!(stats.total.executions, 2 * THREADS * CALLS);
    let bad = &stats.by_node_type["bad"];
    assert_eq!(bad.errors[&ErrorCode::TIMEOUT], THREADS * CALLS);
    assert!(bad.duration.min <= bad.duration.p50 && bad.duration.p50 <= bad.duration.max);
    let asked = stats.cache.hits + stats.cache.misses;
    assert_eq!(asked, 2 * THREADS * CALLS);
    // Each of them was missed by the first caller, and by those at most who came meanwhile.
    assert!((2..=2 * THREADS).contains(&stats.cache.misses));
}
