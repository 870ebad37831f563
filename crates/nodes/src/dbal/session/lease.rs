//! The connection behind a session, and how it is given back: when the server has ended what it
//! was asked for, and not before, however the session ended.

use std::sync::Arc;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Connection, Database, MySql, Postgres, Sqlite};
use sqlx_core::transaction::TransactionManager;
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::fence;
use crate::dbal::sources::{Address, Afterwards};

/// How much longer than the server itself a statement is waited for, and how long for what takes
/// no time.
pub(in crate::dbal) const GRACE: Duration = Duration::from_secs(5);

/// A connection.
pub(in crate::dbal) enum Driver {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>),
    MySql(PoolConnection<MySql>),
}

/// A connection with all that it takes to give it back.
pub(in crate::dbal) struct Lease {
    pub(super) driver: Driver,
    pub(super) state: State,
}

/// What is known of a connection.
pub(super) struct State {
    /// Where to ask that it be ended.
    address: Arc<Address>,
    /// What the server calls it.
    pub(super) backend: Option<i64>,
    pub(super) afterwards: Afterwards,
    /// Whether a statement was sent whose end nobody saw.
    pub(super) is_busy: bool,
    /// Whether SQLite was told to refuse what ends a transaction.
    pub(super) is_confined: bool,
    /// What statements of SQLite look at to see that nobody waits for them any more.
    pub(super) waited_for: Option<Arc<()>>,
    /// How long a statement is waited for.
    pub(super) patience: Duration,
    /// The place among the connections of the tenant. It is free when all else is.
    share: Option<OwnedSemaphorePermit>,
}

impl Lease {
    /// A connection to an address, on which statements take this time at most.
    pub(in crate::dbal) fn new(
        driver: Driver,
        address: Arc<Address>,
        afterwards: Afterwards,
        statement_timeout: Duration,
        share: Option<OwnedSemaphorePermit>,
    ) -> Self {
        let state = State {
            address,
            backend: None,
            afterwards,
            is_busy: false,
            is_confined: false,
            waited_for: None,
            patience: statement_timeout.saturating_add(GRACE),
            share,
        };
        Self { driver, state }
    }

    /// Gives the connection back, when what it was asked for has ended. What was not committed is
    /// rolled back.
    pub(super) fn give_back(mut self) {
        // Statements of SQLite look at it.
        self.state.waited_for = None;
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(self.end())),
            // Whoever is left has nobody to wait for it: the connection breaks.
            Err(_) => match self.driver {
                Driver::Sqlite(connection) => drop(connection.detach()),
                Driver::Postgres(connection) => drop(connection.detach()),
                Driver::MySql(connection) => drop(connection.detach()),
            },
        }
    }

    async fn end(self) {
        match self.driver {
            Driver::Sqlite(connection) => end_sqlite(connection, &self.state).await,
            Driver::Postgres(connection) => end(connection, &self.state).await,
            Driver::MySql(connection) => end(connection, &self.state).await,
        }
        drop(self.state.share);
    }
}

/// SQLite stops by itself: the statement sees that nobody waits for it.
async fn end_sqlite(mut connection: PoolConnection<Sqlite>, state: &State) {
    if state.is_confined {
        let is_released = match connection.lock_handle().await {
            Ok(mut handle) => {
                fence::release(&mut handle);
                handle.remove_progress_handler();
                true
            }
            Err(_) => false,
        };
        if !is_released {
            return drop(connection.detach());
        }
    }
    // What cannot be rolled back here is when the pool takes it back.
    let _ = <Sqlite as Database>::TransactionManager::rollback(&mut *connection).await;
    connection.return_to_pool().await;
}

async fn end<DB: Database>(mut connection: PoolConnection<DB>, state: &State) {
    let is_over = !state.is_busy && {
        let rollback = DB::TransactionManager::rollback(&mut *connection);
        matches!(timeout(GRACE, rollback).await, Ok(Ok(())))
    };
    match (is_over, state.afterwards) {
        // A server that does not answer any more has no connection kept to it.
        (true, Afterwards::Kept) => {
            let _ = timeout(GRACE, connection.return_to_pool()).await;
        }
        (true, Afterwards::Closed) => {
            let _ = timeout(GRACE, connection.close()).await;
        }
        (false, _) => {
            if let Some(backend) = state.backend {
                // It may have ended meanwhile, or be out of reach; the wait below tells.
                let _ = timeout(GRACE, state.address.end(backend)).await;
            }
            // Whatever comes, an answer or the end of the connection, it comes when it has ended.
            let _ = timeout(state.patience, connection.ping()).await;
            drop(connection.detach());
        }
    }
}
