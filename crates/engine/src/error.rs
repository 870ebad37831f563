use jackfield_kernel::ApplyError;
use jackfield_types::{NodeName, NodeTypeId, TenantId};

/// Why an execution did not start, or broke off.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The tenant may not use a node type of the workflow.
    #[error(
        "tenant `{tenant}` may not use node type `{node_type}`, which node `{node}` needs: {rule}"
    )]
    Forbidden {
        /// The tenant.
        tenant: TenantId,
        /// The node.
        node: NodeName,
        /// Its node type.
        node_type: NodeTypeId,
        /// The rule that says so.
        rule: String,
    },
    /// The workflow has no such trigger.
    #[error("`{name}` is no trigger of the workflow; it has {}", list(.triggers))]
    UnknownTrigger {
        /// What was asked for.
        name: String,
        /// The triggers that there are.
        triggers: Vec<NodeName>,
    },
    /// There is no tokio runtime to run it on.
    #[error("an execution needs a tokio runtime: call this within one")]
    NoRuntime,
    /// The driver reported to the kernel what cannot have happened: a mistake of Jackfield's.
    #[error("the engine lost track of the execution")]
    Internal(#[source] ApplyError),
    /// The task that ran the execution was broken off from outside.
    #[error("the execution was broken off because its runtime was shut down")]
    BrokenOff,
}

fn list(names: &[NodeName]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}
