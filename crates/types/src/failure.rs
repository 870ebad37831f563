use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{ErrorCode, Outputs};

/// What may be done about a failure. It decides the outcome, never the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FailureClass {
    /// The same call may succeed later.
    Retryable,
    /// The same call will fail again; a recovery strategy may still serve.
    Permanent,
    /// There is no such node type (any more). Retry looks again, fallback and skip may serve.
    UnknownNodeType,
    /// Refused, cancelled or invalid: no strategy applies.
    Final,
}

/// Why an attempt of a node failed, as data that can be stored and replayed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeFailure {
    /// What may be done about it.
    pub class: FailureClass,
    /// What it is.
    pub code: ErrorCode,
    /// What it is, for people.
    pub message: String,
    /// The status of a protocol such as HTTP, so that policies can refer to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// How long the other side asked to be left alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<Duration>,
    /// More about it, such as the body of an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
    /// What was wrong with the parameters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub issues: Vec<ValidationIssue>,
    /// What had been produced when it failed. With `failed_items`: what the other items gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial: Option<Outputs>,
    /// The items of the first input that failed, in their order, when the node works item by item
    /// and went through all of them. Empty: it failed as a whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed_items: Vec<ItemFailure>,
}

/// Why one item of a node that works item by item failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemFailure {
    /// Its place in the first input.
    pub item: u32,
    /// What it is.
    pub code: ErrorCode,
    /// What it is, for people.
    pub message: String,
    /// The status of a protocol such as HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}

impl NodeFailure {
    /// A failure with nothing but its class, code and text.
    pub fn new(class: FailureClass, code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            class,
            code,
            message: message.into(),
            status: None,
            retry_after: None,
            details: None,
            issues: Vec::new(),
            partial: None,
            failed_items: Vec::new(),
        }
    }
}

impl fmt::Display for NodeFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// It does not run.
    Error,
    /// It runs, but probably not as meant.
    Warning,
}

/// One finding about a node's parameters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ValidationIssue {
    /// What it is.
    pub code: ErrorCode,
    /// How bad it is.
    pub severity: Severity,
    /// Where: a JSON Pointer (RFC 6901) into the parameters; empty for the whole.
    pub path: String,
    /// What it is, for people.
    pub message: String,
    /// The way out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl ValidationIssue {
    /// A parameter that is wrong.
    pub fn parameter(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: ErrorCode::INVALID_PARAMETERS,
            severity: Severity::Error,
            path: path.into(),
            message: message.into(),
            hint: None,
        }
    }

    /// Adds the way out.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for ValidationIssue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "`{}`: {}", self.path, self.message)
        }
    }
}
