//! Letting go of what need not be kept any longer, a few executions at a time, so that nobody waits
//! for it.

use jackfield_store_api::{Collected, Retention, StoreError};
use jiff::Timestamp;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use crate::error::Fault;
use crate::inner::time;
use crate::remnants;
use crate::row::{counted, micros, number};
use crate::tenant::PostgresTenant;
use crate::tries::{Found, edit, read};

/// The most executions of a turn, without those that are parts of them.
const EXECUTIONS: i64 = 500;

/// The last execution that goes, by the time of its end and its id.
type Bound = (i64, Uuid);

pub(crate) async fn collect(
    tenant: &PostgresTenant,
    retention: Retention,
) -> Result<Collected, StoreError> {
    let inner = &tenant.inner;
    let (now, bound) = read!(inner, |connection| {
        let now = time(connection, inner.options.own_time()).await?;
        Ok((now, bound(connection, tenant, retention, now).await?))
    })?;
    let versions = micros(retention.versions_made_before(now));
    if retention.dry_run {
        return read!(inner, |connection| {
            count(connection, tenant, bound, versions).await
        });
    }
    let mut collected = Collected::default();
    // What others left behind goes first.
    remnants::remove(tenant, &mut collected).await?;
    if let Some((_, bound)) = bound {
        // Whoever collects at the same time has the same bound or an earlier one, so that no more
        // goes than has to.
        loop {
            let gone = edit!(
                inner,
                |connection| take_some_apart(connection, tenant, bound).await,
                |connection, gone: Vec<Uuid>| look(connection, tenant, gone).await
            )?;
            if gone.is_empty() {
                break;
            }
            collected.executions += gone.len() as u64;
            remnants::remove(tenant, &mut collected).await?;
        }
    }
    if let Some(before) = versions {
        collected.workflow_versions = edit!(
            inner,
            |connection| remove_versions(connection, tenant, before).await,
            // Once more does no harm.
            |_connection, _removed: u64| Ok(Found::NotMade)
        )?;
    }
    Ok(collected)
}

/// How many of the oldest go, and which is the last of them. In one statement: between two of them
/// somebody else may collect, and what is counted would not be what is looked through.
async fn bound(
    connection: &mut PgConnection,
    tenant: &PostgresTenant,
    retention: Retention,
    now: Timestamp,
) -> Result<Option<(u64, Bound)>, Fault> {
    let row = sqlx::query(
        "WITH ended AS MATERIALIZED (
             SELECT count(*) AS number, count(*) FILTER (WHERE ended_at < $2) AS too_old
             FROM courses WHERE tenant = $1 AND ended_at IS NOT NULL),
         going AS MATERIALIZED (
             SELECT greatest(too_old, number - coalesce($3, number)) AS number FROM ended)
         SELECT g.number, c.ended_at, c.id FROM going AS g CROSS JOIN (
             SELECT ended_at, id FROM courses WHERE tenant = $1 AND ended_at IS NOT NULL
             ORDER BY ended_at, id
             LIMIT 1 OFFSET (SELECT greatest(number - 1, 0) FROM going)) AS c
         WHERE g.number > 0",
    )
    .bind(tenant.id.as_str())
    .bind(micros(retention.ended_before(now)))
    .bind(retention.max_count.map(number))
    .fetch_optional(connection)
    .await?;
    row.map(|row| {
        let going = counted(row.try_get(0)?)?;
        Ok((going, (row.try_get(1)?, row.try_get(2)?)))
    })
    .transpose()
}

/// What would go.
async fn count(
    connection: &mut PgConnection,
    tenant: &PostgresTenant,
    going: Option<(u64, Bound)>,
    versions: Option<i64>,
) -> Result<Collected, Fault> {
    // Nothing ends before this.
    let (going, bound) = going.unwrap_or((0, (i64::MIN, Uuid::nil())));
    let row = sqlx::query(
        "WITH whole AS MATERIALIZED (
             SELECT id FROM courses
             WHERE tenant = $1 AND ended_at IS NOT NULL AND (ended_at, id) <= ($2, $3)),
         going AS MATERIALIZED (
             SELECT id FROM whole UNION ALL
             SELECT e.id FROM executions AS e
             WHERE e.tenant = $1 AND e.part_of IN (SELECT id FROM whole)),
         brought AS MATERIALIZED (
             SELECT u.digest, count(*) AS uses FROM going AS g
                 JOIN uses AS u ON u.tenant = $1 AND u.execution = g.id
             GROUP BY u.digest)
         SELECT count(*), coalesce(sum((
                 SELECT octet_length(p.content) FROM payloads AS p
                 WHERE p.tenant = $1 AND p.digest = b.digest)), 0)::bigint,
             (SELECT count(*) FROM workflows AS w
              WHERE w.tenant = $1 AND w.created_at < $4
                  AND EXISTS (SELECT FROM workflows AS n WHERE n.tenant = w.tenant
                      AND n.id = w.id AND n.version > w.version)
                  AND NOT EXISTS (SELECT FROM executions AS e WHERE e.tenant = w.tenant
                      AND e.workflow = w.id AND e.version = w.version
                      AND e.id NOT IN (SELECT id FROM going)))
         FROM brought AS b WHERE b.uses = (SELECT count(*) FROM uses AS u
                         WHERE u.tenant = $1 AND u.digest = b.digest)",
    )
    .bind(tenant.id.as_str())
    .bind(bound.0)
    .bind(bound.1)
    .bind(versions)
    .fetch_one(connection)
    .await?;
    Ok(Collected {
        executions: going,
        payloads: counted(row.try_get(0)?)?,
        payload_bytes: counted(row.try_get(1)?)?,
        workflow_versions: counted(row.try_get(2)?)?,
    })
}

/// Lets go of some of the oldest, each with its parts: nobody finds them any more, and what is left
/// of them is for [`remnants`]. Gives the ids without those of parts.
async fn take_some_apart(
    connection: &mut PgConnection,
    tenant: &PostgresTenant,
    bound: Bound,
) -> Result<Vec<Uuid>, Fault> {
    let rows = sqlx::query(
        "SELECT id FROM courses
         WHERE tenant = $1 AND ended_at IS NOT NULL AND (ended_at, id) <= ($2, $3)
         ORDER BY ended_at, id LIMIT $4 FOR UPDATE SKIP LOCKED",
    )
    .bind(tenant.id.as_str())
    .bind(bound.0)
    .bind(bound.1)
    .bind(EXECUTIONS)
    .fetch_all(&mut *connection)
    .await?;
    let whole = rows
        .iter()
        .map(|row| row.try_get("id"))
        .collect::<sqlx::Result<Vec<Uuid>>>()?;
    if whole.is_empty() {
        return Ok(whole);
    }
    let rows = sqlx::query(
        "WITH gone AS (
             DELETE FROM executions
             WHERE tenant = $1 AND (id = ANY($2) OR part_of = ANY($2)) RETURNING id)
         INSERT INTO remnants (tenant, execution) SELECT $1, id FROM gone RETURNING execution",
    )
    .bind(tenant.id.as_str())
    .bind(&whole)
    .fetch_all(&mut *connection)
    .await?;
    let mut all = whole.clone();
    for row in &rows {
        all.push(row.try_get("execution")?);
    }
    sqlx::query("DELETE FROM courses WHERE tenant = $1 AND id = ANY($2)")
        .bind(tenant.id.as_str())
        .bind(&all)
        .execute(connection)
        .await?;
    Ok(whole)
}

/// Removes the versions of workflows that were made before a time, are not the newest, and that no
/// execution has.
async fn remove_versions(
    connection: &mut PgConnection,
    tenant: &PostgresTenant,
    before: i64,
) -> Result<u64, Fault> {
    // Whoever is just making an execution with one of them is waited for, and is found afterwards.
    sqlx::query(
        "SELECT FROM workflows AS w
         WHERE w.tenant = $1 AND w.created_at < $2
             AND EXISTS (SELECT FROM workflows AS n WHERE n.tenant = w.tenant
                 AND n.id = w.id AND n.version > w.version)
             AND NOT EXISTS (SELECT FROM executions AS e WHERE e.tenant = w.tenant
                 AND e.workflow = w.id AND e.version = w.version)
         ORDER BY w.id, w.version FOR UPDATE OF w",
    )
    .bind(tenant.id.as_str())
    .bind(before)
    .execute(&mut *connection)
    .await?;
    let removed = sqlx::query(
        "DELETE FROM workflows AS w
         WHERE w.tenant = $1 AND w.created_at < $2
             AND EXISTS (SELECT FROM workflows AS n WHERE n.tenant = w.tenant
                 AND n.id = w.id AND n.version > w.version)
             AND NOT EXISTS (SELECT FROM executions AS e WHERE e.tenant = w.tenant
                 AND e.workflow = w.id AND e.version = w.version)",
    )
    .bind(tenant.id.as_str())
    .bind(before)
    .execute(connection)
    .await?;
    Ok(removed.rows_affected())
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
