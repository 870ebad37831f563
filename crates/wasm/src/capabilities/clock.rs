//! Capability `clock`.

use std::time::{SystemTime, UNIX_EPOCH};

use jackfield_types::Capability;

use crate::bindings::jackfield::plugin::clock::Host;
use crate::bindings::jackfield::plugin::types::Fault;
use crate::state::PluginState;

impl Host for PluginState {
    fn now_ms(&mut self) -> wasmtime::Result<Result<u64, Fault>> {
        self.count_host_call()?;
        if let Err(fault) = self.granted(Capability::Clock) {
            return Ok(Err(fault));
        }
        // A clock that is set before 1970 shows 1970.
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Ok(Ok(u64::try_from(since.as_millis()).unwrap_or(u64::MAX)))
    }

    /// Counts from the beginning of the call: how long the host has been up is nobody's business.
    fn monotonic_ns(&mut self) -> wasmtime::Result<Result<u64, Fault>> {
        self.count_host_call()?;
        if let Err(fault) = self.granted(Capability::Clock) {
            return Ok(Err(fault));
        }
        let since = self.record.began.elapsed();
        Ok(Ok(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)))
    }
}
