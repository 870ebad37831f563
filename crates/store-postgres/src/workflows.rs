use jackfield_store_api::{
    NewWorkflow, Page, PageRequest, StoreError, StoreFuture, WorkflowRecord, WorkflowVersion,
    Workflows, limits,
};
use jackfield_types::{Digest, TenantId};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use crate::error::Fault;
use crate::inner::refuse;
use crate::names::{self, Kind};
use crate::row::{BYTES, digest, time, version};
use crate::sum::{checked, sum};
use crate::tenant::PostgresTenant;
use crate::tries::{Found, edit, read};

macro_rules! columns {
    () => {
        "w.id, w.version, w.created_at, w.checksum, w.name, w.digest, w.document"
    };
}

const ONE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM workflows AS w
     WHERE w.tenant = $1 AND w.id = $2 AND ($3::bigint IS NULL OR w.version = $3)
     ORDER BY w.version DESC LIMIT 1"
);

/// A part of a list, until it gets large.
macro_rules! page {
    ($order:literal, $condition:literal) => {
        concat!(
            "SELECT q.* FROM (
                 SELECT p.*, count(*) OVER () AS every, row_number() OVER w AS place,
                     sum(octet_length(p.document)) OVER w AS bytes
                 FROM (
                     SELECT ",
            columns!(),
            "        FROM workflows AS w WHERE w.tenant = $1 AND ",
            $condition,
            "        ORDER BY ",
            $order,
            " LIMIT $2
                 ) AS p
                 WINDOW w AS (ORDER BY ",
            $order,
            ")
             ) AS q
             WHERE q.place = 1 OR q.bytes <= $3 ORDER BY q.place"
        )
    };
}

const NEWEST_OF_EACH: &str = page!(
    "id",
    "w.id > $4 AND w.version = (
         SELECT max(o.version) FROM workflows AS o WHERE o.tenant = w.tenant AND o.id = w.id)"
);
const VERSIONS: &str = page!("version DESC", "w.id = $4 AND w.version < $5");

impl Workflows for PostgresTenant {
    fn put_workflow(&self, workflow: NewWorkflow) -> StoreFuture<'_, WorkflowVersion> {
        if let Err(refused) = workflow.check() {
            return refuse(refused);
        }
        Box::pin(async move {
            edit!(
                self.inner,
                |connection| self.put(connection, &workflow).await,
                |connection, version: WorkflowVersion| self
                    .look(connection, &workflow, version)
                    .await
            )
        })
    }

    fn workflow<'a>(
        &'a self,
        id: &'a str,
        version: Option<u32>,
    ) -> StoreFuture<'a, WorkflowRecord> {
        Box::pin(async move {
            read!(self.inner, |connection| {
                let no_workflow = || {
                    let version = version.map(|version| format!("@{version}"));
                    no_workflow(&format!("{id}{}", version.unwrap_or_default()))
                };
                if !limits::is_name(id) {
                    return Err(no_workflow());
                }
                let row = sqlx::query(ONE)
                    .bind(self.id.as_str())
                    .bind(id)
                    .bind(version.map(i64::from))
                    .fetch_optional(connection)
                    .await?;
                read(&row.ok_or_else(no_workflow)?, &self.id)
            })
        })
    }

    fn list_workflows<'a>(
        &'a self,
        page: &'a PageRequest,
    ) -> StoreFuture<'a, Page<WorkflowRecord>> {
        Box::pin(async move {
            read!(self.inner, |connection| {
                let after = names::after(page.after.as_deref().unwrap_or_default());
                let rows = sqlx::query(NEWEST_OF_EACH)
                    .bind(self.id.as_str())
                    .bind(i64::from(page.limit()) + 1)
                    .bind(BYTES)
                    .bind(after)
                    .fetch_all(connection)
                    .await?;
                some(&rows, &self.id, page, |last| last.id.clone())
            })
        })
    }

    fn workflow_versions<'a>(
        &'a self,
        id: &'a str,
        page: &'a PageRequest,
    ) -> StoreFuture<'a, Page<WorkflowRecord>> {
        let below = match page.after.as_deref().map(str::parse::<u32>).transpose() {
            Ok(below) => below.map_or(i64::MAX, i64::from),
            Err(_) => {
                return refuse(StoreError::Refused {
                    reason: "this is not where a page ended".to_owned(),
                });
            }
        };
        Box::pin(async move {
            read!(self.inner, |connection| {
                if !limits::is_name(id) || newest(connection, &self.id, id).await?.is_none() {
                    return Err(no_workflow(id));
                }
                let rows = sqlx::query(VERSIONS)
                    .bind(self.id.as_str())
                    .bind(i64::from(page.limit()) + 1)
                    .bind(BYTES)
                    .bind(id)
                    .bind(below)
                    .fetch_all(connection)
                    .await?;
                some(&rows, &self.id, page, |last| last.version.to_string())
            })
        })
    }
}

impl PostgresTenant {
    async fn put(
        &self,
        connection: &mut PgConnection,
        workflow: &NewWorkflow,
    ) -> Result<WorkflowVersion, Fault> {
        let now = self.lock(connection, Kind::Workflow, &workflow.id).await?;
        let newest = newest(connection, &self.id, &workflow.id).await?;
        let mut version = WorkflowVersion {
            id: workflow.id.clone(),
            version: newest.map_or(0, |(version, _)| version),
        };
        if newest.is_some_and(|(_, digest)| digest == workflow.digest) {
            return Ok(version);
        }
        version.version = version.version.saturating_add(1);
        self.note(connection).await?;
        let number = i64::from(version.version);
        let names = [self.id.as_str(), &workflow.id, &workflow.name];
        sqlx::query(
            "INSERT INTO workflows
                 (tenant, id, name, version, created_at, checksum, digest, document)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(names[0])
        .bind(names[1])
        .bind(names[2])
        .bind(number)
        .bind(now.as_microsecond())
        .bind(sum(&names, &[number], &workflow.document))
        .bind(workflow.digest.as_bytes().as_slice())
        .bind(&*workflow.document)
        .execute(connection)
        .await?;
        Ok(version)
    }
}

impl PostgresTenant {
    /// Whether a workflow was kept as this version.
    async fn look(
        &self,
        connection: &mut PgConnection,
        workflow: &NewWorkflow,
        version: &WorkflowVersion,
    ) -> Result<Found, Fault> {
        self.lock(connection, Kind::Workflow, &workflow.id).await?;
        let row = sqlx::query(
            "SELECT digest FROM workflows WHERE tenant = $1 AND id = $2 AND version = $3",
        )
        .bind(self.id.as_str())
        .bind(&version.id)
        .bind(i64::from(version.version))
        .fetch_optional(connection)
        .await?;
        let found = row.map(|row| digest(row.try_get(0)?)).transpose()?;
        Ok(Found::made_if(found == Some(workflow.digest)))
    }
}

async fn newest(
    connection: &mut PgConnection,
    tenant: &TenantId,
    id: &str,
) -> Result<Option<(u32, Digest)>, Fault> {
    let row = sqlx::query(
        "SELECT version, digest FROM workflows WHERE tenant = $1 AND id = $2
         ORDER BY version DESC LIMIT 1",
    )
    .bind(tenant.as_str())
    .bind(id)
    .fetch_optional(connection)
    .await?;
    row.map(|row| Ok((version(&row, "version")?, digest(row.try_get("digest")?)?)))
        .transpose()
}

/// A page of what was found.
fn some(
    rows: &[PgRow],
    tenant: &TenantId,
    request: &PageRequest,
    key: impl Fn(&WorkflowVersion) -> String,
) -> Result<Page<WorkflowRecord>, Fault> {
    let mut page = Page {
        entries: Vec::new(),
        next: None,
    };
    for row in rows.iter().take(request.limit() as usize) {
        page.entries.push(read(row, tenant)?);
    }
    if names::is_cut_off(rows, page.entries.len())? {
        page.next = page.entries.last().map(|last| key(&last.version));
    }
    Ok(page)
}

fn read(row: &PgRow, tenant: &TenantId) -> Result<WorkflowRecord, Fault> {
    let version = WorkflowVersion {
        id: row.try_get("id")?,
        version: version(row, "version")?,
    };
    let name: String = row.try_get("name")?;
    let document = checked(
        || format!("workflow `{version}`"),
        &[tenant.as_str(), &version.id, &name],
        &[i64::from(version.version)],
        row.try_get("document")?,
        row.try_get("checksum")?,
    )?;
    Ok(WorkflowRecord {
        version,
        name,
        document,
        digest: digest(row.try_get("digest")?)?,
        created_at: time(row, "created_at")?,
    })
}

fn no_workflow(what: &str) -> Fault {
    Fault::Refused(StoreError::not_found(format!("workflow `{what}`")))
}
