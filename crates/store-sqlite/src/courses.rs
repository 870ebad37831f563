//! How the course of an execution is written down.

use jackfield_store_api::{Course, ExecutionState, Fence, Lease, Requests, Waiting, WorkerId};
use rusqlite::{Connection, Row, named_params};

use crate::error::Fault;
use crate::row::{Id, count, maybe_time, number, time};

/// The columns that [`read`] needs, of `courses AS c`.
pub(crate) const COLUMNS: &str = "c.length, c.last, c.changed_at, c.state, c.status, c.reason, \
     c.until, c.signal_after, c.requests, c.signals, c.signal_bytes, c.fence, c.worker, c.lease, c.due";

const RUNNING: i64 = 0;
const PARKED: i64 = 1;
const PAUSED: i64 = 2;
const STUCK: i64 = 3;
const ENDED: i64 = 4;
pub(crate) const INCOMPLETE: i64 = 5;

const CANCEL: i64 = 1;
const PAUSE: i64 = 2;

/// The number that a state with this name has; `None` for no state.
pub(crate) fn state_number(name: &str) -> Option<i64> {
    match name {
        "running" => Some(RUNNING),
        "parked" => Some(PARKED),
        "paused" => Some(PAUSED),
        "stuck" => Some(STUCK),
        "ended" => Some(ENDED),
        "incomplete" => Some(INCOMPLETE),
        _ => None,
    }
}

/// Reads a course, and the row of the last record of its journal.
pub(crate) fn read(row: &Row<'_>) -> Result<(Course, i64), Fault> {
    let state = match row.get::<_, i64>("state")? {
        RUNNING => ExecutionState::Running,
        PARKED => ExecutionState::Parked(Waiting {
            until: maybe_time(row, "until")?,
            signal_after: row
                .get::<_, Option<crate::row::Count>>("signal_after")?
                .map(|count| count.0),
        }),
        PAUSED => ExecutionState::Paused,
        INCOMPLETE => ExecutionState::Incomplete,
        STUCK => ExecutionState::Stuck {
            reason: row.get("reason")?,
        },
        ENDED => ExecutionState::Ended {
            status: row.get("status")?,
        },
        other => {
            return Err(Fault::Damaged(format!(
                "an execution has the state {other}, which is none"
            )));
        }
    };
    let worker: Option<Id> = row.get("worker")?;
    let lease = match (worker, maybe_time(row, "lease")?) {
        (Some(worker), Some(until)) => Some(Lease {
            worker: WorkerId::from_uuid(worker.0),
            until,
        }),
        _ => None,
    };
    let requests: i64 = row.get("requests")?;
    let course = Course {
        state,
        requests: Requests {
            cancel: requests & CANCEL != 0,
            pause: requests & PAUSE != 0,
        },
        signals: count(row, "signals")?,
        signal_bytes: count(row, "signal_bytes")?,
        length: count(row, "length")?,
        fence: Fence(count(row, "fence")?),
        lease,
        due: maybe_time(row, "due")?,
        changed_at: time(row, "changed_at")?,
    };
    Ok((course, row.get("last")?))
}

/// Writes a course for the first time.
pub(crate) fn insert(
    connection: &Connection,
    key: (i64, i64),
    created_at: i64,
    course: &Course,
    last: i64,
) -> rusqlite::Result<()> {
    let (tenant, execution) = key;
    connection
        .prepare_cached(
            "INSERT INTO courses (number, tenant, created_at, length, last, changed_at, state,
                 requests, signals, signal_bytes, fence)
             VALUES (?1, ?2, ?3, 0, 0, ?3, 0, 0, 0, 0, 0)",
        )?
        .execute((execution, tenant, created_at))?;
    update(connection, execution, course, last)
}

/// Writes a course anew.
pub(crate) fn update(
    connection: &Connection,
    execution: i64,
    course: &Course,
    last: i64,
) -> rusqlite::Result<()> {
    let (mut status, mut reason, mut until, mut signal_after) = (None, None, None, None);
    let state = match &course.state {
        ExecutionState::Running => RUNNING,
        ExecutionState::Parked(waiting) => {
            until = waiting.until.map(jiff::Timestamp::as_microsecond);
            signal_after = waiting.signal_after.map(number);
            PARKED
        }
        ExecutionState::Paused => PAUSED,
        ExecutionState::Incomplete => INCOMPLETE,
        ExecutionState::Stuck { reason: why } => {
            reason = Some(why);
            STUCK
        }
        ExecutionState::Ended { status: how } => {
            status = Some(how);
            ENDED
        }
    };
    let changed_at = course.changed_at.as_microsecond();
    let requests = if course.requests.cancel { CANCEL } else { 0 }
        | if course.requests.pause { PAUSE } else { 0 };
    connection
        .prepare_cached(
            "UPDATE courses SET length = :length, last = :last, changed_at = :changed_at,
                 state = :state, status = :status, reason = :reason, until = :until,
                 signal_after = :signal_after, requests = :requests, signals = :signals,
                 signal_bytes = :signal_bytes,
                 fence = :fence, worker = :worker, lease = :lease, due = :due,
                 ended_at = CASE WHEN :ended_at IS NULL OR EXISTS (
                     SELECT 1 FROM executions WHERE number = :number AND part_of IS NOT NULL)
                     THEN NULL ELSE :ended_at END
             WHERE number = :number",
        )?
        .execute(named_params! {
            ":number": execution,
            ":length": number(course.length),
            ":last": last,
            ":changed_at": changed_at,
            ":state": state,
            ":status": status,
            ":reason": reason,
            ":until": until,
            ":signal_after": signal_after,
            ":requests": requests,
            ":signals": number(course.signals),
            ":signal_bytes": number(course.signal_bytes),
            ":fence": number(course.fence.0),
            ":worker": course.lease.map(|lease| *lease.worker.as_uuid().as_bytes()),
            ":lease": course.lease.map(|lease| lease.until.as_microsecond()),
            ":due": course.due.map(jiff::Timestamp::as_microsecond),
            ":ended_at": course.state.has_ended().then_some(changed_at),
        })?;
    Ok(())
}

/// Has nobody take up an execution any more whose course cannot be read.
pub(crate) fn set_aside(
    connection: &Connection,
    execution: i64,
    reason: &str,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE courses SET state = ?2, reason = ?3, status = NULL, until = NULL,
                 signal_after = NULL, worker = NULL, lease = NULL, due = NULL, ended_at = NULL
             WHERE number = ?1",
        )?
        .execute((execution, STUCK, reason))?;
    Ok(())
}

/// Writes what every record changes of a course.
pub(crate) fn update_journal(
    connection: &Connection,
    execution: i64,
    course: &Course,
    last: i64,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE courses SET length = ?2, last = ?3, changed_at = ?4 WHERE number = ?1",
        )?
        .execute((
            execution,
            number(course.length),
            last,
            course.changed_at.as_microsecond(),
        ))?;
    Ok(())
}
