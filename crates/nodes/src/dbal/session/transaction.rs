//! How a transaction begins and ends, and what bounds it meanwhile where the database is SQLite.

use std::sync::Arc;
use std::time::Duration;

use jackfield_plugin_api::NodeError;
use jackfield_types::ErrorCode;
use sqlx::sqlite::LockedSqliteHandle;
use sqlx::{Database, MySql, Postgres, SqlSafeStr, Sqlite};
use sqlx_core::transaction::TransactionManager;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};

use super::expansion;
use super::fence::{self, Taken};
use super::lease::{Driver, Lease, State};
use super::{Session, overdue};
use crate::dbal::dialect::Dialect;
use crate::dbal::error::node_error;
use crate::dbal::sources::Access;

/// How many steps SQLite makes before it looks whether it goes on. What ends a transaction takes
/// fewer.
const STEPS_BETWEEN_LOOKS: i32 = 10_000;
/// The same of SQL that is written by hand, whose steps may each take long.
const STEPS_BETWEEN_CLOSE_LOOKS: i32 = 100;

const LESS_OFTEN: &str = "common table expressions that name each other less often: SQLite writes \
                          each out wherever it is named, and that would come to more than 4 MiB";

impl Session {
    /// Begins a transaction on a connection, in which statements take this time at most.
    pub(in crate::dbal) async fn begin(
        source: Arc<str>,
        lease: Lease,
        access: Access,
        statement_timeout: Duration,
    ) -> Result<Self, NodeError> {
        let mut session = Self {
            source,
            lease: Some(lease),
            mariadb: false,
            is_stale: false,
            statement_timeout,
            began: Instant::now(),
        };
        let (lease, deadline) = session.sent();
        let begun = match &mut lease.driver {
            Driver::Sqlite(connection) => {
                // Who reads first and then writes could find that somebody else wrote meanwhile.
                let begin = match access {
                    Access::Read => "BEGIN",
                    Access::Write => "BEGIN IMMEDIATE",
                };
                let begin = Some(begin.into_sql_str());
                let begin = <Sqlite as Database>::TransactionManager::begin(connection, begin);
                timeout_at(deadline, begin).await
            }
            Driver::Postgres(connection) => {
                let begin = <Postgres as Database>::TransactionManager::begin(connection, None);
                timeout_at(deadline, begin).await
            }
            Driver::MySql(connection) => {
                let begin = <MySql as Database>::TransactionManager::begin(connection, None);
                timeout_at(deadline, begin).await
            }
        };
        session.answered(begun)?;
        session.began = Instant::now();
        if session.dialect() == Dialect::Sqlite {
            session.enclose().await?;
        }
        Ok(session)
    }

    /// Bounds what statements of SQLite do, and sees to it that they, which nobody else can stop,
    /// stop when the time is over or the session is dropped.
    async fn enclose(&mut self) -> Result<(), NodeError> {
        self.with_sqlite(|handle, state, end| {
            fence::enclose(handle);
            watch(handle, state, end, STEPS_BETWEEN_LOOKS);
        })
        .await
        .map(drop)
    }

    /// Sees to it that SQL that is written by hand is one statement, which queries or changes rows.
    /// The others prepare one statement only, and have roles that say what it may do.
    pub(in crate::dbal) async fn confine(&mut self, sql: &str) -> Result<(), NodeError> {
        if self.dialect() != Dialect::Sqlite {
            return Ok(());
        }
        if !expansion::is_bounded(sql) {
            return Err(NodeError::parameter("/sql", LESS_OFTEN));
        }
        // SQLite may take its time for it, and wait for others, in the thread that asks.
        let mut apart = Self {
            source: Arc::clone(&self.source),
            lease: self.lease.take(),
            ..*self
        };
        let sql = sql.to_owned();
        let runtime = Handle::current();
        let confined = spawn_blocking(move || {
            let confined = runtime.block_on(apart.confine_here(&sql));
            (apart, confined)
        });
        let (mut apart, confined) = confined.await.map_err(|_| {
            let message = format!("the connection to data source `{}` broke", self.source);
            NodeError::retryable(ErrorCode::DATABASE_BUSY, message)
        })?;
        self.lease = apart.lease.take();
        confined
    }

    async fn confine_here(&mut self, sql: &str) -> Result<(), NodeError> {
        let taken = self
            .with_sqlite(|handle, state, end| {
                state.is_confined = true;
                watch(handle, state, end, STEPS_BETWEEN_CLOSE_LOOKS);
                match fence::confine(handle, sql) {
                    Taken::Wrong => (Taken::Wrong, handle.last_error()),
                    taken => (taken, None),
                }
            })
            .await?;
        match taken {
            None | Some((Taken::One, _)) => Ok(()),
            Some((Taken::Wrong, Some(error))) => {
                let error = sqlx::Error::Database(Box::new(error));
                Err(node_error(&self.source, &error))
            }
            Some((Taken::Wrong | Taken::Other, _)) => {
                Err(NodeError::parameter("/sql", "one statement, and no more"))
            }
        }
    }

    /// Works on a connection of SQLite itself, up to the end of the time of its statements.
    async fn with_sqlite<T>(
        &mut self,
        work: impl FnOnce(&mut LockedSqliteHandle<'_>, &mut State, Instant) -> T,
    ) -> Result<Option<T>, NodeError> {
        let end = self.began + self.statement_timeout;
        let source = Arc::clone(&self.source);
        let lease = self.lease();
        let Driver::Sqlite(connection) = &mut lease.driver else {
            return Ok(None);
        };
        let mut handle = connection
            .lock_handle()
            .await
            .map_err(|error| node_error(&source, &error))?;
        Ok(Some(work(&mut handle, &mut lease.state, end)))
    }

    /// Makes what was done permanent.
    pub(in crate::dbal) async fn commit(mut self) -> Result<(), NodeError> {
        if self.lease().state.is_confined {
            // It is none of what SQL may do.
            self.with_sqlite(|handle, _, _| fence::release(handle))
                .await?;
        }
        let (lease, deadline) = self.sent();
        let answer = match &mut lease.driver {
            Driver::Sqlite(connection) => {
                let commit = <Sqlite as Database>::TransactionManager::commit(connection);
                timeout_at(deadline, commit).await
            }
            Driver::Postgres(connection) => {
                let commit = <Postgres as Database>::TransactionManager::commit(connection);
                timeout_at(deadline, commit).await
            }
            Driver::MySql(connection) => {
                let commit = <MySql as Database>::TransactionManager::commit(connection);
                timeout_at(deadline, commit).await
            }
        };
        match answer {
            // As if the connection had broken: nobody knows what became of it.
            Err(_) => Err(overdue(&self.source, ErrorCode::NETWORK_ERROR)),
            answer => self.answered(answer),
        }
    }
}

fn watch(handle: &mut LockedSqliteHandle<'_>, state: &mut State, end: Instant, steps: i32) {
    let waited_for = Arc::new(());
    let waits = Arc::downgrade(&waited_for);
    handle.set_progress_handler(steps, move || {
        waits.strong_count() > 0 && Instant::now() < end
    });
    state.waited_for = Some(waited_for);
}
