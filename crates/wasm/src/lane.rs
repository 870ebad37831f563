//! The lane of those who compute for long: a guest that does must not keep all threads from those
//! who only want a short answer.
//!
//! A call that has computed for a while goes on only with a place in the lane, and gives it up each
//! time that it is looked at. There are fewer places than threads, so one is always left to the
//! others, however many guests compute.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::yield_now;
use tokio::time::timeout_at;

/// For how many looks at it, one a tick, a call may compute before it belongs into the lane.
pub(crate) const SHORT: u32 = 10;

/// The places of those who compute for long.
#[derive(Clone)]
pub(crate) struct Lane(Arc<Semaphore>);

/// The place of one instance, if it has one.
#[derive(Clone, Default)]
pub(crate) struct Place(Arc<Mutex<Option<OwnedSemaphorePermit>>>);

impl Lane {
    pub(crate) fn new(places: usize) -> Self {
        Self(Arc::new(Semaphore::new(
            places.clamp(1, Semaphore::MAX_PERMITS),
        )))
    }

    /// Gives up a place and waits for another. When the deadline passes first, the guest is woken
    /// to hear of it.
    pub(crate) fn turn(
        &self,
        place: &Place,
        deadline: Instant,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        place.leave();
        let (lane, place) = (Arc::clone(&self.0), place.clone());
        Box::pin(async move {
            yield_now().await;
            if let Ok(Ok(permit)) = timeout_at(deadline.into(), lane.acquire_owned()).await {
                *place.0.lock() = Some(permit);
            }
        })
    }
}

impl Place {
    /// Gives it up, if there is one.
    pub(crate) fn leave(&self) {
        self.0.lock().take();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn there_are_so_many_places_and_whoever_waits_too_long_hears_of_it() {
        let lane = Lane::new(1);
        let (first, second) = (Place::default(), Place::default());
        let soon = Instant::now() + Duration::from_secs(60);
        lane.turn(&first, soon).await;
        assert!(first.0.lock().is_some());
        lane.turn(&second, Instant::now()).await;
        assert!(second.0.lock().is_none());
        first.leave();
        lane.turn(&second, soon).await;
        assert!(second.0.lock().is_some());
    }
}
