//! Letting go of what need not be kept any longer, a few executions at a time, so that nobody waits
//! for it.

use jackfield_store_api::{Collected, Retention, StoreError};
use jackfield_types::TenantId;
use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension};

use crate::error::Fault;
use crate::journal::Journal;
use crate::ledger::Ledger;
use crate::payloads;
use crate::row::{Count, Id, number};
use crate::tenant::SqliteTenant;

/// The rows after which a turn takes no further execution.
const TURN: u64 = 250;

pub(crate) async fn collect(
    tenant: &SqliteTenant,
    retention: Retention,
) -> Result<Collected, StoreError> {
    let oldest = cutoff(tenant.inner.options.now(), retention);
    let going = tenant
        .read(move |connection, tenant| going(connection, tenant, retention.max_count, oldest))
        .await?;
    if retention.dry_run {
        return tenant
            .read(move |connection, tenant| count(connection, tenant, going))
            .await;
    }
    let mut collected = Collected::default();
    while collected.executions < going {
        let left = going - collected.executions;
        let turn = tenant
            .change(0, move |ledger, tenant| remove_some(ledger, tenant, left))
            .await?;
        if turn.executions == 0 {
            break;
        }
        collected.executions += turn.executions;
        collected.payloads += turn.payloads;
        collected.payload_bytes += turn.payload_bytes;
    }
    Ok(collected)
}

/// What ended before this time is too old.
fn cutoff(now: Timestamp, retention: Retention) -> Option<Timestamp> {
    let age = SignedDuration::try_from(retention.max_age?).ok()?;
    now.checked_sub(age).ok()
}

/// How many of the oldest go.
fn going(
    connection: &Connection,
    tenant: i64,
    most: Option<u64>,
    oldest: Option<Timestamp>,
) -> Result<u64, Fault> {
    let ended: Count = connection
        .prepare_cached("SELECT count(*) FROM courses WHERE tenant = ?1 AND ended_at IS NOT NULL")?
        .query_row([tenant], |row| row.get(0))?;
    let too_old = match oldest {
        Some(oldest) => {
            connection
                .prepare_cached(
                    "SELECT count(*) FROM courses
                     WHERE tenant = ?1 AND ended_at IS NOT NULL AND ended_at < ?2",
                )?
                .query_row((tenant, oldest.as_microsecond()), |row| {
                    row.get::<_, Count>(0)
                })?
                .0
        }
        None => 0,
    };
    let too_many = most.map_or(0, |most| ended.0.saturating_sub(most));
    Ok(too_old.max(too_many))
}

/// What would go with so many of the oldest.
fn count(connection: &Connection, tenant: i64, going: u64) -> Result<Collected, Fault> {
    let (payloads, bytes): (Count, Count) = connection
        .prepare_cached(
            "WITH going AS (
                 SELECT number FROM courses WHERE tenant = ?1 AND ended_at IS NOT NULL
                 ORDER BY ended_at, number LIMIT ?2),
             brought AS (
                 SELECT u.payload, count(*) AS uses FROM uses AS u
                 WHERE u.tenant = ?1 AND u.execution IN (SELECT number FROM going)
                 GROUP BY u.payload)
             SELECT count(*), coalesce(sum(p.size), 0)
             FROM brought AS b JOIN payloads AS p ON p.number = b.payload AND p.uses = b.uses",
        )?
        .query_row((tenant, number(going)), |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    Ok(Collected {
        executions: going,
        payloads: payloads.0,
        payload_bytes: bytes.0,
    })
}

/// Removes some of the oldest, each with all that belongs to it.
fn remove_some(ledger: &mut Ledger, id: &TenantId, left: u64) -> Result<Collected, Fault> {
    ledger.flush()?;
    let mut collected = Collected::default();
    let Some(tenant) = ledger.tenant(id)? else {
        return Ok(collected);
    };
    let mut rows = 0;
    while collected.executions < left && rows < TURN {
        let oldest = ledger
            .connection
            .prepare_cached(
                "SELECT c.number, e.id, c.length, c.last
                 FROM courses AS c JOIN executions AS e ON e.number = c.number
                 WHERE c.tenant = ?1 AND c.ended_at IS NOT NULL
                 ORDER BY c.ended_at, c.number LIMIT 1",
            )?
            .query_row([tenant], |row| {
                let journal = Journal {
                    tenant,
                    execution: row.get(0)?,
                    length: row.get::<_, Count>(2)?.0,
                    last: row.get(3)?,
                };
                Ok((row.get::<_, Id>(1)?.execution(), journal))
            })
            .optional()?;
        let Some((execution, journal)) = oldest else {
            break;
        };
        let (payloads, bytes) = payloads::remove(&ledger.connection, tenant, journal.execution)?;
        rows += journal.remove(&ledger.connection)? + remove_rows(&ledger.connection, &journal)?;
        ledger.drop_entry((tenant, execution));
        collected.executions += 1;
        collected.payloads += payloads;
        collected.payload_bytes += bytes;
    }
    Ok(collected)
}

fn remove_rows(connection: &Connection, journal: &Journal) -> rusqlite::Result<u64> {
    let signals = connection
        .prepare_cached("DELETE FROM signals WHERE tenant = ?1 AND execution = ?2")?
        .execute((journal.tenant, journal.execution))?;
    let tables = [
        "DELETE FROM courses WHERE tenant = ?1 AND number = ?2",
        "DELETE FROM executions WHERE tenant = ?1 AND number = ?2",
    ];
    for table in tables {
        connection
            .prepare_cached(table)?
            .execute((journal.tenant, journal.execution))?;
    }
    Ok(signals as u64 + 2)
}
