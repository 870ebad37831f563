use jackfield_definition::Diagnostics;
use jackfield_store_api::StoreError;
use jackfield_types::{ErrorCode, ExecutionId};

use super::replay::ReplayError;
use crate::StartError;

/// Why something was not done with an execution that is kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoredError {
    /// The engine keeps no executions.
    #[error("this engine has no store: nothing is kept of an execution once it has ended")]
    NoStore,
    /// The tenant has no such execution.
    #[error("there is no execution `{execution}`")]
    UnknownExecution {
        /// What was asked for.
        execution: ExecutionId,
    },
    /// Somebody runs it now.
    #[error("execution `{execution}` is being run already")]
    Held {
        /// The execution.
        execution: ExecutionId,
    },
    /// It has ended.
    #[error("execution `{execution}` has ended")]
    Ended {
        /// The execution.
        execution: ExecutionId,
    },
    /// What is kept of it does not make an execution that can go on.
    #[error("execution `{execution}` cannot go on: {reason}")]
    Stuck {
        /// The execution.
        execution: ExecutionId,
        /// Why, and what can be done.
        reason: String,
    },
    /// What was given is not what is needed.
    #[error("{reason}")]
    Invalid {
        /// Why not.
        reason: String,
    },
    /// Its workflow cannot be planned with what there is now.
    #[error("its workflow cannot be planned: {0}")]
    Plan(Diagnostics),
    /// It may not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The store did not do what it was asked.
    #[error(transparent)]
    Store(StoreError),
}

impl StoredError {
    /// The code, if there is one for it.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Start(error) => error.code(),
            Self::NoStore | Self::Invalid { .. } => Some(ErrorCode::INVALID_INPUT),
            Self::UnknownExecution { .. } => Some(ErrorCode::UNKNOWN_EXECUTION),
            Self::Held { .. } => Some(ErrorCode::EXECUTION_HELD),
            Self::Ended { .. } => Some(ErrorCode::EXECUTION_ENDED),
            Self::Stuck { .. } => Some(ErrorCode::EXECUTION_STUCK),
            Self::Plan(_) => Some(ErrorCode::INVALID_WORKFLOW),
            Self::Store(error) => Some(error.code()),
        }
    }

    pub(crate) fn invalid(reason: impl Into<String>) -> Self {
        Self::Invalid {
            reason: reason.into(),
        }
    }

    /// What a store said about an execution.
    pub(crate) fn of_store(execution: ExecutionId, error: StoreError) -> Self {
        match error {
            StoreError::NotFound { .. } => Self::UnknownExecution { execution },
            error => Self::Store(error),
        }
    }

    pub(crate) fn of_replay(execution: ExecutionId, error: ReplayError) -> Self {
        match error {
            ReplayError::Store(error) => Self::Store(error),
            error => Self::Stuck {
                execution,
                reason: error.to_string(),
            },
        }
    }
}
