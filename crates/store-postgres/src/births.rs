use std::collections::HashSet;

use jackfield_store_api::{ExecutionRecord, WorkflowVersion};
use jackfield_types::{ExecutionId, TenantId, UserId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::courses::Columns;
use crate::draft::Draft;
use crate::error::Fault;
use crate::sum::sum;
use crate::{remnants, statements};

/// Executions that are made, column by column.
#[derive(Default)]
struct Births<'a> {
    tenant: Vec<&'a str>,
    id: Vec<Uuid>,
    created_at: Vec<i64>,
    version: Vec<i64>,
    checksum: Vec<i64>,
    retry_of: Vec<Option<Uuid>>,
    part_of: Vec<Option<Uuid>>,
    workflow: Vec<&'a str>,
    started_by: Vec<Option<&'a str>>,
    pinned: Vec<&'a [u8]>,
}

impl<'a> Births<'a> {
    fn push(&mut self, tenant: &'a TenantId, record: &'a ExecutionRecord) {
        self.tenant.push(tenant.as_str());
        self.id.push(*record.id.as_uuid());
        self.created_at.push(record.created_at.as_microsecond());
        self.version.push(i64::from(record.workflow.version));
        self.checksum.push(checksum(
            tenant,
            record.id,
            &record.workflow,
            &record.pinned,
        ));
        self.retry_of.push(record.retry_of.map(|id| *id.as_uuid()));
        self.part_of.push(record.part_of.map(|id| *id.as_uuid()));
        self.workflow.push(&record.workflow.id);
        self.started_by
            .push(record.user.as_ref().map(UserId::as_str));
        self.pinned.push(&record.pinned);
    }
}

/// Sees to it that the versions of workflows that executions of a group are made with stay until the
/// transaction ends.
///
/// # Errors
/// [`Fault::Collided`] when one of them is gone.
async fn hold_workflows(connection: &mut PgConnection, births: &Births<'_>) -> Result<(), Fault> {
    let held = sqlx::query(statements::HOLD_WORKFLOWS)
        .bind(&births.tenant)
        .bind(&births.workflow)
        .bind(&births.version)
        .fetch_all(connection)
        .await?;
    let wanted: HashSet<_> = births
        .tenant
        .iter()
        .zip(&births.workflow)
        .zip(&births.version)
        .collect();
    match held.len() == wanted.len() {
        true => Ok(()),
        false => Err(Fault::Collided),
    }
}

/// Writes the executions of a group that are made.
pub(crate) async fn insert(connection: &mut PgConnection, drafts: &[Draft]) -> Result<(), Fault> {
    let mut births = Births::default();
    let mut columns = Columns::default();
    for draft in drafts {
        if let (Some(record), Some(course)) = (&draft.birth, draft.course()) {
            births.push(&draft.key.0, record);
            columns.push(&draft.key.0, draft.key.1, None, course);
        }
    }
    if births.id.is_empty() {
        return Ok(());
    }
    hold_workflows(connection, &births).await?;
    remnants::clear(connection, &births.tenant, &births.id).await?;
    sqlx::query(statements::INSERT_EXECUTIONS)
        .bind(births.tenant)
        .bind(births.id)
        .bind(births.created_at)
        .bind(births.version)
        .bind(births.checksum)
        .bind(births.retry_of)
        .bind(births.part_of)
        .bind(births.workflow)
        .bind(births.started_by)
        .bind(births.pinned)
        .execute(&mut *connection)
        .await?;
    columns
        .bind(sqlx::query(statements::INSERT_COURSES))
        .execute(connection)
        .await?;
    Ok(())
}

/// The checksum of what never changes of an execution.
pub(crate) fn checksum(
    tenant: &TenantId,
    id: ExecutionId,
    workflow: &WorkflowVersion,
    pinned: &[u8],
) -> i64 {
    let (high, low) = id.as_uuid().as_u64_pair();
    let place = [
        high.cast_signed(),
        low.cast_signed(),
        i64::from(workflow.version),
    ];
    sum(&[tenant.as_str(), &workflow.id], &place, pinned)
}
