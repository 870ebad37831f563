//! Capability `progress`.

use std::time::{Duration, Instant};

use jackfield_types::Capability;

use super::text::{cut, plain};
use crate::bindings::jackfield::plugin::progress::Host;
use crate::state::PluginState;

/// The most bytes of a text about progress.
const LONGEST_TEXT: usize = 256;

/// How long a call is not heard again after it was.
const PAUSE: Duration = Duration::from_millis(100);

/// Lets through what is news.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    last: Option<Instant>,
    is_done: bool,
}

impl Throttle {
    /// Whether something that is said now is to be heard. The end is, once, however soon it comes.
    fn lets_through(&mut self, now: Instant, fraction: f64) -> bool {
        let is_end = fraction >= 1.0 && !self.is_done;
        let is_due = self
            .last
            .is_none_or(|last| now.saturating_duration_since(last) >= PAUSE);
        if !is_end && !is_due {
            return false;
        }
        self.last = Some(now);
        self.is_done |= is_end;
        true
    }
}

impl Host for PluginState {
    fn report(&mut self, fraction: f64, message: String) -> wasmtime::Result<()> {
        self.count_host_call()?;
        if fraction.is_nan() {
            return Ok(());
        }
        let fraction = fraction.clamp(0.0, 1.0);
        if self.granted(Capability::Progress).is_err()
            || !self.record.progress.lets_through(Instant::now(), fraction)
        {
            return Ok(());
        }
        let (Some(call), Some(site)) = (&self.call, self.call_site()) else {
            return Ok(());
        };
        let message = call.grants.redact(&message);
        let message = cut(&message, LONGEST_TEXT);
        self.services
            .listener
            .progressed(&site, fraction, &plain(&message));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_progress_becomes_a_few_reports_and_the_end_is_never_lost() {
        let start = Instant::now();
        let mut throttle = Throttle::default();
        let mut heard = 0;
        for step in 0..10_000_u32 {
            let now = start + Duration::from_micros(u64::from(step) * 50);
            heard += u32::from(throttle.lets_through(now, f64::from(step) / 10_000.0));
        }
        assert_eq!(heard, 5);
        let now = start + Duration::from_millis(500);
        assert!(throttle.lets_through(now, 1.0));
        assert!(!throttle.lets_through(now, 1.0));
    }
}
