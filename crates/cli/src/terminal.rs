//! What standard output and standard error are connected to, and what may be written there.

use std::env;
use std::io::{self, IsTerminal};

use comfy_table::Table;

use crate::args::ColorArg;

/// How wide text is where no terminal says so.
const DEFAULT_WIDTH: u16 = 100;

/// Where one of the two streams leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stream {
    /// Whether a person looks at it.
    pub(crate) is_terminal: bool,
    /// Whether it is colored.
    pub(crate) is_colored: bool,
    /// How many columns it has.
    pub(crate) width: u16,
}

/// Where both streams lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terminal {
    pub(crate) stdout: Stream,
    pub(crate) stderr: Stream,
}

impl Terminal {
    /// Looks at the streams, at `--color`, and at `NO_COLOR` and `TERM`.
    pub(crate) fn detect(color: ColorArg) -> Self {
        let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_plain = is_set("NO_COLOR") || env::var_os("TERM").is_some_and(|term| term == "dumb");
        let is_colored = |is_terminal: bool| match color {
            ColorArg::Auto => is_terminal && !is_plain,
            ColorArg::Always => true,
            ColorArg::Never => false,
        };
        let stream = |is_terminal: bool, width: Option<u16>| Stream {
            is_terminal,
            is_colored: is_colored(is_terminal),
            width: width.filter(|width| *width >= 20).unwrap_or(DEFAULT_WIDTH),
        };
        Self {
            stdout: stream(io::stdout().is_terminal(), Table::new().width()),
            stderr: stream(
                io::stderr().is_terminal(),
                Table::new().use_stderr().width(),
            ),
        }
    }
}
