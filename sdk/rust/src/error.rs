use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::NodeOutput;

/// Stable names of what goes wrong. A plugin may have its own beside them: letters, digits and `_`.
pub mod code {
    /// What the host was asked for is not granted.
    pub const CAPABILITY_REFUSED: &str = "CAPABILITY_REFUSED";
    /// A failure that has no code of its own.
    pub const EXECUTION_ERROR: &str = "EXECUTION_ERROR";
    /// An HTTP request was answered with an error status.
    pub const HTTP_STATUS: &str = "HTTP_STATUS";
    /// The input is not what the node takes.
    pub const INVALID_INPUT: &str = "INVALID_INPUT";
    /// A parameter has the wrong type or value, or a required one is missing.
    pub const INVALID_PARAMETERS: &str = "INVALID_PARAMETERS";
    /// A bound on size, depth, steps or count was passed.
    pub const LIMIT_EXCEEDED: &str = "LIMIT_EXCEEDED";
    /// An item lacks a field.
    pub const MISSING_FIELD: &str = "MISSING_FIELD";
    /// A host could not be reached, or the connection broke.
    pub const NETWORK_ERROR: &str = "NETWORK_ERROR";
    /// A host or address may not be reached.
    pub const NETWORK_FORBIDDEN: &str = "NETWORK_FORBIDDEN";
    /// The tenant has used up what its policy gives it.
    pub const QUOTA_EXCEEDED: &str = "QUOTA_EXCEEDED";
    /// The tenant may not do this.
    pub const TENANT_FORBIDDEN: &str = "TENANT_FORBIDDEN";
    /// A time limit passed.
    pub const TIMEOUT: &str = "TIMEOUT";
    /// The plugin has no such node type.
    pub const UNKNOWN_NODE_TYPE: &str = "UNKNOWN_NODE_TYPE";
    /// A value has the wrong type for what is done with it.
    pub const WRONG_TYPE: &str = "WRONG_TYPE";
}

/// Why a node failed. The variant carries the decision what may be done about it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum NodeError {
    /// The same call may succeed later: a timeout, a lost connection, a busy service.
    Retryable(Box<Failure>),
    /// The same call will fail again.
    Permanent(Box<Failure>),
    /// The parameters are wrong; no recovery strategy applies.
    Params(Vec<Issue>),
}

/// What is known about a failure.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// What it is, such as [`code::NETWORK_ERROR`].
    pub code: Cow<'static, str>,
    /// What it is, for people.
    pub message: String,
    /// The status of a protocol such as HTTP.
    pub status: Option<u16>,
    /// How long the other side asked to be left alone.
    pub retry_after: Option<Duration>,
    /// More about it, such as the body of an answer.
    pub details: Option<Value>,
    /// What had been produced when it failed.
    pub partial: Option<NodeOutput>,
    /// The items of the first input that failed, in their order, when all had their turn;
    /// `partial` is what the others gave. [`ItemResults`](crate::ItemResults) fills it.
    pub failed_items: Vec<FailedItem>,
}

/// Why one item failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedItem {
    /// Its place on the first input port.
    pub item: u32,
    /// What it is.
    pub code: Cow<'static, str>,
    /// What it is, for people.
    pub message: String,
    /// The status of a protocol such as HTTP.
    pub status: Option<u16>,
}

/// One thing that is wrong with the parameters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Issue {
    /// Where: a JSON Pointer into the parameters; empty for the whole.
    pub path: String,
    /// What it is, for people.
    pub message: String,
}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "`{}`: {}", self.path, self.message)
        }
    }
}

impl NodeError {
    /// A failure that may pass.
    pub fn retryable(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::Retryable(Box::new(Failure::new(code, message)))
    }

    /// A failure that will not pass.
    pub fn permanent(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::Permanent(Box::new(Failure::new(code, message)))
    }

    /// One parameter that is wrong; `path` is a JSON Pointer into the parameters.
    pub fn parameter(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Params(vec![Issue {
            path: path.into(),
            message: message.into(),
        }])
    }

    /// Changes what is known about the failure, if it is one that has such knowledge.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Failure)) -> Self {
        match &mut self {
            Self::Retryable(failure) | Self::Permanent(failure) => change(failure),
            Self::Params(_) => {}
        }
        self
    }

    /// The code.
    pub fn code(&self) -> &str {
        match self {
            Self::Retryable(failure) | Self::Permanent(failure) => &failure.code,
            Self::Params(_) => code::INVALID_PARAMETERS,
        }
    }

    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Retryable(_))
    }
}

impl Failure {
    /// A failure with a code and a text.
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            status: None,
            retry_after: None,
            details: None,
            partial: None,
            failed_items: Vec::new(),
        }
    }
}

impl fmt::Display for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Retryable(failure) | Self::Permanent(failure) => f.write_str(&failure.message),
            Self::Params(issues) => {
                f.write_str("invalid parameters: ")?;
                for (place, issue) in issues.iter().enumerate() {
                    let gap = if place == 0 { "" } else { "; " };
                    write!(f, "{gap}{issue}")?;
                }
                Ok(())
            }
        }
    }
}

impl Error for NodeError {}
