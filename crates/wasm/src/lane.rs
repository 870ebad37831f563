//! The lane of those who compute for long: a guest that does must not keep all threads from those
//! who only want a short answer.
//!
//! A call that has computed for a while goes on only with a place in the lane, and gives it up each
//! time that it is looked at. Calls of a tenant that computes without a pause begin with one, however
//! short they are. There are fewer places than threads, so one is always left to the others, however
//! many guests compute. Tenants wait for a place in turn, each with no more calls than there are
//! places, so that none has to wait for all that another one computes.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::yield_now;
use tokio::time::timeout_at;

/// For how many looks at it, one a tick, a call may compute before it belongs into the lane.
pub(crate) const SHORT: u32 = 10;

/// The places of those who compute for long.
#[derive(Clone)]
pub(crate) struct Lane {
    places: Arc<Semaphore>,
    count: usize,
}

/// Where the calls of one tenant wait before they wait among those of others.
#[derive(Clone)]
pub(crate) struct Gate(Arc<Semaphore>);

/// Where a call stands: in the lane, or not. Clones are of the same call.
#[derive(Clone)]
pub(crate) struct Place(Arc<Standing>);

struct Standing {
    lane: Lane,
    gate: Gate,
    permits: Mutex<Option<[OwnedSemaphorePermit; 2]>>,
}

impl Lane {
    pub(crate) fn new(places: usize) -> Self {
        let count = places.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            places: Arc::new(Semaphore::new(count)),
            count,
        }
    }

    /// Where the calls of a tenant wait that has none yet.
    pub(crate) fn gate(&self) -> Gate {
        Gate(Arc::new(Semaphore::new(self.count)))
    }

    /// Where a call of a tenant stands that begins: not in the lane.
    pub(crate) fn place(&self, gate: &Gate) -> Place {
        Place(Arc::new(Standing {
            lane: self.clone(),
            gate: gate.clone(),
            permits: Mutex::default(),
        }))
    }
}

impl Place {
    /// Waits for a place in the lane, behind those who wait already.
    pub(crate) async fn enter(&self) {
        self.leave();
        yield_now().await;
        // Neither is ever closed.
        let of_tenant = Arc::clone(&self.0.gate.0).acquire_owned().await;
        let of_all = Arc::clone(&self.0.lane.places).acquire_owned().await;
        let both = of_tenant.ok().zip(of_all.ok());
        *self.0.permits.lock() = both.map(|(of_tenant, of_all)| [of_tenant, of_all]);
    }

    /// Gives up a place and waits for another. When the deadline passes first, the guest is woken
    /// to hear of it.
    pub(crate) fn turn(&self, deadline: Instant) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let place = self.clone();
        place.leave();
        Box::pin(async move {
            let _ = timeout_at(deadline.into(), place.enter()).await;
        })
    }

    /// Whether the call is in the lane.
    pub(crate) fn is_taken(&self) -> bool {
        self.0.permits.lock().is_some()
    }

    /// Gives it up, if there is one.
    pub(crate) fn leave(&self) {
        self.0.permits.lock().take();
    }

    /// Awaits what a guest asked the host for. If that takes its time, others have the place
    /// meanwhile.
    pub(crate) async fn while_waiting<F: Future>(&self, answer: F) -> F::Output {
        let mut answer = pin!(answer);
        let at_once = poll_fn(|context| Poll::Ready(answer.as_mut().poll(context))).await;
        if let Poll::Ready(answer) = at_once {
            return answer;
        }
        let was_taken = self.is_taken();
        self.leave();
        let answer = answer.await;
        if was_taken {
            self.enter().await;
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn there_are_so_many_places_and_whoever_waits_too_long_hears_of_it() {
        let lane = Lane::new(1);
        let (first, second) = (lane.place(&lane.gate()), lane.place(&lane.gate()));
        let soon = Instant::now() + Duration::from_secs(60);
        first.turn(soon).await;
        assert!(first.is_taken());
        second.turn(Instant::now()).await;
        assert!(!second.is_taken());
        first.leave();
        second.turn(soon).await;
        assert!(second.is_taken());
    }

    #[tokio::test]
    async fn a_tenant_does_not_wait_for_all_calls_of_another() {
        let lane = Lane::new(1);
        let (loud, quiet) = (lane.gate(), lane.gate());
        let order = Mutex::new(Vec::new());
        let begin = lane.place(&loud);
        begin.enter().await;
        let enter = |gate: Gate, name: &'static str| {
            let (place, order) = (lane.place(&gate), &order);
            async move {
                place.enter().await;
                order.lock().push(name);
                place.leave();
            }
        };
        let release = async {
            // All others wait by now.
            yield_now().await;
            yield_now().await;
            begin.leave();
        };
        tokio::join!(
            enter(loud.clone(), "loud"),
            enter(loud.clone(), "loud"),
            enter(loud.clone(), "loud"),
            enter(quiet, "quiet"),
            release
        );
        let place = order.lock().iter().position(|name| *name == "quiet");
        assert!(place.is_some_and(|place| place <= 1), "{order:?}");
    }

    #[tokio::test]
    async fn whoever_waits_for_the_host_has_no_place_meanwhile_and_one_afterwards() {
        let lane = Lane::new(1);
        let (first, second) = (lane.place(&lane.gate()), lane.place(&lane.gate()));
        first.enter().await;
        assert_eq!(first.while_waiting(async { 1 }).await, 1);
        assert!(first.is_taken());
        let (asked, answer) = tokio::sync::oneshot::channel::<()>();
        let waiting = first.while_waiting(answer);
        let other = async {
            second.enter().await;
            assert!(!first.is_taken());
            second.leave();
            asked.send(()).unwrap();
        };
        let (answered, ()) = tokio::join!(waiting, other);
        answered.unwrap();
        assert!(first.is_taken());
    }
}
