use jackfield_store_api::{NewSignal, PageRequest, Signal, StoreError};
use jackfield_types::{ExecutionId, TenantId};
use rusqlite::{Connection, OptionalExtension};

use crate::error::Fault;
use crate::journal::BYTES;
use crate::ledger::Ledger;
use crate::row::{Count, count, number, time};
use crate::sum::{checked, sum};

/// Sends a signal, unless one with its key was sent before.
pub(crate) fn send(
    ledger: &mut Ledger,
    tenant: &TenantId,
    id: ExecutionId,
    signal: &NewSignal,
) -> Result<u64, Fault> {
    if let Some(key) = &signal.key {
        let (tenant, entry) = ledger.entry(tenant, id)?;
        let place = (tenant, entry.number);
        if let Some(before) = sent_before(&ledger.connection, place, key, signal)? {
            return Ok(before);
        }
    }
    let sent = ledger.change(tenant, id, |course, now| {
        course.signal(id, signal.data.len(), now)
    })?;
    let sent_at = ledger.now.as_microsecond();
    let (tenant, entry) = ledger.entry(tenant, id)?;
    let place = [tenant, entry.number, number(sent), sent_at];
    ledger
        .connection
        .prepare_cached(
            "INSERT INTO signals
                 (tenant, execution, number, sent_at, name, data, key, checksum)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute((
            place[0],
            place[1],
            place[2],
            place[3],
            &signal.name,
            &*signal.data,
            &signal.key,
            sum(&place, &[&signal.name], &signal.data),
        ))?;
    Ok(sent)
}

/// The number of the signal with a key, if there is one.
fn sent_before(
    connection: &Connection,
    (tenant, execution): (i64, i64),
    key: &str,
    signal: &NewSignal,
) -> Result<Option<u64>, Fault> {
    let found = connection
        .prepare_cached(
            "SELECT number, name = ?4 AND data = ?5 FROM signals
             WHERE tenant = ?1 AND execution = ?2 AND key = ?3",
        )?
        .query_row(
            (tenant, execution, key, &signal.name, &*signal.data),
            |row| Ok((row.get::<_, Count>(0)?.0, row.get::<_, bool>(1)?)),
        )
        .optional()?;
    match found {
        None => Ok(None),
        Some((number, true)) => Ok(Some(number)),
        Some((_, false)) => Err(Fault::Refused(StoreError::Exists {
            what: format!("another signal with the key `{key}`"),
        })),
    }
}

/// The signals of an execution after a number, until they get large.
pub(crate) fn read(
    connection: &Connection,
    tenant: i64,
    execution: i64,
    after: u64,
) -> Result<Vec<Signal>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT number, sent_at, name, length(data) AS size, data, checksum FROM signals
         WHERE tenant = ?1 AND execution = ?2 AND number > ?3 ORDER BY number LIMIT ?4",
    )?;
    let mut rows = statement.query((tenant, execution, number(after), PageRequest::MOST))?;
    let mut signals = Vec::new();
    let mut bytes = 0u64;
    while let Some(row) = rows.next()? {
        bytes = bytes.saturating_add(count(row, "size")?);
        if bytes > BYTES as u64 && !signals.is_empty() {
            break;
        }
        let at = time(row, "sent_at")?;
        let signal = count(row, "number")?;
        let name: String = row.get("name")?;
        let place = [tenant, execution, number(signal), at.as_microsecond()];
        let (data, written) = (row.get("data")?, row.get("checksum")?);
        let data = checked("a signal", &place, &[&name], data, written)?;
        signals.push(Signal {
            number: signal,
            name,
            data,
            at,
        });
    }
    Ok(signals)
}
