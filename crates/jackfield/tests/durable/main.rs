//! Executions that are kept: what becomes of them when whatever runs them is lost.

mod crashes;
mod support;
