use jackfield_store_api::{
    NewWorkflow, Page, PageRequest, StoreError, StoreFuture, WorkflowRecord, WorkflowVersion,
    Workflows,
};
use jackfield_types::{Digest, TenantId};
use rusqlite::{Connection, OptionalExtension, Row};

use crate::error::Fault;
use crate::journal::BYTES;
use crate::ledger::Ledger;
use crate::row::{Sha, time};
use crate::store::refuse;
use crate::sum::{checked, sum};
use crate::tenant::SqliteTenant;

const COLUMNS: &str = "w.id, w.version, w.name, w.document, w.digest, w.created_at, w.checksum";

impl Workflows for SqliteTenant {
    fn put_workflow(&self, workflow: NewWorkflow) -> StoreFuture<'_, WorkflowVersion> {
        if let Err(refused) = workflow.check() {
            return refuse(refused);
        }
        self.change(workflow.document.len(), move |ledger, tenant| {
            put(ledger, tenant, &workflow)
        })
    }

    fn workflow<'a>(
        &'a self,
        id: &'a str,
        version: Option<u32>,
    ) -> StoreFuture<'a, WorkflowRecord> {
        let id = id.to_owned();
        self.read(move |connection, tenant| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM workflows AS w
                 WHERE w.tenant = ?1 AND w.id = ?2 AND (?3 IS NULL OR w.version = ?3)
                 ORDER BY w.version DESC LIMIT 1"
            ))?;
            let mut rows = statement.query((tenant, &id, version))?;
            let found = rows.next()?.map(|row| read(row, tenant)).transpose()?;
            found.ok_or_else(|| {
                let version = version.map(|version| format!("@{version}"));
                no_workflow(&format!("{id}{}", version.unwrap_or_default()))
            })
        })
    }

    fn list_workflows<'a>(
        &'a self,
        page: &'a PageRequest,
    ) -> StoreFuture<'a, Page<WorkflowRecord>> {
        let (after, limit) = (page.after.clone().unwrap_or_default(), page.limit());
        self.read(move |connection, tenant| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM workflows AS w
                 WHERE w.tenant = ?1 AND w.id > ?2 AND w.version =
                     (SELECT max(o.version) FROM workflows AS o
                      WHERE o.tenant = w.tenant AND o.id = w.id)
                 ORDER BY w.id"
            ))?;
            let rows = statement.query((tenant, after))?;
            some(rows, tenant, limit, |last| last.version.id.clone())
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
        let (id, limit) = (id.to_owned(), page.limit());
        self.read(move |connection, tenant| {
            if newest(connection, tenant, &id)?.is_none() {
                return Err(no_workflow(&id));
            }
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM workflows AS w
                 WHERE w.tenant = ?1 AND w.id = ?2 AND w.version < ?3 ORDER BY w.version DESC"
            ))?;
            let rows = statement.query((tenant, id, below))?;
            some(rows, tenant, limit, |last| last.version.version.to_string())
        })
    }
}

fn put(
    ledger: &mut Ledger,
    tenant: &TenantId,
    workflow: &NewWorkflow,
) -> Result<WorkflowVersion, Fault> {
    let tenant = ledger.tenant_or_new(tenant)?;
    let newest = newest(&ledger.connection, tenant, &workflow.id)?;
    let mut version = WorkflowVersion {
        id: workflow.id.clone(),
        version: newest.map_or(0, |(version, _)| version),
    };
    if newest.is_some_and(|(_, digest)| digest == workflow.digest) {
        return Ok(version);
    }
    version.version = version.version.saturating_add(1);
    let place = [tenant, i64::from(version.version)];
    let names = [workflow.id.as_str(), workflow.name.as_str()];
    ledger
        .connection
        .prepare_cached(
            "INSERT INTO workflows
                 (tenant, version, id, name, document, digest, created_at, checksum)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute((
            place[0],
            place[1],
            names[0],
            names[1],
            &*workflow.document,
            workflow.digest.as_bytes(),
            ledger.now.as_microsecond(),
            sum(&place, &names, &workflow.document),
        ))?;
    Ok(version)
}

fn newest(
    connection: &Connection,
    tenant: i64,
    id: &str,
) -> rusqlite::Result<Option<(u32, Digest)>> {
    connection
        .prepare_cached(
            "SELECT version, digest FROM workflows WHERE tenant = ?1 AND id = ?2
             ORDER BY version DESC LIMIT 1",
        )?
        .query_row((tenant, id), |row| {
            Ok((row.get(0)?, row.get::<_, Sha>(1)?.0))
        })
        .optional()
}

/// A page of what was found.
fn some(
    mut rows: rusqlite::Rows<'_>,
    tenant: i64,
    limit: u32,
    key: impl Fn(&WorkflowRecord) -> String,
) -> Result<Page<WorkflowRecord>, Fault> {
    let mut page = Page {
        entries: Vec::new(),
        next: None,
    };
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        if page.entries.len() == limit as usize || bytes > BYTES {
            page.next = page.entries.last().map(&key);
            break;
        }
        let record = read(row, tenant)?;
        bytes += record.document.len();
        page.entries.push(record);
    }
    Ok(page)
}

fn read(row: &Row<'_>, tenant: i64) -> Result<WorkflowRecord, Fault> {
    let version = WorkflowVersion {
        id: row.get("id")?,
        version: row.get("version")?,
    };
    let name: String = row.get("name")?;
    let document = checked(
        &format!("workflow `{version}`"),
        &[tenant, i64::from(version.version)],
        &[&version.id, &name],
        row.get("document")?,
        row.get("checksum")?,
    )?;
    Ok(WorkflowRecord {
        version,
        name,
        document,
        digest: row.get::<_, Sha>("digest")?.0,
        created_at: time(row, "created_at")?,
    })
}

fn no_workflow(what: &str) -> Fault {
    Fault::Refused(StoreError::not_found(format!("workflow `{what}`")))
}
