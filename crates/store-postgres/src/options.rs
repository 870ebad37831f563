use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jackfield_store_api::{Durability, to_microsecond};
use jiff::Timestamp;

/// How a database is opened.
#[derive(Clone)]
pub struct PostgresOptions {
    pub(crate) url: String,
    pub(crate) schema: Option<String>,
    pub(crate) durability: Durability,
    pub(crate) connections: u32,
    pub(crate) writers: Option<usize>,
    pub(crate) patience: Duration,
    pub(crate) clock: Option<Arc<dyn Fn() -> Timestamp + Send + Sync>>,
}

impl PostgresOptions {
    /// A database by its URL, as in `postgres://user:password@host:5432/database?sslmode=require`.
    /// What the URL leaves out is taken from the variables and files that `psql` takes it from
    /// (`PGUSER`, `PGPASSWORD`, `~/.pgpass`).
    ///
    /// It is looked at when the store is opened.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            schema: None,
            durability: Durability::default(),
            connections: 8,
            writers: None,
            patience: Duration::from_secs(10),
            clock: None,
        }
    }

    /// The schema in which the tables are, which is made when there is none: `jackfield` if nothing
    /// is said, neither here nor in the URL (`?schema=other`).
    #[must_use]
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = Some(schema.into());
        self
    }

    /// How safe acknowledged changes are.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// The most connections beside those of the writers: at least one.
    #[must_use]
    pub fn connections(mut self, connections: u32) -> Self {
        self.connections = connections.clamp(1, 1_000);
        self
    }

    /// How many tasks write journals, each over a connection of its own: at least one. If nothing
    /// is said, 2, and 8 when each change is a transaction by itself.
    #[must_use]
    pub fn writers(mut self, writers: usize) -> Self {
        self.writers = Some(writers.clamp(1, 64));
        self
    }

    /// How long a call waits for a connection, or for a server that is just restarted, before it
    /// fails with [`StoreError::Unavailable`](jackfield_store_api::StoreError::Unavailable).
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Takes the time from elsewhere than from the database. All that share a database have to
    /// take it from the same place.
    #[must_use]
    pub fn clock(mut self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// The time, if it does not come from the database.
    pub(crate) fn own_time(&self) -> Option<Timestamp> {
        self.clock.as_ref().map(|clock| to_microsecond(clock()))
    }
}

impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL may have a password in it.
        f.debug_struct("PostgresOptions")
            .field("schema", &self.schema)
            .field("durability", &self.durability)
            .field("connections", &self.connections)
            .field("writers", &self.writers)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}
