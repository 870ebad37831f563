//! Real databases for tests: PostgreSQL and MariaDB, started from the binaries of the machine.
//!
//! Each server runs in a temporary folder, on a free port of the loopback address, and ends with the
//! test process however that one ends: a shell between them holds a pipe to the process, and stops
//! the server and removes its folder when the pipe closes. A process has one server of a kind, which
//! its tests share; each test makes a database of its own in it.
//!
//! Nothing is kept for good but an empty data folder beside what cargo builds, of which the next
//! server is a copy, because making one takes longer than everything else. Durability is off: what
//! is tested is the other side of the connection.
//!
//! # Examples
//! ```no_run
//! use jackfield_testkit::database::Postgres;
//!
//! let url = Postgres::shared().create_database();
//! assert!(url.starts_with("postgres://"));
//! ```

mod account;
mod error;
mod mariadb;
mod postgres;
mod programs;
mod server;
mod template;

pub use error::DatabaseError;
pub use mariadb::MariaDb;
pub use postgres::Postgres;

use std::sync::atomic::{AtomicU32, Ordering};

/// A name that no other database of this process has.
fn fresh_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// How often a server is started before its port is given up on: somebody else may take it
/// between finding it and using it.
const PORT_TRIES: usize = 5;

/// A port of the loopback address that nobody uses now.
fn free_port() -> Result<u16, DatabaseError> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).map_err(DatabaseError::Port)?;
    let address = listener.local_addr().map_err(DatabaseError::Port)?;
    Ok(address.port())
}
