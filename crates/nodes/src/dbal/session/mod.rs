//! One transaction in a database, whichever it is.
//!
//! Whatever is dropped half-way is rolled back: a session that was not committed leaves nothing
//! behind. No answer is waited for without end, whatever the server was told about its own time.

mod bind;
mod expansion;
mod fence;
mod lease;
mod mysql;
mod numeric;
mod postgres;
mod sqlite;
mod statement;
mod transaction;

pub(super) use fence::ROWS_UNDER_WAY;
pub(super) use lease::{Driver, GRACE, Lease};
pub(super) use sqlite::bound as sqlite_value;
pub(super) use statement::Statement;

use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt;
use jackfield_plugin_api::NodeError;
use jackfield_types::{ErrorCode, Object};
use sea_query::Value as Bound;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Executor};
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};

use super::dialect::Dialect;
use super::error::{is_answer, is_outdated, node_error};
use super::kind::Kind;
use super::sources::Afterwards;

/// How long one value may be.
const LONGEST_VALUE: usize = 16 << 20;

/// A transaction.
pub(super) struct Session {
    source: Arc<str>,
    /// The connection, until the session is dropped.
    lease: Option<Lease>,
    mariadb: bool,
    is_stale: bool,
    statement_timeout: Duration,
    began: Instant,
}

/// A column of what a statement gives.
#[derive(Debug, Clone)]
pub(super) struct Output {
    /// The name that it has in the object; without one it is left out of it, and given beside it.
    pub(super) name: Option<String>,
    /// What its values are; without it, what the database says they are.
    pub(super) kind: Option<Kind>,
}

/// The values of a row of [`Session::fixed`].
pub(super) type Row = Vec<Value>;

/// A text of a row, empty if it is none.
pub(super) fn text_of(row: &Row, place: usize) -> String {
    match row.get(place) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

/// A whole number of a row; yes is 1, and 0 if it is none.
pub(super) fn number_of(row: &Row, place: usize) -> i64 {
    match row.get(place) {
        Some(Value::Bool(true)) => 1,
        Some(Value::Number(number)) => number.as_i64().unwrap_or_default(),
        _ => 0,
    }
}

/// Runs the same for each driver.
macro_rules! each_driver {
    ($lease:expr, $connection:ident, $module:ident => $run:expr) => {
        match &mut $lease.driver {
            Driver::Sqlite($connection) => {
                use sqlite as $module;
                $run
            }
            Driver::Postgres($connection) => {
                use postgres as $module;
                $run
            }
            Driver::MySql($connection) => {
                use mysql as $module;
                $run
            }
        }
    };
}

impl Session {
    /// Says what the server calls the connection, so that it can be ended from another one.
    pub(super) fn set_backend(&mut self, backend: Option<i64>) {
        self.lease().state.backend = backend.filter(|&backend| backend > 0);
    }

    pub(super) fn set_mariadb(&mut self, mariadb: bool) {
        self.mariadb = mariadb;
    }

    /// What the database speaks.
    pub(super) fn dialect(&self) -> Dialect {
        match self.lease.as_ref().expect(HELD).driver {
            Driver::Sqlite(_) => Dialect::Sqlite,
            Driver::Postgres(_) => Dialect::Postgres,
            Driver::MySql(_) => Dialect::MySql,
        }
    }

    /// Whether it is MariaDB, of those that speak like MySQL.
    pub(super) fn is_mariadb(&self) -> bool {
        self.mariadb
    }

    /// Whether the database said that what was known of a table is out of date.
    pub(super) fn is_stale(&self) -> bool {
        self.is_stale
    }

    fn lease(&mut self) -> &mut Lease {
        self.lease.as_mut().expect(HELD)
    }

    /// Takes note that a statement is sent, and gives the connection, and when nobody waits for the
    /// answer any more.
    fn sent(&mut self) -> (&mut Lease, Instant) {
        let lease = self.lease();
        lease.state.is_busy = true;
        let deadline = Instant::now() + lease.state.patience;
        (lease, deadline)
    }

    /// Takes note of how a statement ended.
    fn answered<T>(&mut self, answer: Result<sqlx::Result<T>, Elapsed>) -> Result<T, NodeError> {
        match answer {
            Ok(Ok(done)) => {
                self.lease().state.is_busy = false;
                Ok(done)
            }
            Ok(Err(error)) => Err(self.failed(&error)),
            Err(_) => Err(overdue(&self.source, ErrorCode::TIMEOUT)),
        }
    }

    fn failed(&mut self, error: &sqlx::Error) -> NodeError {
        let is_outdated = is_outdated(error);
        self.is_stale |= is_outdated;
        let state = &mut self.lease().state;
        state.is_busy = !is_answer(error);
        if is_outdated {
            // The statement is prepared in it.
            state.afterwards = Afterwards::Closed;
        }
        node_error(&self.source, error)
    }

    /// Runs a statement and tells how many rows it concerned.
    pub(super) async fn execute(&mut self, statement: Statement) -> Result<u64, NodeError> {
        let Statement { sql, values } = statement;
        let sql = AssertSqlSafe(sql);
        let (lease, deadline) = self.sent();
        let answer = each_driver!(lease, connection, driver => {
            match driver::arguments(values) {
                Ok(arguments) => {
                    let done = connection.execute(sqlx::query_with(sql, arguments));
                    let done = timeout_at(deadline, done).await;
                    done.map(|done| done.map(|done| done.rows_affected()))
                }
                Err(error) => Ok(Err(sqlx::Error::Encode(error))),
            }
        });
        self.answered(answer)
    }

    /// Runs a statement and hands each row to `put` as an object.
    ///
    /// Without `outputs` the columns are those that the statement gives.
    pub(super) async fn rows(
        &mut self,
        statement: Statement,
        outputs: Option<&[Output]>,
        mut put: impl FnMut(Object, Vec<Value>) -> Result<(), NodeError>,
    ) -> Result<(), NodeError> {
        let Statement { sql, values } = statement;
        let sql = AssertSqlSafe(sql);
        let (lease, deadline) = self.sent();
        let mut refused = None;
        let answer = each_driver!(lease, connection, driver => {
            match driver::arguments(values) {
                Ok(arguments) => {
                    let mut rows = connection.fetch(sqlx::query_with(sql, arguments));
                    timeout_at(deadline, async {
                        let mut reader = None;
                        while let Some(row) = rows.try_next().await? {
                            let reader = match &mut reader {
                                Some(reader) => reader,
                                None => reader.insert(driver::Reader::new(&row, outputs)),
                            };
                            let read = reader.read(&row);
                            if let Err(error) = read.and_then(|(object, rest)| put(object, rest)) {
                                refused = Some(error);
                                break;
                            }
                        }
                        Ok(())
                    })
                    .await
                }
                Err(error) => Ok(Err(sqlx::Error::Encode(error))),
            }
        });
        match refused {
            // The server still sends what nobody wants.
            Some(error) => Err(error),
            None => self.answered(answer),
        }
    }

    /// Runs a statement that never changes, with texts as its values.
    pub(super) async fn fixed(
        &mut self,
        sql: &'static str,
        values: &[&str],
    ) -> Result<Vec<Row>, NodeError> {
        let statement = Statement {
            sql: sql.to_owned(),
            values: values.iter().map(|&value| Bound::from(value)).collect(),
        };
        let mut rows = Vec::new();
        // Without names every value is among the rest.
        let nameless = vec![
            Output {
                name: None,
                kind: None
            };
            16
        ];
        self.rows(statement, Some(&nameless), |_, row| {
            rows.push(row);
            Ok(())
        })
        .await?;
        Ok(rows)
    }

    /// Runs statements that carry no values, such as those that make tables.
    pub(super) async fn run(&mut self, sql: String) -> Result<(), NodeError> {
        let sql = AssertSqlSafe(sql);
        let (lease, deadline) = self.sent();
        let answer = each_driver!(lease, connection, driver => {
            let _ = driver::NAME;
            let done = connection.execute(sqlx::raw_sql(sql));
            timeout_at(deadline, done).await.map(|done| done.map(drop))
        });
        self.answered(answer)
    }

    /// The number that MySQL gave the last row that was inserted.
    pub(super) async fn last_number(&mut self) -> Result<Option<u64>, NodeError> {
        let rows = self.fixed("SELECT LAST_INSERT_ID()", &[]).await?;
        Ok(rows
            .first()
            .and_then(|row| row.first()?.as_u64())
            .filter(|&id| id > 0))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.give_back();
        }
    }
}

const HELD: &str = "the connection is given back when the session is dropped";

fn overdue(source: &str, code: ErrorCode) -> NodeError {
    let message = format!(
        "data source `{source}` gave no answer within its `statementTimeout` and {} s; the \
         connection is ended",
        GRACE.as_secs()
    );
    NodeError::retryable(code, message)
}
