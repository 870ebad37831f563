//! The commands, a module each.

pub(crate) mod audit;
pub(crate) mod completions;
pub(crate) mod credential;
pub(crate) mod exec;
pub(crate) mod executions;
mod follow;
pub(crate) mod gc;
mod kept_policy;
pub(crate) mod nodes;
pub(crate) mod plan;
pub(crate) mod plugin;
pub(crate) mod policy;
pub(crate) mod replay;
pub(crate) mod resume;
pub(crate) mod run;
pub(crate) mod schema;
pub(crate) mod signal;
mod trails;
pub(crate) mod validate;
pub(crate) mod variable;
mod visit;

use std::io::{self, Write};

use jackfield::Diagnostics;

use crate::render::findings;
use crate::terminal::Stream;

/// Says on standard error what is probably not meant as it is written.
fn warn(warnings: &Diagnostics, stderr: Stream) {
    if !warnings.is_empty() {
        say(&findings::findings(warnings.clone(), stderr));
    }
}

/// Says so of several documents.
fn warn_all(warnings: &[Diagnostics], stderr: Stream) {
    for warnings in warnings {
        warn(warnings, stderr);
    }
}

/// Says something to people. There is nobody left to tell when standard error is gone.
pub(crate) fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{}", text.trim_end());
}
