//! How much each tenant has computed lately, in all of its calls and on all threads together.
//!
//! A tenant that computes now and then finds a thread whenever it wants one. One that computes without
//! a pause, be it in ever so many short calls, is told from it here, and queues with its like.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jackfield_types::TenantId;
use parking_lot::Mutex;
use rustix::time::{ClockId, clock_gettime};

use crate::lane::{Gate, Lane};

/// One in so many of the moments that a thread has is what a tenant may compute in the long run, and
/// not count as busy.
const SHARE: u32 = 4;

/// How much a tenant may compute at once, and not count as busy.
const BURST: Duration = Duration::from_millis(20);

/// How long it takes at most until all is forgotten that a tenant computed.
const MEMORY: Duration = Duration::from_millis(500);

/// The accounts of all tenants that computed lately.
pub(crate) struct Accounts {
    start: Instant,
    lane: Lane,
    tenants: Mutex<Tenants>,
}

#[derive(Default)]
struct Tenants {
    accounts: HashMap<TenantId, Arc<Account>>,
    /// At how many tenants those who have computed nothing lately are forgotten.
    sweep_at: usize,
}

/// What one tenant has computed lately.
pub(crate) struct Account {
    start: Instant,
    /// When it will be forgotten, in nanoseconds since the start.
    forgotten: AtomicU64,
    /// Where its calls wait when it is busy.
    gate: Gate,
}

impl Accounts {
    /// Accounts of tenants that share a lane.
    pub(crate) fn new(lane: Lane) -> Self {
        Self {
            start: Instant::now(),
            lane,
            tenants: Mutex::default(),
        }
    }

    /// The account of a tenant.
    pub(crate) fn of(&self, tenant: &TenantId) -> Arc<Account> {
        let mut tenants = self.tenants.lock();
        if let Some(account) = tenants.accounts.get(tenant) {
            return Arc::clone(account);
        }
        if tenants.accounts.len() >= tenants.sweep_at {
            let is_needed = |account: &Arc<Account>| {
                Arc::strong_count(account) > 1 || account.lasts() > Duration::ZERO
            };
            tenants.accounts.retain(|_, account| is_needed(account));
            tenants.sweep_at = (2 * tenants.accounts.len()).max(16);
        }
        let account = Arc::new(Account {
            start: self.start,
            forgotten: AtomicU64::new(0),
            gate: self.lane.gate(),
        });
        tenants
            .accounts
            .insert(tenant.clone(), Arc::clone(&account));
        account
    }
}

impl Account {
    /// Whether the tenant computes without a pause.
    pub(crate) fn is_busy(&self) -> bool {
        self.lasts() > BURST * SHARE
    }

    /// Where its calls wait when it is busy.
    pub(crate) fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Awaits something that the tenant computes, and takes note of how long it did. When others
    /// have the processor meanwhile, it does not count.
    pub(crate) async fn timed<F: Future>(&self, computed: F) -> F::Output {
        let mut computed = pin!(computed);
        std::future::poll_fn(|context| {
            let began = processor_time();
            let polled = computed.as_mut().poll(context);
            self.add(processor_time().saturating_sub(began));
            polled
        })
        .await
    }

    fn add(&self, computed: Duration) {
        let (now, more) = (self.now(), nanoseconds(computed * SHARE));
        let most = now.saturating_add(nanoseconds(MEMORY));
        let add = |forgotten: u64| Some(forgotten.max(now).saturating_add(more).min(most));
        // It always has a next value.
        let _ = self
            .forgotten
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    /// How long it takes until all is forgotten.
    fn lasts(&self) -> Duration {
        let forgotten = self.forgotten.load(Ordering::Relaxed);
        Duration::from_nanos(forgotten.saturating_sub(self.now()))
    }

    fn now(&self) -> u64 {
        nanoseconds(self.start.elapsed())
    }
}

/// How long this thread has had a processor.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(name: &str) -> TenantId {
        TenantId::parse(name).expect("a valid id")
    }

    #[test]
    fn whoever_computes_without_a_pause_is_busy_and_nobody_else() {
        let accounts = Accounts::new(Lane::new(1));
        let (loud, quiet) = (accounts.of(&tenant("loud")), accounts.of(&tenant("quiet")));
        for _ in 0..1_000 {
            loud.add(Duration::from_millis(1));
        }
        quiet.add(BURST / 2);
        assert!(accounts.of(&tenant("loud")).is_busy());
        assert!(!quiet.is_busy());
        // However much it was, it is forgotten soon.
        assert!(loud.lasts() <= MEMORY);
    }

    #[tokio::test]
    async fn what_is_computed_counts_and_what_is_waited_for_does_not() {
        let account = Accounts::new(Lane::new(1)).of(&tenant("a"));
        let (sent, answer) = tokio::sync::oneshot::channel::<()>();
        let waiting = account.timed(answer);
        let elsewhere = async {
            let began = processor_time();
            while processor_time() < began + 2 * BURST {
                std::hint::spin_loop();
            }
            sent.send(()).unwrap();
        };
        tokio::join!(waiting, elsewhere).0.unwrap();
        assert!(!account.is_busy());
        account
            .timed(async {
                let began = processor_time();
                while processor_time() < began + 2 * BURST {
                    std::hint::spin_loop();
                }
            })
            .await;
        assert!(account.is_busy());
    }

    #[test]
    fn tenants_that_computed_nothing_lately_are_forgotten() {
        let accounts = Accounts::new(Lane::new(1));
        accounts.of(&tenant("busy")).add(MEMORY);
        for number in 0..1_000 {
            accounts.of(&tenant(&format!("t{number}")));
        }
        assert!(accounts.tenants.lock().accounts.len() <= 34);
        assert!(accounts.of(&tenant("busy")).is_busy());
    }
}
