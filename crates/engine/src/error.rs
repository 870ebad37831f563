use std::sync::Arc;

use jackfield_kernel::ApplyError;
use jackfield_store_api::StoreError;
use jackfield_tenancy::QuotaExceeded;
use jackfield_types::{
    ErrorCode, ExecutionId, NodeName, NodeTypeId, PluginOrigin, TenantId, UserId,
};

/// Why an execution did not start, or broke off.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
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
        rule: Arc<str>,
    },
    /// The user may not start executions.
    #[error("{} of tenant `{tenant}` may start nothing: {rule}", user_text(.user.as_ref()))]
    UserForbidden {
        /// The tenant.
        tenant: TenantId,
        /// The user, if one was named.
        user: Option<UserId>,
        /// The rule that says so.
        rule: Arc<str>,
    },
    /// The policy of the tenant is read from a source and has not been read yet. It may start when
    /// [`Tenant::refresh_secrets`](jackfield_tenancy::Tenant::refresh_secrets) has read it.
    #[error("tenant `{tenant}` may start nothing yet: {reason}; read it, then start again")]
    PolicyUnread {
        /// The tenant.
        tenant: TenantId,
        /// Why not.
        reason: Arc<str>,
    },
    /// The tenant has no such plan.
    #[error("there is no such plan")]
    UnknownPlan,
    /// The tenant has no room for it, and it may not wait, or not for so long.
    #[error(transparent)]
    QuotaExceeded(#[from] QuotaExceeded),
    /// The workflow has no such trigger.
    #[error("`{name}` is no trigger of the workflow; it has {}", list(.triggers))]
    UnknownTrigger {
        /// What was asked for.
        name: String,
        /// The triggers that there are.
        triggers: Vec<NodeName>,
    },
    /// A plugin is not there any more with the digest that the plan pins, and nothing else is to run.
    #[error(
        "plugin {plugin} is not there any more with the digest that the plan pins, {}: plan the workflow anew",
        plugin.digest
    )]
    PluginChanged {
        /// The plugin, as the plan pins it.
        plugin: Box<PluginOrigin>,
    },
    /// There is no tokio runtime to run it on.
    #[error("an execution needs a tokio runtime: call this within one")]
    NoRuntime,
    /// The driver reported to the kernel what cannot have happened: a mistake of Jackfield's.
    #[error("the engine lost track of the execution")]
    Internal(#[source] ApplyError),
    /// The store did not keep it, so it goes no further in this process. What was acknowledged is
    /// there, and it goes on from there when somebody takes it up.
    #[error("execution `{execution}` goes no further here: {reason}")]
    NotKept {
        /// The execution.
        execution: ExecutionId,
        /// Why.
        reason: String,
    },
    /// The store was lost while the execution was put into it. It may be there, and goes on then.
    #[error("whether execution `{execution}` is kept is not known: {reason}")]
    Unacknowledged {
        /// The execution. Whether the store has it is found out by this id.
        execution: ExecutionId,
        /// What the store said.
        reason: String,
    },
    /// What it began with is not there any more. It is kept, and goes on when it is resumed with that.
    #[error("execution `{execution}` is stuck: {reason}")]
    Stuck {
        /// The execution.
        execution: ExecutionId,
        /// Why, and what can be done.
        reason: String,
    },
    /// Another worker has taken it over, and runs it on.
    #[error("execution `{execution}` was taken over by another worker")]
    TakenOver {
        /// The execution.
        execution: ExecutionId,
    },
    /// The task that ran the execution was broken off from outside.
    #[error("the execution was broken off because its runtime was shut down")]
    BrokenOff,
}

impl StartError {
    /// What an error says that came while an execution was put into the store.
    pub(crate) fn of_keeping(execution: ExecutionId, error: &StoreError) -> Self {
        let reason = error.to_string();
        if error.is_transient() {
            // A call may have been carried out without a word.
            Self::Unacknowledged { execution, reason }
        } else {
            Self::NotKept { execution, reason }
        }
    }

    /// The code, if there is one for it: what is the caller's doing, or the policy's, has one.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Forbidden { .. } | Self::UserForbidden { .. } => {
                Some(ErrorCode::TENANT_FORBIDDEN)
            }
            Self::PolicyUnread { .. } => Some(ErrorCode::STORE_ERROR),
            Self::QuotaExceeded(_) => Some(ErrorCode::QUOTA_EXCEEDED),
            Self::UnknownPlan | Self::UnknownTrigger { .. } => Some(ErrorCode::INVALID_INPUT),
            Self::PluginChanged { .. } | Self::Stuck { .. } => Some(ErrorCode::INVALID_PACKAGE),
            Self::NoRuntime
            | Self::Internal(_)
            | Self::NotKept { .. }
            | Self::Unacknowledged { .. }
            | Self::TakenOver { .. }
            | Self::BrokenOff => None,
        }
    }

    /// The rule that refused it, if one did.
    pub(crate) fn rule(&self) -> Option<&Arc<str>> {
        match self {
            Self::Forbidden { rule, .. }
            | Self::UserForbidden { rule, .. }
            | Self::PolicyUnread { reason: rule, .. } => Some(rule),
            Self::UnknownPlan
            | Self::QuotaExceeded(_)
            | Self::UnknownTrigger { .. }
            | Self::PluginChanged { .. }
            | Self::NoRuntime
            | Self::Internal(_)
            | Self::NotKept { .. }
            | Self::Unacknowledged { .. }
            | Self::Stuck { .. }
            | Self::TakenOver { .. }
            | Self::BrokenOff => None,
        }
    }
}

fn user_text(user: Option<&UserId>) -> String {
    match user {
        Some(user) => format!("user `{user}`"),
        None => "a caller that names no user".to_owned(),
    }
}

fn list(names: &[NodeName]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}
