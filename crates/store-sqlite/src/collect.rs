//! Letting go of what need not be kept any longer, a little at a time, so that nobody waits for it.

use jackfield_store_api::{Collected, Retention, StoreError};
use jackfield_types::{ExecutionId, TenantId};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use crate::error::Fault;
use crate::ledger::Ledger;
use crate::remnants::{self, Budget};
use crate::row::{Count, Id, number};
use crate::tenant::SqliteTenant;

/// The last execution that goes, by the time of its end and its number.
type Bound = (i64, i64);

/// What is to be done.
#[derive(Debug, Clone, Copy)]
struct Work {
    /// How many executions go, and which is the last of them.
    going: Option<(u64, Bound)>,
    /// Whether anything is left of executions that are gone already.
    has_remnants: bool,
}

/// What a turn did.
struct Turn {
    collected: Collected,
    is_last: bool,
}

pub(crate) async fn collect(
    tenant: &SqliteTenant,
    retention: Retention,
) -> Result<Collected, StoreError> {
    let now = tenant.inner.options.now();
    let oldest = retention.ended_before(now);
    let versions = retention.versions_made_before(now);
    let most = retention.max_count;
    let work = tenant
        .read(move |connection, tenant| work(connection, tenant, most, oldest))
        .await?;
    if retention.dry_run {
        return tenant
            .read(move |connection, tenant| count(connection, tenant, work.going, versions))
            .await;
    }
    let mut collected = Collected::default();
    let bound = work.going.map(|(_, bound)| bound);
    let mut is_done = bound.is_none() && !work.has_remnants;
    // Whoever collects at the same time has the same bound or another, and what is gone goes once:
    // no more goes than has to.
    while !is_done {
        let turn = tenant
            .change(0, move |ledger, tenant| remove_some(ledger, tenant, bound))
            .await?;
        collected.executions += turn.collected.executions;
        collected.payloads += turn.collected.payloads;
        collected.payload_bytes += turn.collected.payload_bytes;
        is_done = turn.is_last;
    }
    if let Some(before) = versions {
        let before = before.as_microsecond();
        let change = move |ledger: &mut Ledger, id: &TenantId| remove_versions(ledger, id, before);
        collected.workflow_versions = tenant.change(0, change).await?;
    }
    Ok(collected)
}

fn work(
    connection: &Connection,
    tenant: i64,
    most: Option<u64>,
    oldest: Option<Timestamp>,
) -> Result<Work, Fault> {
    let has_remnants = connection
        .prepare_cached("SELECT 1 FROM remnants WHERE tenant = ?1")?
        .exists([tenant])?;
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
    let going = too_old.max(too_many);
    let going = match going {
        0 => None,
        going => connection
            .prepare_cached(
                "SELECT ended_at, number FROM courses WHERE tenant = ?1 AND ended_at IS NOT NULL
                 ORDER BY ended_at, number LIMIT 1 OFFSET ?2",
            )?
            .query_row((tenant, number(going - 1)), |row| {
                Ok((going, (row.get(0)?, row.get(1)?)))
            })
            .optional()?,
    };
    Ok(Work {
        going,
        has_remnants,
    })
}

/// What would go.
fn count(
    connection: &Connection,
    tenant: i64,
    going: Option<(u64, Bound)>,
    versions: Option<Timestamp>,
) -> Result<Collected, Fault> {
    // Nothing ends before this.
    let (going, bound) = going.unwrap_or((0, (i64::MIN, 0)));
    let (payloads, bytes): (Count, Count) = connection
        .prepare_cached(
            "WITH whole AS MATERIALIZED (
                 SELECT c.number, e.id FROM courses AS c JOIN executions AS e ON e.number = c.number
                 WHERE c.tenant = ?1 AND c.ended_at IS NOT NULL
                     AND (c.ended_at, c.number) <= (?2, ?3)),
             going AS MATERIALIZED (
                 SELECT number FROM whole UNION ALL
                 SELECT number FROM executions
                 WHERE tenant = ?1 AND part_of IN (SELECT id FROM whole)),
             brought AS (
                 SELECT u.payload, count(*) AS uses FROM uses AS u
                 WHERE u.tenant = ?1 AND u.execution IN (SELECT number FROM going)
                 GROUP BY u.payload)
             SELECT count(*), coalesce(sum(p.size), 0)
             FROM brought AS b JOIN payloads AS p ON p.number = b.payload AND p.uses = b.uses",
        )?
        .query_row((tenant, bound.0, bound.1), |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    let versions = match versions {
        Some(before) => {
            connection
                .prepare_cached(
                    "SELECT count(*) FROM workflows AS w
                     WHERE w.tenant = ?1 AND w.created_at < ?2
                         AND EXISTS (SELECT 1 FROM workflows AS n WHERE n.tenant = w.tenant
                             AND n.id = w.id AND n.version > w.version)
                         AND NOT EXISTS (
                             SELECT 1 FROM executions AS e CROSS JOIN courses AS c
                                 ON c.number = coalesce((
                                     SELECT p.number FROM executions AS p
                                     WHERE p.tenant = e.tenant AND p.id = e.part_of), e.number)
                             WHERE e.tenant = w.tenant AND e.workflow = w.id
                                 AND e.version = w.version AND (c.ended_at IS NULL
                                     OR (c.ended_at, c.number) > (?3, ?4)))",
                )?
                .query_row((tenant, before.as_microsecond(), bound.0, bound.1), |row| {
                    row.get::<_, Count>(0)
                })?
                .0
        }
        None => 0,
    };
    Ok(Collected {
        executions: going,
        payloads: payloads.0,
        payload_bytes: bytes.0,
        workflow_versions: versions,
    })
}

/// Removes some of the oldest up to a bound, each with all that belongs to it.
fn remove_some(ledger: &mut Ledger, id: &TenantId, bound: Option<Bound>) -> Result<Turn, Fault> {
    ledger.flush()?;
    let mut turn = Turn {
        collected: Collected::default(),
        is_last: true,
    };
    let Some(tenant) = ledger.tenant(id)? else {
        return Ok(turn);
    };
    let mut budget = Budget::of_a_turn();
    loop {
        // What is left of those that are gone goes first, so that there is never much of it.
        while let Some(remnant) = remnants::first(&ledger.connection, tenant)? {
            if budget.is_spent() {
                turn.is_last = false;
                return Ok(turn);
            }
            let gone = remnants::remove_some(&ledger.connection, remnant, &mut budget)?;
            turn.collected.payloads += gone.contents;
            turn.collected.payload_bytes += gone.bytes;
        }
        let Some(bound) = bound else {
            return Ok(turn);
        };
        if budget.is_spent() {
            turn.is_last = false;
            return Ok(turn);
        }
        let oldest = ledger
            .connection
            .prepare_cached(
                "SELECT c.number, e.id FROM courses AS c JOIN executions AS e ON e.number = c.number
                 WHERE c.tenant = ?1 AND c.ended_at IS NOT NULL
                     AND (c.ended_at, c.number) <= (?2, ?3)
                 ORDER BY c.ended_at, c.number LIMIT 1",
            )?
            .query_row((tenant, bound.0, bound.1), |row| {
                Ok((row.get(0)?, row.get::<_, Id>(1)?.execution()))
            })
            .optional()?;
        let Some((execution, id)) = oldest else {
            return Ok(turn);
        };
        for (execution, id) in parts_of(&ledger.connection, tenant, id)?
            .into_iter()
            .chain([(execution, id)])
        {
            remnants::take_apart(&ledger.connection, tenant, execution)?;
            ledger.drop_entry((tenant, id));
            budget.spend(2, 0);
        }
        turn.collected.executions += 1;
    }
}

/// The executions that are parts of one: they go with it.
fn parts_of(
    connection: &Connection,
    tenant: i64,
    id: ExecutionId,
) -> rusqlite::Result<Vec<(i64, ExecutionId)>> {
    connection
        .prepare_cached("SELECT number, id FROM executions WHERE tenant = ?1 AND part_of = ?2")?
        .query_map((tenant, id.as_uuid().as_bytes()), |row| {
            Ok((row.get(0)?, row.get::<_, Id>(1)?.execution()))
        })?
        .collect()
}

/// Removes the versions of workflows that were made before a time, are not the newest, and that no
/// execution has.
fn remove_versions(ledger: &mut Ledger, id: &TenantId, before: i64) -> Result<u64, Fault> {
    let Some(tenant) = ledger.tenant(id)? else {
        return Ok(0);
    };
    let removed = ledger
        .connection
        .prepare_cached(
            "DELETE FROM workflows AS w
             WHERE w.tenant = ?1 AND w.created_at < ?2
                 AND EXISTS (SELECT 1 FROM workflows AS n WHERE n.tenant = w.tenant
                     AND n.id = w.id AND n.version > w.version)
                 AND NOT EXISTS (SELECT 1 FROM executions AS e WHERE e.tenant = w.tenant
                     AND e.workflow = w.id AND e.version = w.version)",
        )?
        .execute((tenant, before))?;
    Ok(removed as u64)
}
