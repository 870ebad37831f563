//! What runs and who waits, and who is let in: without a lock and without a clock.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jackfield_types::TenantId;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use tokio::sync::Notify;

use super::bucket::{Bucket, Moment};
use super::exceeded::{Quota, QuotaExceeded, QuotaLimit};
use super::fair_queue::{FairQueue, FlowId, Ticket};
use super::flow::{Flow, Mean, Switch};
use super::limits::{Limits, Resource, Shortage};
use super::state::Load;

/// Those who are to look at how it stands with them.
pub(super) type Called = SmallVec<[Arc<Waiter>; 2]>;

/// Somebody in the queue.
#[derive(Debug, Default)]
pub(super) struct Waiter {
    pub(super) called: Notify,
    /// Whether its turn has come. This and the next are changed under the gate's lock only.
    granted: AtomicBool,
    /// Whether it knows that it is first and has to wake itself for the next token.
    leads: AtomicBool,
}

/// A place in the queue. Whoever drops it has to leave the queue.
pub(super) struct Queued {
    pub(super) waiter: Arc<Waiter>,
    ticket: Ticket,
    pub(super) deadline: Moment,
}

/// What came of asking for a place.
pub(super) enum Entry {
    /// Let in at that moment.
    Admitted(Moment),
    /// It would have to wait, and did not want to.
    WouldWait,
    /// It is in the queue.
    Queued(Queued),
    Refused(QuotaExceeded),
}

/// How it stands with somebody in the queue.
pub(super) enum Standing {
    Admitted(Moment),
    /// To look again when called, or then.
    Until(Moment),
    Refused(QuotaExceeded),
}

/// What to do when there is no place at once.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    Wait,
    SaySo,
}

/// The places of one resource, for one tenant or for several.
pub(super) struct Places {
    resource: Resource,
    capacity: Option<NonZeroU32>,
    queue: FairQueue<Arc<Waiter>>,
    flows: FxHashMap<FlowId, Flow>,
    running: u32,
    held_for: Mean,
}

impl Places {
    pub(super) fn new(resource: Resource, capacity: Option<NonZeroU32>) -> Self {
        Self {
            resource,
            capacity,
            queue: FairQueue::default(),
            flows: FxHashMap::default(),
            running: 0,
            held_for: Mean::default(),
        }
    }

    /// Whether places are counted, so that they have to be given back.
    pub(super) fn counts(&self) -> bool {
        self.resource == Resource::Executions || self.capacity.is_some()
    }

    /// Adds a tenant.
    pub(super) fn open(&mut self, tenant: TenantId, limits: Limits) -> (FlowId, Arc<Switch>) {
        let id = self.queue.open(limits.weight);
        let flow = Flow::new(tenant, self.resource, limits);
        let switch = Arc::clone(&flow.switch);
        let limited = limits.bind(self.capacity);
        switch.limited.store(limited, Ordering::SeqCst);
        self.flows.insert(id, flow);
        (id, switch)
    }

    /// Takes a tenant out whom nobody knows any longer: nothing of it runs or waits.
    pub(super) fn close(&mut self, id: FlowId) {
        self.queue.close(id);
        self.flows.remove(&id);
    }

    pub(super) fn set_limits(&mut self, id: FlowId, limits: Limits, now: Moment) {
        let Some(flow) = self.flows.get_mut(&id) else {
            return;
        };
        match (&mut flow.bucket, limits.rate) {
            (Some(bucket), Some(rate)) => bucket.set_rate(rate, now),
            (bucket, rate) => *bucket = rate.map(Bucket::new),
        }
        flow.limits = limits;
        let limited = limits.bind(self.capacity);
        flow.switch.limited.store(limited, Ordering::SeqCst);
        self.queue.set_weight(id, limits.weight);
        self.set_timer_anew(id);
    }

    /// Gives a place if there is one and nobody of the tenant waits.
    pub(super) fn enter_at_once(&mut self, id: FlowId, now: Moment) -> bool {
        if !self.has_room() {
            return false;
        }
        let short = |flow: &Flow| flow.shortage(now, 0).is_some();
        if self.flows.get(&id).is_none_or(short) || self.queue.length(id) > 0 {
            return false;
        }
        self.grant(id, now);
        true
    }

    /// Asks for a place.
    pub(super) fn enter(&mut self, id: FlowId, patience: Patience, now: Moment) -> Entry {
        let ahead = self.queue.length(id);
        if self.enter_at_once(id, now) {
            return Entry::Admitted(now);
        }
        let Some(flow) = self.flows.get(&id) else {
            // Whoever asks holds the tenant, so that it is open.
            return Entry::Admitted(now);
        };
        let shortage = flow.shortage(now, ahead);
        if let Some(shortage) = shortage.filter(|shortage| flow.forbids_waiting(shortage)) {
            return Entry::Refused(flow.refused(shortage));
        }
        if ahead >= usize::try_from(flow.limits.max_queued).unwrap_or(usize::MAX) {
            return Entry::Refused(flow.refused(Shortage {
                quota: Quota::MaxQueued,
                limit: QuotaLimit::Waiting(flow.limits.max_queued),
                wait: self.what_is_short(flow, ahead, now).wait,
            }));
        }
        if patience == Patience::SaySo {
            return Entry::WouldWait;
        }
        let longest = u64::try_from(flow.limits.max_wait.as_nanos()).unwrap_or(u64::MAX);
        let waiter = Arc::<Waiter>::default();
        Entry::Queued(Queued {
            ticket: self.queue.push(id, Arc::clone(&waiter)),
            waiter,
            deadline: now.saturating_add(longest),
        })
    }

    /// Looks how it stands with somebody in the queue. Who waited too long is taken out of it.
    pub(super) fn look(&mut self, id: FlowId, queued: &Queued, now: Moment) -> Standing {
        if queued.waiter.granted.load(Ordering::Relaxed) {
            return Standing::Admitted(now);
        }
        let Some(flow) = self.flows.get(&id) else {
            return Standing::Admitted(now);
        };
        if now >= queued.deadline {
            let refusal = flow.refused(self.what_is_short(flow, 0, now));
            self.queue.remove(id, queued.ticket);
            return Standing::Refused(refusal);
        }
        let leads = queued.waiter.leads.load(Ordering::Relaxed);
        let next = flow.next_token(now).filter(|_| leads);
        Standing::Until(next.unwrap_or(queued.deadline).min(queued.deadline))
    }

    /// Takes somebody out of the queue who does not wait any longer. What it was given meanwhile is
    /// taken back.
    pub(super) fn leave(&mut self, id: FlowId, queued: &Queued) {
        if !queued.waiter.granted.load(Ordering::Relaxed) {
            self.queue.remove(id, queued.ticket);
            return;
        }
        let bucket = self
            .flows
            .get_mut(&id)
            .and_then(|flow| flow.bucket.as_mut());
        if let Some(bucket) = bucket {
            bucket.put_back();
            self.set_timer_anew(id);
        }
        self.take_back(id);
    }

    /// Takes a place back that was in use for so many nanoseconds.
    pub(super) fn release(&mut self, id: FlowId, held: u64) {
        self.held_for.add(held);
        if let Some(flow) = self.flows.get_mut(&id) {
            flow.held_for.add(held);
        }
        self.take_back(id);
    }

    /// Lets in whoever can be let in, in turn, after something of one tenant has changed.
    pub(super) fn pass_on(&mut self, changed: FlowId, now: Moment, called: &mut Called) {
        if self.queue.waiting() == 0 {
            return;
        }
        self.settle(changed, now, called);
        while self.has_room()
            && let Some((id, waiter)) = self.queue.pop()
        {
            self.grant(id, now);
            waiter.granted.store(true, Ordering::Relaxed);
            called.push(waiter);
            self.settle(id, now, called);
        }
    }

    /// What one tenant has.
    pub(super) fn load(&self, id: FlowId, now: Moment) -> Load {
        let Some(flow) = self.flows.get(&id) else {
            return Load::default();
        };
        Load {
            running: flow.running_in_all(),
            queued: self.queue.length(id),
            tokens: flow.bucket.as_ref().map(|bucket| bucket.tokens(now)),
        }
    }

    /// What all tenants have.
    pub(super) fn total(&self) -> Load {
        Load {
            running: self.running,
            queued: self.queue.waiting(),
            tokens: None,
        }
    }

    fn has_room(&self) -> bool {
        self.capacity
            .is_none_or(|capacity| self.running < capacity.get())
    }

    /// Holds a tenant's line while it has used up its own quotas. The first of a line that waits
    /// for a token is told, so that it wakes itself.
    fn settle(&mut self, id: FlowId, now: Moment, called: &mut Called) {
        let Some(flow) = self.flows.get(&id) else {
            return;
        };
        let held = flow.shortage(now, 0).is_some();
        self.queue.set_held(id, held);
        if held
            && flow.next_token(now).is_some()
            && let Some(first) = self.queue.first(id)
            && !first.leads.swap(true, Ordering::Relaxed)
        {
            called.push(Arc::clone(first));
        }
    }

    /// Has the first of a line look again when the next token is there: it may be sooner than it
    /// knows.
    fn set_timer_anew(&self, id: FlowId) {
        if let Some(first) = self.queue.first(id) {
            first.leads.store(false, Ordering::Relaxed);
        }
    }

    fn grant(&mut self, id: FlowId, now: Moment) {
        let counts = self.counts();
        let Some(flow) = self.flows.get_mut(&id) else {
            return;
        };
        flow.take(now);
        if counts {
            flow.running += 1;
            self.running += 1;
        }
    }

    fn take_back(&mut self, id: FlowId) {
        if self.counts()
            && let Some(flow) = self.flows.get_mut(&id)
        {
            flow.running = flow.running.saturating_sub(1);
            self.running = self.running.saturating_sub(1);
        }
    }

    /// What somebody waits for who has `ahead` others of the same tenant before them.
    fn what_is_short(&self, flow: &Flow, ahead: usize, now: Moment) -> Shortage {
        flow.shortage(now, ahead).unwrap_or_else(|| {
            let capacity = self.capacity.map_or(u32::MAX, NonZeroU32::get);
            Shortage {
                quota: self.resource.instance_quota(),
                limit: QuotaLimit::AtOnce(capacity),
                wait: self.held_for.wait(capacity, self.queue.waiting()),
            }
        })
    }
}
