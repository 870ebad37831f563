use std::error::Error;

use jackfield_types::{ErrorCode, ExecutionId};

/// Why a store did not do what it was asked.
///
/// Nothing has changed then, unless the variant says otherwise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no such thing, or it is another tenant's.
    #[error("there is no {what}")]
    NotFound {
        /// What was asked for, as in ``execution `exec_…` ``.
        what: String,
    },
    /// What is to be made is there already.
    #[error("{what} exists already")]
    Exists {
        /// What was to be made.
        what: String,
    },
    /// Somebody has changed it meanwhile.
    #[error("{what} was changed meanwhile; read it again and repeat the change")]
    Conflict {
        /// What was to be changed.
        what: String,
    },
    /// The execution was taken over by another worker, so what this one writes comes too late.
    #[error("execution `{execution}` was taken over by another worker")]
    Fenced {
        /// The execution.
        execution: ExecutionId,
    },
    /// What is to be written does not fit what is there: a journal's end is elsewhere, an execution
    /// has ended.
    #[error("{reason}")]
    OutOfTurn {
        /// Why not.
        reason: String,
    },
    /// What was given is more than the store takes, or not what it takes.
    #[error("{reason}")]
    Refused {
        /// Why.
        reason: String,
    },
    /// The store was written by a newer version of the program.
    #[error(
        "the store {store} has the schema version {found}, and this program knows {known}; run the newer program, or restore a copy from before it was used"
    )]
    Newer {
        /// Which store, without secrets.
        store: String,
        /// The version that it has.
        found: u32,
        /// The newest one that this program knows.
        known: u32,
    },
    /// Another process uses the store in a way that shuts others out.
    #[error("the store {store} is in use by another process: {reason}")]
    InUse {
        /// Which store, without secrets.
        store: String,
        /// What shows it, and what can be done.
        reason: String,
    },
    /// What is in the store cannot be what was written there.
    #[error("the store {store} is damaged: {reason}")]
    Damaged {
        /// Which store, without secrets.
        store: String,
        /// What shows it, and what can be done.
        reason: String,
    },
    /// There is no room left to write.
    #[error("the store {store} is full: {reason}")]
    Full {
        /// Which store, without secrets.
        store: String,
        /// What the system said.
        reason: String,
    },
    /// It cannot be reached, or did not answer in time. Whether a change was made is not known.
    #[error("the store {store} cannot be reached: {reason}")]
    Unavailable {
        /// Which store, without secrets.
        store: String,
        /// What the system said.
        reason: String,
        /// What caused it.
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// Anything else that the database said.
    #[error("the store {store} failed: {reason}")]
    Failed {
        /// Which store, without secrets.
        store: String,
        /// What the database said.
        reason: String,
        /// What caused it.
        source: Option<Box<dyn Error + Send + Sync>>,
    },
}

impl StoreError {
    /// Whether the same call can succeed later, with nothing changed by the caller.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Full { .. })
    }

    /// The code.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::NotFound { .. }
            | Self::Exists { .. }
            | Self::Conflict { .. }
            | Self::OutOfTurn { .. }
            | Self::Refused { .. } => ErrorCode::INVALID_INPUT,
            Self::Fenced { .. } => ErrorCode::EXECUTION_HELD,
            Self::Newer { .. } => ErrorCode::STORE_NEWER,
            Self::InUse { .. } => ErrorCode::STORE_IN_USE,
            Self::Damaged { .. } => ErrorCode::STORE_DAMAGED,
            Self::Full { .. } => ErrorCode::STORE_FULL,
            Self::Unavailable { .. } | Self::Failed { .. } => ErrorCode::STORE_ERROR,
        }
    }

    /// Something that is not there.
    pub fn not_found(what: impl Into<String>) -> Self {
        Self::NotFound { what: what.into() }
    }
}
