//! What the `jackfield` command promises, tried on the built binary.

mod bad_input;
mod exec;
mod harness;
mod hostile;
mod nodes;
mod plan;
mod run;
mod signals;
mod usage;
mod validate;
