//! One resource: what runs, who waits, and the passing on of places.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use jackfield_types::{TenantId, WhenExceeded};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::bucket::{Bucket, Moment};
use super::exceeded::{Quota, QuotaExceeded, QuotaLimit};
use super::fair_queue::{FairQueue, FlowId, Ticket};
use super::limits::{Limits, Resource, Shortage};
use super::state::Load;

/// What is said of the time to wait when nobody knows how long anything takes.
const UNKNOWN_WAIT: Duration = Duration::from_secs(1);
const SHORTEST_WAIT: Duration = Duration::from_millis(10);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Admits to one resource: of all tenants when the instance has only so much of it, of one tenant
/// otherwise.
///
/// Whenever its lock is free, there is nobody in the queue who could be let in.
#[derive(Debug)]
pub(super) struct Gate {
    resource: Resource,
    capacity: Option<NonZeroU32>,
    origin: Instant,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    queue: FairQueue<Arc<Waiter>>,
    flows: FxHashMap<FlowId, Flow>,
    running: u32,
    held_for: Mean,
}

/// What one tenant has of the resource.
#[derive(Debug)]
struct Flow {
    tenant: TenantId,
    limits: Limits,
    bucket: Option<Bucket>,
    running: u32,
    held_for: Mean,
    switch: Arc<Switch>,
}

/// What is known of a tenant without asking the gate.
#[derive(Debug, Default)]
pub(super) struct Switch {
    /// Whether the gate has to be asked.
    pub(super) limited: AtomicBool,
    /// How many run that were let in without asking.
    pub(super) free: AtomicU32,
}

/// Somebody in the queue.
#[derive(Debug, Default)]
pub(super) struct Waiter {
    pub(super) called: Notify,
    /// Whether its turn has come. Changed under the gate's lock only.
    granted: AtomicBool,
    /// Whether it knows that it is first and has to wake itself for the next token.
    leads: AtomicBool,
}

/// What came of asking.
pub(super) enum Entry {
    /// Let in at that moment.
    Admitted(Moment),
    /// It would have to wait, and did not want to.
    WouldWait,
    /// It is in the queue.
    Queued(Queued),
    Refused(QuotaExceeded),
}

/// A place in the queue. Whoever drops it has to [`Gate::leave`].
pub(super) struct Queued {
    pub(super) waiter: Arc<Waiter>,
    pub(super) ticket: Ticket,
    pub(super) deadline: Moment,
}

/// How it stands with a place in the queue.
pub(super) enum Standing {
    Admitted(Moment),
    /// Look again when called, or then.
    Until(Moment),
    Refused(QuotaExceeded),
}

/// What to do when there is no place at once.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    Wait,
    SaySo,
}

/// Those whose turn has come, to be called when the lock is free again.
type Called = SmallVec<[Arc<Waiter>; 2]>;

fn call(called: Called) {
    for waiter in called {
        waiter.called.notify_one();
    }
}

/// A running mean of lengths of time, in nanoseconds.
#[derive(Debug, Default, Clone, Copy)]
struct Mean(u64);

impl Mean {
    fn add(&mut self, nanoseconds: u64) {
        self.0 = match self.0 {
            0 => nanoseconds,
            mean => mean - mean / 8 + nanoseconds / 8,
        };
    }

    /// How long until one of `places` is free for somebody who has `ahead` others before them.
    fn wait(self, places: u32, ahead: usize) -> Duration {
        if self.0 == 0 {
            return UNKNOWN_WAIT;
        }
        let turns = u64::try_from(ahead).unwrap_or(u64::MAX).saturating_add(1);
        let wait = self.0.saturating_mul(turns) / u64::from(places.max(1));
        Duration::from_nanos(wait).clamp(SHORTEST_WAIT, LONGEST_WAIT)
    }
}

impl Gate {
    pub(super) fn new(resource: Resource, capacity: Option<NonZeroU32>) -> Self {
        Self {
            resource,
            capacity,
            origin: Instant::now(),
            state: Mutex::new(State {
                queue: FairQueue::default(),
                flows: FxHashMap::default(),
                running: 0,
                held_for: Mean::default(),
            }),
        }
    }

    /// Whether places are counted, so that they have to be given back.
    pub(super) fn counts(&self) -> bool {
        self.resource == Resource::Executions || self.capacity.is_some()
    }

    pub(super) fn now(&self) -> Moment {
        let nanoseconds = self.origin.elapsed().as_nanos();
        Moment::try_from(nanoseconds).unwrap_or(Moment::MAX)
    }

    /// The moment on the clock.
    pub(super) fn instant(&self, moment: Moment) -> Instant {
        self.origin
            .checked_add(Duration::from_nanos(moment))
            .unwrap_or_else(Instant::now)
    }

    /// Adds a tenant.
    pub(super) fn open(&self, tenant: TenantId, limits: Limits) -> (FlowId, Arc<Switch>) {
        let switch = Arc::new(Switch {
            limited: AtomicBool::new(limits.bind(self.capacity)),
            free: AtomicU32::new(0),
        });
        let mut state = self.state.lock();
        let id = state.queue.open(limits.weight);
        let flow = Flow {
            tenant,
            limits,
            bucket: limits.rate.map(Bucket::new),
            running: 0,
            held_for: Mean::default(),
            switch: Arc::clone(&switch),
        };
        state.flows.insert(id, flow);
        (id, switch)
    }

    /// Takes a tenant out whom nobody knows any longer: nothing of it runs or waits.
    pub(super) fn close(&self, id: FlowId) {
        let mut state = self.state.lock();
        state.queue.close(id);
        state.flows.remove(&id);
    }

    pub(super) fn set_limits(&self, id: FlowId, limits: Limits) {
        let mut called = Called::new();
        let now = self.now();
        let mut state = self.state.lock();
        let state = &mut *state;
        if let Some(flow) = state.flows.get_mut(&id) {
            match (&mut flow.bucket, limits.rate) {
                (Some(bucket), Some(rate)) => bucket.set_rate(rate, now),
                (bucket, rate) => *bucket = rate.map(Bucket::new),
            }
            flow.limits = limits;
            let limited = limits.bind(self.capacity);
            flow.switch.limited.store(limited, Ordering::SeqCst);
            state.queue.set_weight(id, limits.weight);
            if let Some(first) = state.queue.first(id) {
                // The next token may be there sooner than it knows.
                first.leads.store(false, Ordering::Relaxed);
            }
        }
        self.settle(state, id, now, &mut called);
        self.pass_on(state, now, &mut called);
        call(called);
    }

    /// Asks for a place.
    pub(super) fn enter(&self, id: FlowId, patience: Patience) -> Entry {
        let mut called = Called::new();
        let now = self.now();
        let mut guard = self.state.lock();
        let state = &mut *guard;
        self.settle(state, id, now, &mut called);
        self.pass_on(state, now, &mut called);
        let entry = self.ask(state, id, now, patience, &mut called);
        drop(guard);
        call(called);
        entry
    }

    fn ask(
        &self,
        state: &mut State,
        id: FlowId,
        now: Moment,
        patience: Patience,
        called: &mut Called,
    ) -> Entry {
        let ahead = state.queue.length(id);
        let Some(flow) = state.flows.get(&id) else {
            // Whoever asks holds the tenant, so that it is open.
            return Entry::Admitted(now);
        };
        if ahead == 0 && self.has_room(state) && flow.shortage(now, 0, self.resource).is_none() {
            self.grant(state, id, now);
            self.settle(state, id, now, called);
            return Entry::Admitted(now);
        }
        if let Some(refusal) = self.refusal(state, flow, ahead, now) {
            return Entry::Refused(refusal);
        }
        if patience == Patience::SaySo {
            return Entry::WouldWait;
        }
        let deadline = now.saturating_add(nanoseconds(flow.limits.max_wait));
        let waiter = Arc::<Waiter>::default();
        let ticket = state.queue.push(id, Arc::clone(&waiter));
        self.settle(state, id, now, called);
        Entry::Queued(Queued {
            waiter,
            ticket,
            deadline,
        })
    }

    /// Looks whether the turn of somebody in the queue has come.
    pub(super) fn look(&self, id: FlowId, queued: &Queued) -> Standing {
        let mut called = Called::new();
        let now = self.now();
        let mut guard = self.state.lock();
        let state = &mut *guard;
        self.settle(state, id, now, &mut called);
        self.pass_on(state, now, &mut called);
        let standing = if queued.waiter.granted.load(Ordering::Relaxed) {
            Standing::Admitted(now)
        } else if now >= queued.deadline {
            let ahead = state.queue.length(id).saturating_sub(1);
            let refusal = state
                .flows
                .get(&id)
                .map(|flow| flow.refused(self.what_is_short(state, flow, ahead, now)));
            state.queue.remove(id, queued.ticket);
            self.settle(state, id, now, &mut called);
            refusal.map_or(Standing::Admitted(now), Standing::Refused)
        } else {
            let next = state.flows.get(&id).and_then(|flow| flow.next_token(now));
            let leads = queued.waiter.leads.load(Ordering::Relaxed);
            let next = next.filter(|_| leads).unwrap_or(queued.deadline);
            Standing::Until(next.min(queued.deadline))
        };
        drop(guard);
        call(called);
        standing
    }

    /// Takes somebody out of the queue who does not wait any longer. A place that it was given
    /// meanwhile goes to the next.
    pub(super) fn leave(&self, id: FlowId, queued: &Queued) {
        let mut called = Called::new();
        let now = self.now();
        let mut guard = self.state.lock();
        let state = &mut *guard;
        if queued.waiter.granted.load(Ordering::Relaxed) {
            if let Some(bucket) = state.flows.get_mut(&id).and_then(|f| f.bucket.as_mut()) {
                bucket.put_back();
            }
            self.take_back(state, id);
        } else {
            state.queue.remove(id, queued.ticket);
        }
        self.settle(state, id, now, &mut called);
        self.pass_on(state, now, &mut called);
        drop(guard);
        call(called);
    }

    /// Takes a place back that was used since `since`, and passes it on.
    pub(super) fn release(&self, id: FlowId, since: Moment) {
        let mut called = Called::new();
        let now = self.now();
        let mut guard = self.state.lock();
        let state = &mut *guard;
        let held = now.saturating_sub(since);
        state.held_for.add(held);
        if let Some(flow) = state.flows.get_mut(&id) {
            flow.held_for.add(held);
        }
        self.take_back(state, id);
        self.settle(state, id, now, &mut called);
        self.pass_on(state, now, &mut called);
        drop(guard);
        call(called);
    }

    /// Looks again who may go, after something has changed that the gate was not told.
    pub(super) fn nudge(&self, id: FlowId) {
        let mut called = Called::new();
        let now = self.now();
        let mut guard = self.state.lock();
        self.settle(&mut guard, id, now, &mut called);
        self.pass_on(&mut guard, now, &mut called);
        drop(guard);
        call(called);
    }

    /// What one tenant has.
    pub(super) fn load(&self, id: FlowId) -> Load {
        let now = self.now();
        let state = self.state.lock();
        let Some(flow) = state.flows.get(&id) else {
            return Load::default();
        };
        Load {
            running: flow.running_in_all(),
            queued: state.queue.length(id),
            tokens: flow.bucket.as_ref().map(|bucket| bucket.tokens(now)),
        }
    }

    /// What all tenants have.
    pub(super) fn total(&self) -> Load {
        let state = self.state.lock();
        Load {
            running: state.running,
            queued: state.queue.waiting(),
            tokens: None,
        }
    }

    fn has_room(&self, state: &State) -> bool {
        self.capacity
            .is_none_or(|capacity| state.running < capacity.get())
    }

    /// Holds a tenant's line while it has used up its own quotas. The first of a line that waits
    /// for a token is told, so that it wakes itself.
    fn settle(&self, state: &mut State, id: FlowId, now: Moment, called: &mut Called) {
        let Some(flow) = state.flows.get(&id) else {
            return;
        };
        let held = flow.shortage(now, 0, self.resource).is_some();
        state.queue.set_held(id, held);
        if held
            && flow.next_token(now).is_some()
            && let Some(first) = state.queue.first(id)
            && !first.leads.swap(true, Ordering::Relaxed)
        {
            called.push(Arc::clone(first));
        }
    }

    /// Lets in whoever can be let in, in turn.
    fn pass_on(&self, state: &mut State, now: Moment, called: &mut Called) {
        while self.has_room(state)
            && let Some((id, waiter)) = state.queue.pop()
        {
            self.grant(state, id, now);
            waiter.granted.store(true, Ordering::Relaxed);
            called.push(waiter);
            self.settle(state, id, now, called);
        }
    }

    fn grant(&self, state: &mut State, id: FlowId, now: Moment) {
        let Some(flow) = state.flows.get_mut(&id) else {
            return;
        };
        if let Some(bucket) = &mut flow.bucket {
            bucket.take(now);
        }
        if self.counts() {
            flow.running += 1;
            state.running += 1;
        }
    }

    fn take_back(&self, state: &mut State, id: FlowId) {
        if self.counts()
            && let Some(flow) = state.flows.get_mut(&id)
        {
            flow.running = flow.running.saturating_sub(1);
            state.running = state.running.saturating_sub(1);
        }
    }

    /// Why somebody who has just come may not even wait.
    fn refusal(
        &self,
        state: &State,
        flow: &Flow,
        ahead: usize,
        now: Moment,
    ) -> Option<QuotaExceeded> {
        let limits = &flow.limits;
        let shortage = flow.shortage(now, ahead, self.resource);
        let own = match limits.when_exceeded {
            WhenExceeded::Reject | WhenExceeded::Drop => shortage,
            WhenExceeded::Queue => shortage.filter(|shortage| {
                shortage.wait > limits.max_wait && shortage.quota == self.resource.rate_quota()
            }),
        };
        if let Some(shortage) = own {
            return Some(flow.refused(shortage));
        }
        let most = usize::try_from(limits.max_queued).unwrap_or(usize::MAX);
        if ahead < most {
            return None;
        }
        let wait = self.what_is_short(state, flow, ahead, now).wait;
        Some(flow.refused(Shortage {
            quota: Quota::MaxQueued,
            limit: QuotaLimit::Waiting(limits.max_queued),
            wait,
        }))
    }

    /// What somebody waits for who has `ahead` others of the same tenant before them.
    fn what_is_short(&self, state: &State, flow: &Flow, ahead: usize, now: Moment) -> Shortage {
        flow.shortage(now, ahead, self.resource)
            .unwrap_or_else(|| self.instance_shortage(state))
    }

    fn instance_shortage(&self, state: &State) -> Shortage {
        let capacity = self.capacity.map_or(u32::MAX, NonZeroU32::get);
        Shortage {
            quota: self.resource.instance_quota(),
            limit: QuotaLimit::AtOnce(capacity),
            wait: state.held_for.wait(capacity, state.queue.waiting()),
        }
    }
}

impl Flow {
    fn running_in_all(&self) -> u32 {
        let free = self.switch.free.load(Ordering::SeqCst);
        self.running.saturating_add(free)
    }

    /// When the next token is there, if the tenant has to wait for it.
    fn next_token(&self, now: Moment) -> Option<Moment> {
        let next = self.bucket.as_ref()?.next();
        (next > now).then_some(next)
    }

    /// Which of the tenant's own quotas somebody waits for who has `ahead` others before them.
    fn shortage(&self, now: Moment, ahead: usize, resource: Resource) -> Option<Shortage> {
        if let Some(bucket) = &self.bucket {
            let wait = bucket.wait(now, ahead);
            if !wait.is_zero() {
                return Some(Shortage {
                    quota: resource.rate_quota(),
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

    fn refused(&self, shortage: Shortage) -> QuotaExceeded {
        let own = !matches!(
            shortage.quota,
            Quota::InstanceExecutions | Quota::InstanceCalls
        );
        QuotaExceeded {
            tenant: self.tenant.clone(),
            quota: shortage.quota,
            limit: shortage.limit,
            retry_after: shortage.wait,
            dropped: own && self.limits.when_exceeded == WhenExceeded::Drop,
        }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
