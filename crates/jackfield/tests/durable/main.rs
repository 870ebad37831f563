//! Executions that are kept: what becomes of them when whatever runs them is lost.

#![expect(clippy::unwrap_used, reason = "a mistake in a test may panic")]

mod again;
mod changes;
mod crashes;
mod files;
mod histories;
mod kept_for;
mod left_over;
mod nested;
mod parts;
mod plugins;
mod resumed;
mod shapes;
mod slow;
mod stuck;
mod support;
mod takeover;
mod waiting;
mod workers;
