//! What WASI has that a capability governs as well.
//!
//! Components of most toolchains import WASI's clocks, whether they use them or not, and WASI knows
//! no refusal. Without capability `clock` they stand still. WASI's random numbers are real ones for
//! everybody: they tell nothing, and numbers that only look random would be a trap for whoever
//! makes keys of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use jackfield_types::Capability;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

use crate::state::PluginState;

/// Whether the call that is under way may read WASI's clocks.
#[derive(Debug, Clone, Default)]
pub(crate) struct WasiGrant(Arc<AtomicBool>);

impl PluginState {
    /// Sets what WASI gives to the call that begins.
    pub(crate) fn grant_wasi(&self) {
        let asked = self
            .manifest
            .capabilities()
            .contains_key(&Capability::Clock);
        let granted = self
            .call
            .as_ref()
            .is_some_and(|call| call.grants.check_capability(Capability::Clock).is_ok());
        self.wasi_grant.0.store(asked && granted, Ordering::Relaxed);
    }
}

/// The clocks that WASI gives a plugin.
pub(crate) struct Clocks {
    grant: WasiGrant,
    start: Instant,
}

impl Clocks {
    pub(crate) fn new(grant: WasiGrant) -> Self {
        Self {
            grant,
            start: Instant::now(),
        }
    }

    fn is_granted(&self) -> bool {
        self.grant.0.load(Ordering::Relaxed)
    }
}

impl HostWallClock for Clocks {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        if !self.is_granted() {
            return Duration::ZERO;
        }
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
    }
}

impl HostMonotonicClock for Clocks {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        if !self.is_granted() {
            return 0;
        }
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_stand_still_until_they_are_granted() {
        let grant = WasiGrant::default();
        let clocks = Clocks::new(grant.clone());
        assert_eq!(HostWallClock::now(&clocks), Duration::ZERO);
        assert_eq!(HostMonotonicClock::now(&clocks), 0);
        grant.0.store(true, Ordering::Relaxed);
        assert!(HostWallClock::now(&clocks) > Duration::from_hours(24 * 365 * 50));
        assert!(HostMonotonicClock::now(&clocks) > 0);
    }
}
