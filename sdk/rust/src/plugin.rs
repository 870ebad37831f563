use std::borrow::Cow;
use std::time::Duration;

use serde_json::{Value, json};

use crate::bindings::exports::jackfield::plugin::node;
use crate::error::FailedItem;
use crate::{AnyNodeType, Call, Failure, NodeError, NodeOutput, code};

/// The version of the contract that this crate speaks.
const CONTRACT: &str = "0.1";

/// What a plugin with these node types says of itself.
pub fn describe(node_types: &[&dyn AnyNodeType]) -> String {
    let all: Vec<Value> = node_types
        .iter()
        .map(|node_type| json!(node_type.metadata()))
        .collect();
    json!({ "contract": CONTRACT, "nodeTypes": all }).to_string()
}

/// Runs one attempt of the node type that a call names.
///
/// # Errors
/// What the node type gives, and what the call itself cannot be meant by.
#[expect(
    clippy::result_large_err,
    reason = "the contract's own type, made once a call"
)]
pub fn execute(
    node_types: &[&dyn AnyNodeType],
    call: node::Call,
) -> Result<node::Output, node::Failure> {
    let found = match node_types {
        // Nothing to look for, and so no metadata to be made on each call.
        [only] => Some(*only),
        several => several.iter().copied().find(|node_type| {
            let metadata = node_type.declaration();
            metadata.node_type == call.node_type && metadata.version == call.version
        }),
    };
    let Some(node_type) = found else {
        let text = format!(
            "the plugin has no node type `{}` in version {}",
            call.node_type, call.version
        );
        return Err(failure(NodeError::permanent(code::UNKNOWN_NODE_TYPE, text)));
    };
    Call::read(call)
        .and_then(|call| node_type.call(&call))
        .map(output)
        .map_err(failure)
}

fn output(output: NodeOutput) -> node::Output {
    let ports = output.ports.iter().map(json_text).collect();
    node::Output {
        ports,
        variables: (!output.variables.is_empty()).then(|| json_text(&output.variables)),
        wait_ms: output.wait.map(milliseconds),
    }
}

fn failure(error: NodeError) -> node::Failure {
    let retryable = error.is_retryable();
    let known = match error {
        NodeError::Retryable(failure) | NodeError::Permanent(failure) => *failure,
        NodeError::Params(issues) => {
            let texts: Vec<String> = issues.iter().map(ToString::to_string).collect();
            let mut failure = Failure::new(code::INVALID_PARAMETERS, texts.join("; "));
            failure.details = Some(json!({ "issues": issues }));
            failure
        }
    };
    node::Failure {
        code: known.code.into_owned(),
        message: known.message,
        retryable,
        status: known.status,
        retry_after_ms: known.retry_after.map(milliseconds),
        details: known.details.map(|details| details.to_string()),
        partial: known.partial.map(output),
        failed_items: known.failed_items.into_iter().map(failed_item).collect(),
    }
}

fn failed_item(failed: FailedItem) -> node::ItemFailure {
    node::ItemFailure {
        item: failed.item,
        code: Cow::into_owned(failed.code),
        message: failed.message,
        status: failed.status,
    }
}

fn json_text(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("items and variables have texts as keys")
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
