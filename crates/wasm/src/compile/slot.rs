//! Who compiles now: so many components at once, and what becomes of one that does not come to an
//! end.
//!
//! A thread that compiles cannot be stopped. One that takes longer than it may is left to itself:
//! whoever wants its component is told so, and another compilation takes its place. Only a few may
//! be left so; then all wait.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jackfield_registry::discovery::PluginLoadError;
use jackfield_types::Digest;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::timeout_at;

/// How many compilations run at once in the process.
const AT_ONCE: usize = 1;

/// How many that take too long may go on besides.
const MOST_OVERDUE: usize = 2;

/// The places of those who compile.
pub(super) struct Slots {
    running: Mutex<Vec<Running>>,
    /// Somebody ended, or is overdue.
    changed: Notify,
    longest: Duration,
}

struct Running {
    digest: Digest,
    since: Instant,
}

/// The place of one compilation. It ends when it is dropped.
pub(super) struct Slot {
    slots: Arc<Slots>,
    digest: Digest,
}

impl Slots {
    /// Places for compilations that take so long at most.
    pub(super) fn new(longest: Duration) -> Arc<Self> {
        Arc::new(Self {
            running: Mutex::default(),
            changed: Notify::new(),
            longest,
        })
    }

    /// How long a compilation may take.
    pub(super) fn longest(&self) -> Duration {
        self.longest
    }

    /// Waits for a place.
    ///
    /// # Errors
    /// [`PluginLoadError::TooSlow`] when this component is being compiled and takes too long, or all
    /// places are taken for so long.
    pub(super) async fn take(self: &Arc<Self>, digest: &Digest) -> Result<Slot, PluginLoadError> {
        let until = Instant::now() + self.longest;
        loop {
            let changed = self.changed.notified();
            let next = match self.try_take(digest)? {
                Ok(slot) => return Ok(slot),
                Err(next) => next,
            };
            if Instant::now() >= until {
                return Err(self.too_slow());
            }
            // Either way it is looked at again.
            let _ = timeout_at(next.min(until).into(), changed).await;
        }
    }

    /// A place, or when one may become free though nobody ends.
    fn try_take(
        self: &Arc<Self>,
        digest: &Digest,
    ) -> Result<Result<Slot, Instant>, PluginLoadError> {
        let now = Instant::now();
        let mut running = self.running.lock();
        let is_overdue = |one: &Running| now.duration_since(one.since) >= self.longest;
        if running
            .iter()
            .any(|one| one.digest == *digest && is_overdue(one))
        {
            return Err(self.too_slow());
        }
        let is_taken = running.iter().any(|one| one.digest == *digest);
        let overdue = running.iter().filter(|one| is_overdue(one)).count();
        if !is_taken && running.len() - overdue.min(MOST_OVERDUE) < AT_ONCE {
            running.push(Running {
                digest: *digest,
                since: now,
            });
            return Ok(Ok(Slot {
                slots: Arc::clone(self),
                digest: *digest,
            }));
        }
        let in_time = running.iter().filter(|one| !is_overdue(one));
        let next = in_time.map(|one| one.since + self.longest).min();
        Ok(Err(next.unwrap_or(now + self.longest)))
    }

    fn too_slow(&self) -> PluginLoadError {
        PluginLoadError::TooSlow {
            limit: self.longest,
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut running = self.slots.running.lock();
        running.retain(|one| one.digest != self.digest);
        drop(running);
        self.slots.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(number: u8) -> Digest {
        Digest::from_bytes([number; 32])
    }

    #[tokio::test]
    async fn one_compiles_at_a_time() {
        let slots = Slots::new(Duration::from_secs(60));
        let first = slots.take(&digest(1)).await.unwrap();
        let second = tokio::spawn({
            let slots = Arc::clone(&slots);
            async move { slots.take(&digest(2)).await.map(drop) }
        });
        tokio::task::yield_now().await;
        assert!(!second.is_finished());
        drop(first);
        second.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn whoever_does_not_come_to_an_end_does_not_keep_the_others_for_ever() {
        let slots = Slots::new(Duration::from_millis(20));
        let mut endless = Vec::new();
        for number in 0..3 {
            endless.push(slots.take(&digest(number)).await.unwrap());
        }
        // Nobody starts the same again, and only so many are left to themselves.
        for number in [0, 9] {
            let error = slots.take(&digest(number)).await.err().unwrap();
            assert!(matches!(error, PluginLoadError::TooSlow { .. }), "{error}");
        }
        endless.pop();
        assert!(slots.take(&digest(9)).await.is_ok());
    }
}
