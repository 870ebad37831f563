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
//!
//! Changes of executions are written in groups. A writer takes all that waits, reads the executions
//! that it does not remember, lets [`Course`](jackfield_store_api::Course) say what becomes of them,
//! and writes courses and records in one transaction; most groups are a single statement. Three
//! things make that safe with other processes at work:
//!
//! * Every course has a revision, and is written only if it still has the one that was read. What
//!   somebody else has changed is left out, and is done again under a lock.
//! * Every group has a number, which its transaction leaves in the writer's row. When the connection
//!   breaks before an answer, the number says whether the group was written.
//! * Times come from the database, and what has been remembered is never asked about time.
//!
//! What is no change of an execution is a transaction by itself.

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
mod remnants;
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
