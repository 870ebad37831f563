//! What SQLite itself is told to refuse: values that are longer than anybody means, other files,
//! and, of SQL that is written by hand, all but queries and changes of rows.
//!
//! SQLite runs within this process and has no role that could be forbidden anything, and the driver
//! runs as many statements as it is given. Nobody but SQLite knows where a statement ends, so it is
//! the one that is asked. The driver does not pass these functions on, which makes this the one
//! place of the crate that calls them itself.
#![expect(
    unsafe_code,
    reason = "functions of SQLite that the driver does not pass on; each call says why it holds"
)]

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::ptr;

use libsqlite3_sys as ffi;
use sqlx::sqlite::LockedSqliteHandle;

use super::LONGEST_VALUE;

/// How many bytes all values may have together that a statement written by hand has under way.
const MOST_BYTES: usize = 128 << 20;
/// How long values may be while such a statement makes them: functions that compare each place of
/// one with another take the product of both, and nothing stops them before.
const LONGEST_MADE: usize = 1 << 20;
/// What SQLite does not do with such a statement: put queries into those around them, and
/// conditions into those within. Either copies expressions wherever their value is named, twice as
/// much with every query around, in one step that nothing stops.
const COPIES: c_uint = QUERY_FLATTENER | PUSH_DOWN;
const QUERY_FLATTENER: c_uint = 0x0001;
const PUSH_DOWN: c_uint = 0x1000;
/// How many rows the driver has under way.
pub(in crate::dbal) const ROWS_UNDER_WAY: usize = 16;

/// What SQLite takes a text for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// One statement.
    One,
    /// None, or several.
    Other,
    /// Something that it refuses; it says why.
    Wrong,
}

/// Bounds what any statement does on a connection.
pub(super) fn enclose(handle: &mut LockedSqliteHandle<'_>) {
    let database = handle.as_raw_handle().as_ptr();
    limit(handle, ffi::SQLITE_LIMIT_LENGTH, LONGEST_VALUE);
    limit(handle, ffi::SQLITE_LIMIT_ATTACHED, 0);
    // What SQLite keeps for itself is not written to, and the name of a column that is not there is
    // no text instead.
    for (setting, value) in [
        (ffi::SQLITE_DBCONFIG_DEFENSIVE, true),
        (ffi::SQLITE_DBCONFIG_DQS_DML, false),
    ] {
        let value = c_int::from(value);
        // SAFETY: the connection is open, and nobody else uses it while its handle is locked. These
        // settings take a number, and a place for their new value, which may be none.
        unsafe { ffi::sqlite3_db_config(database, setting, value, ptr::null_mut::<c_int>()) };
    }
}

/// Lets a connection do nothing but query and change rows, and tells what it takes a text for.
pub(super) fn confine(handle: &mut LockedSqliteHandle<'_>, sql: &str) -> Taken {
    let database = handle.as_raw_handle().as_ptr();
    // SAFETY: the connection is open, and nobody else uses it while its handle is locked. The
    // function is always there, and makes nothing of the pointer that it is given back.
    unsafe { ffi::sqlite3_set_authorizer(database, Some(authorize), ptr::null_mut()) };
    leave_out(handle, COPIES);
    let (taken, columns) = statements(handle, sql);
    let share = MOST_BYTES / (columns.max(1) * (ROWS_UNDER_WAY + 2));
    limit(handle, ffi::SQLITE_LIMIT_LENGTH, share.min(LONGEST_MADE));
    taken
}

/// Lets a connection do again what others need of it, such as ending the transaction.
pub(super) fn release(handle: &mut LockedSqliteHandle<'_>) {
    let database = handle.as_raw_handle().as_ptr();
    // SAFETY: the connection is open, and nobody else uses it while its handle is locked.
    unsafe { ffi::sqlite3_set_authorizer(database, None, ptr::null_mut()) };
    leave_out(handle, 0);
}

/// Says which of its improvements SQLite leaves out when it prepares statements.
fn leave_out(handle: &mut LockedSqliteHandle<'_>, improvements: c_uint) {
    let database = handle.as_raw_handle().as_ptr();
    // SAFETY: the connection is open, and nobody else uses it while its handle is locked. This
    // control takes a connection and a number without a sign.
    unsafe {
        ffi::sqlite3_test_control(ffi::SQLITE_TESTCTRL_OPTIMIZATIONS, database, improvements);
    }
}

fn limit(handle: &mut LockedSqliteHandle<'_>, which: c_int, most: usize) {
    let database = handle.as_raw_handle().as_ptr();
    let most = c_int::try_from(most).unwrap_or(c_int::MAX);
    // SAFETY: the connection is open, and nobody else uses it while its handle is locked.
    unsafe { ffi::sqlite3_limit(database, which, most) };
}

/// What a text is taken for, and how many columns come out, read as the driver will read it.
fn statements(handle: &mut LockedSqliteHandle<'_>, sql: &str) -> (Taken, usize) {
    let database = handle.as_raw_handle().as_ptr();
    let mut rest = sql.trim().as_bytes();
    let mut found = None;
    while !rest.is_empty() {
        let Ok(length) = c_int::try_from(rest.len()) else {
            return (Taken::Other, 0);
        };
        let mut statement = ptr::null_mut();
        let mut tail = ptr::null();
        // SAFETY: the connection is open, and nobody else uses it while its handle is locked. The
        // text has the length that is said, and outlives the call; both places are written to.
        let status = unsafe {
            let text = rest.as_ptr().cast::<c_char>();
            ffi::sqlite3_prepare_v2(database, text, length, &raw mut statement, &raw mut tail)
        };
        if status != ffi::SQLITE_OK {
            return (Taken::Wrong, 0);
        }
        // The tail is within the text, behind what was read of it.
        let read = (tail as usize).saturating_sub(rest.as_ptr() as usize);
        rest = rest.get(read..).unwrap_or_default();
        if statement.is_null() {
            if read == 0 {
                return (Taken::Other, 0);
            }
            continue;
        }
        // SAFETY: the statement was just made, and nobody else has it; it is not used again.
        let columns = unsafe {
            let columns = ffi::sqlite3_column_count(statement);
            ffi::sqlite3_finalize(statement);
            columns
        };
        if found.replace(columns).is_some() {
            return (Taken::Other, 0);
        }
    }
    match found {
        Some(columns) => (Taken::One, usize::try_from(columns).unwrap_or_default()),
        None => (Taken::Other, 0),
    }
}

/// Says whether a statement may do something. Whatever is not named here it may not.
unsafe extern "C" fn authorize(
    _: *mut c_void,
    action: c_int,
    first: *const c_char,
    second: *const c_char,
    _: *const c_char,
    _: *const c_char,
) -> c_int {
    let is_allowed = match action {
        ffi::SQLITE_SELECT
        | ffi::SQLITE_READ
        | ffi::SQLITE_INSERT
        | ffi::SQLITE_UPDATE
        | ffi::SQLITE_DELETE
        | ffi::SQLITE_RECURSIVE => true,
        ffi::SQLITE_FUNCTION => !is_one_of(second, &["load_extension"]),
        // Virtual tables ask for these, and so do the functions that tell of tables.
        ffi::SQLITE_PRAGMA if second.is_null() => {
            is_one_of(first, &["data_version", "page_size", "table_list"])
        }
        ffi::SQLITE_PRAGMA => is_one_of(
            first,
            &[
                "table_info",
                "table_xinfo",
                "table_list",
                "index_list",
                "index_info",
                "index_xinfo",
                "foreign_key_list",
            ],
        ),
        _ => false,
    };
    match is_allowed {
        true => ffi::SQLITE_OK,
        false => ffi::SQLITE_DENY,
    }
}

fn is_one_of(name: *const c_char, names: &[&str]) -> bool {
    if name.is_null() {
        return false;
    }
    // SAFETY: it is a text of SQLite's that ends with a zero and outlives the call.
    let name = unsafe { CStr::from_ptr(name) }.to_bytes();
    names
        .iter()
        .any(|other| name.eq_ignore_ascii_case(other.as_bytes()))
}

#[cfg(test)]
mod tests {
    use sqlx::{Connection, Executor, SqliteConnection};

    use super::*;

    async fn connection() -> SqliteConnection {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        let tables = "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); \
                      CREATE VIRTUAL TABLE words USING fts5(word); \
                      CREATE VIRTUAL TABLE areas USING rtree(id, low, high)";
        connection.execute(tables).await.unwrap();
        connection
    }

    #[tokio::test]
    async fn a_second_statement_is_seen_wherever_it_hides() {
        let mut connection = connection().await;
        let mut handle = connection.lock_handle().await.unwrap();
        for one in [
            "SELECT 1",
            "SELECT 1 ; -- done",
            "SELECT ';' || \"a;b\", `c;`, [d;] /* ; */ FROM (SELECT 1 AS 'a;b', 2 AS 'c;', 3 AS 'd;') -- ;\n ;",
            "SELECT 'it''s; fine' - 1 / 2",
            "SELECT $1(')",
        ] {
            assert_eq!(confine(&mut handle, one), Taken::One, "{one}");
        }
        for other in [
            "",
            " -- nothing",
            "SELECT 1; SELECT 2",
            "SELECT ''; DELETE FROM t",
            "SELECT 1 /* ' */; SELECT 2 -- '",
            "SELECT 1; /* */ DELETE FROM t",
            "SELECT $1('); DELETE FROM t; --')",
            "SELECT @a::(\"); DELETE FROM t",
        ] {
            assert_eq!(confine(&mut handle, other), Taken::Other, "{other}");
        }
        for wrong in [
            "SELEC 1",
            "ATTACH DATABASE ':memory:' AS o",
            "SELECT 1; ATTACH DATABASE ':memory:' AS o",
            "SELECT $1('); ATTACH DATABASE ':memory:' AS o",
        ] {
            assert_eq!(confine(&mut handle, wrong), Taken::Wrong, "{wrong}");
        }
    }

    #[tokio::test]
    async fn queries_within_queries_take_no_more_memory_than_they_are_long() {
        let mut connection = connection().await;
        let mut handle = connection.lock_handle().await.unwrap();
        let mut sql = "SELECT v AS a FROM t".to_owned();
        for _ in 0..18 {
            sql = format!("SELECT a + a AS a FROM ({sql})");
        }
        for sql in [sql.clone(), sql + " WHERE a > 0"] {
            // SAFETY: these functions are always there.
            let before = unsafe {
                ffi::sqlite3_memory_highwater(1);
                ffi::sqlite3_memory_used()
            };
            assert_eq!(confine(&mut handle, &sql), Taken::One);
            // SAFETY: as above.
            let most = unsafe { ffi::sqlite3_memory_highwater(0) };
            assert!(most - before < 16 << 20, "{} bytes: {sql}", most - before);
        }
    }

    #[tokio::test]
    async fn a_confined_connection_queries_and_changes_rows_and_does_nothing_else() {
        let mut connection = connection().await;
        enclose(&mut connection.lock_handle().await.unwrap());
        confine(&mut connection.lock_handle().await.unwrap(), "SELECT 1");
        for sql in [
            "INSERT INTO t (v) VALUES ('a'), ('b') RETURNING id",
            "INSERT INTO t (id, v) VALUES (1, 'c') ON CONFLICT (id) DO UPDATE SET v = excluded.v",
            "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 9) SELECT sum(x) FROM n",
            "REPLACE INTO t (id, v) SELECT 7, value FROM json_each('[1]')",
            "UPDATE t SET v = upper(v) WHERE id IN (SELECT id FROM t)",
            "SELECT * FROM pragma_table_info('t')",
            "INSERT INTO words VALUES ('one two')",
            "SELECT * FROM words WHERE words MATCH 'two'",
            "INSERT INTO areas VALUES (1, 0, 9)",
            "SELECT id FROM areas WHERE low < 5",
            "DELETE FROM t",
        ] {
            if let Err(error) = connection.fetch_all(sql).await {
                panic!("{sql}: {error}");
            }
        }
        for sql in [
            "ATTACH DATABASE ':memory:' AS o",
            "DETACH DATABASE main",
            "PRAGMA user_version = 7",
            "PRAGMA foreign_keys",
            "PRAGMA page_size = 512",
            "BEGIN",
            "COMMIT",
            "SAVEPOINT s",
            "CREATE TEMP TABLE x (id)",
            "CREATE TEMP TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END",
            "DROP TABLE t",
            "VACUUM INTO '/nowhere/x.db'",
            "SELECT load_extension('/nowhere/x.so')",
            "UPDATE sqlite_master SET sql = ''",
            "SELECT * FROM pragma_database_list",
        ] {
            assert!(connection.fetch_all(sql).await.is_err(), "{sql}");
        }
        release(&mut connection.lock_handle().await.unwrap());
        connection.execute("BEGIN").await.unwrap();
        connection.execute("ROLLBACK").await.unwrap();
        let attached = connection.execute("ATTACH DATABASE ':memory:' AS o").await;
        assert!(attached.is_err(), "no connection has other files");
    }
}
