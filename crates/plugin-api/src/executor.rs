use futures_util::future::BoxFuture;
use jackfield_types::{ByteSize, ValidationIssue};
use serde_json::Value;

use crate::{NodeCall, NodeError, NodeOutput};

/// The code behind a node type, as hosts see it.
///
/// One executor serves all calls of its node type, from many threads and for many tenants at the
/// same time. `execute` is called once per attempt; dropping the future it returned ends the
/// attempt, so whatever it holds must be safe to drop at each `await`. A panic inside of it fails
/// the attempt and nothing else.
pub trait NodeExecutor: Send + Sync + 'static {
    /// Runs one attempt.
    ///
    /// # Errors
    /// A [`NodeError`] whose variant says what may be done about it.
    fn execute<'a>(&'a self, call: NodeCall<'a>) -> BoxFuture<'a, Result<NodeOutput, NodeError>>;

    /// Checks parameters beyond what their schema says, when a workflow is planned and every
    /// parameter is known. Expressions have been evaluated.
    fn validate(&self, parameters: &Value) -> Vec<ValidationIssue> {
        let _ = parameters;
        Vec::new()
    }

    /// How its calls are scheduled beside others of the same execution.
    fn scheduling(&self) -> Scheduling {
        Scheduling::Spawned
    }

    /// Roughly how many bytes of memory it holds, for the bound of the executor cache.
    fn memory(&self) -> ByteSize {
        ByteSize::bytes(u64::try_from(size_of_val(self)).unwrap_or(u64::MAX))
    }
}

/// How calls are scheduled beside others of the same execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheduling {
    /// The call is short, or waits most of its time: it runs where the execution runs.
    Inline,
    /// The call may compute for long: it gets a task of its own, when others are waiting.
    Spawned,
}
