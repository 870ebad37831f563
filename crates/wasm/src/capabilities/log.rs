//! Capability `log`.

use jackfield_types::Capability;

use super::LogLevel;
use super::text::{cut, plain};
use crate::bindings::jackfield::plugin::log::{Host, Level};
use crate::state::PluginState;

/// The most bytes of a line.
const LONGEST_LINE: usize = 4_096;

/// The most lines of one call.
const MOST_LINES: u32 = 1_000;

impl Host for PluginState {
    fn log(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        self.count_host_call()?;
        if self.record.lines > MOST_LINES {
            return Ok(());
        }
        let Ok(granted) = self.granted(Capability::Log) else {
            // What is not granted is dropped, as the contract has it: no plugin is to fail
            // because nobody listens.
            return Ok(());
        };
        let level = match level {
            Level::Trace => LogLevel::Trace,
            Level::Debug => LogLevel::Debug,
            Level::Info => LogLevel::Info,
            Level::Warn => LogLevel::Warn,
            Level::Error => LogLevel::Error,
        };
        // Secrets are looked for before the text is cut: half of one would not be found.
        let message = granted.call.grants.redact(&message);
        let message = cut(&message, LONGEST_LINE);
        let message = plain(&message);
        self.record.lines += 1;
        let Some(site) = self.call_site() else {
            return Ok(());
        };
        let listener = &self.services.listener;
        if self.record.lines > MOST_LINES {
            let text = format!("{MOST_LINES} lines in one call: what follows is dropped");
            listener.logged(&site, LogLevel::Warn, &text);
        } else {
            listener.logged(&site, level, &message);
        }
        Ok(())
    }
}
