use bytes::Bytes;
use jackfield_store_api::{
    AuditRecords, JournalRecord, PageRequest, StoreError, StoreFuture, limits,
};
use sqlx::{PgConnection, Row};

use crate::error::Fault;
use crate::inner::refuse;
use crate::names::Kind;
use crate::row::{BYTES, counted, number};
use crate::sum::{checked, sum};
use crate::tenant::PostgresTenant;
use crate::tries::{Found, edit, read};

impl AuditRecords for PostgresTenant {
    fn append_audit(&self, after: u64, records: Vec<Bytes>) -> StoreFuture<'_, u64> {
        if let Err(refused) = limits::check_records(&records) {
            return refuse(refused);
        }
        Box::pin(async move {
            edit!(
                self.inner,
                |connection| self.add_audit(connection, after, &records).await,
                |connection, length: u64| self.find_audit(connection, *length, &records).await
            )
        })
    }

    fn audit(&self, after: u64, limit: u32) -> StoreFuture<'_, Vec<JournalRecord>> {
        let limit = limit.clamp(1, PageRequest::MOST);
        Box::pin(async move {
            read!(self.inner, |connection| {
                let rows = sqlx::query(
                    "SELECT q.sequence, q.checksum, q.record FROM (
                     SELECT p.*, sum(octet_length(p.record)) OVER (ORDER BY p.sequence) AS bytes
                     FROM (SELECT sequence, checksum, record FROM audit
                           WHERE tenant = $1 AND sequence > $2
                           ORDER BY sequence LIMIT $3) AS p) AS q
                 WHERE q.bytes <= $4 OR q.sequence = $2 + 1 ORDER BY q.sequence",
                )
                .bind(self.id.as_str())
                // What comes after the last number that there is does not come.
                .bind(number(after).min(i64::MAX - 1))
                .bind(i64::from(limit))
                .bind(BYTES)
                .fetch_all(connection)
                .await?;
                let mut found: Vec<JournalRecord> = Vec::new();
                for row in &rows {
                    let sequence = counted(row.try_get("sequence")?)?;
                    let what = || format!("audit record {sequence}");
                    if sequence != after + found.len() as u64 + 1 {
                        return Err(Fault::Damaged(format!("{} follows a gap", what())));
                    }
                    let record = checked(
                        what,
                        &[self.id.as_str()],
                        &[number(sequence)],
                        row.try_get("record")?,
                        row.try_get("checksum")?,
                    )?;
                    found.push(JournalRecord { sequence, record });
                }
                Ok(found)
            })
        })
    }
}

impl PostgresTenant {
    async fn add_audit(
        &self,
        connection: &mut PgConnection,
        after: u64,
        records: &[Bytes],
    ) -> Result<u64, Fault> {
        self.lock(connection, Kind::Audit, "").await?;
        let row = sqlx::query("SELECT coalesce(max(sequence), 0) FROM audit WHERE tenant = $1")
            .bind(self.id.as_str())
            .fetch_one(&mut *connection)
            .await?;
        let length = counted(row.try_get(0)?)?;
        if length != after {
            return Err(Fault::Refused(StoreError::OutOfTurn {
                reason: format!("the audit trail has {length} records, not {after}"),
            }));
        }
        if records.is_empty() {
            return Ok(length);
        }
        self.note(connection).await?;
        let sequences: Vec<i64> = (length + 1..).take(records.len()).map(number).collect();
        let checksums: Vec<i64> = records
            .iter()
            .zip(&sequences)
            .map(|(record, sequence)| sum(&[self.id.as_str()], &[*sequence], record))
            .collect();
        let contents: Vec<&[u8]> = records.iter().map(|record| &**record).collect();
        sqlx::query(
            "INSERT INTO audit (tenant, sequence, checksum, record)
             SELECT $1, r.* FROM unnest($2::bigint[], $3::bigint[], $4::bytea[]) AS r",
        )
        .bind(self.id.as_str())
        .bind(sequences)
        .bind(checksums)
        .bind(contents)
        .execute(connection)
        .await?;
        Ok(length + records.len() as u64)
    }

    /// Whether just these records are the ones before an end.
    async fn find_audit(
        &self,
        connection: &mut PgConnection,
        length: u64,
        records: &[Bytes],
    ) -> Result<Found, Fault> {
        self.lock(connection, Kind::Audit, "").await?;
        let rows = sqlx::query(
            "SELECT record FROM audit WHERE tenant = $1 AND sequence > $2 AND sequence <= $3
             ORDER BY sequence",
        )
        .bind(self.id.as_str())
        .bind(number(length - records.len() as u64))
        .bind(number(length))
        .fetch_all(connection)
        .await?;
        let found = rows
            .iter()
            .map(|row| row.try_get::<&[u8], _>(0))
            .collect::<sqlx::Result<Vec<_>>>()?;
        Ok(Found::made_if(
            found.iter().eq(records
                .iter()
                .map(|record| &**record)
                .collect::<Vec<_>>()
                .iter()),
        ))
    }
}
