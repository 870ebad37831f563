use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use jackfield_store_api::{Claim, StoreError};
use jackfield_types::TenantId;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Keeper;
use super::crew::Crew;
use super::housekeeping::keep_house;
use super::notice::{Notices, WorkerNotice};
use super::tenant_claim::claim_of_tenant;
use crate::engine::EngineParts;
use crate::{Engine, TenantEngine};

/// How a worker works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkerOptions {
    /// How many executions it runs at the same time.
    pub concurrency: u32,
    /// How often it looks for what other processes left to be taken up. What this process leaves,
    /// and what is due at a known time, it takes up in time by itself.
    pub poll: Duration,
    /// How long what runs may run on when it is told to stop. What runs for longer is broken off,
    /// and begins once more under the next worker.
    pub drain: Duration,
    /// How often it lets go of executions that have ended, for tenants for whom it is set how long
    /// they are kept ([`TenantStore::kept_retention`](jackfield_store_api::TenantStore::kept_retention)).
    pub collect: Duration,
}

impl Default for WorkerOptions {
    fn default() -> Self {
        Self {
            concurrency: 256,
            poll: Duration::from_millis(500),
            drain: Duration::from_secs(5),
            collect: Duration::from_secs(600),
        }
    }
}

/// Takes up executions that nobody holds and that should run: those whose worker is gone, and those
/// that waited for what has come by now.
pub struct Worker {
    engine: Arc<EngineParts>,
    keeper: Arc<Keeper>,
    options: WorkerOptions,
    /// Whose executions; nothing for those of all tenants.
    tenant: Option<TenantId>,
    notices: Option<mpsc::Sender<WorkerNotice>>,
}

impl Engine {
    /// A worker over the engine's store, for all tenants; `None` without one. Several, in as many
    /// processes, share a store.
    pub fn worker(&self, options: WorkerOptions) -> Option<Worker> {
        Worker::new(&self.parts, options, None)
    }
}

impl TenantEngine {
    /// A worker over the engine's store that takes up this tenant's executions alone; `None`
    /// without a store. It looks through the tenant's executions each time, so that one for all
    /// tenants ([`Engine::worker`]) is cheaper where there are many.
    pub fn worker(&self, options: WorkerOptions) -> Option<Worker> {
        Worker::new(&self.caller.engine, options, Some(self.id().clone()))
    }
}

/// When a worker stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    Told,
    NothingLeft,
}

/// Counts a worker as long as it runs.
struct Counted(Arc<Keeper>, Option<TenantId>);

impl Counted {
    fn new(keeper: &Arc<Keeper>, tenant: Option<&TenantId>) -> Self {
        keeper.begin_worker(tenant);
        Self(Arc::clone(keeper), tenant.cloned())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.end_worker(self.1.as_ref());
    }
}

/// How a worker stands with the store.
struct Outlook {
    claimed_at: Instant,
    /// When to look for what is due.
    next: Option<Instant>,
    /// Since when the store has not answered.
    failing: Option<Instant>,
}

/// What comes of one round of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Round {
    /// Something was taken up.
    Taken,
    /// There is nothing to take up for now.
    Waits,
    /// Nothing is left to do.
    Over,
}

/// What came of looking for what is due.
struct Look {
    /// How many executions were taken up.
    taken: usize,
    /// How long to wait until looking again.
    pause: Duration,
}

impl Worker {
    fn new(
        engine: &Arc<EngineParts>,
        options: WorkerOptions,
        tenant: Option<TenantId>,
    ) -> Option<Self> {
        Some(Self {
            engine: Arc::clone(engine),
            keeper: Arc::clone(engine.keeper.as_ref()?),
            options,
            tenant,
            notices: None,
        })
    }

    /// Tells what becomes of the executions that it runs. Whoever is told and does not listen holds
    /// it up; whoever lets go of the other end does not.
    #[must_use]
    pub fn telling(mut self, notices: mpsc::Sender<WorkerNotice>) -> Self {
        self.notices = Some(notices);
        self
    }

    /// Works until it is told to stop, and then lets go of all that it runs. What the store does not
    /// do now is tried again.
    pub async fn run(self, shutdown: CancellationToken) {
        let store = Arc::clone(&self.keeper.store);
        let house = keep_house(store, self.tenant.clone(), self.options.collect);
        // Keeping house may be broken off at any time.
        let worked = tokio::select! {
            biased;
            worked = self.work(shutdown, Until::Told) => worked,
            never = house => match never {},
        };
        if let Err(error) = worked {
            tracing::error!(target: "engine", %error, "the worker stopped");
        }
    }

    /// Works until nothing is left to do now, or until it is told to stop. What will be due before a
    /// lease is over is waited for: what a worker held that may be gone, and what is almost due.
    ///
    /// # Errors
    /// What the store said when it could not be asked for longer than a lease, or gives no answer
    /// that can be worked with, so that something may be left that should be done. What runs by then
    /// has come to its end.
    pub async fn catch_up(self, shutdown: CancellationToken) -> Result<(), StoreError> {
        self.work(shutdown, Until::NothingLeft).await
    }

    async fn work(self, shutdown: CancellationToken, until: Until) -> Result<(), StoreError> {
        let counted = Counted::new(&self.keeper, self.tenant.as_ref());
        let mut crew = Crew::new(until, self.keeper.options.lease);
        let begun = Instant::now();
        let mut outlook = Outlook {
            claimed_at: begun,
            next: Some(begun),
            failing: None,
        };
        let mut failed = None;
        while !shutdown.is_cancelled() {
            crew.let_go_of_ended();
            let free = (self.options.concurrency as usize).saturating_sub(crew.tasks.len());
            if failed.is_none() {
                match self.round(&mut crew, &mut outlook, free).await {
                    Ok(Round::Taken) => continue,
                    Ok(Round::Waits) => {}
                    Ok(Round::Over) => break,
                    Err(error) => failed = self.bear(error, &mut outlook, until),
                }
            }
            if failed.is_some() && crew.tasks.is_empty() {
                break;
            }
            // Each arm only waits.
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                () = self.keeper.stirred.notified(), if failed.is_none() => {
                    outlook.next = Some(Instant::now());
                }
                Some(ended) = crew.tasks.join_next_with_id(), if !crew.tasks.is_empty() => {
                    crew.ended(ended);
                }
                () = sleep_until(outlook.next), if free > 0 && failed.is_none() => {}
            }
        }
        // Nothing is parked any more for this worker to take up.
        drop(counted);
        let untaken = crew.untaken.take();
        self.stop(crew).await;
        failed.or(untaken).map_or(Ok(()), Err)
    }

    /// Takes up what is due, and finds out whether anything is left to do.
    async fn round(
        &self,
        crew: &mut Crew,
        outlook: &mut Outlook,
        free: usize,
    ) -> Result<Round, StoreError> {
        let now = Instant::now();
        if free > 0 && outlook.next.is_some_and(|next| next <= now) {
            let look = self.look(crew, free).await?;
            let now = Instant::now();
            outlook.failing = None;
            outlook.next = now.checked_add(look.pause);
            if look.taken > 0 {
                outlook.claimed_at = now;
                return Ok(Round::Taken);
            }
        }
        let is_idle =
            crew.until == Until::NothingLeft && crew.tasks.is_empty() && outlook.failing.is_none();
        if !is_idle || !self.is_done(outlook.claimed_at).await? {
            return Ok(Round::Waits);
        }
        // Something may have come due since it was looked for.
        let most = u32::try_from(free).unwrap_or(u32::MAX);
        if self.claim(crew, most).await? == 0 {
            return Ok(Round::Over);
        }
        outlook.claimed_at = Instant::now();
        Ok(Round::Taken)
    }

    /// Bears with a store that does not answer, or gives the error back: whoever catches up has to
    /// say that it could not.
    fn bear(&self, error: StoreError, outlook: &mut Outlook, until: Until) -> Option<StoreError> {
        tracing::warn!(target: "engine", %error, "nothing was claimed");
        let now = Instant::now();
        let since = *outlook.failing.get_or_insert(now);
        outlook.next = now.checked_add(self.options.poll);
        let lease = self.keeper.options.lease;
        let may_pass = error.is_transient() && now.duration_since(since) <= lease;
        (until == Until::NothingLeft && !may_pass).then_some(error)
    }

    /// Takes up what is due, as far as there is room for it.
    async fn look(&self, crew: &mut Crew, free: usize) -> Result<Look, StoreError> {
        // Claiming writes, even when there is nothing to claim.
        let pause = self.until_due().await?;
        if !pause.is_zero() {
            return Ok(Look { taken: 0, pause });
        }
        let most = u32::try_from(free).unwrap_or(u32::MAX);
        let taken = self.claim(crew, most).await?;
        let pause = if taken == 0 {
            // It is another tenant's, or another worker was first.
            self.options.poll
        } else {
            Duration::ZERO
        };
        Ok(Look { taken, pause })
    }

    /// Takes up what is due; says how many that were.
    async fn claim(&self, crew: &mut Crew, most: u32) -> Result<usize, StoreError> {
        let began = Instant::now();
        let claimed = match &self.tenant {
            Some(tenant) => claim_of_tenant(&self.keeper, tenant, most).await?,
            None => self.keeper.store.claim(self.keeper.claim(most)).await?,
        };
        let mut taken = 0;
        for claimed in claimed {
            if crew.is_given_up(&claimed) {
                // Its lease runs out by itself.
                continue;
            }
            taken += 1;
            let notices = Notices {
                tenant: claimed.tenant.clone(),
                execution: claimed.execution,
                sender: self.notices.clone(),
            };
            crew.take(&self.engine, &self.keeper, claimed, began, notices);
        }
        Ok(taken)
    }

    /// Whether nothing will be due soon, with nothing of it under way. What others hold and go on
    /// with is due again and again, so that is not waited for more than once.
    async fn is_done(&self, claimed_at: Instant) -> Result<bool, StoreError> {
        let store = &self.keeper.store;
        let lease = self.keeper.options.lease;
        if claimed_at.elapsed() > lease {
            return Ok(true);
        }
        let Some(due) = store.next_due().await? else {
            return Ok(true);
        };
        let now = store.now().await?;
        // What is due already is another tenant's.
        Ok(due <= now || super::between(now, due) > lease)
    }

    /// How long there is nothing to do, as far as is known; nothing when there is something now.
    async fn until_due(&self) -> Result<Duration, StoreError> {
        let store = &self.keeper.store;
        let Some(due) = store.next_due().await? else {
            return Ok(self.options.poll);
        };
        let now = store.now().await?;
        Ok(if due <= now {
            Duration::ZERO
        } else {
            // Timers are not exact to less than that.
            super::between(now, due)
                .max(Duration::from_millis(1))
                .min(self.options.poll)
        })
    }

    async fn stop(&self, mut crew: Crew) {
        for hold in crew.holds.values() {
            hold.let_go();
        }
        let drained = async {
            while let Some(ended) = crew.tasks.join_next_with_id().await {
                crew.ended(ended);
            }
        };
        if tokio::time::timeout(self.options.drain, drained)
            .await
            .is_ok()
        {
            return;
        }
        let Crew {
            mut tasks, holds, ..
        } = crew;
        tasks.shutdown().await;
        let mut released: FuturesUnordered<_> = holds.values().map(|hold| hold.release()).collect();
        while released.next().await.is_some() {}
    }
}

async fn sleep_until(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until).await,
        None => std::future::pending().await,
    }
}

impl Keeper {
    /// What to claim with.
    pub(crate) fn claim(&self, most: u32) -> Claim {
        Claim {
            worker: self.worker,
            lease: self.options.lease,
            most,
        }
    }
}
