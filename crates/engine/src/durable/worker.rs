use std::sync::Arc;
use std::time::Duration;

use jackfield_store_api::{Claim, Claimed};
use jackfield_types::TenantId;
use rustc_hash::FxHashMap;
use tokio::sync::mpsc;
use tokio::task::{Id, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::notice::{Notices, WorkerNotice};
use super::resume::{TakenUp, find_turn, take_up};
use super::tenant_claim::claim_of_tenant;
use super::{Hold, Keeper, Outcome};
use crate::engine::EngineParts;
use crate::handle::conduct;
use crate::{Engine, RunningExecution, TenantEngine};

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
}

impl Default for WorkerOptions {
    fn default() -> Self {
        Self {
            concurrency: 256,
            poll: Duration::from_millis(500),
            drain: Duration::from_secs(5),
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
enum Until {
    Told,
    NothingLeft,
}

/// Counts a worker as long as it runs.
struct Counted(Arc<Keeper>);

impl Counted {
    fn new(keeper: &Arc<Keeper>) -> Self {
        keeper.begin_worker();
        Self(Arc::clone(keeper))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.end_worker();
    }
}

/// What came of looking for what is due.
struct Look {
    /// How many executions were taken up.
    taken: usize,
    /// How long to wait until looking again.
    pause: Duration,
}

/// The executions that a worker runs.
#[derive(Default)]
struct Crew {
    tasks: JoinSet<()>,
    holds: FxHashMap<Id, Arc<Hold>>,
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

    /// Works until it is told to stop, and then lets go of all that it runs.
    pub async fn run(self, shutdown: CancellationToken) {
        self.work(shutdown, Until::Told).await;
    }

    /// Works until nothing is left to do now, or until it is told to stop. What will be due before a
    /// lease is over is waited for: what a worker held that may be gone, and what is almost due.
    pub async fn catch_up(self, shutdown: CancellationToken) {
        self.work(shutdown, Until::NothingLeft).await;
    }

    async fn work(self, shutdown: CancellationToken, until: Until) {
        let counted = Counted::new(&self.keeper);
        let mut crew = Crew::default();
        let mut claimed_at = Instant::now();
        // When to look for what is due.
        let mut next = Some(claimed_at);
        while !shutdown.is_cancelled() {
            crew.let_go_of_ended();
            let free = (self.options.concurrency as usize).saturating_sub(crew.tasks.len());
            if free > 0 && next.is_some_and(|next| next <= Instant::now()) {
                let look = self.look(&mut crew, free).await;
                next = Instant::now().checked_add(look.pause);
                if look.taken > 0 {
                    claimed_at = Instant::now();
                    continue;
                }
            }
            let is_idle = until == Until::NothingLeft && crew.tasks.is_empty();
            if is_idle && self.is_done(claimed_at).await {
                // Something may have come due since it was looked for.
                let most = u32::try_from(free).unwrap_or(u32::MAX);
                if self.claim(&mut crew, most).await == 0 {
                    break;
                }
                claimed_at = Instant::now();
                continue;
            }
            // Each arm only waits.
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                () = self.keeper.stirred.notified() => next = Some(Instant::now()),
                Some(ended) = crew.tasks.join_next_with_id(), if !crew.tasks.is_empty() => {
                    crew.ended(ended);
                }
                () = sleep_until(next), if free > 0 => {}
            }
        }
        // Nothing is parked any more for this worker to take up.
        drop(counted);
        self.stop(crew).await;
    }

    /// Takes up what is due, as far as there is room for it.
    async fn look(&self, crew: &mut Crew, free: usize) -> Look {
        // Claiming writes, even when there is nothing to claim.
        let pause = self.until_due().await;
        if !pause.is_zero() {
            return Look { taken: 0, pause };
        }
        let most = u32::try_from(free).unwrap_or(u32::MAX);
        let taken = self.claim(crew, most).await;
        let pause = if taken == 0 {
            // It is another tenant's, or another worker was first.
            self.options.poll
        } else {
            Duration::ZERO
        };
        Look { taken, pause }
    }

    /// Takes up what is due; says how many that were.
    async fn claim(&self, crew: &mut Crew, most: u32) -> usize {
        let began = Instant::now();
        let found = match &self.tenant {
            Some(tenant) => claim_of_tenant(&self.keeper, tenant, most).await,
            None => self.keeper.store.claim(self.keeper.claim(most)).await,
        };
        let claimed = match found {
            Ok(claimed) => claimed,
            Err(error) => {
                tracing::warn!(target: "engine", %error, "nothing was claimed");
                return 0;
            }
        };
        let taken = claimed.len();
        for claimed in claimed {
            let notices = Notices {
                tenant: claimed.tenant.clone(),
                execution: claimed.execution,
                sender: self.notices.clone(),
            };
            crew.take(&self.engine, &self.keeper, claimed, began, notices);
        }
        taken
    }

    /// Whether nothing will be due soon, with nothing of it under way. What others hold and go on
    /// with is due again and again, so that is not waited for more than once.
    async fn is_done(&self, claimed_at: Instant) -> bool {
        let store = &self.keeper.store;
        let lease = self.keeper.options.lease;
        if claimed_at.elapsed() > lease {
            return true;
        }
        match (store.next_due().await, store.now().await) {
            // What is due already is another tenant's.
            (Ok(Some(due)), Ok(now)) => due <= now || super::between(now, due) > lease,
            _ => true,
        }
    }

    /// How long there is nothing to do, as far as is known; nothing when there is something now.
    async fn until_due(&self) -> Duration {
        let store = &self.keeper.store;
        let Ok(Some(due)) = store.next_due().await else {
            return self.options.poll;
        };
        match store.now().await {
            Ok(now) if due <= now => Duration::ZERO,
            // Timers are not exact to less than that.
            Ok(now) => super::between(now, due)
                .max(Duration::from_millis(1))
                .min(self.options.poll),
            Err(_) => self.options.poll,
        }
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
        let Crew { mut tasks, holds } = crew;
        tasks.shutdown().await;
        for hold in holds.into_values() {
            // When this fails the lease runs out by itself.
            let _ = hold.store.release(hold.execution, hold.fence).await;
        }
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

impl Crew {
    /// Makes room where tasks have ended.
    fn let_go_of_ended(&mut self) {
        while let Some(ended) = self.tasks.try_join_next_with_id() {
            self.ended(ended);
        }
    }

    fn ended(&mut self, ended: Result<(Id, ()), tokio::task::JoinError>) {
        let id = match ended {
            Ok((id, ())) => id,
            Err(error) => {
                tracing::error!(target: "engine", %error, "the task of an execution broke off");
                error.id()
            }
        };
        self.holds.remove(&id);
    }

    /// Runs an execution that was claimed.
    fn take(
        &mut self,
        engine: &Arc<EngineParts>,
        keeper: &Arc<Keeper>,
        claimed: Claimed,
        began: Instant,
        notices: Notices,
    ) {
        let store = keeper.store.tenant(&claimed.tenant);
        let keeping = keeper.hold(store, claimed.execution, claimed.fence, began);
        let hold = Arc::clone(&keeping.hold);
        let engine = Arc::clone(engine);
        let task = self.tasks.spawn(async move {
            let state = engine.tenant(&claimed.tenant);
            let hold = Arc::clone(&keeping.hold);
            let awaited = state.take_awaited(claimed.execution);
            let Some(turn) = find_turn(&state, &keeping).await else {
                // It was put off.
                if let Some(awaited) = awaited {
                    state.await_later(claimed.execution, &awaited);
                }
                return;
            };
            match take_up(&engine, &state, keeping, turn, awaited.as_deref()).await {
                TakenUp::Runs(driver) => {
                    let since = engine.clock.now();
                    let running = &driver.running;
                    let running = RunningExecution::new(running, driver.journal(), since);
                    notices.taken_up(running).await;
                    let result = conduct(*driver, awaited).await;
                    if let Err(error) = &result {
                        tracing::warn!(
                            target: "engine",
                            execution = %claimed.execution,
                            %error,
                            "execution goes no further here"
                        );
                    }
                    notices.over(result).await;
                }
                TakenUp::Over => {
                    if let Some(awaited) = awaited {
                        state.await_later(claimed.execution, &awaited);
                    }
                    notices.over(Ok(Outcome::Left)).await;
                }
                TakenUp::Later(error) => {
                    tracing::warn!(
                        target: "engine",
                        execution = %claimed.execution,
                        %error,
                        "execution was not taken up"
                    );
                    if let Some(awaited) = awaited {
                        state.await_later(claimed.execution, &awaited);
                    }
                    // Not at once: what is the matter with the store may pass.
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    let _ = hold.store.release(hold.execution, hold.fence).await;
                }
            }
        });
        self.holds.insert(task.id(), hold);
    }
}
