use std::fmt;

use jackfield_store_api::StoreError;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

use crate::address::Address;
use crate::connection::Connector;
use crate::options::PostgresOptions;
use crate::schema;

/// A store in a PostgreSQL database.
pub struct PostgresStore {
    options: PostgresOptions,
    address: Address,
    pool: PgPool,
}

impl PostgresStore {
    /// Opens a database, and brings its schema to the newest version.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when the URL cannot be read, or the database or schema is none for a
    /// store, [`StoreError::Newer`], [`StoreError::Unavailable`], [`StoreError::Full`],
    /// [`StoreError::Failed`].
    pub async fn open(options: PostgresOptions) -> Result<Self, StoreError> {
        let address = Address::parse(&options)?;
        let connector = Connector {
            options: address.options.clone(),
            schema: address.schema.clone(),
            durability: options.durability,
        };
        let broken = |error| address.place.broken(error);
        let mut connection = connector.connect().await.map_err(broken)?;
        schema::prepare(&mut connection, &address).await?;
        let pool = PgPoolOptions::new()
            .max_connections(options.connections)
            .acquire_timeout(options.patience)
            .after_connect(move |connection, _| {
                let connector = connector.clone();
                Box::pin(async move { connector.settle(connection).await })
            })
            .connect_lazy_with(address.options.clone());
        Ok(Self {
            options,
            address,
            pool,
        })
    }

    /// Where it is, for messages: no user names, no passwords.
    pub fn describe(&self) -> String {
        self.address.place.0.to_string()
    }

    /// Lets go of all connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore")
            .field("place", &self.address.place.0)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
