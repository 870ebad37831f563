//! Connections, and what all of them have in common.

use jackfield_store_api::Durability;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgConnection};

/// How a connection behaves. All that is read is found by an index: a table that was small when a
/// statement was planned must not be read as a whole when it is large. A process that dies in the
/// middle of a transaction keeps nobody waiting for long.
const SESSION: &str = "SELECT set_config('search_path', quote_ident($1), false),
    set_config('synchronous_commit', CASE
        WHEN $2 THEN 'off'
        WHEN current_setting('synchronous_commit') = 'off' THEN 'on'
        ELSE current_setting('synchronous_commit') END, false),
    set_config('default_transaction_isolation', 'read committed', false),
    set_config('enable_seqscan', 'off', false),
    set_config('enable_hashjoin', 'off', false),
    set_config('enable_mergejoin', 'off', false),
    set_config('jit', 'off', false),
    set_config('lock_timeout', '10s', false),
    set_config('idle_in_transaction_session_timeout', '10s', false),
    set_config('tcp_keepalives_idle', '10', false),
    set_config('tcp_keepalives_interval', '5', false),
    set_config('tcp_keepalives_count', '3', false)";

/// How connections are made, and what they are set to.
#[derive(Clone)]
pub(crate) struct Connector {
    pub(crate) options: PgConnectOptions,
    pub(crate) schema: String,
    pub(crate) durability: Durability,
}

impl Connector {
    /// Makes a connection.
    pub(crate) async fn connect(&self) -> sqlx::Result<PgConnection> {
        let mut connection = self.options.connect().await?;
        self.settle(&mut connection).await?;
        Ok(connection)
    }

    /// Sets a connection up.
    pub(crate) async fn settle(&self, connection: &mut PgConnection) -> sqlx::Result<()> {
        sqlx::query(SESSION)
            .bind(&self.schema)
            .bind(self.durability == Durability::Relaxed)
            .execute(connection)
            .await?;
        Ok(())
    }
}
