//! What the `jackfield` command promises, tried on the built binary.

#![expect(
    clippy::unwrap_used,
    reason = "a test may end where it finds something else"
)]

mod authors;
mod bad_input;
mod databases;
mod bad_plugins;
mod exec;
mod guest;
mod harness;
mod hostile;
mod nodes;
mod plan;
mod plugins;
mod recovery;
mod registry;
mod run;
mod settings;
mod signals;
mod tenancy;
mod usage;
mod validate;
