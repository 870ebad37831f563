use std::str::FromStr;
use std::time::Duration;

use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions};
use sqlx::pool::PoolOptions;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, Database, Executor, MySqlPool, PgPool, Sqlite,
    SqliteConnection, SqlitePool,
};
use sqlx_core::transaction::TransactionManager;
use tokio::time::timeout;

use super::DataSourceConfig;
use crate::dbal::dialect::Dialect;
use crate::dbal::session::{GRACE, ROWS_UNDER_WAY};

/// How a database is reached. It is parsed once, when data sources are configured.
#[derive(Clone)]
pub(in crate::dbal) enum Address {
    Sqlite(Box<SqliteConnectOptions>),
    Postgres(Box<PgConnectOptions>),
    MySql(Box<MySqlConnectOptions>),
}

/// Connections.
pub(super) enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
    MySql(MySqlPool),
}

impl Address {
    /// Parses a URL.
    pub(super) fn parse(url: &str, config: &DataSourceConfig) -> Option<Self> {
        let statement_timeout = config.statement_timeout.as_duration();
        Some(match Dialect::of_url(url)? {
            Dialect::Sqlite => {
                let options = SqliteConnectOptions::from_str(url).ok()?;
                let options = options
                    .foreign_keys(true)
                    .busy_timeout(statement_timeout)
                    .row_buffer_size(ROWS_UNDER_WAY)
                    .disable_statement_logging();
                Self::Sqlite(Box::new(options))
            }
            Dialect::Postgres => {
                let options = PgConnectOptions::from_str(url).ok()?;
                let timeout = milliseconds(statement_timeout);
                let options = options
                    .application_name("jackfield")
                    .options([
                        ("TimeZone", "UTC"),
                        ("statement_timeout", timeout.as_str()),
                        ("lock_timeout", timeout.as_str()),
                    ])
                    .disable_statement_logging();
                Self::Postgres(Box::new(options))
            }
            Dialect::MySql => {
                // One scheme is all that the driver knows.
                let url = url.replacen("mariadb:", "mysql:", 1);
                let options = MySqlConnectOptions::from_str(&url).ok()?;
                Self::MySql(Box::new(options.disable_statement_logging()))
            }
        })
    }

    pub(super) fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
            Self::MySql(_) => Dialect::MySql,
        }
    }

    /// Who asks, where there are roles.
    pub(super) fn role(&self) -> Option<&str> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(options) => Some(options.get_username()),
            Self::MySql(options) => Some(options.get_username()),
        }
    }

    /// Ends a connection of this role from another one, by what the server calls it. The server
    /// ends what it is doing for it, too.
    pub(in crate::dbal) async fn end(&self, backend: i64) -> sqlx::Result<()> {
        match self {
            // It ends what nobody waits for by itself.
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(options) => {
                let mut connection = options.connect().await?;
                let end = sqlx::query("SELECT pg_terminate_backend($1::int)").bind(backend);
                connection.execute(end).await?;
                connection.close().await
            }
            Self::MySql(options) => {
                let mut connection = options.connect().await?;
                // It takes no parameters; a number is all that it is given.
                let end = AssertSqlSafe(format!("KILL {backend}"));
                connection.execute(sqlx::raw_sql(end)).await?;
                connection.close().await
            }
        }
    }

    /// Connections that are made when they are needed.
    pub(super) fn pool(&self, config: &DataSourceConfig, most: u32) -> Pool {
        match self {
            Self::Sqlite(options) => {
                let is_memory = options
                    .get_filename()
                    .to_string_lossy()
                    .contains(":memory:")
                    || options
                        .get_filename()
                        .to_string_lossy()
                        .starts_with("file:sqlx-in-memory");
                let bounds: SqlitePoolOptions = match is_memory {
                    // What is in memory is gone with its connection.
                    true => bounds(config, 1).idle_timeout(None).max_lifetime(None),
                    false => bounds(config, most),
                };
                let bounds = bounds
                    .after_release(|connection, _| Box::pin(async { settle(connection).await }));
                Pool::Sqlite(bounds.connect_lazy_with((**options).clone()))
            }
            Self::Postgres(options) => {
                let bounds: PgPoolOptions = bounds(config, most);
                Pool::Postgres(bounds.connect_lazy_with((**options).clone()))
            }
            Self::MySql(options) => {
                let timeout = config.statement_timeout.as_duration();
                let bounds: MySqlPoolOptions = bounds(config, most);
                let bounds = bounds.after_connect(move |connection, _| {
                    Box::pin(async move {
                        // MariaDB counts seconds, MySQL milliseconds, each by a name of its own.
                        let seconds = sqlx::query("SET SESSION max_statement_time = ?")
                            .bind(timeout.as_secs_f64());
                        if connection.execute(seconds).await.is_err() {
                            let milliseconds = i64::try_from(timeout.as_millis());
                            connection
                                .execute(
                                    sqlx::query("SET SESSION max_execution_time = ?")
                                        .bind(milliseconds.unwrap_or(i64::MAX)),
                                )
                                .await?;
                        }
                        connection
                            .execute(
                                sqlx::query("SET SESSION innodb_lock_wait_timeout = ?")
                                    .bind(i64::try_from(timeout.as_secs().max(1)).unwrap_or(60)),
                            )
                            .await?;
                        // What does not fit is an error, and is not cut off.
                        connection
                            .execute(
                                "SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO')",
                            )
                            .await?;
                        Ok(())
                    })
                });
                Pool::MySql(bounds.connect_lazy_with((**options).clone()))
            }
        }
    }
}

/// Brings a connection back to where no transaction is open.
///
/// SQLite ends a transaction by itself when a statement of it is interrupted or the disk is full.
/// The driver, which then cannot end it, would take every later transaction for one inside of it.
async fn settle(connection: &mut SqliteConnection) -> sqlx::Result<bool> {
    // The end of the transaction may still be under way.
    connection.ping().await?;
    if connection.is_in_transaction() {
        // It may be open after all, and then there is no other.
        let _ = connection.execute("BEGIN").await;
        <Sqlite as Database>::TransactionManager::rollback(connection).await?;
    }
    Ok(!connection.is_in_transaction())
}

fn bounds<DB: Database>(config: &DataSourceConfig, most: u32) -> PoolOptions<DB> {
    PoolOptions::new()
        .max_connections(most)
        .acquire_timeout(config.acquire_timeout.as_duration())
        .idle_timeout(config.idle_timeout.as_duration())
        // One whose server is gone without a word is closed, and there is another.
        .test_before_acquire(false)
        .before_acquire(|connection: &mut DB::Connection, _| {
            Box::pin(async move {
                let ping = timeout(GRACE, connection.ping()).await;
                Ok(matches!(ping, Ok(Ok(()))))
            })
        })
}

fn milliseconds(duration: Duration) -> String {
    duration
        .as_millis()
        .min(i32::MAX.unsigned_abs().into())
        .to_string()
}
