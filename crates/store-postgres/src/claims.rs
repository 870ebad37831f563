use std::sync::PoisonError;

use jackfield_store_api::{Claim, Claimed, PageRequest, StoreError};
use jackfield_types::{ExecutionId, TenantId};
use jiff::Timestamp;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use crate::courses::{self, Columns, Kept, course_columns, course_rows};
use crate::error::Fault;
use crate::inner::{self, Inner};
use crate::row::{self, micros, timestamp};
use crate::statements::{self, time};
use crate::tenant::PostgresTenant;
use crate::tries::{Found, edit, read};

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

/// Executions that were to be taken up, and whether they were taken up so, or by another claim.
const FIND_TAKEN: &str = concat!(
    "SELECT (c.fence = h.fence AND c.worker = h.worker AND c.lease = h.lease) IS TRUE,
         c.fence >= h.fence FROM ",
    course_rows!(),
    " JOIN courses AS c ON c.tenant = h.tenant AND c.id = h.id FOR UPDATE OF c"
);

/// Greater than the id of any tenant.
const LAST_TENANT: &str = "~";

/// Takes up what is due. Tenants take turns, from the one after the last that had its turn.
pub(crate) async fn claim(inner: &Inner, claim: Claim) -> Result<Vec<Claimed>, StoreError> {
    let most = claim.most.min(PageRequest::MOST) as usize;
    if most == 0 {
        return Ok(Vec::new());
    }
    let own = inner.options.own_time();
    let (now, any) = read!(inner, |connection| any_due(connection, own).await)?;
    if !any {
        return Ok(Vec::new());
    }
    let turn = inner
        .turn
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let taken = edit!(
        inner,
        |connection| {
            let mut all: Vec<Due> = Vec::new();
            let mut goes_on = true;
            while goes_on && all.len() < most {
                let turn = all
                    .last()
                    .map_or(turn.as_str(), |last| last.tenant.as_str());
                let room = most - all.len();
                let some;
                // A tenant that has given all that it has need not be asked again.
                (some, goes_on) = take(connection, &claim, (now, turn, room)).await?;
                all.extend(some);
            }
            Ok(all)
        },
        |connection, taken: Vec<Due>| look(connection, taken).await
    )?;
    if let Some(last) = taken.last() {
        let mut turn = inner.turn.lock().unwrap_or_else(PoisonError::into_inner);
        last.tenant.as_str().clone_into(&mut turn);
    }
    Ok(taken.into_iter().map(Due::into_claimed).collect())
}

/// Takes up what is due of one tenant.
pub(crate) async fn claim_of(
    tenant: &PostgresTenant,
    claim: Claim,
) -> Result<Vec<Claimed>, StoreError> {
    let inner = &tenant.inner;
    let most = claim.most.min(PageRequest::MOST) as usize;
    if most == 0 {
        return Ok(Vec::new());
    }
    let own = inner.options.own_time();
    let taken = edit!(
        inner,
        |connection| {
            let now = inner::time(connection, own).await?;
            let tenants = [tenant.id.clone()];
            let (taken, _) = take_of(connection, &claim, now, (&tenants, most)).await?;
            Ok(taken)
        },
        |connection, taken: Vec<Due>| look(connection, taken).await
    )?;
    Ok(taken.into_iter().map(Due::into_claimed).collect())
}

/// The earliest time when something of a tenant is due.
pub(crate) async fn next_due_of(
    connection: &mut PgConnection,
    tenant: &TenantId,
) -> Result<Option<Timestamp>, Fault> {
    let row = sqlx::query(
        "SELECT due FROM courses WHERE tenant = $1 AND due IS NOT NULL ORDER BY due LIMIT 1",
    )
    .bind(tenant.as_str())
    .fetch_optional(connection)
    .await?;
    row.map(|row| Ok(nearest(row.try_get(0)?))).transpose()
}

/// The earliest time when something is due.
pub(crate) async fn next_due(connection: &mut PgConnection) -> Result<Option<Timestamp>, Fault> {
    let row = sqlx::query("SELECT due FROM courses WHERE due IS NOT NULL ORDER BY due LIMIT 1")
        .fetch_optional(connection)
        .await?;
    row.map(|row| Ok(nearest(row.try_get(0)?))).transpose()
}

/// A time as it was written; what is none is the nearest that is.
fn nearest(microseconds: i64) -> Timestamp {
    timestamp(microseconds).unwrap_or(if microseconds < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

/// Whether executions were taken up just so: all of them or none.
async fn look(connection: &mut PgConnection, taken: &[Due]) -> Result<Found, Fault> {
    let mut columns = Columns::default();
    for one in taken {
        columns.push(
            &one.tenant,
            one.id,
            Some(one.kept.revision),
            &one.kept.course,
        );
    }
    let rows = columns
        .bind(sqlx::query(FIND_TAKEN))
        .fetch_all(connection)
        .await?;
    let mut found = Found::made_if(taken.is_empty());
    for row in rows {
        let (by_us, by_another): (bool, bool) = (row.try_get(0)?, row.try_get(1)?);
        if by_us {
            return Ok(Found::Made);
        }
        if by_another {
            // After us, or instead of us.
            found = Found::Unknown;
        }
    }
    Ok(found)
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

/// Takes up an equal share of each tenant whose turn it is, and says whether there may be more.
async fn take(
    connection: &mut PgConnection,
    claim: &Claim,
    (now, turn, room): (Timestamp, &str, usize),
) -> Result<(Vec<Due>, bool), Fault> {
    let mut tenants = due_tenants(connection, (turn, LAST_TENANT), now, room).await?;
    if tenants.len() < room {
        let before = ("", turn);
        tenants.extend(due_tenants(connection, before, now, room - tenants.len()).await?);
    }
    if tenants.is_empty() {
        return Ok((Vec::new(), false));
    }
    take_of(connection, claim, now, (&tenants, room)).await
}

/// Takes up an equal share of each of some tenants, and says whether there may be more.
async fn take_of(
    connection: &mut PgConnection,
    claim: &Claim,
    now: Timestamp,
    (tenants, room): (&[TenantId], usize),
) -> Result<(Vec<Due>, bool), Fault> {
    let share = room.div_ceil(tenants.len().max(1));
    let found = due(connection, tenants, now, share).await?;
    let Share {
        mut due,
        may_be_more,
        damaged,
    } = found;
    // One of each, then the second of each.
    due.sort_by_key(|one| one.rank);
    due.truncate(room);
    due.retain_mut(|one| {
        let course = &mut one.kept.course;
        course.claim(claim.worker, claim.lease, now).is_some()
    });
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
        .execute(&mut *connection)
        .await?;
    courses::set_aside(connection, &damaged).await?;
    let goes_on = may_be_more && !(due.is_empty() && damaged.is_empty());
    Ok((due, goes_on))
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
    let mut tenants = Vec::new();
    for one in &rows {
        match row::tenant(one.try_get(0)?) {
            Ok(tenant) => tenants.push(tenant),
            Err(Fault::Damaged(reason)) => {
                tracing::error!(target: "store", reason, "a tenant is damaged and has no turn");
            }
            Err(fault) => return Err(fault),
        }
    }
    Ok(tenants)
}

/// An execution that is due.
struct Due {
    tenant: TenantId,
    id: ExecutionId,
    /// Its place among those of its tenant.
    rank: usize,
    kept: Kept,
}

impl Due {
    fn into_claimed(self) -> Claimed {
        Claimed {
            fence: self.kept.course.fence,
            tenant: self.tenant,
            execution: self.id,
        }
    }
}

/// What is due of some tenants.
struct Share {
    due: Vec<Due>,
    /// Whether a tenant has given as much as was asked for.
    may_be_more: bool,
    /// Executions that cannot be read, with the tenant, and why.
    damaged: Vec<(String, Uuid, String)>,
}

async fn due(
    connection: &mut PgConnection,
    tenants: &[TenantId],
    now: Timestamp,
    share: usize,
) -> Result<Share, Fault> {
    let names: Vec<&str> = tenants.iter().map(TenantId::as_str).collect();
    let rows = sqlx::query(DUE)
        .bind(names)
        .bind(now.as_microsecond())
        .bind(share as i64)
        .fetch_all(connection)
        .await?;
    let mut found = Share {
        due: Vec::new(),
        may_be_more: false,
        damaged: Vec::new(),
    };
    let mut last = (0, 0);
    for row in &rows {
        let place: i64 = row.try_get("place")?;
        let rank = if last.0 == place { last.1 + 1 } else { 0 };
        last = (place, rank);
        found.may_be_more |= rank + 1 == share;
        let tenant = usize::try_from(place - 1)
            .ok()
            .and_then(|place| tenants.get(place))
            .ok_or_else(|| Fault::Damaged(format!("{place} is no tenant's place")))?;
        let id: Uuid = row.try_get("id")?;
        let reason = match courses::read(row) {
            Ok(kept) => {
                found.due.push(Due {
                    tenant: tenant.clone(),
                    id: ExecutionId::from_uuid(id),
                    rank,
                    kept,
                });
                continue;
            }
            Err(Fault::Damaged(reason)) => format!("it is damaged: {reason}"),
            Err(fault) => return Err(fault),
        };
        tracing::error!(
            target: "store",
            %tenant,
            execution = %ExecutionId::from_uuid(id),
            reason,
            "execution is damaged and is not taken up"
        );
        found.damaged.push((tenant.as_str().to_owned(), id, reason));
    }
    Ok(found)
}
