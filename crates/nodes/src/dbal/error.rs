//! What databases answer with, as errors of nodes: which code, and whether trying again helps.

use jackfield_plugin_api::NodeError;
use jackfield_types::{ErrorCode, Object};
use serde_json::Value;
use sqlx::error::DatabaseError;
use sqlx::mysql::MySqlDatabaseError;
use sqlx::postgres::PgDatabaseError;
use sqlx::sqlite::SqliteError;

/// What is known of an error of a database: what it is, and whether the same call may succeed later.
#[derive(Debug, PartialEq, Eq)]
struct Meaning {
    code: ErrorCode,
    passes: bool,
}

impl Meaning {
    fn passing(code: ErrorCode) -> Self {
        Self { code, passes: true }
    }

    fn lasting(code: ErrorCode) -> Self {
        Self {
            code,
            passes: false,
        }
    }
}

/// Makes an error of a node of one of a driver. The address of the database, and whatever else its
/// URL says, is in none of them.
pub(super) fn node_error(source: &str, error: &sqlx::Error) -> NodeError {
    match error {
        sqlx::Error::Database(error) => of_database(source, &**error),
        sqlx::Error::Io(cause) => NodeError::retryable(
            ErrorCode::NETWORK_ERROR,
            format!(
                "the connection to data source `{source}` broke: {}",
                cause.kind()
            ),
        ),
        sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed | sqlx::Error::PoolClosed => {
            NodeError::retryable(
                ErrorCode::NETWORK_ERROR,
                format!("the connection to data source `{source}` broke"),
            )
        }
        sqlx::Error::PoolTimedOut => NodeError::retryable(
            ErrorCode::TIMEOUT,
            format!(
                "no connection to data source `{source}` became free in time; fewer calls at once, \
                 or a higher `maxConnections`, would help"
            ),
        ),
        sqlx::Error::Tls(cause) => NodeError::permanent(
            ErrorCode::NETWORK_ERROR,
            format!("no TLS connection to data source `{source}`: {cause}"),
        ),
        sqlx::Error::Encode(cause) => NodeError::permanent(
            ErrorCode::INVALID_INPUT,
            format!("a value cannot be sent to data source `{source}`: {cause}"),
        ),
        _ => NodeError::permanent(
            ErrorCode::DATABASE_ERROR,
            format!("data source `{source}` gave what cannot be read"),
        ),
    }
}

/// Whether a database answered, so that it has ended what it was asked for.
pub(super) fn is_answer(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(_) | sqlx::Error::Encode(_))
}

/// Whether a table may have been changed meanwhile: a statement that PostgreSQL prepared earlier gives
/// something else by now, or one does not fit to the tables of SQLite, which has one code for all
/// that.
pub(super) fn is_outdated(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(error) = error else {
        return false;
    };
    if let Some(error) = error.try_downcast_ref::<SqliteError>() {
        return error.code().is_some_and(|code| code == "1");
    }
    error
        .try_downcast_ref::<PgDatabaseError>()
        .is_some_and(is_replanned)
}

/// The code alone is that of whatever PostgreSQL cannot do.
fn is_replanned(error: &PgDatabaseError) -> bool {
    error.code() == "0A000" && error.routine() == Some("RevalidateCachedQuery")
}

/// Makes an error of the end of a transaction one that is not tried again, if nobody knows whether
/// what was done became permanent.
pub(super) fn uncertain(error: NodeError) -> NodeError {
    match error {
        NodeError::Retryable(mut failure) if failure.code == ErrorCode::NETWORK_ERROR => {
            failure
                .message
                .push_str(" while the rows became permanent; nobody knows whether they did");
            NodeError::Permanent(failure)
        }
        error => error,
    }
}

fn of_database(source: &str, error: &dyn DatabaseError) -> NodeError {
    let mut details = Object::new();
    let mut note = |key: &str, value: Option<&str>| {
        if let Some(value) = value {
            details.insert(key.to_owned(), Value::String(value.to_owned()));
        }
    };
    let (code, meaning) = if let Some(error) = error.try_downcast_ref::<PgDatabaseError>() {
        note("constraint", error.constraint());
        note("column", error.column());
        let meaning = match is_replanned(error) {
            true => Meaning::passing(ErrorCode::DATABASE_BUSY),
            false => of_sqlstate(error.code()),
        };
        (error.code().to_owned(), meaning)
    } else if let Some(error) = error.try_downcast_ref::<MySqlDatabaseError>() {
        note("sqlState", error.code());
        (error.number().to_string(), of_mysql(error.number()))
    } else {
        let code = error.code().unwrap_or_default().into_owned();
        let meaning = of_sqlite(code.parse().unwrap_or(1));
        (code, meaning)
    };
    note("databaseCode", Some(&code));
    let text = match names_roles(&code) {
        // Who asks, from where and for what database is the operator's affair.
        true => "the database does not let its role in, or not at this; its log says why",
        false => error.message(),
    };
    let message = format!("data source `{source}`: {text} (code {code})");
    let made = match meaning.passes {
        true => NodeError::retryable(meaning.code, message),
        false => NodeError::permanent(meaning.code, message),
    };
    made.with(|failure| failure.details = Some(Value::Object(details)))
}

/// Whether the server's text of an error has names of roles, hosts and databases in it.
fn names_roles(code: &str) -> bool {
    match code.parse::<u32>() {
        // States of PostgreSQL: refused at the door, and no such database.
        _ if code.len() == 5 => code.starts_with("28") || code.starts_with("3D"),
        // MySQL and MariaDB: access denied in its many forms, an unknown database, a refused host.
        Ok(number) => matches!(
            number,
            1044 | 1045
                | 1049
                | 1129
                | 1130
                | 1142
                | 1143
                | 1227
                | 1370
                | 1396
                | 1410
                | 1698
                | 1820
                | 1862
                | 3118
                | 3159
                | 4151
        ),
        Err(_) => false,
    }
}

fn of_sqlstate(state: &str) -> Meaning {
    match state {
        "40001" | "40P01" | "55P03" | "53300" => Meaning::passing(ErrorCode::DATABASE_BUSY),
        // Its disk is full.
        "53100" => Meaning::passing(ErrorCode::DATABASE_ERROR),
        "57014" => Meaning::passing(ErrorCode::TIMEOUT),
        "57P01" | "57P02" | "57P03" | "57P05" => Meaning::passing(ErrorCode::NETWORK_ERROR),
        "42P01" | "42703" => Meaning::lasting(ErrorCode::UNKNOWN_ENTITY),
        _ => match state.get(..2) {
            Some("08") => Meaning::passing(ErrorCode::NETWORK_ERROR),
            Some("23") => Meaning::lasting(ErrorCode::DATABASE_CONSTRAINT),
            Some("22") => Meaning::lasting(ErrorCode::INVALID_INPUT),
            _ => Meaning::lasting(ErrorCode::DATABASE_ERROR),
        },
    }
}

fn of_mysql(number: u16) -> Meaning {
    match number {
        // Too many connections; lock wait timeout; deadlock; changed since it was read.
        1040 | 1203 | 1205 | 1213 | 1020 | 1226 => Meaning::passing(ErrorCode::DATABASE_BUSY),
        // Its disk is full, or the table.
        1021 | 1114 => Meaning::passing(ErrorCode::DATABASE_ERROR),
        // The statement took too long.
        1969 | 3024 | 1317 => Meaning::passing(ErrorCode::TIMEOUT),
        // The server ends, or ended the connection.
        1053 | 1077 | 1079 | 1158..=1161 | 1927 | 2006 | 2013 => {
            Meaning::passing(ErrorCode::NETWORK_ERROR)
        }
        1048 | 1062 | 1169 | 1216 | 1217 | 1364 | 1451 | 1452 | 1557 | 1586 | 1761 | 1762
        | 3819 | 4025 => Meaning::lasting(ErrorCode::DATABASE_CONSTRAINT),
        1264 | 1265 | 1292 | 1366 | 1406 | 1411 | 1425 | 1690 => {
            Meaning::lasting(ErrorCode::INVALID_INPUT)
        }
        1054 | 1146 => Meaning::lasting(ErrorCode::UNKNOWN_ENTITY),
        _ => Meaning::lasting(ErrorCode::DATABASE_ERROR),
    }
}

fn of_sqlite(extended: u32) -> Meaning {
    match extended & 0xff {
        // Busy and locked.
        5 | 6 => Meaning::passing(ErrorCode::DATABASE_BUSY),
        // Interrupted.
        9 => Meaning::passing(ErrorCode::TIMEOUT),
        // The disk is full.
        13 => Meaning::passing(ErrorCode::DATABASE_ERROR),
        19 => Meaning::lasting(ErrorCode::DATABASE_CONSTRAINT),
        // Too big, and of the wrong type.
        18 | 20 => Meaning::lasting(ErrorCode::INVALID_INPUT),
        _ => Meaning::lasting(ErrorCode::DATABASE_ERROR),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_told_from_what_lasts() {
        for meaning in [
            of_sqlstate("40001"),
            of_sqlstate("40P01"),
            of_sqlstate("55P03"),
            of_mysql(1213),
            of_mysql(1205),
            of_sqlite(5),
            of_sqlite(517),
        ] {
            assert_eq!(meaning, Meaning::passing(ErrorCode::DATABASE_BUSY));
        }
        for meaning in [
            of_sqlstate("53100"),
            of_mysql(1021),
            of_mysql(1114),
            of_sqlite(13),
        ] {
            assert_eq!(meaning, Meaning::passing(ErrorCode::DATABASE_ERROR));
        }
        for meaning in [of_sqlstate("57P01"), of_sqlstate("08006"), of_mysql(2013)] {
            assert_eq!(meaning, Meaning::passing(ErrorCode::NETWORK_ERROR));
        }
        for meaning in [of_sqlstate("23505"), of_mysql(1062), of_sqlite(2067)] {
            assert_eq!(meaning, Meaning::lasting(ErrorCode::DATABASE_CONSTRAINT));
        }
    }

    #[test]
    fn texts_that_name_roles_and_hosts_are_not_shown() {
        for code in [
            "28P01", "28000", "3D000", "1044", "1045", "1049", "1130", "1698",
        ] {
            assert!(names_roles(code), "{code}");
        }
        // The extended codes of SQLite have four digits at most, and are none of these.
        for code in ["23505", "42P01", "40001", "1062", "2067", "1", "787", ""] {
            assert!(!names_roles(code), "{code}");
        }
    }

    #[test]
    fn a_lost_connection_is_retryable_and_shows_no_address() {
        let cause = std::io::Error::other("db.internal:5432 reset");
        let error = node_error("main", &sqlx::Error::Io(cause));
        assert!(matches!(error, NodeError::Retryable(_)));
        assert!(!error.to_string().contains("db.internal"), "{error}");
    }
}
