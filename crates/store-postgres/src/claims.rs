use std::sync::PoisonError;

use jackfield_store_api::{Claim, Claimed, PageRequest, StoreError};
use jackfield_types::{ExecutionId, TenantId};
use jiff::Timestamp;
use sqlx::{PgConnection, Row};

use crate::courses::{self, Columns, Kept, course_columns};
use crate::error::Fault;
use crate::inner::Inner;
use crate::row::{self, micros, timestamp};
use crate::statements::{self, time};
use crate::tries::edit;

/// Whether anything is due, and the time.
const ANY_DUE: &str = concat!(
    "SELECT t.now, EXISTS (
         SELECT FROM courses AS c WHERE c.due IS NOT NULL AND c.due <= t.now)
     FROM (SELECT ",
    time!("$1"),
    " AS now) AS t"
);

/// Tenants who have something due, by id, between two: each is found by one step in the index.
const DUE_TENANTS: &str = "WITH RECURSIVE walk (tenant, due) AS (
         (SELECT c.tenant, c.due FROM courses AS c
          WHERE c.due IS NOT NULL AND c.tenant > $1 AND c.tenant <= $2
          ORDER BY c.tenant, c.due LIMIT 1)
         UNION ALL
         SELECT n.tenant, n.due FROM walk AS w CROSS JOIN LATERAL (
             SELECT c.tenant, c.due FROM courses AS c
             WHERE c.due IS NOT NULL AND c.tenant > w.tenant AND c.tenant <= $2
             ORDER BY c.tenant, c.due LIMIT 1) AS n
     )
     SELECT tenant FROM walk WHERE due <= $3 LIMIT $4";

/// What is due of each of some tenants and what nobody else is just changing, longest first.
const DUE: &str = concat!(
    "SELECT t.place, c.id, ",
    course_columns!(),
    " FROM unnest($1::text[]) WITH ORDINALITY AS t(tenant, place) CROSS JOIN LATERAL (
         SELECT * FROM courses AS c
         WHERE c.tenant = t.tenant AND c.due IS NOT NULL AND c.due <= $2
         ORDER BY c.due, c.id LIMIT $3 FOR UPDATE SKIP LOCKED) AS c
     ORDER BY t.place, c.due, c.id"
);

/// Greater than the id of any tenant.
const LAST_TENANT: &str = "~";

/// Takes up what is due. Tenants take turns, from the one after the last that had its turn.
pub(crate) async fn claim(inner: &Inner, claim: Claim) -> Result<Vec<Claimed>, StoreError> {
    let most = claim.most.min(PageRequest::MOST) as usize;
    if most == 0 {
        return Ok(Vec::new());
    }
    let turn = inner
        .turn
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let claimed = edit!(inner, |connection| {
        let (now, any) = any_due(connection, inner.options.own_time()).await?;
        let mut claimed = Vec::new();
        let mut turn = turn.clone();
        // A tenant that has given all that it has need not be asked again.
        let mut goes_on = any;
        while goes_on && claimed.len() < most {
            let room = most - claimed.len();
            let taken = take(connection, &claim, (now, &turn, room)).await?;
            goes_on = taken.may_be_more;
            if let Some(last) = taken.claimed.last() {
                last.tenant.as_str().clone_into(&mut turn);
            }
            claimed.extend(taken.claimed);
        }
        Ok((claimed, turn))
    });
    let (claimed, turn) = claimed?;
    *inner.turn.lock().unwrap_or_else(PoisonError::into_inner) = turn;
    Ok(claimed)
}

/// The earliest time when something is due.
pub(crate) async fn next_due(connection: &mut PgConnection) -> Result<Option<Timestamp>, Fault> {
    let row = sqlx::query("SELECT due FROM courses WHERE due IS NOT NULL ORDER BY due LIMIT 1")
        .fetch_optional(connection)
        .await?;
    row.map(|row| timestamp(row.try_get(0)?)).transpose()
}

async fn any_due(
    connection: &mut PgConnection,
    own: Option<Timestamp>,
) -> Result<(Timestamp, bool), Fault> {
    let row = sqlx::query(ANY_DUE)
        .bind(micros(own))
        .fetch_one(connection)
        .await?;
    Ok((timestamp(row.try_get(0)?)?, row.try_get(1)?))
}

/// What one round took.
struct Taken {
    claimed: Vec<Claimed>,
    may_be_more: bool,
}

/// Takes up an equal share of each tenant whose turn it is.
async fn take(
    connection: &mut PgConnection,
    claim: &Claim,
    (now, turn, room): (Timestamp, &str, usize),
) -> Result<Taken, Fault> {
    let mut tenants = due_tenants(connection, (turn, LAST_TENANT), now, room).await?;
    if tenants.len() < room {
        let before = ("", turn);
        tenants.extend(due_tenants(connection, before, now, room - tenants.len()).await?);
    }
    let mut taken = Taken {
        claimed: Vec::new(),
        may_be_more: false,
    };
    if tenants.is_empty() {
        return Ok(taken);
    }
    let share = room.div_ceil(tenants.len());
    let mut due = due(connection, &tenants, now, share).await?;
    taken.may_be_more = due.iter().any(|one| one.rank + 1 == share);
    // One of each, then the second of each.
    due.sort_by_key(|one| one.rank);
    due.truncate(room);
    for one in &mut due {
        let fence = one.kept.course.claim(claim.worker, claim.lease, now);
        taken.claimed.extend(fence.map(|fence| Claimed {
            tenant: one.tenant.clone(),
            execution: one.id,
            fence,
        }));
    }
    let mut columns = Columns::default();
    for one in &due {
        columns.push(
            &one.tenant,
            one.id,
            Some(one.kept.revision),
            &one.kept.course,
        );
    }
    columns
        .bind(sqlx::query(statements::UPDATE_COURSES))
        .execute(connection)
        .await?;
    taken.may_be_more &= !taken.claimed.is_empty();
    Ok(taken)
}

/// Tenants with an id after one and up to another who have something due.
async fn due_tenants(
    connection: &mut PgConnection,
    (after, until): (&str, &str),
    now: Timestamp,
    most: usize,
) -> Result<Vec<TenantId>, Fault> {
    let rows = sqlx::query(DUE_TENANTS)
        .bind(after)
        .bind(until)
        .bind(now.as_microsecond())
        .bind(most as i64)
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|one| row::tenant(one.try_get(0)?))
        .collect()
}

/// An execution that is due.
struct Due {
    tenant: TenantId,
    id: ExecutionId,
    /// Its place among those of its tenant.
    rank: usize,
    kept: Kept,
}

async fn due(
    connection: &mut PgConnection,
    tenants: &[TenantId],
    now: Timestamp,
    share: usize,
) -> Result<Vec<Due>, Fault> {
    let names: Vec<&str> = tenants.iter().map(TenantId::as_str).collect();
    let rows = sqlx::query(DUE)
        .bind(names)
        .bind(now.as_microsecond())
        .bind(share as i64)
        .fetch_all(connection)
        .await?;
    let mut due: Vec<Due> = Vec::new();
    for row in &rows {
        let place: i64 = row.try_get("place")?;
        let tenant = usize::try_from(place - 1)
            .ok()
            .and_then(|place| tenants.get(place))
            .ok_or_else(|| Fault::Damaged(format!("{place} is no tenant's place")))?;
        let rank = match due.last() {
            Some(last) if last.tenant == *tenant => last.rank + 1,
            _ => 0,
        };
        due.push(Due {
            tenant: tenant.clone(),
            id: ExecutionId::from_uuid(row.try_get("id")?),
            rank,
            kept: courses::read(row)?,
        });
    }
    Ok(due)
}
