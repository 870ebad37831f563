//! Capability `random`.

use jackfield_types::Capability;
use rand::RngCore;

use super::fault::too_much;
use crate::bindings::jackfield::plugin::random::Host;
use crate::bindings::jackfield::plugin::types::Fault;
use crate::state::PluginState;

/// The most bytes at a time.
const MOST: u32 = 65_536;

impl Host for PluginState {
    fn bytes(&mut self, count: u32) -> wasmtime::Result<Result<Vec<u8>, Fault>> {
        self.count_host_call()?;
        if let Err(fault) = self.granted(Capability::Random) {
            return Ok(Err(fault));
        }
        match usize::try_from(count) {
            Ok(count) if count <= MOST as usize => {
                let mut bytes = vec![0; count];
                rand::rng().fill_bytes(&mut bytes);
                Ok(Ok(bytes))
            }
            Ok(_) | Err(_) => Ok(Err(too_much(format!(
                "at most {MOST} random bytes at a time"
            )))),
        }
    }
}
