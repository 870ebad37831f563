//! What writers say to the database.

use crate::courses::{course_columns, course_rows, course_update};

/// The time in microseconds, unless it comes from elsewhere (`$time`).
macro_rules! time {
    ($time:literal) => {
        concat!(
            "coalesce(",
            $time,
            "::bigint, (extract(epoch FROM statement_timestamp()) * 1000000)::bigint)"
        )
    };
}

/// Which executions are there, and the time.
macro_rules! load {
    ($lock:literal) => {
        concat!(
            "SELECT ",
            time!("$3"),
            " AS now, l.* FROM (SELECT) AS once LEFT JOIN (
                 SELECT w.place, ",
            course_columns!(),
            "    FROM unnest($1::text[], $2::uuid[]) WITH ORDINALITY AS w(tenant, id, place)
                     JOIN courses AS c ON c.tenant = w.tenant AND c.id = w.id
                 ORDER BY w.place ",
            $lock,
            ") AS l ON true"
        )
    };
}

/// Adds a group to journals: all or nothing of each execution, unless somebody else has changed it.
/// Notes under the number of the group for whom that was so, and says it. There is no answer when
/// the writer has no row, or has come to a later group; nothing was written then.
///
/// `change` is a table of executions with the revision that was read (none for new ones), `moved`
/// what updates them, and the parameters are those of the writer, of the records, and the time.
macro_rules! write_group {
    ($rows:expr, $update:expr, $same:literal, $writer:literal, $number:literal, $time:literal,
     $records:literal) => {
        concat!(
            "WITH change AS (
                 SELECT h.* FROM writers AS w CROSS JOIN ",
            $rows,
            "    WHERE w.id = ",
            $writer,
            " AND w.number < ",
            $number,
            "),
             moved AS (",
            $update,
            " FROM change AS h
                 WHERE c.tenant = h.tenant AND c.id = h.id AND c.revision = h.revision ",
            $same,
            "    RETURNING h.place),
             missed AS (
                 SELECT place, tenant, id FROM change
                 WHERE revision IS NOT NULL AND place NOT IN (SELECT place FROM moved)),
             added AS (
                 INSERT INTO journal (tenant, execution, sequence, checksum, record)
                 SELECT r.tenant, r.execution, r.sequence, r.checksum, r.record FROM ",
            $records,
            "        AS r(tenant, execution, sequence, checksum, record)
                 WHERE EXISTS (SELECT FROM change)
                     AND (r.tenant, r.execution) NOT IN (SELECT tenant, id FROM missed))
             UPDATE writers SET number = ",
            $number,
            ", missed = ARRAY(SELECT place FROM missed), seen_at = ",
            time!($time),
            " WHERE id = ",
            $writer,
            " AND number < ",
            $number,
            " RETURNING missed"
        )
    };
}

pub(crate) use time;

/// The time alone.
pub(crate) const NOW: &str = concat!("SELECT ", time!("$1"));

/// Executions as they are now.
pub(crate) const LOAD: &str = load!("");

/// Executions, for nobody else to change.
pub(crate) const LOAD_LOCKED: &str = load!("FOR UPDATE OF c");

/// A group in which nothing changes but the lengths of journals.
pub(crate) const WRITE_JOURNALS: &str = write_group!(
    "unnest($4::text[], $5::uuid[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[])
         WITH ORDINALITY AS h(tenant, id, revision, fence, before, length, place)",
    concat!(
        "UPDATE courses AS c SET revision = c.revision + 1, length = h.length,
             changed_at = greatest(c.changed_at, ",
        time!("$3"),
        ")"
    ),
    // The revision alone would do, unless the database has lost what it had acknowledged.
    "AND c.fence = h.fence AND c.length = h.before",
    "$1",
    "$2",
    "$3",
    "unnest($10::text[], $11::uuid[], $12::bigint[], $13::bigint[], $14::bytea[])"
);

/// A group in which anything changes.
pub(crate) const WRITE_COURSES: &str = write_group!(
    course_rows!(),
    course_update!(),
    "",
    "$19",
    "$20",
    "$21",
    "unnest($22::text[], $23::uuid[], $24::bigint[], $25::bigint[], $26::bytea[])"
);

/// Courses that are changed by others than writers.
pub(crate) const UPDATE_COURSES: &str = concat!(
    course_update!(),
    " FROM ",
    course_rows!(),
    " WHERE c.tenant = h.tenant AND c.id = h.id AND c.revision = h.revision"
);

/// Courses of executions that are made.
pub(crate) const INSERT_COURSES: &str = concat!(
    "INSERT INTO courses (tenant, id, created_at, revision, length, changed_at, signals, fence,
         due, lease, until, signal_after, ended_at, worker, state, requests, status, reason,
         signal_bytes)
     SELECT h.tenant, h.id, h.changed_at, 0, h.length, h.changed_at, h.signals, h.fence,
         h.due, h.lease, h.until, h.signal_after, h.ended_at, h.worker, h.state, h.requests,
         h.status, h.reason, h.signal_bytes FROM ",
    course_rows!()
);

/// What never changes of executions that are made.
pub(crate) const INSERT_EXECUTIONS: &str =
    "INSERT INTO executions (tenant, id, created_at, version, checksum, retry_of, part_of,
         workflow, started_by, pinned)
     SELECT * FROM unnest($1::text[], $2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[],
         $6::uuid[], $7::uuid[], $8::text[], $9::text[], $10::bytea[])";

/// Which versions of workflows are there.
pub(crate) const FIND_WORKFLOWS: &str =
    "SELECT w.place FROM unnest($1::text[], $2::text[], $3::bigint[])
         WITH ORDINALITY AS w(tenant, id, version, place)
     WHERE EXISTS (SELECT FROM workflows AS f
         WHERE f.tenant = w.tenant AND f.id = w.id AND f.version = w.version)";

pub(crate) const INSERT_SIGNALS: &str =
    "INSERT INTO signals (tenant, execution, number, sent_at, checksum, name, key, data)
     SELECT * FROM unnest($1::text[], $2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[],
         $6::text[], $7::text[], $8::bytea[])";

/// Which signals were sent, of those with some keys.
pub(crate) const FIND_SIGNALS: &str =
    "SELECT w.place, s.number, s.key, s.name, sha256(s.data) AS digest
     FROM unnest($1::text[], $2::uuid[], $3::text[])
         WITH ORDINALITY AS w(tenant, execution, key, place)
     JOIN signals AS s
         ON s.tenant = w.tenant AND s.execution = w.execution AND s.key = w.key";

/// Versions of workflows that are there, for nobody to remove until the transaction ends.
pub(crate) const HOLD_WORKFLOWS: &str = "SELECT f.tenant, f.id, f.version FROM workflows AS f
     WHERE (f.tenant, f.id, f.version) IN (
         SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[]))
     ORDER BY f.tenant, f.id, f.version FOR KEY SHARE";

/// Gives a writer its row.
pub(crate) const REGISTER: &str = concat!(
    "INSERT INTO writers (id, number, seen_at, missed) VALUES ($1, 0, ",
    time!("$2"),
    ", '{}') ON CONFLICT (id) DO NOTHING"
);

/// Forgets writers that ended long ago without a word.
pub(crate) const FORGET: &str = concat!(
    "DELETE FROM writers WHERE seen_at < ",
    time!("$1"),
    " - 604800000000"
);

/// The last group of a writer, for nobody else to write one.
pub(crate) const LAST_GROUP: &str = "SELECT number, missed FROM writers WHERE id = $1 FOR UPDATE";

/// Takes a writer's row away.
pub(crate) const UNREGISTER: &str = "DELETE FROM writers WHERE id = $1";
