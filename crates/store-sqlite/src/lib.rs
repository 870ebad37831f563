//! Keeps what Jackfield has to remember in one SQLite file.
//!
//! One thread writes. It takes all that waits, makes one transaction of it, and acknowledges each
//! change when the transaction is on disk: a hundred executions that journal a step at the same
//! time pay for one flush of the disk together. Readers have connections of their own, on threads
//! of their own, and are never held up by the writer.
//!
//! Records of all journals are written one after another, each with the place of the one before it
//! in the same journal. A group of steps of many executions so changes a few pages at the end of
//! the file, not one page an execution.
//!
//! One process at a time runs executions in a file ([`Role::Worker`]); others may look into it and
//! ask things of its executions meanwhile ([`Role::Visitor`]). What was written is checked when it
//! is read: a file that is damaged gives [`StoreError::Damaged`](jackfield_store_api::StoreError),
//! not other contents.

mod audit;
mod checkpoint;
mod claims;
mod collect;
mod connection;
mod courses;
mod documents;
mod error;
mod executions;
mod journal;
mod ledger;
mod listing;
mod lock;
mod options;
mod payloads;
mod queue;
mod readers;
mod remnants;
mod row;
mod schema;
mod signals;
mod store;
mod sum;
mod tenant;
mod workflows;
mod writer;

pub use options::{Role, SqliteOptions};
pub use store::SqliteStore;
