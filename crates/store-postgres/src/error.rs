use std::sync::Arc;

use jackfield_store_api::StoreError;
use sqlx::postgres::{PgDatabaseError, PgSeverity};

/// Why something was not done.
#[derive(Debug)]
pub(crate) enum Fault {
    /// It was refused before anything was changed.
    Refused(StoreError),
    /// The database or the way to it failed.
    Broken(sqlx::Error),
    /// Somebody else was in the way.
    Collided,
    /// The connection broke, and it is not known yet what was done.
    Unsure,
    /// The connection broke, and it cannot be known any more what was done.
    Overtaken,
    /// A change panicked: a defect.
    Panicked,
    /// What is there cannot be what was written.
    Damaged(String),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        Self::Broken(error)
    }
}

impl Fault {
    /// Whether the connection is gone.
    pub(crate) fn is_lost(&self) -> bool {
        match self {
            Self::Broken(error) => is_lost(error),
            Self::Refused(_)
            | Self::Collided
            | Self::Unsure
            | Self::Overtaken
            | Self::Panicked
            | Self::Damaged(_) => false,
        }
    }

    /// Whether somebody else was in the way: the same transaction can succeed if it is made again.
    pub(crate) fn is_collision(&self) -> bool {
        match self {
            Self::Collided => true,
            // A unique key was taken meanwhile, serialization failed, a deadlock was broken.
            Self::Broken(error) => matches!(state_of(error), Some("23505" | "40001" | "40P01")),
            Self::Refused(_)
            | Self::Unsure
            | Self::Overtaken
            | Self::Panicked
            | Self::Damaged(_) => false,
        }
    }
}

/// The name of a store, for messages.
#[derive(Debug, Clone)]
pub(crate) struct Place(pub(crate) Arc<str>);

impl Place {
    pub(crate) fn new(name: &str) -> Self {
        Self(name.into())
    }

    pub(crate) fn fault(&self, fault: Fault) -> StoreError {
        match fault {
            Fault::Refused(error) => error,
            Fault::Broken(error) => self.broken(error),
            Fault::Collided => self.unavailable("others change the same things all the time"),
            Fault::Unsure | Fault::Overtaken => self
                .unavailable("the connection broke, and whether the change was made is not known"),
            Fault::Panicked => StoreError::Failed {
                store: self.0.to_string(),
                reason: "it came upon a defect of the program; nothing was changed".to_owned(),
                source: None,
            },
            Fault::Damaged(reason) => self.damaged(&reason),
        }
    }

    pub(crate) fn damaged(&self, reason: &str) -> StoreError {
        StoreError::Damaged {
            store: self.0.to_string(),
            reason: format!("{reason}; restore the schema from a copy"),
        }
    }

    /// What to tell when the store is closed.
    pub(crate) fn closed(&self) -> StoreError {
        StoreError::Failed {
            store: self.0.to_string(),
            reason: "it is closed".to_owned(),
            source: None,
        }
    }

    pub(crate) fn unavailable(&self, reason: impl Into<String>) -> StoreError {
        StoreError::Unavailable {
            store: self.0.to_string(),
            reason: reason.into(),
            source: None,
        }
    }

    pub(crate) fn broken(&self, error: sqlx::Error) -> StoreError {
        let store = self.0.to_string();
        if let sqlx::Error::Database(error) = &error
            && let Some(error) = error.try_downcast_ref::<PgDatabaseError>()
        {
            return self.answered(error);
        }
        if matches!(error, sqlx::Error::PoolClosed) {
            return self.closed();
        }
        if is_misread(&error) {
            return self.damaged(&error.to_string());
        }
        let reason = match &error {
            sqlx::Error::PoolTimedOut => {
                "no connection was got in time: it does not answer, or too many calls wait"
                    .to_owned()
            }
            sqlx::Error::Io(cause) => cause.to_string(),
            sqlx::Error::Tls(cause) => format!("no TLS connection: {cause}"),
            other => other.to_string(),
        };
        let is_lost = is_lost(&error);
        let source = Some(error.into());
        match is_lost {
            true => StoreError::Unavailable {
                store,
                reason,
                source,
            },
            false => StoreError::Failed {
                store,
                reason,
                source,
            },
        }
    }

    /// What the database said.
    fn answered(&self, error: &PgDatabaseError) -> StoreError {
        let store = self.0.to_string();
        let state = error.code();
        let hint = match state {
            "28P01" | "28000" => "; check the user and the password in the URL of the store",
            "3D000" => "; make the database, or name another one in the URL of the store",
            "42501" => {
                "; have an administrator grant it, or make the schema of the store and give it to \
                 this user"
            }
            "25006" => "; name the server that takes writes in the URL of the store",
            "53300" => "; allow more connections, or have fewer processes or connections",
            _ => "",
        };
        let reason = format!("{} (code {state}){hint}", error.message());
        // What the database says in detail may be what is kept: it goes no further.
        let source = None;
        match state {
            "53100" => StoreError::Full { store, reason },
            "XX001" | "XX002" | "58P01" | "42P01" | "42703" => self.damaged(&reason),
            _ if passes(error) => StoreError::Unavailable {
                store,
                reason,
                source,
            },
            _ => StoreError::Failed {
                store,
                reason,
                source,
            },
        }
    }
}

/// Whether what went wrong may go well later.
fn passes(error: &PgDatabaseError) -> bool {
    match error.code() {
        // Read only, as a replica is; serialization; deadlock; resources that are short; a lock that
        // was not got in time; a statement that was ended.
        "25006" | "40001" | "40P01" | "53200" | "53400" | "55P03" | "57014" => true,
        // Who is refused now is refused later, too.
        "28P01" | "28000" | "3D000" | "42501" => false,
        _ => is_of_connection(error),
    }
}

fn is_of_connection(error: &PgDatabaseError) -> bool {
    let class = error.code().get(..2);
    // The connection broke; the server ends, or begins; it has too many connections; it takes no
    // writes any more, and another one does.
    matches!(class, Some("08" | "57"))
        || matches!(error.code(), "25006" | "53300")
        || matches!(error.severity(), PgSeverity::Fatal | PgSeverity::Panic)
}

/// Whether a connection is gone, or none was got.
fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed => true,
        sqlx::Error::Database(error) => {
            error
                .try_downcast_ref::<PgDatabaseError>()
                .is_some_and(|error| {
                    let refused = matches!(error.code(), "28P01" | "28000" | "3D000" | "42501");
                    !refused && error.code() != "57014" && is_of_connection(error)
                })
        }
        _ => false,
    }
}

/// What the database called it.
pub(crate) fn state_of(error: &sqlx::Error) -> Option<&str> {
    let sqlx::Error::Database(error) = error else {
        return None;
    };
    error
        .try_downcast_ref::<PgDatabaseError>()
        .map(PgDatabaseError::code)
}

fn is_misread(error: &sqlx::Error) -> bool {
    matches!(
        error,
        sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::ColumnIndexOutOfBounds { .. }
            | sqlx::Error::RowNotFound
    )
}
