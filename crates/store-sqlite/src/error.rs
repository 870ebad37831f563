use std::sync::Arc;

use jackfield_store_api::StoreError;
use rusqlite::ErrorCode;

/// Why something was not done.
#[derive(Debug)]
pub(crate) enum Fault {
    /// It was refused before anything was changed.
    Refused(StoreError),
    /// The database failed in the middle: what was changed has to be taken back.
    Broken(rusqlite::Error),
    /// What is there cannot be what was written.
    Damaged(String),
}

impl Fault {
    /// Whether what a row says cannot be read.
    pub(crate) fn is_of_content(&self) -> bool {
        match self {
            Self::Broken(error) => is_misread(error) || self.is_of_file(),
            Self::Refused(_) | Self::Damaged(_) => false,
        }
    }

    /// Whether SQLite has found that the file is damaged.
    pub(crate) fn is_of_file(&self) -> bool {
        match self {
            Self::Broken(error) => error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt),
            Self::Refused(_) | Self::Damaged(_) => false,
        }
    }

    /// What happened.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Refused(error) => error.to_string(),
            Self::Broken(error) => error.to_string(),
            Self::Damaged(reason) => reason.clone(),
        }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Broken(error)
    }
}

/// The name of a store, for messages.
#[derive(Debug, Clone)]
pub(crate) struct Place(pub(crate) Arc<str>);

impl Place {
    pub(crate) fn fault(&self, fault: Fault) -> StoreError {
        match fault {
            Fault::Refused(error) => error,
            Fault::Broken(error) => self.broken(error),
            Fault::Damaged(reason) => self.damaged(&reason),
        }
    }

    pub(crate) fn damaged(&self, reason: &str) -> StoreError {
        StoreError::Damaged {
            store: self.0.to_string(),
            reason: format!("{reason}; restore the file from a copy"),
        }
    }

    /// What to tell when the thread that should have answered did not.
    pub(crate) fn stopped(&self) -> StoreError {
        StoreError::Failed {
            store: self.0.to_string(),
            reason: "it is closed".to_owned(),
            source: None,
        }
    }

    pub(crate) fn panicked(&self) -> StoreError {
        StoreError::Failed {
            store: self.0.to_string(),
            reason: "it came upon a defect of the program; nothing was changed".to_owned(),
            source: None,
        }
    }

    /// A call that comes while too many others wait.
    pub(crate) fn crowded(&self, waiting: usize) -> StoreError {
        StoreError::Unavailable {
            store: self.0.to_string(),
            reason: format!("{waiting} calls wait already"),
            source: None,
        }
    }

    pub(crate) fn io(&self, what: &str, error: std::io::Error) -> StoreError {
        StoreError::Failed {
            store: self.0.to_string(),
            reason: format!("{what}: {error}"),
            source: Some(Box::new(error)),
        }
    }

    pub(crate) fn broken(&self, error: rusqlite::Error) -> StoreError {
        let store = self.0.to_string();
        let reason = error.to_string();
        if is_full(&error) {
            return StoreError::Full { store, reason };
        }
        let code = error.sqlite_error().map(|inner| inner.code);
        match code {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => self.damaged(&reason),
            Some(
                ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::CannotOpen
                | ErrorCode::FileLockingProtocolFailed,
            ) => StoreError::Unavailable {
                store,
                reason,
                source: Some(Box::new(error)),
            },
            // A column has another type than it was given.
            None if is_misread(&error) => self.damaged(&reason),
            _ => StoreError::Failed {
                store,
                reason,
                source: Some(Box::new(error)),
            },
        }
    }
}

/// Whether something did not work because there is no room left.
pub(crate) fn is_full(error: &rusqlite::Error) -> bool {
    // The index of the write-ahead log could not grow: the system has no other reason to refuse it.
    const NO_INDEX: i32 = rusqlite::ffi::SQLITE_IOERR_SHMSIZE;
    error
        .sqlite_error()
        .is_some_and(|inner| inner.code == ErrorCode::DiskFull || inner.extended_code == NO_INDEX)
}

/// Whether something did not work because another process has the file.
pub(crate) fn is_busy(error: &StoreError) -> bool {
    let StoreError::Unavailable { source, .. } = error else {
        return false;
    };
    let source = source
        .as_deref()
        .and_then(|source| source.downcast_ref::<rusqlite::Error>());
    matches!(
        source.and_then(rusqlite::Error::sqlite_error_code),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

fn is_misread(error: &rusqlite::Error) -> bool {
    matches!(
        error,
        rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::Utf8Error(..)
    )
}
