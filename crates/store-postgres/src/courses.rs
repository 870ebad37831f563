//! How the course of an execution is written down.

use jackfield_store_api::{Course, ExecutionState, Fence, Lease, Requests, Waiting, WorkerId};
use jackfield_types::{ExecutionId, TenantId};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{PgConnection, Postgres, Row};
use uuid::Uuid;

use crate::error::Fault;
use crate::row::{count, maybe_time, micros, number, time};

/// The columns that [`read`] needs, of `courses AS c`.
macro_rules! course_columns {
    () => {
        "c.revision, c.length, c.changed_at, c.signals, c.signal_bytes, c.fence, c.due, c.lease, c.until, \
         c.signal_after, c.worker, c.state, c.requests, c.status, c.reason"
    };
}

/// What [`Columns::bind`] binds, as a table `h`.
macro_rules! course_rows {
    () => {
        "unnest($1::text[], $2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], \
             $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], \
             $13::uuid[], $14::smallint[], $15::smallint[], $16::text[], $17::text[], \
             $18::bigint[]) \
         WITH ORDINALITY AS h(tenant, id, revision, length, changed_at, signals, fence, due, \
             lease, until, signal_after, ended_at, worker, state, requests, status, reason, \
             signal_bytes, place)"
    };
}

/// Sets all that changes of `courses AS c` to what `h` says, unless it was changed meanwhile.
macro_rules! course_update {
    () => {
        "UPDATE courses AS c SET revision = c.revision + 1, length = h.length, \
             changed_at = greatest(c.changed_at, h.changed_at), signals = h.signals, \
             signal_bytes = h.signal_bytes, \
             fence = h.fence, due = h.due, lease = h.lease, until = h.until, \
             signal_after = h.signal_after, \
             ended_at = CASE WHEN h.ended_at IS NULL OR EXISTS (SELECT FROM executions AS e \
                 WHERE e.tenant = c.tenant AND e.id = c.id AND e.part_of IS NOT NULL) \
                 THEN NULL ELSE h.ended_at END, worker = h.worker, \
             state = h.state, requests = h.requests, status = h.status, reason = h.reason"
    };
}

pub(crate) use {course_columns, course_rows, course_update};

const RUNNING: i16 = 0;
const PARKED: i16 = 1;
const PAUSED: i16 = 2;
const STUCK: i16 = 3;
const ENDED: i16 = 4;
const INCOMPLETE: i16 = 5;

const CANCEL: i16 = 1;
const PAUSE: i16 = 2;

/// A course as it is in the database.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) course: Course,
    /// How often it was changed.
    pub(crate) revision: i64,
}

/// The number that a state with this name has; `None` for no state.
pub(crate) fn state_number(name: &str) -> Option<i16> {
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

/// Reads a course.
pub(crate) fn read(row: &PgRow) -> Result<Kept, Fault> {
    let text = |column| -> Result<String, Fault> {
        let text: Option<String> = row.try_get(column)?;
        text.ok_or_else(|| Fault::Damaged(format!("an execution has no {column}")))
    };
    let state = match row.try_get::<i16, _>("state")? {
        RUNNING => ExecutionState::Running,
        PARKED => ExecutionState::Parked(Waiting {
            until: maybe_time(row, "until")?,
            signal_after: row
                .try_get::<Option<i64>, _>("signal_after")?
                .map(crate::row::counted)
                .transpose()?,
        }),
        PAUSED => ExecutionState::Paused,
        INCOMPLETE => ExecutionState::Incomplete,
        STUCK => ExecutionState::Stuck {
            reason: text("reason")?,
        },
        ENDED => ExecutionState::Ended {
            status: text("status")?,
        },
        other => {
            return Err(Fault::Damaged(format!(
                "an execution has the state {other}, which is none"
            )));
        }
    };
    let worker: Option<Uuid> = row.try_get("worker")?;
    let lease = match (worker, maybe_time(row, "lease")?) {
        (Some(worker), Some(until)) => Some(Lease {
            worker: WorkerId::from_uuid(worker),
            until,
        }),
        _ => None,
    };
    let requests: i16 = row.try_get("requests")?;
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
    Ok(Kept {
        course,
        revision: row.try_get("revision")?,
    })
}

/// Has nobody take up executions any more whose courses cannot be read.
pub(crate) async fn set_aside(
    connection: &mut PgConnection,
    damaged: &[(String, Uuid, String)],
) -> Result<(), Fault> {
    for (tenant, id, reason) in damaged {
        sqlx::query(
            "UPDATE courses SET revision = revision + 1, state = $3, reason = $4, status = NULL,
                 until = NULL, signal_after = NULL, worker = NULL, lease = NULL, due = NULL,
                 ended_at = NULL
             WHERE tenant = $1 AND id = $2",
        )
        .bind(tenant)
        .bind(id)
        .bind(STUCK)
        .bind(reason)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Courses, column by column.
#[derive(Default)]
pub(crate) struct Columns<'a> {
    tenant: Vec<&'a str>,
    id: Vec<Uuid>,
    revision: Vec<Option<i64>>,
    length: Vec<i64>,
    changed_at: Vec<i64>,
    signals: Vec<i64>,
    fence: Vec<i64>,
    due: Vec<Option<i64>>,
    lease: Vec<Option<i64>>,
    until: Vec<Option<i64>>,
    signal_after: Vec<Option<i64>>,
    ended_at: Vec<Option<i64>>,
    worker: Vec<Option<Uuid>>,
    state: Vec<i16>,
    requests: Vec<i16>,
    status: Vec<Option<&'a str>>,
    reason: Vec<Option<&'a str>>,
    signal_bytes: Vec<i64>,
}

impl<'a> Columns<'a> {
    /// Adds a course, with the revision that it replaces; without one, it is new.
    pub(crate) fn push(
        &mut self,
        tenant: &'a TenantId,
        id: ExecutionId,
        revision: Option<i64>,
        course: &'a Course,
    ) {
        let (mut status, mut reason, mut until, mut signal_after) = (None, None, None, None);
        let state = match &course.state {
            ExecutionState::Running => RUNNING,
            ExecutionState::Parked(waiting) => {
                until = micros(waiting.until);
                signal_after = waiting.signal_after.map(number);
                PARKED
            }
            ExecutionState::Paused => PAUSED,
            ExecutionState::Incomplete => INCOMPLETE,
            ExecutionState::Stuck { reason: why } => {
                reason = Some(why.as_str());
                STUCK
            }
            ExecutionState::Ended { status: how } => {
                status = Some(how.as_str());
                ENDED
            }
        };
        let changed_at = course.changed_at.as_microsecond();
        self.tenant.push(tenant.as_str());
        self.id.push(*id.as_uuid());
        self.revision.push(revision);
        self.length.push(number(course.length));
        self.changed_at.push(changed_at);
        self.signals.push(number(course.signals));
        self.fence.push(number(course.fence.0));
        self.due.push(micros(course.due));
        self.lease
            .push(course.lease.map(|lease| lease.until.as_microsecond()));
        self.until.push(until);
        self.signal_after.push(signal_after);
        self.ended_at
            .push(course.state.has_ended().then_some(changed_at));
        self.worker
            .push(course.lease.map(|lease| *lease.worker.as_uuid()));
        self.state.push(state);
        self.requests.push(
            if course.requests.cancel { CANCEL } else { 0 }
                | if course.requests.pause { PAUSE } else { 0 },
        );
        self.status.push(status);
        self.reason.push(reason);
        self.signal_bytes.push(number(course.signal_bytes));
    }

    /// Binds the first 18 parameters of a statement, as [`course_rows!`] names them.
    pub(crate) fn bind<'q>(
        &self,
        query: Query<'q, Postgres, PgArguments>,
    ) -> Query<'q, Postgres, PgArguments> {
        query
            .bind(self.tenant.as_slice())
            .bind(self.id.as_slice())
            .bind(self.revision.as_slice())
            .bind(self.length.as_slice())
            .bind(self.changed_at.as_slice())
            .bind(self.signals.as_slice())
            .bind(self.fence.as_slice())
            .bind(self.due.as_slice())
            .bind(self.lease.as_slice())
            .bind(self.until.as_slice())
            .bind(self.signal_after.as_slice())
            .bind(self.ended_at.as_slice())
            .bind(self.worker.as_slice())
            .bind(self.state.as_slice())
            .bind(self.requests.as_slice())
            .bind(self.status.as_slice())
            .bind(self.reason.as_slice())
            .bind(self.signal_bytes.as_slice())
    }
}
