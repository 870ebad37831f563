//! Database nodes on real databases: SQLite, PostgreSQL and MariaDB, each started by the test.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    reason = "a scenario that goes wrong is a test that fails"
)]

mod aggregating;
mod bad_input;
mod credentials;
mod deleting;
mod edges;
mod endings;
mod entities;
mod errors;
mod isolation;
mod meanings;
mod pages;
mod querying;
mod reading;
mod row_security;
mod scene;
mod sly;
mod values;
mod writing;
