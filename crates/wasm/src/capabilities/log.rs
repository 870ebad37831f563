//! Capability `log`.

use std::borrow::Cow;
use std::time::Instant;

use jackfield_types::Capability;

use super::LogLevel;
use super::line_budget::{LineBudget, Verdict};
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
        let tenant = granted.call.tenant.clone();
        self.record.lines += 1;
        let (level, text) = if self.record.lines > MOST_LINES {
            let notice = format!("{MOST_LINES} lines in one call: what follows is dropped");
            (LogLevel::Warn, notice)
        } else {
            match self.services.lines.count(&tenant, Instant::now()) {
                Verdict::Written => (level, self.line(&message)),
                Verdict::Replaced => (LogLevel::Warn, LineBudget::notice()),
                Verdict::Dropped => return Ok(()),
            }
        };
        if let Some(site) = self.call_site() {
            self.services.listener.logged(&site, level, &text);
        }
        Ok(())
    }
}

impl PluginState {
    /// A line as it may be shown.
    fn line(&self, message: &str) -> String {
        // Secrets are looked for before the text is cut: half of one would not be found.
        let call = self.call.as_ref();
        let message = call.map_or(Cow::Borrowed(message), |call| call.grants.redact(message));
        plain(&cut(&message, LONGEST_LINE)).into_owned()
    }
}
