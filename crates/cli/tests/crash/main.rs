//! Processes are killed at random instants, again and again, and nothing is lost, done twice, or told
//! that is not so.
//!
//! A server plays the outside world and notes what it is asked, by whom and under which key. Runs of
//! the built command keep executions in a store and are killed (`SIGKILL`) at random instants; others
//! resume them and are killed as well, until one ends by itself. In the end each execution must have
//! come to what it comes to when nobody is killed, inside and outside.
//!
//! What a machine loses that breaks down is another matter: what processes wrote stays written here.

#![cfg(all(unix, feature = "postgres"))]
#![expect(clippy::unwrap_used, reason = "a mistake in a test may panic")]
#![expect(clippy::print_stderr, reason = "it tells what it tried")]

mod anew;
mod campaign;
mod claims;
mod ground;
mod life;
mod orders;
mod outcome;
mod saga;
mod shapes;
mod takeover;
mod tally;
mod whole;
mod world;

use crate::campaign::Campaign;
use crate::ground::Database;

#[test]
fn nothing_is_lost_in_sqlite() {
    Campaign::new(Database::Sqlite).fight();
}

#[test]
fn nothing_is_lost_in_postgres() {
    Campaign::new(Database::Postgres).fight();
}
