//! Calls that broke off: what became of them, as errors that name plugin, version and node.

use jackfield_plugin_api::{Failure, NodeError};
use jackfield_types::{ErrorCode, PluginOrigin};
use serde_json::{Map, Value};
use wasmtime::{PoolConcurrencyLimitError, Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use crate::breach::Breach;
use crate::payload::too_large;

/// What the runtime says when a guest hands over more than it may. The error has no type of its
/// own; a test holds the runtime to the wording.
const TOO_MUCH_AT_ONCE: &str = "fuel allocated for hostcalls has been exhausted";

/// What is known about a call that broke off.
pub(crate) struct BrokenOff<'a> {
    pub(crate) error: &'a wasmtime::Error,
    /// The end of what the guest wrote to its standard error.
    pub(crate) stderr: Option<String>,
    /// The most bytes that it may hand over at once.
    pub(crate) output: usize,
}

impl BrokenOff<'_> {
    /// The error of the call.
    pub(crate) fn to_error(&self) -> NodeError {
        if let Some(breach) = self.error.downcast_ref::<Breach>() {
            let code = match breach {
                Breach::Cancelled => return NodeError::Cancelled,
                Breach::Time { .. } => ErrorCode::TIMEOUT,
                Breach::Memory { .. }
                | Breach::Growth
                | Breach::Tables { .. }
                | Breach::HostCalls { .. } => ErrorCode::LIMIT_EXCEEDED,
            };
            return self.permanent(code, breach.to_string());
        }
        if self.error.is::<PoolConcurrencyLimitError>() {
            let message = format!("the host has no room for another instance: {}", self.error);
            return NodeError::retryable(ErrorCode::LIMIT_EXCEEDED, message);
        }
        if let Some(I32Exit(status)) = self.error.downcast_ref() {
            return self.permanent(
                ErrorCode::TRAPPED,
                format!("it exited with status {status} instead of giving something"),
            );
        }
        if let Some(trap) = self.error.downcast_ref::<Trap>() {
            return self.permanent(ErrorCode::TRAPPED, format!("it broke off: {trap}"));
        }
        let cause = self.error.root_cause().to_string();
        if cause.contains(TOO_MUCH_AT_ONCE) {
            return too_large(self.output);
        }
        self.permanent(ErrorCode::TRAPPED, format!("it broke off: {cause}"))
    }

    fn permanent(&self, code: ErrorCode, message: String) -> NodeError {
        let mut failure = Failure::new(code, message);
        failure.details = self.details();
        NodeError::Permanent(Box::new(failure))
    }

    /// What its author needs to find out why.
    fn details(&self) -> Option<Value> {
        let mut details = Map::new();
        let frames: Vec<Value> = self
            .error
            .downcast_ref::<WasmBacktrace>()
            .map(WasmBacktrace::frames)
            .unwrap_or_default()
            .iter()
            .filter_map(|frame| frame.func_name())
            .map(|name| Value::from(name.chars().take(200).collect::<String>()))
            .collect();
        if !frames.is_empty() {
            details.insert("stack".to_owned(), Value::Array(frames));
        }
        if let Some(text) = &self.stderr {
            details.insert("stderr".to_owned(), text.as_str().into());
        }
        (!details.is_empty()).then_some(Value::Object(details))
    }
}

/// Says in an error whose it is.
pub(crate) fn named(error: NodeError, origin: &PluginOrigin, node: &str) -> NodeError {
    error.with(|failure| {
        failure.message = format!("plugin `{origin}` at node `{node}`: {}", failure.message);
    })
}
