//! Executions that are kept: what becomes of them when whatever runs them is lost.

mod again;
mod crashes;
mod files;
mod histories;
mod resumed;
mod stuck;
mod support;
mod takeover;
mod waiting;
