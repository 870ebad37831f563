//! Executions that are kept, and who holds them: nothing runs twice at the same time, whatever the
//! store, the clocks and other processes do, and what is asked of an execution reaches it.

#![expect(clippy::unwrap_used, reason = "a mistake in a test may panic")]

mod asked;
mod hindered;
mod overtaken;
mod support;
mod workers;
mod written;
