//! Reading executions.

use jackfield_store_api::{ExecutionFilter, ExecutionRecord, Page, StoreError, WorkflowVersion};
use jackfield_types::{ExecutionId, TenantId, UserId};
use jiff::Timestamp;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use crate::births::checksum;
use crate::courses::{self, course_columns, state_number};
use crate::error::Fault;
use crate::names;
use crate::row::{BYTES, micros, time, version};

/// Where a page ended: the time when the last execution was made, and its id.
pub(crate) type Key = (i64, Uuid);

macro_rules! columns {
    () => {
        concat!(
            "e.id, e.workflow, e.version, e.pinned, e.started_by, e.retry_of, e.part_of, e.created_at, \
             e.checksum, ",
            course_columns!()
        )
    };
}

const ONE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM executions AS e JOIN courses AS c ON c.tenant = e.tenant AND c.id = e.id
     WHERE e.tenant = $1 AND e.id = $2"
);

/// A page: a part of what fits, until it gets large. The table that narrows the choice is gone
/// through in its order, which is the same in both.
macro_rules! page {
    ($first:literal) => {
        concat!(
            "SELECT q.* FROM (
                 SELECT p.*, count(*) OVER () AS every, row_number() OVER w AS place,
                     sum(octet_length(p.pinned)) OVER w AS bytes
                 FROM (
                     SELECT ",
            columns!(),
            "        FROM executions AS e
                         JOIN courses AS c ON c.tenant = e.tenant AND c.id = e.id
                     WHERE ",
            $first,
            ".tenant = $1
                         AND ($2::text IS NULL OR e.workflow = $2)
                         AND ($3::smallint IS NULL OR c.state = $3)
                         AND ($4::text IS NULL OR c.status = $4)
                         AND ($11::uuid IS NULL OR e.part_of = $11)
                         AND ",
            $first,
            ".created_at >= $5 AND ",
            $first,
            ".created_at < $6
                         AND (",
            $first,
            ".created_at, ",
            $first,
            ".id) < ($7, $8)
                     ORDER BY ",
            $first,
            ".created_at DESC, ",
            $first,
            ".id DESC LIMIT $9
                 ) AS p
                 WINDOW w AS (ORDER BY p.created_at DESC, p.id DESC)
             ) AS q
             WHERE q.place = 1 OR q.bytes <= $10 ORDER BY q.place"
        )
    };
}

const PAGE_BY_EXECUTION: &str = page!("e");
const PAGE_BY_COURSE: &str = page!("c");

/// One execution.
pub(crate) async fn one(
    connection: &mut PgConnection,
    tenant: &TenantId,
    id: ExecutionId,
) -> Result<Option<ExecutionRecord>, Fault> {
    let row = sqlx::query(ONE)
        .bind(tenant.as_str())
        .bind(id.as_uuid())
        .fetch_optional(connection)
        .await?;
    row.map(|row| read(&row, tenant)).transpose()
}

/// A page of executions, newest first.
pub(crate) async fn page(
    connection: &mut PgConnection,
    tenant: &TenantId,
    filter: &ExecutionFilter,
    after: Option<Key>,
    limit: u32,
) -> Result<Page<ExecutionRecord>, Fault> {
    let mut page = Page {
        entries: Vec::new(),
        next: None,
    };
    let state = match filter.state.as_deref().map(state_number) {
        // Nothing stands so.
        Some(None) => return Ok(page),
        Some(Some(state)) => Some(state),
        None => None,
    };
    let texts = [&filter.workflow, &filter.status];
    if texts.into_iter().flatten().any(|text| text.contains('\0')) {
        return Ok(page);
    }
    let by_course = filter.part_of.is_none() && (state.is_some() || filter.status.is_some());
    let (time, place) = after.unwrap_or((i64::MAX, Uuid::max()));
    let rows = sqlx::query(match by_course {
        true => PAGE_BY_COURSE,
        false => PAGE_BY_EXECUTION,
    })
    .bind(tenant.as_str())
    .bind(filter.workflow.as_deref())
    .bind(state)
    .bind(filter.status.as_deref())
    .bind(micros(filter.from).unwrap_or(i64::MIN))
    .bind(filter.until.map_or(i64::MAX, Timestamp::as_microsecond))
    .bind(time)
    .bind(place)
    .bind(i64::from(limit) + 1)
    .bind(BYTES)
    .bind(filter.part_of.map(|id| *id.as_uuid()))
    // It is planned for what is asked for: what is not asked for must not decide on an index.
    .persistent(false)
    .fetch_all(connection)
    .await?;
    for row in rows.iter().take(limit as usize) {
        page.entries.push(read(row, tenant)?);
    }
    if names::is_cut_off(&rows, page.entries.len())? {
        page.next = page
            .entries
            .last()
            .map(|last| format!("{}.{}", last.created_at.as_microsecond(), last.id.as_uuid()));
    }
    Ok(page)
}

/// Reads where a page ended.
pub(crate) fn parse_key(key: &str) -> Result<Key, StoreError> {
    let parsed = key
        .split_once('.')
        .and_then(|(time, id)| Some((time.parse().ok()?, Uuid::parse_str(id).ok()?)));
    parsed.ok_or_else(|| StoreError::Refused {
        reason: "this is not where a page ended".to_owned(),
    })
}

fn read(row: &PgRow, tenant: &TenantId) -> Result<ExecutionRecord, Fault> {
    let course = courses::read(row)?.course;
    let id = ExecutionId::from_uuid(row.try_get("id")?);
    let workflow = WorkflowVersion {
        id: row.try_get("workflow")?,
        version: version(row, "version")?,
    };
    let user: Option<&str> = row.try_get("started_by")?;
    let user = user
        .map(UserId::parse)
        .transpose()
        .map_err(|error| Fault::Damaged(format!("the user of execution `{id}`: {error}")))?;
    let pinned: Vec<u8> = row.try_get("pinned")?;
    if checksum(tenant, id, &workflow, &pinned) != row.try_get::<i64, _>("checksum")? {
        return Err(Fault::Damaged(format!(
            "execution `{id}` is not what was written"
        )));
    }
    let retry_of: Option<Uuid> = row.try_get("retry_of")?;
    let part_of: Option<Uuid> = row.try_get("part_of")?;
    Ok(ExecutionRecord {
        id,
        workflow,
        pinned: pinned.into(),
        user,
        retry_of: retry_of.map(ExecutionId::from_uuid),
        part_of: part_of.map(ExecutionId::from_uuid),
        state: course.state,
        requests: course.requests,
        created_at: time(row, "created_at")?,
        changed_at: course.changed_at,
        length: course.length,
        fence: course.fence,
        lease: course.lease,
    })
}
