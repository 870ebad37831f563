//! What the host offers, each part by the capability that it is named for.
//!
//! What is not granted is refused with a [`Fault`] whose code is
//! [`CAPABILITY_REFUSED`](crate::code::CAPABILITY_REFUSED), and never breaks the plugin off. `?`
//! makes a [`NodeError`] of it. [`log`] and [`progress`] drop what may not be said.

pub mod http;

use std::error::Error;
use std::fmt;

use crate::NodeError;
use crate::bindings::jackfield::plugin::types;

/// Why something that the host was asked for is not given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What it is, such as `NETWORK_FORBIDDEN`.
    pub code: String,
    /// What it is, for people.
    pub message: String,
    /// Whether the same request may succeed later.
    pub is_retryable: bool,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Fault {}

impl From<types::Fault> for Fault {
    fn from(fault: types::Fault) -> Self {
        Self {
            code: fault.code,
            message: fault.message,
            is_retryable: fault.retryable,
        }
    }
}

impl From<Fault> for NodeError {
    fn from(fault: Fault) -> Self {
        if fault.is_retryable {
            Self::retryable(fault.code, fault.message)
        } else {
            Self::permanent(fault.code, fault.message)
        }
    }
}

/// Writes to the host's log. Capability `log`.
pub mod log {
    use crate::bindings::jackfield::plugin::log;

    /// How much a line matters.
    pub use log::Level;

    /// Writes one line; the host adds plugin, node and execution.
    pub fn write(level: Level, message: &str) {
        log::log(level, message);
    }

    /// Writes what helps to find mistakes.
    pub fn debug(message: &str) {
        write(Level::Debug, message);
    }

    /// Writes what is worth knowing.
    pub fn info(message: &str) {
        write(Level::Info, message);
    }

    /// Writes what should be looked at.
    pub fn warn(message: &str) {
        write(Level::Warn, message);
    }

    /// Writes what went wrong.
    pub fn error(message: &str) {
        write(Level::Error, message);
    }
}

/// Keeps values from call to call, for one tenant each. Capability `kv`.
pub mod kv {
    use super::Fault;
    use crate::bindings::jackfield::plugin::kv;

    /// The value of a key.
    ///
    /// # Errors
    /// [`Fault`], by a refusal or a limit.
    pub fn get(key: &str) -> Result<Option<String>, Fault> {
        kv::get(key).map_err(Fault::from)
    }

    /// Sets the value of a key.
    ///
    /// # Errors
    /// [`Fault`], by a refusal or a limit.
    pub fn set(key: &str, value: &str) -> Result<(), Fault> {
        kv::set(key, value).map_err(Fault::from)
    }

    /// Removes a key, and says whether it was there.
    ///
    /// # Errors
    /// [`Fault`], by a refusal or a limit.
    pub fn delete(key: &str) -> Result<bool, Fault> {
        kv::delete(key).map_err(Fault::from)
    }

    /// The keys that begin with a text, in order: at most `limit` of them, those behind `after`.
    ///
    /// # Errors
    /// [`Fault`], by a refusal or a limit.
    pub fn list_keys(prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>, Fault> {
        kv::list_keys(prefix, after, limit).map_err(Fault::from)
    }

    /// Adds to a number and gives the sum, in one step. A key that is not there counts as 0.
    ///
    /// # Errors
    /// [`Fault`], by a refusal or a limit, or when the key holds no whole number.
    pub fn increment(key: &str, by: i64) -> Result<i64, Fault> {
        kv::increment(key, by).map_err(Fault::from)
    }
}

/// Reads secrets of the tenant. Capability `secrets`.
pub mod secrets {
    use super::Fault;
    use crate::bindings::jackfield::plugin::secrets;

    /// The secret with a name.
    ///
    /// # Errors
    /// [`Fault`], when it is refused or not there.
    pub fn get(name: &str) -> Result<String, Fault> {
        secrets::get(name).map_err(Fault::from)
    }
}

/// Reads what the operator set for the plugin. Capability `config`.
pub mod config {
    use super::Fault;
    use crate::bindings::jackfield::plugin::config;

    /// The value of a setting, if there is one.
    ///
    /// # Errors
    /// [`Fault`], by a refusal.
    pub fn get(name: &str) -> Result<Option<String>, Fault> {
        config::get(name).map_err(Fault::from)
    }
}

/// Reads the clocks. Capability `clock`.
pub mod clock {
    use super::Fault;
    use crate::bindings::jackfield::plugin::clock;

    /// Milliseconds since the beginning of 1970, UTC.
    ///
    /// # Errors
    /// [`Fault`], by a refusal.
    pub fn now_ms() -> Result<u64, Fault> {
        clock::now_ms().map_err(Fault::from)
    }

    /// Nanoseconds since some moment; never less than before within one call.
    ///
    /// # Errors
    /// [`Fault`], by a refusal.
    pub fn monotonic_ns() -> Result<u64, Fault> {
        clock::monotonic_ns().map_err(Fault::from)
    }
}

/// Draws random numbers. Capability `random`.
pub mod random {
    use super::Fault;
    use crate::bindings::jackfield::plugin::random;

    /// So many bytes, good enough for keys; at most 65,536 at a time.
    ///
    /// # Errors
    /// [`Fault`], by a refusal or a limit.
    pub fn bytes(count: u32) -> Result<Vec<u8>, Fault> {
        random::bytes(count).map_err(Fault::from)
    }
}

/// Says how far a call is. Capability `progress`.
pub mod progress {
    use crate::bindings::jackfield::plugin::progress;

    /// Reports a fraction of 0 to 1, with a short text.
    pub fn report(fraction: f64, message: &str) {
        progress::report(fraction, message);
    }
}
