use std::path::Path;
use std::time::Duration;

use jackfield_store_api::Durability;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::options::SqliteOptions;

/// How long a call waits for another process that writes.
pub(crate) const BUSY: Duration = Duration::from_secs(5);

/// A connection that has changed nothing yet.
pub(crate) fn to_look(options: &SqliteOptions) -> rusqlite::Result<Connection> {
    open(&options.path)
}

/// Makes a connection one that writes.
pub(crate) fn to_write(connection: &Connection, options: &SqliteOptions) -> rusqlite::Result<()> {
    // A write-ahead log stays one, so this is done once in the life of a file.
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    let synchronous = match options.durability {
        Durability::Full | Durability::Grouped => "full",
        Durability::Relaxed => "normal",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    // Where the system's usual flush does not reach the disk.
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    connection.pragma_update(None, "cache_size", -16_000)?;
    // A log that grew because of a long reader does not stay large.
    connection.pragma_update(None, "journal_size_limit", 64 * 1_024 * 1_024)?;
    if let Some(pages) = options.max_pages {
        connection.pragma_update(None, "max_page_count", pages)?;
    }
    Ok(())
}

/// A connection that only reads.
pub(crate) fn for_reading(options: &SqliteOptions) -> rusqlite::Result<Connection> {
    let connection = open(&options.path)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "cache_size", -8_000)?;
    Ok(connection)
}

/// A connection that moves pages from the log into the file.
pub(crate) fn for_checkpoints(options: &SqliteOptions) -> rusqlite::Result<Connection> {
    let connection = open(&options.path)?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    Ok(connection)
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(128);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    // The writer sees to it: a checkpoint in the middle of a group would hold all of it up.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    Ok(connection)
}
