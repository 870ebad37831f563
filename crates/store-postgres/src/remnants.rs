//! What is left of executions that are gone: it is removed a little at a time, so that the longest
//! journal can be removed within the time that a statement may take. Until then nobody finds it.

use jackfield_store_api::{Collected, StoreError};
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use crate::error::Fault;
use crate::payloads::{self, Gone};
use crate::tenant::PostgresTenant;
use crate::tries::{Found, edit};

/// The most rows that are removed at once, of each table.
const TURN: i64 = 2_000;
/// The most executions of which something is removed at once.
const EXECUTIONS: i64 = 500;

/// What a turn did.
struct Turn {
    gone: Gone,
    is_last: bool,
}

/// Removes all that is left of executions of a tenant, but for what somebody else is just removing.
pub(crate) async fn remove(
    tenant: &PostgresTenant,
    collected: &mut Collected,
) -> Result<(), StoreError> {
    loop {
        let turn = edit!(
            tenant.inner,
            |connection| remove_some(connection, tenant.id.as_str()).await,
            // What is left then goes now; what went without an answer is not counted.
            |_connection, _turn: Turn| Ok(Found::NotMade)
        )?;
        collected.payloads += turn.gone.contents;
        collected.payload_bytes += turn.gone.bytes;
        if turn.is_last {
            return Ok(());
        }
    }
}

async fn remove_some(connection: &mut PgConnection, tenant: &str) -> Result<Turn, Fault> {
    let rows = sqlx::query(
        "SELECT execution FROM remnants WHERE tenant = $1
         ORDER BY execution LIMIT $2 FOR UPDATE SKIP LOCKED",
    )
    .bind(tenant)
    .bind(EXECUTIONS)
    .fetch_all(&mut *connection)
    .await?;
    let executions = rows
        .iter()
        .map(|row| row.try_get("execution"))
        .collect::<sqlx::Result<Vec<Uuid>>>()?;
    let mut turn = Turn {
        gone: Gone::default(),
        is_last: executions.is_empty(),
    };
    if turn.is_last {
        return Ok(turn);
    }
    turn.gone = payloads::remove_some(connection, tenant, &executions, TURN).await?;
    if turn.gone.uses >= TURN {
        return Ok(turn);
    }
    let tables = [
        "DELETE FROM journal WHERE (tenant, execution, sequence) IN (
             SELECT j.tenant, j.execution, j.sequence FROM journal AS j
             WHERE j.tenant = $1 AND j.execution = ANY($2) LIMIT $3)",
        "DELETE FROM signals WHERE (tenant, execution, number) IN (
             SELECT s.tenant, s.execution, s.number FROM signals AS s
             WHERE s.tenant = $1 AND s.execution = ANY($2) LIMIT $3)",
    ];
    for table in tables {
        let removed = sqlx::query(table)
            .bind(tenant)
            .bind(&executions)
            .bind(TURN)
            .execute(&mut *connection)
            .await?
            .rows_affected();
        if removed >= TURN.unsigned_abs() {
            return Ok(turn);
        }
    }
    sqlx::query("DELETE FROM remnants WHERE tenant = $1 AND execution = ANY($2)")
        .bind(tenant)
        .bind(&executions)
        .execute(connection)
        .await?;
    Ok(turn)
}

/// Removes all that is left of executions that are made again under their ids, as those are that are
/// taken in from elsewhere.
pub(crate) async fn clear(
    connection: &mut PgConnection,
    tenants: &[&str],
    executions: &[Uuid],
) -> Result<(), Fault> {
    let rows = sqlx::query(
        "DELETE FROM remnants WHERE (tenant, execution) IN (
             SELECT * FROM unnest($1::text[], $2::uuid[]))
         RETURNING tenant, execution",
    )
    .bind(tenants)
    .bind(executions)
    .fetch_all(&mut *connection)
    .await?;
    for row in &rows {
        let (tenant, execution): (&str, Uuid) = (row.try_get(0)?, row.try_get(1)?);
        payloads::remove_some(connection, tenant, &[execution], i64::MAX).await?;
        for table in [
            "DELETE FROM journal WHERE tenant = $1 AND execution = $2",
            "DELETE FROM signals WHERE tenant = $1 AND execution = $2",
        ] {
            sqlx::query(table)
                .bind(tenant)
                .bind(execution)
                .execute(&mut *connection)
                .await?;
        }
    }
    Ok(())
}
