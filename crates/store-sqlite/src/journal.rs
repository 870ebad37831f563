//! Journals: each record knows where the one before it is.

use std::collections::VecDeque;

use bytes::Bytes;
use jackfield_store_api::JournalRecord;
use rusqlite::{Connection, OptionalExtension};

use crate::error::Fault;
use crate::row::number;
use crate::sum::{checked, sum};

/// Every so many records the place of one is marked.
const MARK: u64 = 64;
/// The most bytes that are read at once, if it is more than one record.
pub(crate) const BYTES: usize = 32 * 1_024 * 1_024;

/// Where a journal is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Journal {
    pub(crate) tenant: i64,
    pub(crate) execution: i64,
    /// How many records it has.
    pub(crate) length: u64,
    /// The row of the last one.
    pub(crate) last: i64,
}

impl Journal {
    /// Adds records at the end.
    pub(crate) fn add(
        &mut self,
        connection: &Connection,
        records: &[Bytes],
    ) -> rusqlite::Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        let mut insert = connection.prepare_cached(
            "INSERT INTO journal (tenant, execution, sequence, previous, checksum, record)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        for record in records {
            let sequence = self.length + 1;
            let place = [self.tenant, self.execution, number(sequence)];
            let checksum = sum(&place, &[], record);
            insert.execute((
                self.tenant,
                self.execution,
                number(sequence),
                self.last,
                checksum,
                &**record,
            ))?;
            self.last = connection.last_insert_rowid();
            self.length = sequence;
            if sequence.is_multiple_of(MARK) {
                connection
                    .prepare_cached(
                        "INSERT INTO marks (tenant, execution, sequence, row)
                         VALUES (?1, ?2, ?3, ?4)",
                    )?
                    .execute((self.tenant, self.execution, number(sequence), self.last))?;
            }
        }
        Ok(())
    }

    /// The records after a number, so many at the most.
    pub(crate) fn read(
        &self,
        connection: &Connection,
        after: u64,
        limit: u32,
    ) -> Result<Vec<JournalRecord>, Fault> {
        let last = after.saturating_add(u64::from(limit)).min(self.length);
        if last <= after {
            return Ok(Vec::new());
        }
        let (mut sequence, mut row) = self.place_of(connection, last)?;
        let mut found = VecDeque::new();
        let mut bytes = 0;
        while sequence > after {
            let (previous, record) = self.record(connection, row, sequence)?;
            if sequence <= last {
                bytes += record.len();
                found.push_front(JournalRecord { sequence, record });
                while bytes > BYTES
                    && found.len() > 1
                    && let Some(dropped) = found.pop_back()
                {
                    bytes -= dropped.record.len();
                }
            }
            row = previous;
            sequence -= 1;
        }
        Ok(found.into())
    }

    /// Removes all of it, and says how many rows went. Where a record is lost, those before it stay
    /// behind, where nothing leads: damage to one execution does not keep others from going.
    pub(crate) fn remove(&self, connection: &Connection) -> rusqlite::Result<u64> {
        let mut row = self.last;
        let mut removed = 0;
        for sequence in (1..=self.length).rev() {
            let previous = connection
                .prepare_cached(
                    "DELETE FROM journal
                     WHERE number = ?1 AND tenant = ?2 AND execution = ?3 AND sequence = ?4
                     RETURNING previous",
                )?
                .query_row(
                    (row, self.tenant, self.execution, number(sequence)),
                    |row| row.get(0),
                )
                .optional()?;
            let Some(previous) = previous else {
                break;
            };
            row = previous;
            removed += 1;
        }
        connection
            .prepare_cached("DELETE FROM marks WHERE tenant = ?1 AND execution = ?2")?
            .execute((self.tenant, self.execution))?;
        Ok(removed)
    }

    /// A record whose row is known, at a number or soon after it.
    fn place_of(&self, connection: &Connection, sequence: u64) -> Result<(u64, i64), Fault> {
        if self.length - sequence < MARK {
            return Ok((self.length, self.last));
        }
        let marked: Option<(crate::row::Count, i64)> = connection
            .prepare_cached(
                "SELECT sequence, row FROM marks
                 WHERE tenant = ?1 AND execution = ?2 AND sequence >= ?3
                 ORDER BY sequence LIMIT 1",
            )?
            .query_row((self.tenant, self.execution, number(sequence)), |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?;
        Ok(marked.map_or((self.length, self.last), |(sequence, row)| {
            (sequence.0, row)
        }))
    }

    /// One record, and the row of the one before it.
    fn record(
        &self,
        connection: &Connection,
        row: i64,
        sequence: u64,
    ) -> Result<(i64, Bytes), Fault> {
        let found: Option<(i64, i64, Vec<u8>)> = connection
            .prepare_cached(
                "SELECT previous, checksum, record FROM journal
                 WHERE number = ?1 AND tenant = ?2 AND execution = ?3 AND sequence = ?4",
            )?
            .query_row(
                (row, self.tenant, self.execution, number(sequence)),
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )
            .optional()?;
        let (previous, checksum, record) = found.ok_or_else(|| lost(sequence))?;
        let place = [self.tenant, self.execution, number(sequence)];
        let what = format!("record {sequence} of a journal");
        Ok((previous, checked(&what, &place, &[], record, checksum)?))
    }
}

fn lost(sequence: u64) -> Fault {
    Fault::Damaged(format!("record {sequence} of a journal is not there"))
}
