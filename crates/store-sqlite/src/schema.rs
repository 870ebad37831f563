use jackfield_store_api::StoreError;
use jiff::Timestamp;
use rusqlite::{Connection, TransactionBehavior};

use crate::error::Place;
use crate::options::Role;

/// What makes each version of the schema out of the one before it. Never changed once released.
const MIGRATIONS: &[&str] = &[include_str!("schema/0001.sql")];

/// Marks the files of this crate: `JkFd`.
const APPLICATION: i32 = 0x4a6b_4664;

/// The newest version of the schema.
fn newest() -> u32 {
    MIGRATIONS.len() as u32
}

/// Refuses a file that is not ours or is newer, without changing it.
pub(crate) fn look(connection: &mut Connection, place: &Place) -> Result<(), StoreError> {
    // All in one transaction: somebody else may be just about to make it ours.
    let transaction = connection
        .transaction()
        .map_err(|error| place.broken(error))?;
    check(&transaction, place).map(|_| ())
}

/// Refuses what is not ours or is newer, and says which version it has.
fn check(connection: &Connection, place: &Place) -> Result<u32, StoreError> {
    let broken = |error| place.broken(error);
    let application: i32 = pragma(connection, "application_id").map_err(broken)?;
    let found: u32 = pragma(connection, "user_version").map_err(broken)?;
    let objects: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(broken)?;
    if application != APPLICATION && (application != 0 || found != 0 || objects != 0) {
        return Err(StoreError::Refused {
            reason: format!(
                "{} is a database of another program; name another file",
                place.0
            ),
        });
    }
    if found > newest() {
        return Err(StoreError::Newer {
            store: place.0.to_string(),
            found,
            known: newest(),
        });
    }
    Ok(found)
}

/// Brings a file to the newest schema, in one transaction that shuts out everybody else who writes.
pub(crate) fn prepare(
    connection: &mut Connection,
    place: &Place,
    role: Role,
    now: Timestamp,
) -> Result<(), StoreError> {
    let broken = |error| place.broken(error);
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(broken)?;
    // Somebody else may have brought it there meanwhile, or further.
    let found = check(&transaction, place)?;
    for (version, migration) in (1..).zip(MIGRATIONS).skip(found as usize) {
        transaction.execute_batch(migration).map_err(broken)?;
        transaction
            .pragma_update(None, "user_version", version)
            .map_err(broken)?;
    }
    if found < newest() {
        transaction
            .pragma_update(None, "application_id", APPLICATION)
            .map_err(broken)?;
    }
    if role == Role::Worker {
        // No other worker lives, so nobody holds anything.
        transaction
            .execute(
                "UPDATE courses SET worker = NULL, lease = NULL, due = ?1
                 WHERE due IS NOT NULL AND lease IS NOT NULL",
                [now.as_microsecond()],
            )
            .map_err(broken)?;
        // What is incomplete is never due, and whoever made it is gone, too.
        transaction
            .execute(
                "UPDATE courses SET worker = NULL, lease = NULL
                 WHERE tenant IN (SELECT number FROM tenants) AND state = ?1
                     AND lease IS NOT NULL",
                [crate::courses::INCOMPLETE],
            )
            .map_err(broken)?;
    }
    transaction.commit().map_err(broken)
}

fn pragma<T: rusqlite::types::FromSql>(connection: &Connection, name: &str) -> rusqlite::Result<T> {
    connection.pragma_query_value(None, name, |row| row.get(0))
}
