//! Who may run now: so many calls in all, so many of each tenant, and so many of each tenant in each
//! plugin.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use jackfield_plugin_api::NodeError;
use jackfield_types::{ErrorCode, TenantId};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The turns of a host.
pub(crate) struct HostTurns {
    all: Arc<Semaphore>,
    tenants: Shares,
}

/// The turns of one plugin.
pub(crate) struct Turns {
    host: Arc<HostTurns>,
    tenants: Shares,
}

/// A turn. It ends when it is dropped.
pub(crate) struct Turn {
    _permits: [OwnedSemaphorePermit; 3],
}

/// The same number of places for each tenant.
struct Shares {
    each: usize,
    tenants: Mutex<Tenants>,
}

#[derive(Default)]
struct Tenants {
    places: HashMap<TenantId, Weak<Semaphore>>,
    /// At how many tenants those without calls are forgotten.
    sweep_at: usize,
}

impl HostTurns {
    /// So many calls in all, and so many of each tenant.
    pub(crate) fn new(all: u32, each: u32) -> Self {
        Self {
            all: Arc::new(Semaphore::new(places(all))),
            tenants: Shares::new(each),
        }
    }
}

impl Turns {
    /// Turns for so many calls of each tenant, out of those of the host.
    pub(crate) fn new(host: Arc<HostTurns>, each: u32) -> Self {
        Self {
            host,
            tenants: Shares::new(each),
        }
    }

    /// Waits for a turn. Those of one tenant wait in order, and hold no place meanwhile that others
    /// could use.
    ///
    /// # Errors
    /// [`NodeError::Retryable`] when the host is shutting down.
    pub(crate) async fn take(&self, tenant: &TenantId) -> Result<Turn, NodeError> {
        let of_plugin = take(self.tenants.of(tenant)).await?;
        let of_tenant = take(self.host.tenants.of(tenant)).await?;
        let of_all = take(Arc::clone(&self.host.all)).await?;
        Ok(Turn {
            _permits: [of_plugin, of_tenant, of_all],
        })
    }
}

impl Shares {
    fn new(each: u32) -> Self {
        Self {
            each: places(each),
            tenants: Mutex::default(),
        }
    }

    fn of(&self, tenant: &TenantId) -> Arc<Semaphore> {
        let mut tenants = self.tenants.lock();
        if let Some(places) = tenants.places.get(tenant).and_then(Weak::upgrade) {
            return places;
        }
        if tenants.places.len() >= tenants.sweep_at {
            tenants.places.retain(|_, places| places.strong_count() > 0);
            tenants.sweep_at = (2 * tenants.places.len()).max(16);
        }
        let places = Arc::new(Semaphore::new(self.each));
        let held = Arc::downgrade(&places);
        tenants.places.insert(tenant.clone(), held);
        places
    }
}

async fn take(places: Arc<Semaphore>) -> Result<OwnedSemaphorePermit, NodeError> {
    places.acquire_owned().await.map_err(|_| {
        let message = "the host of plugins is shutting down";
        NodeError::retryable(ErrorCode::LIMIT_EXCEEDED, message)
    })
}

/// At least one place, so that nobody waits for ever.
fn places(number: u32) -> usize {
    usize::try_from(number)
        .unwrap_or(usize::MAX)
        .clamp(1, Semaphore::MAX_PERMITS)
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// A turn, if it can be had at once.
    fn at_once(turns: &Turns, tenant: &str) -> Option<Turn> {
        let tenant = TenantId::parse(tenant).expect("a valid id");
        match pin!(turns.take(&tenant)).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(turn) => turn.ok(),
            Poll::Pending => None,
        }
    }

    #[test]
    fn a_tenant_waits_for_itself_and_not_for_others() {
        let turns = Turns::new(Arc::new(HostTurns::new(8, 8)), 1);
        let turn = at_once(&turns, "a").unwrap();
        assert!(at_once(&turns, "a").is_none());
        assert!(at_once(&turns, "b").is_some());
        drop(turn);
        assert!(at_once(&turns, "a").is_some());
    }

    #[test]
    fn no_tenant_takes_all_places_however_many_plugins_it_uses() {
        let host = Arc::new(HostTurns::new(4, 3));
        let plugins: Vec<_> = (0..6).map(|_| Turns::new(Arc::clone(&host), 9)).collect();
        let taken: Vec<_> = plugins.iter().map(|turns| at_once(turns, "a")).collect();
        assert_eq!(taken.iter().flatten().count(), 3);
        assert!(at_once(&plugins[5], "b").is_some());
    }

    #[test]
    fn tenants_without_calls_are_forgotten() {
        let turns = Turns::new(Arc::new(HostTurns::new(8, 8)), 1);
        for number in 0..1_000 {
            assert!(at_once(&turns, &format!("t{number}")).is_some());
        }
        assert!(turns.tenants.tenants.lock().places.len() <= 17);
        assert!(turns.host.tenants.tenants.lock().places.len() <= 17);
    }
}
