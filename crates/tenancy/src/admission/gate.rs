use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use jackfield_types::TenantId;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::bucket::Moment;
use super::fair_queue::FlowId;
use super::flow::Switch;
use super::limits::{Limits, Resource};
use super::places::{Called, Entry, Patience, Places, Queued, Standing};
use super::state::Load;

/// Admits to one resource: of all tenants when the instance has only so much of it, of one tenant
/// otherwise.
///
/// Whenever its lock is free, nobody is in the queue who could have been let in when somebody last
/// asked.
pub(super) struct Gate {
    resource: Resource,
    capacity: Option<NonZeroU32>,
    /// Whether places are counted, so that they have to be given back.
    counts: bool,
    origin: Instant,
    places: Mutex<Places>,
}

fn call(called: Called) {
    for waiter in called {
        waiter.called.notify_one();
    }
}

impl Gate {
    pub(super) fn new(resource: Resource, capacity: Option<NonZeroU32>) -> Self {
        let places = Places::new(resource, capacity);
        Self {
            resource,
            capacity,
            counts: places.counts(),
            origin: Instant::now(),
            places: Mutex::new(places),
        }
    }

    pub(super) fn counts(&self) -> bool {
        self.counts
    }

    pub(super) fn now(&self) -> Moment {
        let nanoseconds = self.origin.elapsed().as_nanos();
        Moment::try_from(nanoseconds).unwrap_or(Moment::MAX)
    }

    /// The moment on the clock; now, if the clock does not go that far.
    pub(super) fn instant(&self, moment: Moment) -> Instant {
        self.origin
            .checked_add(Duration::from_nanos(moment))
            .unwrap_or_else(Instant::now)
    }

    /// Changes something of a tenant, lets in whoever can be let in before and after, and calls
    /// them when the lock is free again.
    fn change<T>(&self, id: FlowId, change: impl FnOnce(&mut Places, Moment) -> T) -> T {
        let mut called = Called::new();
        let now = self.now();
        let mut places = self.places.lock();
        places.pass_on(id, now, &mut called);
        let result = change(&mut places, now);
        places.pass_on(id, now, &mut called);
        drop(places);
        call(called);
        result
    }

    /// Adds a tenant.
    pub(super) fn open(&self, tenant: TenantId, limits: Limits) -> (FlowId, Arc<Switch>) {
        self.places.lock().open(tenant, limits)
    }

    /// Takes a tenant out whom nobody knows any longer: nothing of it runs or waits.
    pub(super) fn close(&self, id: FlowId) {
        self.places.lock().close(id);
    }

    pub(super) fn set_limits(&self, id: FlowId, limits: Limits) {
        self.change(id, |places, now| places.set_limits(id, limits, now));
    }

    /// Asks for a place.
    pub(super) fn enter(&self, id: FlowId, patience: Patience) -> Entry {
        let now = self.now();
        // One who is let in at once keeps nobody waiting who could be let in instead.
        if self.places.lock().enter_at_once(id, now) {
            return Entry::Admitted(now);
        }
        self.change(id, |places, now| places.enter(id, patience, now))
    }

    /// Looks how it stands with somebody in the queue.
    pub(super) fn look(&self, id: FlowId, queued: &Queued) -> Standing {
        self.change(id, |places, now| places.look(id, queued, now))
    }

    /// Takes somebody out of the queue who does not wait any longer. A place that it was given
    /// meanwhile goes to the next.
    pub(super) fn leave(&self, id: FlowId, queued: &Queued) {
        self.change(id, |places, _| places.leave(id, queued));
    }

    /// Takes a place back that was used since `since`, and passes it on.
    pub(super) fn release(&self, id: FlowId, since: Moment) {
        let now = self.now();
        let mut places = self.places.lock();
        places.release(id, now.saturating_sub(since));
        let mut called = Called::new();
        places.pass_on(id, now, &mut called);
        drop(places);
        call(called);
    }

    /// Looks again who may go, after something has changed that the gate was not told.
    pub(super) fn nudge(&self, id: FlowId) {
        self.change(id, |_, _| ());
    }

    /// What one tenant has.
    pub(super) fn load(&self, id: FlowId) -> Load {
        let now = self.now();
        self.places.lock().load(id, now)
    }

    /// What all tenants have.
    pub(super) fn total(&self) -> Load {
        self.places.lock().total()
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("resource", &self.resource)
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}
