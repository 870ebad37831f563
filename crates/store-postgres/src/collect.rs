//! Letting go of what need not be kept any longer, a few executions at a time, so that nobody waits
//! for it.

use jackfield_store_api::{Collected, Retention, StoreError};
use jiff::{SignedDuration, Timestamp};
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use crate::error::Fault;
use crate::inner::time;
use crate::payloads;
use crate::row::{counted, micros, number};
use crate::tenant::PostgresTenant;
use crate::tries::{Found, edit, read};

/// The rows after which a turn takes no further execution.
const TURN: i64 = 2_000;
/// The most executions of a turn.
const EXECUTIONS: i64 = 500;

/// The last execution that goes, by the time of its end and its id.
type Bound = (i64, Uuid);

pub(crate) async fn collect(
    tenant: &PostgresTenant,
    retention: Retention,
) -> Result<Collected, StoreError> {
    let inner = &tenant.inner;
    let bound = read!(inner, |connection| bound(connection, tenant, retention)
        .await)?;
    let mut collected = Collected::default();
    let Some((going, bound)) = bound else {
        return Ok(collected);
    };
    if retention.dry_run {
        return read!(inner, |connection| {
            count(connection, tenant, going, bound).await
        });
    }
    // Whoever collects at the same time has the same bound or an earlier one, so that no more goes
    // than has to.
    loop {
        let turn = edit!(
            inner,
            |connection| remove_some(connection, tenant, bound).await,
            |connection, turn: (Collected, Vec<Uuid>)| look(connection, tenant, &turn.1).await
        );
        let (turn, _) = turn?;
        if turn.executions == 0 {
            return Ok(collected);
        }
        collected.executions += turn.executions;
        collected.payloads += turn.payloads;
        collected.payload_bytes += turn.payload_bytes;
    }
}

/// How many of the oldest go, and which is the last of them.
async fn bound(
    connection: &mut PgConnection,
    tenant: &PostgresTenant,
    retention: Retention,
) -> Result<Option<(u64, Bound)>, Fault> {
    let now = time(connection, tenant.inner.options.own_time()).await?;
    let oldest = cutoff(now, retention);
    let row = sqlx::query(
        "SELECT count(*), count(*) FILTER (WHERE ended_at < $2) FROM courses
         WHERE tenant = $1 AND ended_at IS NOT NULL",
    )
    .bind(tenant.id.as_str())
    .bind(micros(oldest))
    .fetch_one(&mut *connection)
    .await?;
    let (ended, too_old) = (counted(row.try_get(0)?)?, counted(row.try_get(1)?)?);
    let too_many = retention
        .max_count
        .map_or(0, |most| ended.saturating_sub(most));
    let going = too_old.max(too_many);
    if going == 0 {
        return Ok(None);
    }
    let row = sqlx::query(
        "SELECT ended_at, id FROM courses WHERE tenant = $1 AND ended_at IS NOT NULL
         ORDER BY ended_at, id LIMIT 1 OFFSET $2",
    )
    .bind(tenant.id.as_str())
    .bind(number(going - 1))
    .fetch_optional(connection)
    .await?;
    row.map(|row| Ok((going, (row.try_get(0)?, row.try_get(1)?))))
        .transpose()
}

/// What ended before this time is too old.
fn cutoff(now: Timestamp, retention: Retention) -> Option<Timestamp> {
    let age = SignedDuration::try_from(retention.max_age?).ok()?;
    now.checked_sub(age).ok()
}

/// What would go.
async fn count(
    connection: &mut PgConnection,
    tenant: &PostgresTenant,
    going: u64,
    bound: Bound,
) -> Result<Collected, Fault> {
    let row = sqlx::query(
        "WITH going AS MATERIALIZED (
             SELECT id FROM courses
             WHERE tenant = $1 AND ended_at IS NOT NULL AND (ended_at, id) <= ($2, $3)),
         brought AS MATERIALIZED (
             SELECT u.digest, count(*) AS uses FROM going AS g
                 JOIN uses AS u ON u.tenant = $1 AND u.execution = g.id
             GROUP BY u.digest)
         SELECT count(*), coalesce(sum((
             SELECT octet_length(p.content) FROM payloads AS p
             WHERE p.tenant = $1 AND p.digest = b.digest)), 0)::bigint
         FROM brought AS b WHERE b.uses = (SELECT count(*) FROM uses AS u
                         WHERE u.tenant = $1 AND u.digest = b.digest)",
    )
    .bind(tenant.id.as_str())
    .bind(bound.0)
    .bind(bound.1)
    .fetch_one(connection)
    .await?;
    Ok(Collected {
        executions: going,
        payloads: counted(row.try_get(0)?)?,
        payload_bytes: counted(row.try_get(1)?)?,
    })
}

/// Removes some of the oldest, each with all that belongs to it.
async fn remove_some(
    connection: &mut PgConnection,
    tenant: &PostgresTenant,
    bound: Bound,
) -> Result<(Collected, Vec<Uuid>), Fault> {
    let rows = sqlx::query(
        "SELECT id, length, signals FROM courses
         WHERE tenant = $1 AND ended_at IS NOT NULL AND (ended_at, id) <= ($2, $3)
         ORDER BY ended_at, id LIMIT $4 FOR UPDATE SKIP LOCKED",
    )
    .bind(tenant.id.as_str())
    .bind(bound.0)
    .bind(bound.1)
    .bind(EXECUTIONS)
    .fetch_all(&mut *connection)
    .await?;
    let mut ids: Vec<Uuid> = Vec::new();
    let mut weight = 0_i64;
    for row in &rows {
        if weight >= TURN {
            break;
        }
        ids.push(row.try_get("id")?);
        let (length, signals): (i64, i64) = (row.try_get("length")?, row.try_get("signals")?);
        weight = weight.saturating_add(length).saturating_add(signals);
    }
    if ids.is_empty() {
        return Ok((Collected::default(), ids));
    }
    let (payloads, payload_bytes) = payloads::remove(connection, tenant.id.as_str(), &ids).await?;
    let tables = [
        "DELETE FROM journal WHERE tenant = $1 AND execution = ANY($2)",
        "DELETE FROM signals WHERE tenant = $1 AND execution = ANY($2)",
        "DELETE FROM courses WHERE tenant = $1 AND id = ANY($2)",
        "DELETE FROM executions WHERE tenant = $1 AND id = ANY($2)",
    ];
    for table in tables {
        sqlx::query(table)
            .bind(tenant.id.as_str())
            .bind(&ids)
            .execute(&mut *connection)
            .await?;
    }
    let collected = Collected {
        executions: ids.len() as u64,
        payloads,
        payload_bytes,
    };
    Ok((collected, ids))
}

/// Whether executions were removed: all of them or none.
async fn look(
    connection: &mut PgConnection,
    tenant: &PostgresTenant,
    ids: &[Uuid],
) -> Result<Found, Fault> {
    let left = sqlx::query("SELECT FROM courses WHERE tenant = $1 AND id = ANY($2) FOR UPDATE")
        .bind(tenant.id.as_str())
        .bind(ids)
        .fetch_all(connection)
        .await?;
    Ok(Found::made_if(left.is_empty()))
}
