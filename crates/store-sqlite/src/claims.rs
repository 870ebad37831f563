use std::collections::VecDeque;

use jackfield_store_api::{Claim, Claimed, PageRequest};
use jackfield_types::{ExecutionId, TenantId};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use crate::error::Fault;
use crate::ledger::{Change, Ledger};
use crate::row::{Id, Time};

/// Takes up what is due. Tenants take turns, from the one after the last that had its turn.
pub(crate) fn claim(ledger: &mut Ledger, claim: Claim) -> Result<Vec<Claimed>, Fault> {
    // What has changed in this group counts.
    ledger.flush()?;
    let most = claim.most.min(PageRequest::MOST) as usize;
    let mut queues = due(&ledger.connection, ledger.turn, ledger.now, most)?;
    let mut claimed = Vec::new();
    let mut turn = ledger.turn;
    while claimed.len() < most
        && let Some(mut queue) = queues.pop_front()
    {
        let Some(id) = queue.executions.pop_front() else {
            continue;
        };
        let now = ledger.now;
        let (number, entry) = ledger.entry(&queue.tenant, id)?;
        if let Some(fence) = entry.course.claim(claim.worker, claim.lease, now) {
            ledger.note((number, id), Change::Whole);
            turn = number;
            claimed.push(Claimed {
                tenant: queue.tenant.clone(),
                execution: id,
                fence,
            });
        }
        queues.push_back(queue);
    }
    ledger.turn = turn;
    Ok(claimed)
}

/// The earliest time when something is due.
pub(crate) fn next_due(connection: &Connection) -> Result<Option<Timestamp>, Fault> {
    let mut next: Option<Timestamp> = None;
    let mut tenant = 0;
    while let Some((later, due)) = first_due(connection, tenant)? {
        tenant = later;
        next = Some(next.map_or(due, |next| next.min(due)));
    }
    Ok(next)
}

/// Reads the id of a tenant.
pub(crate) fn tenant_id(text: &str) -> Result<TenantId, Fault> {
    TenantId::parse(text)
        .map_err(|error| Fault::Damaged(format!("a tenant is called `{text}`: {error}")))
}

/// What is due of one tenant, longest first.
struct Due {
    tenant: TenantId,
    executions: VecDeque<ExecutionId>,
}

/// What is due of each tenant, in the order in which they have their turns.
fn due(
    connection: &Connection,
    turn: i64,
    now: Timestamp,
    most: usize,
) -> Result<VecDeque<Due>, Fault> {
    let mut queues = VecDeque::new();
    let mut before = VecDeque::new();
    let mut tenant = 0;
    while let Some((later, first)) = first_due(connection, tenant)? {
        tenant = later;
        if first > now {
            continue;
        }
        let due = Due {
            tenant: named(connection, tenant)?,
            executions: due_of(connection, tenant, now, most)?,
        };
        if tenant > turn {
            queues.push_back(due);
        } else {
            before.push_back(due);
        }
    }
    queues.append(&mut before);
    Ok(queues)
}

/// The next tenant that has something due at some time, and when.
fn first_due(connection: &Connection, after: i64) -> Result<Option<(i64, Timestamp)>, Fault> {
    let found = connection
        .prepare_cached(
            "SELECT tenant, due FROM courses INDEXED BY courses_by_due
             WHERE due IS NOT NULL AND tenant > ?1 ORDER BY tenant, due LIMIT 1",
        )?
        .query_row([after], |row| Ok((row.get(0)?, row.get::<_, Time>(1)?.0)))
        .optional()?;
    Ok(found)
}

fn due_of(
    connection: &Connection,
    tenant: i64,
    now: Timestamp,
    most: usize,
) -> Result<VecDeque<ExecutionId>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT e.id FROM courses AS c INDEXED BY courses_by_due
             JOIN executions AS e ON e.number = c.number
         WHERE c.tenant = ?1 AND c.due IS NOT NULL AND c.due <= ?2
         ORDER BY c.due, c.number LIMIT ?3",
    )?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let rows = statement.query_map((tenant, now.as_microsecond(), most), |row| {
        Ok(row.get::<_, Id>(0)?.execution())
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn named(connection: &Connection, tenant: i64) -> Result<TenantId, Fault> {
    let id: Option<String> = connection
        .prepare_cached("SELECT id FROM tenants WHERE number = ?1")?
        .query_row([tenant], |row| row.get(0))
        .optional()?;
    let id = id.ok_or_else(|| Fault::Damaged(format!("tenant {tenant} has no name")))?;
    tenant_id(&id)
}
