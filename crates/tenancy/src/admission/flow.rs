use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use jackfield_types::{TenantId, WhenExceeded};

use super::bucket::{Bucket, Moment};
use super::exceeded::{Quota, QuotaExceeded, QuotaLimit};
use super::limits::{LONGEST_WAIT, Limits, Resource, Shortage};

/// What is said of the time to wait when nobody knows how long anything takes.
const UNKNOWN_WAIT: Duration = Duration::from_secs(1);

/// The bounds of what is guessed from how long others took.
const SHORTEST_GUESS: Duration = Duration::from_millis(10);
const LONGEST_GUESS: Duration = Duration::from_secs(60);

/// What one tenant has of a resource.
#[derive(Debug)]
pub(super) struct Flow {
    tenant: TenantId,
    resource: Resource,
    pub(super) limits: Limits,
    pub(super) bucket: Option<Bucket>,
    /// How many run that were let in by the gate.
    pub(super) running: u32,
    pub(super) held_for: Mean,
    pub(super) switch: Arc<Switch>,
}

/// What is known of a tenant without asking the gate.
#[derive(Debug, Default)]
pub(super) struct Switch {
    /// Whether the gate has to be asked.
    pub(super) limited: AtomicBool,
    /// How many run that were let in without asking.
    pub(super) free: AtomicU32,
}

impl Flow {
    pub(super) fn new(tenant: TenantId, resource: Resource, limits: Limits) -> Self {
        Self {
            tenant,
            resource,
            limits,
            bucket: limits.rate.map(Bucket::new),
            running: 0,
            held_for: Mean::default(),
            switch: Arc::default(),
        }
    }

    /// Takes a token, if there are any to take.
    pub(super) fn take(&mut self, now: Moment) {
        if let Some(bucket) = &mut self.bucket {
            bucket.take(now);
        }
    }

    /// How many run, whoever let them in.
    pub(super) fn running_in_all(&self) -> u32 {
        let free = self.switch.free.load(Ordering::SeqCst);
        self.running.saturating_add(free)
    }

    /// When the next token is there, if the tenant has to wait for it.
    pub(super) fn next_token(&self, now: Moment) -> Option<Moment> {
        let next = self.bucket.as_ref()?.next();
        (next > now).then_some(next)
    }

    /// Which of the tenant's own quotas somebody waits for who has `ahead` others before them.
    pub(super) fn shortage(&self, now: Moment, ahead: usize) -> Option<Shortage> {
        if let Some(bucket) = &self.bucket {
            let wait = bucket.wait(now, ahead);
            if !wait.is_zero() {
                return Some(Shortage {
                    quota: self.resource.rate_quota(),
                    limit: QuotaLimit::PerSecond(bucket.rate().per_second),
                    wait,
                });
            }
        }
        let at_once = self.limits.at_once?;
        let running = usize::try_from(self.running_in_all()).unwrap_or(usize::MAX);
        let most = usize::try_from(at_once).unwrap_or(usize::MAX);
        (running.saturating_add(ahead) >= most).then(|| Shortage {
            quota: Quota::ConcurrentExecutions,
            limit: QuotaLimit::AtOnce(at_once),
            wait: self.held_for.wait(at_once, ahead),
        })
    }

    /// Why somebody with such a shortage may not even wait, if that is so by the tenant's policy.
    pub(super) fn forbids_waiting(&self, shortage: &Shortage) -> bool {
        match self.limits.when_exceeded {
            WhenExceeded::Reject | WhenExceeded::Drop => true,
            WhenExceeded::Queue => {
                shortage.quota == self.resource.rate_quota() && shortage.wait > self.limits.max_wait
            }
        }
    }

    pub(super) fn refused(&self, shortage: Shortage) -> QuotaExceeded {
        // That the instance is busy is not the tenant's doing.
        let own = shortage.quota != self.resource.instance_quota();
        QuotaExceeded {
            tenant: self.tenant.clone(),
            quota: shortage.quota,
            limit: shortage.limit,
            retry_after: shortage.wait.min(LONGEST_WAIT),
            dropped: own && self.limits.when_exceeded == WhenExceeded::Drop,
        }
    }
}

/// A running mean of lengths of time, in nanoseconds.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Mean(u64);

impl Mean {
    pub(super) fn add(&mut self, nanoseconds: u64) {
        self.0 = match self.0 {
            0 => nanoseconds,
            mean => mean - mean / 8 + nanoseconds / 8,
        };
    }

    /// How long until one of `places` is free for somebody who has `ahead` others before them.
    pub(super) fn wait(self, places: u32, ahead: usize) -> Duration {
        if self.0 == 0 {
            return UNKNOWN_WAIT;
        }
        let turns = u64::try_from(ahead).unwrap_or(u64::MAX).saturating_add(1);
        let wait = self.0.saturating_mul(turns) / u64::from(places.max(1));
        Duration::from_nanos(wait).clamp(SHORTEST_GUESS, LONGEST_GUESS)
    }
}
