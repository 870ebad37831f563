//! Taking up what is due. What is damaged is passed over: nobody else waits for it.

use std::collections::VecDeque;

use jackfield_store_api::{Claim, Claimed, PageRequest, StoreError};
use jackfield_types::{ExecutionId, TenantId};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};
use uuid::Uuid;

use crate::courses;
use crate::error::Fault;
use crate::ledger::{Change, Ledger};

/// Takes up what is due. Tenants take turns, from the one after the last that had its turn.
pub(crate) fn claim(ledger: &mut Ledger, claim: Claim) -> Result<Vec<Claimed>, Fault> {
    // What has changed in this group counts.
    ledger.flush()?;
    let most = most_of(claim);
    let queues = queues(&ledger.connection, ledger.turn, ledger.now, most)?;
    take(ledger, claim, queues)
}

/// Takes up what is due of one tenant.
pub(crate) fn claim_of(
    ledger: &mut Ledger,
    tenant: &TenantId,
    claim: Claim,
) -> Result<Vec<Claimed>, Fault> {
    let Some(number) = ledger.tenant(tenant)? else {
        return Ok(Vec::new());
    };
    ledger.flush()?;
    let turn = ledger.turn;
    let claimed = take(ledger, claim, [Queue::new(number, tenant.clone())].into());
    // Whoever is asked for by name has had no turn.
    ledger.turn = turn;
    claimed
}

/// The earliest time when something is due.
pub(crate) fn next_due(connection: &Connection) -> Result<Option<Timestamp>, Fault> {
    let mut next: Option<i64> = None;
    let mut tenant = 0;
    while let Some((later, due)) = first_due(connection, tenant)? {
        tenant = later;
        next = Some(next.map_or(due, |next| next.min(due)));
    }
    Ok(next.map(time_of))
}

/// The earliest time when something of a tenant is due.
pub(crate) fn next_due_of(
    connection: &Connection,
    tenant: i64,
) -> Result<Option<Timestamp>, Fault> {
    let next: Option<i64> = connection
        .prepare_cached(
            "SELECT min(due) FROM courses INDEXED BY courses_by_due
             WHERE tenant = ?1 AND due IS NOT NULL",
        )?
        .query_row([tenant], |row| row.get(0))?;
    Ok(next.map(time_of))
}

/// Reads the id of a tenant.
pub(crate) fn tenant_id(text: &str) -> Result<TenantId, Fault> {
    TenantId::parse(text)
        .map_err(|error| Fault::Damaged(format!("a tenant is called `{text}`: {error}")))
}

fn most_of(claim: Claim) -> usize {
    claim.most.min(PageRequest::MOST) as usize
}

/// A time as it was written; what is none is the nearest that is.
fn time_of(microseconds: i64) -> Timestamp {
    Timestamp::from_microsecond(microseconds).unwrap_or(if microseconds < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

/// Takes up one of each queue, then the second of each.
fn take(
    ledger: &mut Ledger,
    claim: Claim,
    mut queues: VecDeque<Queue>,
) -> Result<Vec<Claimed>, Fault> {
    let most = most_of(claim);
    // What each gives if they all have something: no more is read ahead.
    let share = most.div_ceil(queues.len().max(1));
    let mut claimed = Vec::new();
    while claimed.len() < most
        && let Some(mut queue) = queues.pop_front()
    {
        let Some(due) = queue.next(&ledger.connection, ledger.now, share)? else {
            continue;
        };
        if let Some(one) = take_one(ledger, claim, &queue.tenant, &due)? {
            ledger.turn = queue.number;
            claimed.push(one);
        }
        queues.push_back(queue);
    }
    Ok(claimed)
}

/// Takes up an execution, unless it is held, or damaged.
fn take_one(
    ledger: &mut Ledger,
    claim: Claim,
    tenant: &TenantId,
    due: &Due,
) -> Result<Option<Claimed>, Fault> {
    let now = ledger.now;
    let entry = match due.id {
        Some(id) => ledger
            .entry(tenant, id)
            .map(|(number, entry)| (id, number, entry)),
        None => Err(Fault::Damaged("an execution has no id".to_owned())),
    };
    let fault = match entry {
        Ok((id, number, entry)) => {
            let fence = entry.course.claim(claim.worker, claim.lease, now);
            return Ok(fence.map(|fence| {
                ledger.note((number, id), Change::Whole);
                Claimed {
                    tenant: tenant.clone(),
                    execution: id,
                    fence,
                }
            }));
        }
        Err(fault) => fault,
    };
    let reason = match &fault {
        Fault::Damaged(reason) => format!("it is damaged: {reason}"),
        Fault::Refused(StoreError::NotFound { .. }) => {
            "it is damaged: a part is missing".to_owned()
        }
        fault if fault.is_of_content() => format!("it is damaged: {}", fault.reason()),
        _ => return Err(fault),
    };
    tracing::error!(
        target: "store",
        %tenant,
        execution = due.id.map(tracing::field::display),
        row = due.number,
        reason,
        "execution is damaged and is not taken up"
    );
    if !fault.is_of_file() {
        courses::set_aside(&ledger.connection, due.number, &reason)?;
    }
    Ok(None)
}

/// An execution that is due.
struct Due {
    number: i64,
    id: Option<ExecutionId>,
}

/// What is due of one tenant, longest first; some of it is read ahead.
struct Queue {
    number: i64,
    tenant: TenantId,
    ahead: VecDeque<Due>,
    /// The last that was read, by its time and its number.
    last: (i64, i64),
}

impl Queue {
    fn new(number: i64, tenant: TenantId) -> Self {
        Self {
            number,
            tenant,
            ahead: VecDeque::new(),
            last: (i64::MIN, i64::MIN),
        }
    }

    fn next(
        &mut self,
        connection: &Connection,
        now: Timestamp,
        share: usize,
    ) -> Result<Option<Due>, Fault> {
        if self.ahead.is_empty() {
            self.read(connection, now, share)?;
        }
        Ok(self.ahead.pop_front())
    }

    fn read(&mut self, connection: &Connection, now: Timestamp, share: usize) -> Result<(), Fault> {
        let mut statement = connection.prepare_cached(
            "SELECT c.due, c.number, e.id FROM courses AS c INDEXED BY courses_by_due
                 LEFT JOIN executions AS e ON e.number = c.number
             WHERE c.tenant = ?1 AND c.due IS NOT NULL AND c.due <= ?2
                 AND (c.due, c.number) > (?3, ?4)
             ORDER BY c.due, c.number LIMIT ?5",
        )?;
        let share = i64::try_from(share).unwrap_or(i64::MAX);
        let mut rows = statement.query((
            self.number,
            now.as_microsecond(),
            self.last.0,
            self.last.1,
            share,
        ))?;
        while let Some(row) = rows.next()? {
            self.last = (row.get(0)?, row.get(1)?);
            let id: Option<Vec<u8>> = row.get(2)?;
            let id = id.and_then(|id| Uuid::from_slice(&id).ok());
            self.ahead.push_back(Due {
                number: self.last.1,
                id: id.map(ExecutionId::from_uuid),
            });
        }
        Ok(())
    }
}

/// The tenants of whom something is due, in the order in which they have their turns, at most so
/// many.
fn queues(
    connection: &Connection,
    turn: i64,
    now: Timestamp,
    most: usize,
) -> Result<VecDeque<Queue>, Fault> {
    let mut queues = VecDeque::new();
    for (mut after, until) in [(turn, i64::MAX), (0, turn)] {
        while queues.len() < most
            && let Some((tenant, due)) = first_due(connection, after)?
            && tenant <= until
        {
            after = tenant;
            if due > now.as_microsecond() {
                continue;
            }
            match named(connection, tenant) {
                Ok(name) => queues.push_back(Queue::new(tenant, name)),
                Err(Fault::Damaged(reason)) => {
                    tracing::error!(target: "store", reason, "a tenant is damaged and has no turn");
                }
                Err(fault) => return Err(fault),
            }
        }
    }
    Ok(queues)
}

/// The next tenant that has something due at some time, and when.
fn first_due(connection: &Connection, after: i64) -> Result<Option<(i64, i64)>, Fault> {
    let found = connection
        .prepare_cached(
            "SELECT tenant, due FROM courses INDEXED BY courses_by_due
             WHERE due IS NOT NULL AND tenant > ?1 ORDER BY tenant, due LIMIT 1",
        )?
        .query_row([after], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(found)
}

fn named(connection: &Connection, tenant: i64) -> Result<TenantId, Fault> {
    let id: Option<String> = connection
        .prepare_cached("SELECT id FROM tenants WHERE number = ?1")?
        .query_row([tenant], |row| row.get(0))
        .optional()?;
    let id = id.ok_or_else(|| Fault::Damaged(format!("tenant {tenant} has no name")))?;
    tenant_id(&id)
}
