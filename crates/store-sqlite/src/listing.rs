//! Reading executions.

use jackfield_store_api::{ExecutionFilter, ExecutionRecord, Page, StoreError, WorkflowVersion};
use jackfield_types::{ExecutionId, UserId};
use jiff::Timestamp;
use rusqlite::types::ToSql;
use rusqlite::{Connection, OptionalExtension, Row};

use crate::courses::{self, state_number};
use crate::error::Fault;
use crate::journal::Journal;
use crate::row::{Count, Id, time};
use crate::sum::{checked, sum};

const COLUMNS: &str = "e.number, e.id, e.workflow, e.version, e.pinned, e.user, e.retry_of, \
     e.part_of, e.created_at, e.checksum";

/// Where a page ended: the time when the last execution was made, and its number.
pub(crate) type Key = (i64, i64);

/// Where the journal of an execution is.
pub(crate) fn journal(
    connection: &Connection,
    tenant: i64,
    id: ExecutionId,
) -> Result<Option<Journal>, Fault> {
    let found = connection
        .prepare_cached(
            "SELECT c.number, c.length, c.last
             FROM executions AS e JOIN courses AS c ON c.number = e.number
             WHERE e.tenant = ?1 AND e.id = ?2",
        )?
        .query_row((tenant, id.as_uuid().as_bytes()), |row| {
            Ok(Journal {
                tenant,
                execution: row.get(0)?,
                length: row.get::<_, Count>(1)?.0,
                last: row.get(2)?,
            })
        })
        .optional()?;
    Ok(found)
}

/// One execution.
pub(crate) fn one(
    connection: &Connection,
    tenant: i64,
    id: ExecutionId,
) -> Result<Option<ExecutionRecord>, Fault> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS}, {} FROM executions AS e JOIN courses AS c ON c.number = e.number
         WHERE e.tenant = ?1 AND e.id = ?2",
        courses::COLUMNS
    ))?;
    let mut rows = statement.query((tenant, id.as_uuid().as_bytes()))?;
    rows.next()?.map(|row| read(row, tenant)).transpose()
}

/// Some executions, newest first. The text of the query is put together of fixed parts; what is
/// asked for is bound.
pub(crate) fn page(
    connection: &Connection,
    tenant: i64,
    filter: &ExecutionFilter,
    after: Option<Key>,
    limit: u32,
) -> Result<Page<ExecutionRecord>, Fault> {
    let state = match filter.state.as_deref().map(state_number) {
        // Nothing stands so.
        Some(None) => return Ok(nothing()),
        Some(Some(state)) => Some(state),
        None => None,
    };
    // The table that narrows the choice comes first: the order of both is the same.
    let part_of = filter.part_of.map(|id| *id.as_uuid().as_bytes());
    let by_course = part_of.is_none() && (state.is_some() || filter.status.is_some());
    let (first, tables) = if by_course {
        (
            "c",
            "courses AS c CROSS JOIN executions AS e ON e.number = c.number",
        )
    } else {
        (
            "e",
            "executions AS e CROSS JOIN courses AS c ON c.number = e.number",
        )
    };
    let mut conditions = format!("{first}.tenant = :tenant");
    let mut values: Vec<(&str, &dyn ToSql)> = vec![(":tenant", &tenant)];
    let from = filter.from.map(Timestamp::as_microsecond);
    let until = filter.until.map(Timestamp::as_microsecond);
    let (time, place) = after.unwrap_or((i64::MAX, i64::MAX));
    let most = i64::from(limit) + 1;
    let mut condition = |text: String, name: &'static str, value| {
        conditions.push_str(" AND ");
        conditions.push_str(&text);
        values.push((name, value));
    };
    if let Some(state) = &state {
        condition("c.state = :state".to_owned(), ":state", state);
    }
    if let Some(status) = &filter.status {
        condition("c.status = :status".to_owned(), ":status", status);
    }
    if let Some(workflow) = &filter.workflow {
        condition("e.workflow = :workflow".to_owned(), ":workflow", workflow);
    }
    if let Some(part_of) = &part_of {
        condition("e.part_of = :part_of".to_owned(), ":part_of", part_of);
    }
    if let Some(from) = &from {
        condition(format!("{first}.created_at >= :from"), ":from", from);
    }
    if let Some(until) = &until {
        condition(format!("{first}.created_at < :until"), ":until", until);
    }
    values.push((":time", &time));
    values.push((":place", &place));
    values.push((":most", &most));
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS}, {} FROM {tables}
         WHERE {conditions} AND ({first}.created_at, {first}.number) < (:time, :place)
         ORDER BY {first}.created_at DESC, {first}.number DESC LIMIT :most",
        courses::COLUMNS
    ))?;
    let mut rows = statement.query(values.as_slice())?;
    let mut page = nothing();
    let mut last = None;
    while let Some(row) = rows.next()? {
        if page.entries.len() == limit as usize {
            page.next = last;
            break;
        }
        let record = read(row, tenant)?;
        let number: i64 = row.get("number")?;
        last = Some(format!("{}.{number}", record.created_at.as_microsecond()));
        page.entries.push(record);
    }
    Ok(page)
}

/// Reads where a page ended.
pub(crate) fn parse_key(key: &str) -> Result<Key, StoreError> {
    let parsed = key
        .split_once('.')
        .and_then(|(time, number)| Some((time.parse().ok()?, number.parse().ok()?)));
    parsed.ok_or_else(|| StoreError::Refused {
        reason: "this is not where a page ended".to_owned(),
    })
}

/// The checksum of what never changes of an execution.
pub(crate) fn checksum(
    tenant: i64,
    id: ExecutionId,
    workflow: &WorkflowVersion,
    pinned: &[u8],
) -> i64 {
    let place = [tenant, i64::from(workflow.version)];
    sum(&place, &[&id.to_string(), &workflow.id], pinned)
}

fn nothing() -> Page<ExecutionRecord> {
    Page {
        entries: Vec::new(),
        next: None,
    }
}

fn read(row: &Row<'_>, tenant: i64) -> Result<ExecutionRecord, Fault> {
    let (course, _) = courses::read(row)?;
    let id = row.get::<_, Id>("id")?.execution();
    let workflow = WorkflowVersion {
        id: row.get("workflow")?,
        version: row.get("version")?,
    };
    let user: Option<String> = row.get("user")?;
    let user = user
        .map(|user| UserId::parse(&user))
        .transpose()
        .map_err(|error| Fault::Damaged(format!("the user of execution `{id}`: {error}")))?;
    let pinned = checked(
        &format!("execution `{id}`"),
        &[tenant, i64::from(workflow.version)],
        &[&id.to_string(), &workflow.id],
        row.get("pinned")?,
        row.get("checksum")?,
    )?;
    Ok(ExecutionRecord {
        id,
        workflow,
        pinned,
        user,
        retry_of: row.get::<_, Option<Id>>("retry_of")?.map(Id::execution),
        part_of: row.get::<_, Option<Id>>("part_of")?.map(Id::execution),
        state: course.state,
        requests: course.requests,
        created_at: time(row, "created_at")?,
        changed_at: course.changed_at,
        length: course.length,
        fence: course.fence,
        lease: course.lease,
    })
}
