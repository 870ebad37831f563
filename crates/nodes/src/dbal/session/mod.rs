//! One transaction in a database, whichever it is.
//!
//! Whatever is dropped half-way is rolled back: a session that was not committed leaves nothing
//! behind.

mod bind;
mod mysql;
mod numeric;
mod postgres;
mod sqlite;
mod statement;

pub(super) use sqlite::bound as sqlite_value;
pub(super) use statement::Statement;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use jackfield_plugin_api::NodeError;
use jackfield_types::{ErrorCode, Object};
use sea_query::Value as Bound;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Executor, MySql, Postgres, Sqlite, Transaction};

use super::dialect::Dialect;
use super::error::node_error;
use super::kind::Kind;

/// How many steps SQLite makes before it looks whether it goes on. What ends a transaction takes
/// fewer.
const STEPS_BETWEEN_LOOKS: i32 = 10_000;

/// A transaction.
pub(super) struct Session {
    source: Arc<str>,
    driver: Driver,
    mariadb: bool,
    /// What statements of SQLite look at to see that nobody waits for them any more.
    waited_for: Option<Arc<()>>,
}

pub(super) enum Driver {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
    MySql(Transaction<'static, MySql>),
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
    ($session:expr, $transaction:ident, $module:ident => $run:expr) => {
        match &mut $session.driver {
            Driver::Sqlite($transaction) => {
                use sqlite as $module;
                $run
            }
            Driver::Postgres($transaction) => {
                use postgres as $module;
                $run
            }
            Driver::MySql($transaction) => {
                use mysql as $module;
                $run
            }
        }
    };
}

impl Session {
    pub(super) fn new(source: Arc<str>, driver: Driver) -> Self {
        Self {
            source,
            driver,
            mariadb: false,
            waited_for: None,
        }
    }

    /// Sees to it that SQLite, which nobody else can stop, stops when the time is over or the
    /// session is dropped.
    pub(super) async fn limit_time(&mut self, time: Duration) -> Result<(), NodeError> {
        let Driver::Sqlite(transaction) = &mut self.driver else {
            return Ok(());
        };
        let mut handle = transaction
            .lock_handle()
            .await
            .map_err(|error| node_error(&self.source, &error))?;
        let waited_for = Arc::new(());
        let waits = Arc::downgrade(&waited_for);
        let began = Instant::now();
        handle.set_progress_handler(STEPS_BETWEEN_LOOKS, move || {
            waits.strong_count() > 0 && began.elapsed() < time
        });
        self.waited_for = Some(waited_for);
        Ok(())
    }

    pub(super) fn set_mariadb(&mut self, mariadb: bool) {
        self.mariadb = mariadb;
    }

    /// What the database speaks.
    pub(super) fn dialect(&self) -> Dialect {
        match self.driver {
            Driver::Sqlite(_) => Dialect::Sqlite,
            Driver::Postgres(_) => Dialect::Postgres,
            Driver::MySql(_) => Dialect::MySql,
        }
    }

    /// Whether it is MariaDB, of those that speak like MySQL.
    pub(super) fn is_mariadb(&self) -> bool {
        self.mariadb
    }

    /// Runs a statement and tells how many rows it concerned.
    pub(super) async fn execute(&mut self, statement: Statement) -> Result<u64, NodeError> {
        let source = Arc::clone(&self.source);
        let Statement { sql, values } = statement;
        let sql = AssertSqlSafe(sql);
        let done = each_driver!(self, transaction, driver => {
            let arguments = driver::arguments(values).map_err(sqlx::Error::Encode);
            match arguments {
                Ok(arguments) => transaction
                    .execute(sqlx::query_with(sql, arguments))
                    .await
                    .map(|done| done.rows_affected()),
                Err(error) => Err(error),
            }
        });
        done.map_err(|error| node_error(&source, &error))
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
        let source = Arc::clone(&self.source);
        let Statement { sql, values } = statement;
        let sql = AssertSqlSafe(sql);
        each_driver!(self, transaction, driver => {
            let arguments = driver::arguments(values)
                .map_err(|error| node_error(&source, &sqlx::Error::Encode(error)))?;
            let mut rows = transaction.fetch(sqlx::query_with(sql, arguments));
            let mut reader = None;
            while let Some(row) = rows
                .try_next()
                .await
                .map_err(|error| node_error(&source, &error))?
            {
                let reader = match &mut reader {
                    Some(reader) => reader,
                    None => reader.insert(driver::Reader::new(&row, outputs)),
                };
                let (object, rest) = reader
                    .read(&row)
                    .map_err(|message| NodeError::permanent(ErrorCode::WRONG_TYPE, message))?;
                put(object, rest)?;
            }
        });
        Ok(())
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
        let source = Arc::clone(&self.source);
        let sql = AssertSqlSafe(sql);
        let done = each_driver!(self, transaction, driver => {
            let _ = driver::NAME;
            transaction.execute(sqlx::raw_sql(sql)).await.map(drop)
        });
        done.map_err(|error| node_error(&source, &error))
    }

    /// The number that MySQL gave the last row that was inserted.
    pub(super) async fn last_number(&mut self) -> Result<Option<u64>, NodeError> {
        let rows = self.fixed("SELECT LAST_INSERT_ID()", &[]).await?;
        Ok(rows
            .first()
            .and_then(|row| row.first()?.as_u64())
            .filter(|&id| id > 0))
    }

    /// Makes what was done permanent.
    pub(super) async fn commit(self) -> Result<(), NodeError> {
        let done = match self.driver {
            Driver::Sqlite(transaction) => transaction.commit().await,
            Driver::Postgres(transaction) => transaction.commit().await,
            Driver::MySql(transaction) => transaction.commit().await,
        };
        done.map_err(|error| node_error(&self.source, &error))
    }
}
