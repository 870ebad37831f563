//! Who may run now: so many calls in all, and so many for each tenant of each plugin.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use jackfield_plugin_api::NodeError;
use jackfield_types::{ErrorCode, TenantId};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The turns of one plugin.
pub(crate) struct Turns {
    all: Arc<Semaphore>,
    each: usize,
    tenants: Mutex<Tenants>,
}

#[derive(Default)]
struct Tenants {
    places: HashMap<TenantId, Weak<Semaphore>>,
    /// At how many tenants those without calls are forgotten.
    sweep_at: usize,
}

/// A turn. It ends when it is dropped.
pub(crate) struct Turn {
    _of_all: OwnedSemaphorePermit,
    _of_tenant: OwnedSemaphorePermit,
}

impl Turns {
    /// Turns for so many calls of each tenant, out of those that all plugins share.
    pub(crate) fn new(all: Arc<Semaphore>, each: u32) -> Self {
        Self {
            all,
            each: usize::try_from(each)
                .unwrap_or(usize::MAX)
                .clamp(1, Semaphore::MAX_PERMITS),
            tenants: Mutex::default(),
        }
    }

    /// Waits for a turn. Those of one tenant wait in order, and keep no place that others could
    /// use.
    ///
    /// # Errors
    /// [`NodeError::Retryable`] when the host is shutting down.
    pub(crate) async fn take(&self, tenant: &TenantId) -> Result<Turn, NodeError> {
        let closed = |_| {
            NodeError::retryable(
                ErrorCode::LIMIT_EXCEEDED,
                "the plugin host is shutting down",
            )
        };
        let places = self.places(tenant);
        let of_tenant = places.acquire_owned().await.map_err(closed)?;
        let of_all = Arc::clone(&self.all)
            .acquire_owned()
            .await
            .map_err(closed)?;
        Ok(Turn {
            _of_all: of_all,
            _of_tenant: of_tenant,
        })
    }

    fn places(&self, tenant: &TenantId) -> Arc<Semaphore> {
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

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    fn is_ready<F: Future>(future: std::pin::Pin<&mut F>) -> bool {
        future
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_ready()
    }

    #[test]
    fn a_tenant_waits_for_itself_and_not_for_others() {
        let turns = Turns::new(Arc::new(Semaphore::new(8)), 1);
        let (a, b) = ("a".try_into().unwrap(), "b".try_into().unwrap());
        let mut first = Box::pin(turns.take(&a));
        let std::task::Poll::Ready(Ok(turn)) =
            first.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        else {
            panic!("the first call has its turn");
        };
        let mut second = pin!(turns.take(&a));
        assert!(!is_ready(second.as_mut()));
        assert!(is_ready(pin!(turns.take(&b))));
        drop(turn);
        assert!(is_ready(second));
    }

    #[test]
    fn tenants_without_calls_are_forgotten() {
        let turns = Turns::new(Arc::new(Semaphore::new(8)), 1);
        for number in 0..1_000 {
            let tenant = TenantId::parse(&format!("t{number}")).unwrap();
            assert!(is_ready(pin!(turns.take(&tenant))));
        }
        assert!(turns.tenants.lock().places.len() <= 17);
    }
}
