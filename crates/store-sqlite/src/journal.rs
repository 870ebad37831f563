//! Journals: each record knows where the one before it is.

use bytes::Bytes;
use jackfield_store_api::JournalRecord;
use rusqlite::{Connection, OptionalExtension};

use crate::error::Fault;
use crate::row::{Count, number};
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
        // A journal is followed from its end, and read from its beginning: what comes where the page
        // is full by then is not read, as far as it is not there anyway.
        let mut chain = Vec::new();
        let mut bytes = 0;
        let (mut sequence, mut row) = self.place_of(connection, last)?;
        while sequence > after {
            let is_read = sequence <= last && bytes <= BYTES as u64;
            let link = self.link(connection, row, sequence, is_read)?;
            let previous = link.previous;
            if sequence <= last {
                bytes = bytes.saturating_add(link.size);
                chain.push(link);
            }
            row = previous;
            sequence -= 1;
        }
        let mut found: Vec<JournalRecord> = Vec::new();
        let mut bytes = 0u64;
        while let Some(link) = chain.pop() {
            bytes = bytes.saturating_add(link.size);
            if bytes > BYTES as u64 && !found.is_empty() {
                break;
            }
            found.push(self.record(connection, link)?);
        }
        Ok(found)
    }

    /// Removes records from its end, at most so many or until they have so many bytes, and says how
    /// many rows and bytes went. Where a record is lost, those before it stay behind, where nothing
    /// leads: damage to one execution does not keep others from going.
    pub(crate) fn remove_some(
        &mut self,
        connection: &Connection,
        (most, heaviest): (u64, u64),
    ) -> rusqlite::Result<(u64, u64)> {
        let (mut removed, mut bytes) = (0, 0u64);
        while self.length > 0 && removed < most && bytes < heaviest {
            let gone = connection
                .prepare_cached(
                    "DELETE FROM journal
                     WHERE number = ?1 AND tenant = ?2 AND execution = ?3 AND sequence = ?4
                     RETURNING previous, length(record)",
                )?
                .query_row(
                    (self.last, self.tenant, self.execution, number(self.length)),
                    |row| Ok((row.get(0)?, row.get::<_, Count>(1)?.0)),
                )
                .optional()?;
            if self.length.is_multiple_of(MARK) {
                connection
                    .prepare_cached(
                        "DELETE FROM marks WHERE tenant = ?1 AND execution = ?2 AND sequence = ?3",
                    )?
                    .execute((self.tenant, self.execution, number(self.length)))?;
            }
            let Some((previous, size)) = gone else {
                connection
                    .prepare_cached("DELETE FROM marks WHERE tenant = ?1 AND execution = ?2")?
                    .execute((self.tenant, self.execution))?;
                self.length = 0;
                break;
            };
            self.last = previous;
            self.length -= 1;
            removed += 1;
            bytes = bytes.saturating_add(size);
        }
        Ok((removed, bytes))
    }

    /// A record whose row is known, at a number or soon after it.
    fn place_of(&self, connection: &Connection, sequence: u64) -> Result<(u64, i64), Fault> {
        if self.length - sequence < MARK {
            return Ok((self.length, self.last));
        }
        let marked: Option<(Count, i64)> = connection
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

    /// What is known of a record without reading it, and the record if it is to be read.
    fn link(
        &self,
        connection: &Connection,
        row: i64,
        sequence: u64,
        is_read: bool,
    ) -> Result<Link, Fault> {
        connection
            .prepare_cached(
                "SELECT previous, checksum, length(record), CASE WHEN ?5 THEN record END
                 FROM journal
                 WHERE number = ?1 AND tenant = ?2 AND execution = ?3 AND sequence = ?4",
            )?
            .query_row(
                (row, self.tenant, self.execution, number(sequence), is_read),
                |found| {
                    Ok(Link {
                        sequence,
                        row,
                        previous: found.get(0)?,
                        checksum: found.get(1)?,
                        size: found.get::<_, Count>(2)?.0,
                        record: found.get(3)?,
                    })
                },
            )
            .optional()?
            .ok_or_else(|| lost(sequence))
    }

    /// One record, read if it was not yet.
    fn record(&self, connection: &Connection, link: Link) -> Result<JournalRecord, Fault> {
        let Link { sequence, row, .. } = link;
        let record = match link.record {
            Some(record) => record,
            None => {
                let link = self.link(connection, row, sequence, true)?;
                link.record.ok_or_else(|| lost(sequence))?
            }
        };
        let place = [self.tenant, self.execution, number(sequence)];
        let what = format!("record {sequence} of a journal");
        Ok(JournalRecord {
            sequence,
            record: checked(&what, &place, &[], record, link.checksum)?,
        })
    }
}

/// A record in the chain of a journal.
struct Link {
    sequence: u64,
    row: i64,
    /// The row of the record before it.
    previous: i64,
    checksum: i64,
    /// Its bytes.
    size: u64,
    record: Option<Vec<u8>>,
}

fn lost(sequence: u64) -> Fault {
    Fault::Damaged(format!("record {sequence} of a journal is not there"))
}
