//! What is left of executions that are gone: it is removed a little at a time, so that the longest
//! journal holds nobody up. Until then it is found by nobody, and no other execution gets the number
//! that it is kept under.

use rusqlite::{Connection, OptionalExtension};

use crate::journal::Journal;
use crate::payloads::{self, Gone};
use crate::row::{Count, number};

/// How much a turn may still remove.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    rows: u64,
    bytes: u64,
}

impl Budget {
    pub(crate) fn of_a_turn() -> Self {
        Self {
            rows: 250,
            bytes: 16 * 1_024 * 1_024,
        }
    }

    pub(crate) fn is_spent(&self) -> bool {
        self.rows == 0 || self.bytes == 0
    }

    pub(crate) fn spend(&mut self, rows: u64, bytes: u64) {
        self.rows = self.rows.saturating_sub(rows);
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    fn left(&self) -> (u64, u64) {
        (self.rows, self.bytes)
    }
}

/// Lets go of an execution that has ended: nobody finds it any more.
pub(crate) fn take_apart(
    connection: &Connection,
    tenant: i64,
    execution: i64,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO remnants (execution, tenant, length, last)
             SELECT number, tenant, max(length, 0), last FROM courses
             WHERE tenant = ?1 AND number = ?2",
        )?
        .execute((tenant, execution))?;
    for table in [
        "DELETE FROM courses WHERE tenant = ?1 AND number = ?2",
        "DELETE FROM executions WHERE tenant = ?1 AND number = ?2",
    ] {
        connection
            .prepare_cached(table)?
            .execute((tenant, execution))?;
    }
    Ok(())
}

/// Something that is left of a tenant.
pub(crate) fn first(connection: &Connection, tenant: i64) -> rusqlite::Result<Option<Journal>> {
    connection
        .prepare_cached(
            "SELECT execution, length, last FROM remnants WHERE tenant = ?1 ORDER BY execution LIMIT 1",
        )?
        .query_row([tenant], |row| {
            Ok(Journal {
                tenant,
                execution: row.get(0)?,
                length: row.get::<_, Count>(1)?.0,
                last: row.get(2)?,
            })
        })
        .optional()
}

/// Removes what is left of an execution, as far as the budget goes.
pub(crate) fn remove_some(
    connection: &Connection,
    mut journal: Journal,
    budget: &mut Budget,
) -> rusqlite::Result<Gone> {
    let place = (journal.tenant, journal.execution);
    let gone = payloads::remove_some(connection, place, budget.left())?;
    budget.spend(gone.uses, gone.bytes);
    if budget.is_spent() {
        return Ok(gone);
    }
    let signals = connection
        .prepare_cached(
            "DELETE FROM signals WHERE rowid IN (
                 SELECT rowid FROM signals WHERE tenant = ?1 AND execution = ?2 LIMIT ?3)",
        )?
        .execute((place.0, place.1, number(budget.rows)))?;
    budget.spend(signals as u64, 0);
    if budget.is_spent() {
        return Ok(gone);
    }
    let (records, bytes) = journal.remove_some(connection, budget.left())?;
    budget.spend(records, bytes);
    if journal.length > 0 {
        connection
            .prepare_cached("UPDATE remnants SET length = ?2, last = ?3 WHERE execution = ?1")?
            .execute((journal.execution, number(journal.length), journal.last))?;
    } else {
        connection
            .prepare_cached("DELETE FROM remnants WHERE execution = ?1")?
            .execute([journal.execution])?;
    }
    Ok(gone)
}
