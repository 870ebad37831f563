use std::time::Duration;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::{ErrorCode, NodeTypeId, Outputs, ValidationIssue};

/// How a node stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NodeStatus {
    /// It ran and gave what it should.
    Success,
    /// It failed for good.
    Error,
    /// It did not run: nothing reached it, it is disabled, or its failure was skipped.
    Skipped,
    /// It runs, waits, or has not been reached yet.
    Pending,
    /// It failed, and what it had produced went on.
    Partial,
    /// It cannot run because something that it depends on failed, or the execution was stopped.
    Blocked,
}

impl NodeStatus {
    /// The status as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Error => "error",
            Self::Skipped => "skipped",
            Self::Pending => "pending",
            Self::Partial => "partial",
            Self::Blocked => "blocked",
        }
    }
}

/// Which recovery made the result what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RecoveryApplied {
    /// A later attempt ended well.
    Retry,
    /// Another node type served.
    Fallback,
    /// The failure was skipped.
    Skip,
    /// `onError` let the execution go on.
    Continue,
}

/// What became of a node in an execution.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeResult {
    /// How it stands.
    pub status: NodeStatus,
    /// What it gave.
    #[serde(serialize_with = "Outputs::serialize_json_only")]
    pub output: Outputs,
    /// Why it failed, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<ErrorCode>,
    /// When it ended; milliseconds since 1970 in JSON.
    #[serde(serialize_with = "milliseconds_since_1970")]
    pub timestamp: Timestamp,
    /// How long it ran, all attempts and the waits between them included; milliseconds in JSON.
    #[serde(serialize_with = "milliseconds")]
    pub duration: Duration,
    /// How many attempts followed the first one.
    pub retries: u32,
    /// How many times it ran (more than once in loops).
    pub runs: u32,
    /// Which recovery made the result what it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovery_applied: Option<RecoveryApplied>,
    /// Which node type served instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback_node_type: Option<NodeTypeId>,
    /// What was wrong with the parameters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub validation_errors: Vec<ValidationIssue>,
}

fn milliseconds_since_1970<S: Serializer>(
    at: &Timestamp,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(at.as_millisecond())
}

fn milliseconds<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((span.as_secs_f64() * 1e6).round() / 1e3)
}
