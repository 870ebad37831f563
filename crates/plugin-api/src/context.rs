use std::sync::Arc;

use jackfield_types::{ExecutionId, Items, NodeName, NodeTypeId, Object, OnError, TenantId};
use tokio_util::sync::CancellationToken;

use crate::{Grants, Parameters, WorkflowRunner};

/// One call of a node: where it stands, what came in, and its parameters.
#[derive(Clone, Copy)]
pub struct NodeCall<'a> {
    /// Where it stands.
    pub context: &'a NodeContext<'a>,
    /// The items of each input port; at least one list, which may be empty.
    pub inputs: &'a [Items],
    /// Its parameters.
    pub parameters: &'a dyn Parameters,
}

impl<'a> NodeCall<'a> {
    /// The items of the first input port.
    pub fn items(&self) -> &'a Items {
        &self.inputs[0]
    }
}

/// Where a call stands: whose it is, in which execution, which try.
pub struct NodeContext<'a> {
    /// On whose behalf it runs.
    pub tenant: &'a TenantId,
    /// The execution.
    pub execution: ExecutionId,
    /// The workflow's name.
    pub workflow: &'a str,
    /// The node.
    pub node: &'a NodeName,
    /// The node type that was called, which is not the node's own when a fallback serves.
    pub node_type: &'a NodeTypeId,
    /// The number of this attempt, from 1.
    pub attempt: u32,
    /// How many times the node ran before in this execution: not 0 only inside of loops.
    pub run_index: u32,
    /// What the node's failure leads to.
    pub on_error: OnError,
    /// The execution's variables, as they are for this run.
    pub variables: &'a Arc<Object>,
    /// What a loop node knows of its loop; `None` for all other nodes.
    pub loop_frame: Option<LoopFrame<'a>>,
    /// Is cancelled when the result is no longer wanted.
    pub cancellation: &'a CancellationToken,
    /// Runs other workflows.
    pub workflows: &'a dyn WorkflowRunner,
    /// What the tenant lets the call reach.
    pub grants: &'a dyn Grants,
}

impl NodeContext<'_> {
    /// The same text for every attempt of this run of the node, and for no other: what services
    /// outside can tell a repeated request by. Letters, digits and `_ . - %` only.
    pub fn idempotency_key(&self) -> String {
        use std::fmt::Write;
        let mut key = format!("{}.{}.", self.execution, self.run_index);
        for byte in self.node.as_str().bytes() {
            if byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' {
                key.push(char::from(byte));
            } else {
                // Writing to a string cannot fail.
                let _ = write!(key, "%{byte:02X}");
            }
        }
        key
    }
}

/// What a loop node knows of its loop.
#[derive(Clone, Copy)]
pub struct LoopFrame<'a> {
    /// How many rounds there have been.
    pub round: u32,
    /// The items with which the loop was entered.
    pub entered: &'a Items,
    /// The items that the last round brought back; those of `entered` before the first round.
    pub returned: &'a Items,
    /// What each round so far brought back.
    pub collected: &'a [Items],
}
