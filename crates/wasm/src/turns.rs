//! Who may run now: so many calls in all, so many of each tenant, and so many of each tenant in each
//! plugin; and of those who compute without a pause, so many as there are places in their lane.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use jackfield_plugin_api::NodeError;
use jackfield_types::{ErrorCode, TenantId};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::account::{Account, Accounts};
use crate::lane::{Lane, Place};

/// How many plugins describe themselves at once.
pub(crate) const DESCRIBING: u32 = 4;

/// The turns of a host.
pub(crate) struct HostTurns {
    all: Arc<Semaphore>,
    each: usize,
    tenants: Shares,
    describing: Arc<Semaphore>,
    lane: Lane,
    accounts: Accounts,
}

/// The turns of one plugin.
pub(crate) struct Turns {
    host: Arc<HostTurns>,
    tenants: Shares,
}

/// A turn. It ends when it is dropped.
pub(crate) struct Turn {
    /// Where the call stands among those who compute for long.
    pub(crate) place: Place,
    /// What its tenant computes.
    pub(crate) account: Arc<Account>,
    _permits: [OwnedSemaphorePermit; 3],
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.place.leave();
    }
}

/// The places of each tenant.
#[derive(Default)]
struct Shares(Mutex<Tenants>);

#[derive(Default)]
struct Tenants {
    /// How many each has, and those that are in use.
    places: HashMap<TenantId, (usize, Weak<Semaphore>)>,
    /// At how many tenants those without calls are forgotten.
    sweep_at: usize,
}

impl HostTurns {
    /// So many calls in all, and so many of each tenant.
    pub(crate) fn new(all: u32, each: u32, lane: Lane) -> Self {
        Self {
            all: Arc::new(Semaphore::new(places(all))),
            each: places(each),
            tenants: Shares::default(),
            describing: Arc::new(Semaphore::new(places(DESCRIBING))),
            accounts: Accounts::new(lane.clone()),
            lane,
        }
    }
}

impl Turns {
    /// Turns of a plugin, out of those of the host.
    pub(crate) fn new(host: Arc<HostTurns>) -> Self {
        Self {
            host,
            tenants: Shares::default(),
        }
    }

    /// Waits for a turn of a tenant that has so many of this plugin. Those of one tenant wait in
    /// order, and hold no place meanwhile that others could use.
    ///
    /// # Errors
    /// [`NodeError::Retryable`] when the host is shutting down.
    pub(crate) async fn take(&self, tenant: &TenantId, each: u32) -> Result<Turn, NodeError> {
        let of_plugin = take(self.tenants.of(tenant, places(each))).await?;
        let of_tenant = take(self.host.tenants.of(tenant, self.host.each)).await?;
        let account = self.host.accounts.of(tenant);
        let place = self.host.lane.place(account.gate());
        let is_busy = account.is_busy();
        if is_busy {
            place.enter().await;
        }
        let of_all = match Arc::clone(&self.host.all).try_acquire_owned() {
            Ok(of_all) => of_all,
            Err(_) => {
                // Those who have places may need the lane to get on.
                place.leave();
                let of_all = take(Arc::clone(&self.host.all)).await?;
                if is_busy {
                    place.enter().await;
                }
                of_all
            }
        };
        Ok(Turn {
            place,
            account,
            _permits: [of_plugin, of_tenant, of_all],
        })
    }

    /// Waits until the plugin may describe itself.
    ///
    /// # Errors
    /// [`NodeError::Retryable`] when the host is shutting down.
    pub(crate) async fn describe(&self) -> Result<OwnedSemaphorePermit, NodeError> {
        take(Arc::clone(&self.host.describing)).await
    }
}

impl Shares {
    /// The places of a tenant that has so many. When it has another number than before, those who
    /// run go on in the places that they have.
    fn of(&self, tenant: &TenantId, each: usize) -> Arc<Semaphore> {
        let mut tenants = self.0.lock();
        if let Some((number, places)) = tenants.places.get(tenant)
            && *number == each
            && let Some(places) = places.upgrade()
        {
            return places;
        }
        if tenants.places.len() >= tenants.sweep_at {
            tenants
                .places
                .retain(|_, (_, places)| places.strong_count() > 0);
            tenants.sweep_at = (2 * tenants.places.len()).max(16);
        }
        let places = Arc::new(Semaphore::new(each));
        let held = (each, Arc::downgrade(&places));
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

    /// A turn, if it can be had at once by a tenant that has so many.
    fn at_once(turns: &Turns, tenant: &str, each: u32) -> Option<Turn> {
        let tenant = TenantId::parse(tenant).expect("a valid id");
        match pin!(turns.take(&tenant, each)).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(turn) => turn.ok(),
            Poll::Pending => None,
        }
    }

    #[test]
    fn a_tenant_waits_for_itself_and_not_for_others() {
        let turns = Turns::new(Arc::new(HostTurns::new(8, 8, Lane::new(1))));
        let turn = at_once(&turns, "a", 1).unwrap();
        assert!(at_once(&turns, "a", 1).is_none());
        assert!(at_once(&turns, "b", 1).is_some());
        // Its policy gives it more now.
        assert!(at_once(&turns, "a", 2).is_some());
        drop(turn);
        assert!(at_once(&turns, "a", 1).is_some());
    }

    #[test]
    fn no_tenant_takes_all_places_however_many_plugins_it_uses() {
        let host = Arc::new(HostTurns::new(4, 3, Lane::new(1)));
        let plugins: Vec<_> = (0..6).map(|_| Turns::new(Arc::clone(&host))).collect();
        let taken: Vec<_> = plugins.iter().map(|turns| at_once(turns, "a", 9)).collect();
        assert_eq!(taken.iter().flatten().count(), 3);
        assert!(at_once(&plugins[5], "b", 9).is_some());
    }

    #[test]
    fn tenants_without_calls_are_forgotten() {
        let turns = Turns::new(Arc::new(HostTurns::new(8, 8, Lane::new(1))));
        for number in 0..1_000 {
            assert!(at_once(&turns, &format!("t{number}"), 1).is_some());
        }
        assert!(turns.tenants.0.lock().places.len() <= 17);
        assert!(turns.host.tenants.0.lock().places.len() <= 17);
    }
}
