use tracing::{debug, error, info, trace, warn};

use super::CallSite;

/// The target of the lines that plugins write.
const TARGET: &str = "jackfield::plugin";

/// How much a line of a log matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Each step.
    Trace,
    /// For whoever looks for a mistake.
    Debug,
    /// What happens.
    Info,
    /// What may be wrong.
    Warn,
    /// What is wrong.
    Error,
}

/// Hears what plugins say while they run. Called in the middle of a call, so it must not wait.
///
/// Texts are bounded in size and number, hold no control characters and none of the secrets that
/// the execution knows.
pub trait PluginListener: Send + Sync + 'static {
    /// A plugin that was granted `log` wrote a line.
    fn logged(&self, site: &CallSite<'_>, level: LogLevel, text: &str);

    /// A plugin that was granted `progress` said how far a call is, from 0 to 1.
    fn progressed(&self, site: &CallSite<'_>, fraction: f64, text: &str);
}

/// Writes what plugins say to the log of the process.
#[derive(Debug, Clone, Copy, Default)]
pub struct TracingListener;

/// One event; its level has to be known when it is compiled.
macro_rules! line {
    ($level:ident, $site:expr, $text:expr) => {
        $level!(
            target: TARGET,
            plugin = %$site.plugin,
            tenant = %$site.tenant,
            execution = %$site.execution,
            node = %$site.node,
            text = $text,
            "a plugin wrote to the log"
        )
    };
}

impl PluginListener for TracingListener {
    fn logged(&self, site: &CallSite<'_>, level: LogLevel, text: &str) {
        match level {
            LogLevel::Trace => line!(trace, site, text),
            LogLevel::Debug => line!(debug, site, text),
            LogLevel::Info => line!(info, site, text),
            LogLevel::Warn => line!(warn, site, text),
            LogLevel::Error => line!(error, site, text),
        }
    }

    fn progressed(&self, site: &CallSite<'_>, fraction: f64, text: &str) {
        debug!(
            target: TARGET,
            plugin = %site.plugin,
            tenant = %site.tenant,
            execution = %site.execution,
            node = %site.node,
            fraction,
            text,
            "a plugin made progress"
        );
    }
}
