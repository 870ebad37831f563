use std::error::Error;
use std::time::Duration;

use jackfield_types::{ErrorCode, FailureClass, ItemFailure, NodeFailure, ValidationIssue};
use serde_json::Value;

use crate::NodeOutput;

/// Why a node failed. The variant carries the decision what may be done about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// The same call may succeed later: a timeout, a lost connection, a busy service.
    #[error(transparent)]
    Retryable(Box<Failure>),
    /// The same call will fail again.
    #[error(transparent)]
    Permanent(Box<Failure>),
    /// The parameters are wrong; no recovery strategy applies.
    #[error("invalid parameters: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Params(Vec<ValidationIssue>),
    /// May not be done under the policy or configuration in force; no recovery strategy applies.
    #[error(transparent)]
    Refused(Box<Failure>),
    /// The call noticed its cancellation.
    #[error("cancelled")]
    Cancelled,
}

/// What is known about a failure.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What it is.
    pub code: ErrorCode,
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
    /// The items of the first input that failed, in their order, when the node went through all
    /// of them; `partial` is what the others gave.
    pub failed_items: Vec<ItemFailure>,
    /// What caused it.
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

impl Failure {
    /// A failure with a code and a text.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            status: None,
            retry_after: None,
            details: None,
            partial: None,
            failed_items: Vec::new(),
            source: None,
        }
    }
}

impl NodeError {
    /// A failure that may pass.
    pub fn retryable(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::Retryable(Box::new(Failure::new(code, message)))
    }

    /// A failure that will not pass.
    pub fn permanent(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::Permanent(Box::new(Failure::new(code, message)))
    }

    /// Something that may not be done.
    pub fn refused(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::Refused(Box::new(Failure::new(code, message)))
    }

    /// One parameter that is wrong; `path` is a JSON Pointer into the parameters.
    pub fn parameter(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Params(vec![ValidationIssue::parameter(path, message)])
    }

    /// Changes what is known about the failure, if it is one that has such knowledge.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Failure)) -> Self {
        match &mut self {
            Self::Retryable(failure) | Self::Permanent(failure) | Self::Refused(failure) => {
                change(failure);
            }
            Self::Params(_) | Self::Cancelled => {}
        }
        self
    }

    /// The code.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Retryable(failure) | Self::Permanent(failure) | Self::Refused(failure) => {
                failure.code.clone()
            }
            Self::Params(issues) => issues
                .first()
                .map_or(ErrorCode::INVALID_PARAMETERS, |issue| issue.code.clone()),
            Self::Cancelled => ErrorCode::CANCELLED,
        }
    }

    /// What may be done about it.
    pub fn class(&self) -> FailureClass {
        match self {
            Self::Retryable(_) => FailureClass::Retryable,
            Self::Permanent(_) => FailureClass::Permanent,
            Self::Refused(_) | Self::Params(_) | Self::Cancelled => FailureClass::Final,
        }
    }

    /// The failure as data. The texts of the causes are appended to the message.
    pub fn into_failure(self) -> NodeFailure {
        let class = self.class();
        let message = full_text(&self);
        let code = self.code();
        let mut data = NodeFailure::new(class, code, message);
        match self {
            Self::Retryable(failure) | Self::Permanent(failure) | Self::Refused(failure) => {
                data.status = failure.status;
                data.retry_after = failure.retry_after;
                data.details = failure.details;
                data.partial = failure.partial.map(|output| output.outputs);
                data.failed_items = failure.failed_items;
            }
            Self::Params(issues) => data.issues = issues,
            Self::Cancelled => {}
        }
        data
    }
}

/// What an error says, and what its causes say beyond that.
pub(crate) fn full_text(error: &NodeError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_as_data_keeps_class_code_and_causes() {
        let error = NodeError::retryable(ErrorCode::NETWORK_ERROR, "no answer").with(|failure| {
            failure.status = Some(503);
            failure.source = Some("connection reset".into());
        });
        let data = error.into_failure();
        assert_eq!(data.class, FailureClass::Retryable);
        assert_eq!(
            data.to_string(),
            "NETWORK_ERROR: no answer: connection reset"
        );
        assert_eq!(data.status, Some(503));
    }
}
