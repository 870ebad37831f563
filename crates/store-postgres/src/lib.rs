//! Keeps what Jackfield has to remember in a PostgreSQL database.
//!
//! Several processes share one database, each with a [`PostgresStore`] of its own:
//!
//! ```no_run
//! use jackfield_store_postgres::{PostgresOptions, PostgresStore};
//!
//! # async fn open() -> Result<(), jackfield_store_api::StoreError> {
//! let options = PostgresOptions::new("postgres://ada:secret@db.example.com/production");
//! let store = PostgresStore::open(options).await?;
//! # Ok(())
//! # }
//! ```
//!
//! All its tables are in a schema of their own, `jackfield` if nothing else is said, so that it may
//! live in a database with other things. Every statement is a fixed text with parameters, and no
//! message ever has a password in it.

mod address;
mod audit;
mod births;
mod claims;
mod collect;
mod connection;
mod courses;
mod documents;
mod draft;
mod drafts;
mod error;
mod executions;
mod group;
mod inner;
mod journal;
mod listing;
mod names;
mod operation;
mod options;
mod payloads;
mod row;
mod schema;
mod session;
mod signals;
mod statements;
mod store;
mod sum;
mod tenant;
mod tries;
mod workflows;
mod writer;
mod writing;

pub use options::PostgresOptions;
pub use store::PostgresStore;
