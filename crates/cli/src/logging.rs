//! The log on standard error.

use std::io::{self, Write};

use tracing_subscriber::EnvFilter;

use crate::error::CliError;
use crate::terminal::Stream;

/// What is logged when nobody says anything.
const DEFAULT_FILTER: &str = "error";

/// Starts the log.
pub(crate) fn start(filter: Option<&str>, stderr: Stream) -> Result<(), CliError> {
    let filter = filter
        .filter(|filter| !filter.trim().is_empty())
        .unwrap_or(DEFAULT_FILTER);
    let filter = EnvFilter::try_new(filter).map_err(|error| {
        CliError::usage(
            format!("`{filter}` is no log filter: {error}"),
            "write a level (`error`, `warn`, `info`, `debug`, `trace`), or targets with levels \
             such as `registry=debug,engine=info`",
        )
    })?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(stderr.is_colored)
        .with_writer(|| Lossy(io::stderr()))
        .try_init()
        .map_err(|error| CliError::internal("the log cannot be started", &error))
}

/// Standard error, but that what cannot be written is lost: nobody reading the log is no reason to
/// break off what is logged.
struct Lossy(io::Stderr);

impl Write for Lossy {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Lost on purpose, see above.
        let _ = self.0.write_all(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = self.0.flush();
        Ok(())
    }
}
