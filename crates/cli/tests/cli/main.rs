//! What the `jackfield` command promises, tried on the built binary.

#![expect(
    clippy::unwrap_used,
    reason = "a test may end where it finds something else"
)]

mod authors;
mod bad_input;
mod bad_plugins;
mod contents;
mod credentials;
mod databases;
mod elsewhere;
mod exec;
mod executions;
mod guest;
mod harness;
mod hostile;
mod kept;
mod nodes;
mod over;
mod plan;
mod plugins;
mod recovery;
mod registry;
mod run;
mod running;
mod server;
mod settings;
mod signals;
mod tenancy;
mod usage;
mod validate;
