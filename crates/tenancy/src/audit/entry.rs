use std::sync::Arc;
use std::time::Duration;

use jackfield_types::{ErrorCode, ExecutionId, NodeName, NodeStatus, NodeTypeId, UserId};
use semver::Version;
use serde::{Deserialize, Serialize};

/// What is to be recorded. Time, tenant and place in the trail are added by the trail.
///
/// It holds names and decisions, never what nodes were given or gave.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    /// What was done or asked for.
    pub action: AuditAction,
    /// Whether it was let happen.
    pub decision: AuditDecision,
    /// Who asked for it.
    pub user: Option<UserId>,
    /// The execution that it belongs to.
    pub execution: Option<ExecutionId>,
    /// The node that it is about.
    pub node: Option<NodeName>,
    /// The node type that was called.
    pub node_type: Option<NodeTypeId>,
    /// The version of the node type.
    pub version: Option<Version>,
    /// The rule that decided.
    pub rule: Option<Arc<str>>,
    /// How it ended.
    pub outcome: Option<AuditOutcome>,
    /// Why it did not end well.
    pub error_code: Option<ErrorCode>,
    /// How long it took.
    pub duration: Option<Duration>,
    /// What else there is to say, such as the name of a workflow.
    pub note: Option<Arc<str>>,
}

impl AuditEntry {
    /// An entry about something that was let happen.
    pub fn allowed(action: AuditAction) -> Self {
        Self {
            action,
            decision: AuditDecision::Allowed,
            user: None,
            execution: None,
            node: None,
            node_type: None,
            version: None,
            rule: None,
            outcome: None,
            error_code: None,
            duration: None,
            note: None,
        }
    }

    /// An entry about something that a rule refused.
    pub fn refused(action: AuditAction, rule: Arc<str>) -> Self {
        Self {
            decision: AuditDecision::Refused,
            rule: Some(rule),
            ..Self::allowed(action)
        }
    }
}

/// What was done or asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum AuditAction {
    /// A policy that was in force from the beginning; the note is its digest. Recorded before the
    /// first thing that is done under it.
    PolicyInForce,
    /// A policy was put in force.
    PolicyChanged,
    /// The policy was taken out of force.
    PolicyRemoved,
    /// A workflow was planned.
    WorkflowPlanned,
    /// An execution began, or was to begin.
    ExecutionStarted,
    /// A node's executor was called, or was to be called.
    NodeCalled,
    /// A secret was read, or was to be read.
    SecretRead,
    /// A credential was put, or encrypted anew; the note says which.
    CredentialChanged,
    /// A credential was deleted; the note says which.
    CredentialRemoved,
    /// Somebody asked that an execution end.
    ExecutionCancelled,
    /// An execution ended.
    ExecutionEnded,
    /// The trail began. Its first record.
    TrailBegun,
    /// The trail did not end as it was left; the note says how.
    TrailRecovered,
    /// Records could not be kept; the note says how many.
    RecordsLost,
}

/// Whether something was let happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AuditDecision {
    /// It was.
    Allowed,
    /// It was not.
    Refused,
}

/// How something ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum AuditOutcome {
    /// Well.
    Success,
    /// With an error.
    Error,
    /// It was passed over.
    Skipped,
    /// With an error, after something had been produced.
    Partial,
    /// It could not run.
    Blocked,
    /// It was cancelled.
    Cancelled,
    /// Its time was over.
    TimedOut,
}

impl AuditOutcome {
    /// How a node ended; nothing while it has not.
    pub fn of_node(status: NodeStatus) -> Option<Self> {
        match status {
            NodeStatus::Success => Some(Self::Success),
            NodeStatus::Error => Some(Self::Error),
            NodeStatus::Skipped => Some(Self::Skipped),
            NodeStatus::Pending => None,
            NodeStatus::Partial => Some(Self::Partial),
            NodeStatus::Blocked => Some(Self::Blocked),
        }
    }
}
