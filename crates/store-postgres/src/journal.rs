use jackfield_store_api::JournalRecord;
use sqlx::{PgConnection, Row};

use crate::draft::Key;
use crate::error::Fault;
use crate::row::{BYTES, count, number};
use crate::writing::record_sum;

/// The records of a journal after a number, so many at the most; `None` when there is no such
/// execution.
pub(crate) async fn read(
    connection: &mut PgConnection,
    key: &Key,
    after: u64,
    limit: u32,
) -> Result<Option<Vec<JournalRecord>>, Fault> {
    let rows = sqlx::query(
        "SELECT c.length, q.sequence, q.checksum, q.record
         FROM courses AS c LEFT JOIN (
             SELECT p.*, sum(octet_length(p.record)) OVER (ORDER BY p.sequence) AS bytes
             FROM (SELECT * FROM journal
                   WHERE tenant = $1 AND execution = $2 AND sequence > $3
                   ORDER BY sequence LIMIT $4) AS p) AS q
             ON q.bytes <= $5 OR q.sequence = $3 + 1
         WHERE c.tenant = $1 AND c.id = $2
         ORDER BY q.sequence",
    )
    .bind(key.0.as_str())
    .bind(key.1.as_uuid())
    // What comes after the last number that there is does not come.
    .bind(number(after).min(i64::MAX - 1))
    .bind(i64::from(limit))
    .bind(BYTES)
    .fetch_all(connection)
    .await?;
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    let length = count(first, "length")?;
    let mut records = Vec::new();
    let mut next = after;
    for row in &rows {
        let Some(sequence) = row.try_get::<Option<i64>, _>("sequence")? else {
            break;
        };
        next += 1;
        if sequence != number(next) || next > length {
            return Err(lost(key, next));
        }
        let record: Vec<u8> = row.try_get("record")?;
        if record_sum(key, sequence, &record) != row.try_get::<i64, _>("checksum")? {
            return Err(Fault::Damaged(format!(
                "record {sequence} of the journal of execution `{}` is not what was written",
                key.1
            )));
        }
        records.push(JournalRecord {
            sequence: next,
            record: record.into(),
        });
    }
    if records.is_empty() && after < length {
        return Err(lost(key, after + 1));
    }
    Ok(Some(records))
}

fn lost(key: &Key, sequence: u64) -> Fault {
    Fault::Damaged(format!(
        "record {sequence} of the journal of execution `{}` is not there",
        key.1
    ))
}
