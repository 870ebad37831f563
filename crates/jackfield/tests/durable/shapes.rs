//! Executions of every shape there is, for those who break them off.

use jackfield::plugin_api::NodeError;
use jackfield::{ErrorCode, ExecutionStatus, Registry};
use jackfield_testkit::ScriptedExecutor;
use serde_json::{Value, json};

use super::support::{Calls, registry, workflow};

/// An execution, and what it comes to when nothing is in its way.
pub(crate) struct Shape {
    pub(crate) document: Value,
    pub(crate) input: Value,
    pub(crate) status: ExecutionStatus,
    /// A signal that it is sent as soon as it is kept.
    pub(crate) signal: Option<(&'static str, Value)>,
    /// Calls that may be under way at the same time, and are made again when they are lost.
    pub(crate) most_again: usize,
}

impl Shape {
    fn new(document: Value, most_again: usize) -> Self {
        Self {
            document,
            input: json!([{ "n": 1 }, { "n": 2 }]),
            status: ExecutionStatus::Success,
            signal: None,
            most_again,
        }
    }
}

/// What the nodes of all shapes are made of; calls are noted by the name of their node.
pub(crate) fn node_types(calls: &Calls) -> Registry {
    let (noted, broken) = (calls.clone(), calls.clone());
    let unsteady = ScriptedExecutor::immediate(move |_, call| {
        let output = noted.note(&call);
        if call.context.attempt < 3 {
            let code = ErrorCode::NETWORK_ERROR;
            return Err(NodeError::retryable(code, "not yet"));
        }
        Ok(output)
    });
    let broken = ScriptedExecutor::immediate(move |_, call| {
        broken.note(&call);
        let code = ErrorCode::EXECUTION_ERROR;
        Err(NodeError::permanent(code, "it is broken"))
    });
    registry(&[
        ("note", calls.executor()),
        ("unsteady", unsteady),
        ("broken", broken),
    ])
}

/// Two branches, a loop, a short wait and a join.
pub(crate) fn branches() -> Shape {
    let document = workflow(
        &[
            ("first", "note", json!({})),
            ("left", "note", json!({})),
            ("pause", "wait", json!({ "for": "20ms" })),
            ("each", "loop", json!({ "batchSize": 1 })),
            ("body", "note", json!({})),
            ("join", "note", json!({})),
        ],
        &[
            ("first", 0, "left"),
            ("first", 0, "pause"),
            ("pause", 0, "each"),
            ("each", 1, "body"),
            ("body", 0, "each"),
            ("each", 0, "join"),
            ("left", 0, "join"),
        ],
    );
    Shape::new(document, 2)
}

/// A loop in a loop, which counts in a variable.
pub(crate) fn loops() -> Shape {
    let mut document = workflow(
        &[
            ("outer", "loop", json!({ "batchSize": 1 })),
            ("inner", "loop", json!({ "mode": "times", "count": 2 })),
            ("body", "note", json!({})),
            ("count", "var.increment", json!({ "name": "rounds" })),
            (
                "told",
                "transform",
                json!({ "set": { "rounds": "{{ $vars.rounds }}" } }),
            ),
        ],
        &[
            ("outer", 1, "inner"),
            ("inner", 1, "body"),
            ("body", 0, "count"),
            ("count", 0, "inner"),
            ("inner", 0, "outer"),
            ("outer", 0, "told"),
        ],
    );
    document["variables"] = json!({ "rounds": 0 });
    Shape::new(document, 1)
}

/// A workflow within another.
pub(crate) fn nested() -> Shape {
    let inner = workflow(
        &[
            ("send", "note", json!({})),
            ("pause", "wait", json!({ "for": "10ms" })),
            ("sent", "note", json!({})),
        ],
        &[("send", 0, "pause"), ("pause", 0, "sent")],
    );
    let document = workflow(
        &[
            ("before", "note", json!({})),
            ("call", "execute-workflow", json!({ "workflow": inner })),
            ("after", "note", json!({})),
        ],
        &[("before", 0, "call"), ("call", 0, "after")],
    );
    Shape::new(document, 1)
}

/// Two steps that are undone because the third one fails; undoing one of them takes three attempts.
pub(crate) fn compensation() -> Shape {
    let mut document = workflow(
        &[
            ("flight", "note", json!({})),
            ("hotel", "note", json!({})),
            ("pay", "broken", json!({})),
        ],
        &[("flight", 0, "hotel"), ("hotel", 0, "pay")],
    );
    document["nodes"][0]["compensation"] = json!({
        "nodeType": "unsteady",
        "retryPolicy": { "maxAttempts": 4, "initialDelay": "5ms" },
    });
    document["nodes"][1]["compensation"] = json!({ "nodeType": "note" });
    Shape {
        status: ExecutionStatus::Error,
        ..Shape::new(document, 1)
    }
}

/// Attempts with growing waits between them, a fallback, a node that is passed over, and one whose
/// items leave by the error port.
pub(crate) fn recovery() -> Shape {
    let mut document = workflow(
        &[
            ("thrice", "unsteady", json!({})),
            ("served", "broken", json!({})),
            ("passed", "broken", json!({})),
            ("port", "broken", json!({})),
            ("last", "note", json!({})),
        ],
        &[
            ("thrice", 0, "served"),
            ("served", 0, "passed"),
            ("passed", 0, "port"),
        ],
    );
    let nodes = &mut document["nodes"];
    nodes[0]["retryPolicy"] = json!({
        "maxAttempts": 4, "backoffType": "exponential", "initialDelay": "5ms", "jitter": 0.1,
    });
    let fallback = json!({ "strategy": "fallback", "fallbackNodeType": "note" });
    nodes[1]["errorRecoveryStrategy"] = fallback;
    nodes[2]["errorRecoveryStrategy"] = json!({ "strategy": "skip" });
    nodes[3]["onError"] = json!("continueErrorOutput");
    document["connections"]["port"] = json!({ "error": [[{ "node": "last" }]] });
    Shape::new(document, 1)
}

/// A time, a signal that comes, and one that does not come in time.
pub(crate) fn waits() -> Shape {
    let document = workflow(
        &[
            ("pause", "wait", json!({ "for": "10ms" })),
            ("paid", "wait", json!({ "signal": "paid" })),
            (
                "late",
                "wait",
                json!({ "signal": "late", "timeout": "20ms" }),
            ),
            ("in-time", "note", json!({})),
            ("too-late", "note", json!({})),
        ],
        &[
            ("pause", 0, "paid"),
            ("paid", 0, "late"),
            ("late", 0, "in-time"),
            ("late", 1, "too-late"),
        ],
    );
    Shape {
        signal: Some(("paid", json!([{ "sum": 7 }]))),
        ..Shape::new(document, 1)
    }
}

/// What comes to its end by its deadline, which counts on while nobody runs it.
pub(crate) fn deadline() -> Shape {
    let mut document = workflow(
        &[
            ("first", "note", json!({})),
            ("never", "wait", json!({ "signal": "never" })),
            ("last", "note", json!({})),
        ],
        &[("first", 0, "never"), ("never", 0, "last")],
    );
    document["settings"] = json!({ "timeout": "600ms" });
    Shape {
        status: ExecutionStatus::TimedOut,
        ..Shape::new(document, 1)
    }
}
