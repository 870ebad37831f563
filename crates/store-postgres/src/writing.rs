//! What a group of changes writes.

use jackfield_store_api::Course;
use sqlx::postgres::PgArguments;
use sqlx::{PgConnection, Postgres, Row};
use uuid::Uuid;

use crate::courses::Columns;
use crate::draft::{Draft, Key, Touch};
use crate::drafts::places_of;
use crate::error::Fault;
use crate::row::{micros, number};
use crate::session::Stamp;
use crate::sum::sum;
use crate::{births, payloads, signals, statements};

/// Writes all of a group, in a transaction.
pub(crate) async fn write_all(
    connection: &mut PgConnection,
    drafts: &[Draft],
    stamp: Stamp,
) -> Result<(), Fault> {
    births::insert(connection, drafts).await?;
    if !write_group(connection, drafts, stamp).await?.is_empty() {
        return Err(Fault::Collided);
    }
    signals::insert(connection, drafts).await?;
    payloads::add(connection, drafts).await
}

/// Writes the courses and journals of a group in one statement, and says which executions were left
/// out because somebody else has changed them, by their places among those that are touched.
pub(crate) async fn write_group(
    connection: &mut PgConnection,
    drafts: &[Draft],
    stamp: Stamp,
) -> Result<Vec<usize>, Fault> {
    let touched: Vec<(&Draft, &Course)> = drafts
        .iter()
        .filter(|draft| draft.touched.is_some())
        .filter_map(|draft| Some((draft, draft.course()?)))
        .collect();
    if touched.is_empty() {
        return Ok(Vec::new());
    }
    let mut records = Records::default();
    for (draft, _) in &touched {
        records.push(draft);
    }
    let just_journals = touched
        .iter()
        .all(|(draft, _)| draft.touched == Some(Touch::Journal));
    let query = if just_journals {
        let mut columns = Lengths::default();
        for (draft, course) in touched {
            columns.push(draft, course);
        }
        let query = sqlx::query(statements::WRITE_JOURNALS)
            .bind(stamp.writer)
            .bind(stamp.number)
            .bind(micros(stamp.time));
        records.bind(columns.bind(query))
    } else {
        let mut columns = Columns::default();
        for (draft, course) in touched {
            let revision = draft.found().map(|found| found.revision);
            columns.push(&draft.key.0, draft.key.1, revision, course);
        }
        let query = columns
            .bind(sqlx::query(statements::WRITE_COURSES))
            .bind(stamp.writer)
            .bind(stamp.number)
            .bind(micros(stamp.time));
        records.bind(query)
    };
    let row = query.fetch_optional(connection).await?;
    // Without an answer the writer has lost its row: it gets one when the group is made again.
    Ok(places_of(row.ok_or(Fault::Collided)?.try_get(0)?))
}

type Query<'q> = sqlx::query::Query<'q, Postgres, PgArguments>;

/// The lengths of journals, column by column.
#[derive(Default)]
struct Lengths<'a> {
    tenant: Vec<&'a str>,
    id: Vec<Uuid>,
    revision: Vec<Option<i64>>,
    fence: Vec<i64>,
    before: Vec<i64>,
    length: Vec<i64>,
}

impl<'a> Lengths<'a> {
    fn push(&mut self, draft: &'a Draft, course: &Course) {
        self.tenant.push(draft.key.0.as_str());
        self.id.push(*draft.key.1.as_uuid());
        let found = draft.found();
        self.revision.push(found.map(|found| found.revision));
        self.fence.push(number(course.fence.0));
        self.before
            .push(number(found.map_or(0, |found| found.course.length)));
        self.length.push(number(course.length));
    }

    fn bind<'q>(&self, query: Query<'q>) -> Query<'q> {
        query
            .bind(self.tenant.as_slice())
            .bind(self.id.as_slice())
            .bind(self.revision.as_slice())
            .bind(self.fence.as_slice())
            .bind(self.before.as_slice())
            .bind(self.length.as_slice())
    }
}

/// Records of journals, column by column.
#[derive(Default)]
struct Records<'a> {
    tenant: Vec<&'a str>,
    execution: Vec<Uuid>,
    sequence: Vec<i64>,
    checksum: Vec<i64>,
    record: Vec<&'a [u8]>,
}

impl<'a> Records<'a> {
    fn push(&mut self, draft: &'a Draft) {
        let (tenant, id) = &draft.key;
        for (sequence, record) in &draft.records {
            let sequence = number(*sequence);
            self.tenant.push(tenant.as_str());
            self.execution.push(*id.as_uuid());
            self.sequence.push(sequence);
            self.checksum.push(record_sum(&draft.key, sequence, record));
            self.record.push(record);
        }
    }

    fn bind<'q>(&self, query: Query<'q>) -> Query<'q> {
        query
            .bind(self.tenant.as_slice())
            .bind(self.execution.as_slice())
            .bind(self.sequence.as_slice())
            .bind(self.checksum.as_slice())
            .bind(self.record.as_slice())
    }
}

/// The checksum of a record, with where it belongs.
pub(crate) fn record_sum(key: &Key, sequence: i64, record: &[u8]) -> i64 {
    let (high, low) = key.1.as_uuid().as_u64_pair();
    let place = [high.cast_signed(), low.cast_signed(), sequence];
    sum(&[key.0.as_str()], &place, record)
}
