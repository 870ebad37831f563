use std::sync::{Arc, Weak};
use std::time::Duration;

use jackfield_store_api::Request;
use jackfield_types::ExecutionId;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::driver::Driver;
use crate::durable::{Keeper, Outcome, ended_report};
use crate::execution::Caller;
use crate::tenant_state::TenantState;
use crate::{Events, Journal, Report, StartError};

/// How often it is looked whether an execution that left memory has ended in another process.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// An execution that runs by itself. Dropping the handle lets it run on.
///
/// One that is kept in a store may leave memory while it waits, and go on in another process; the
/// handle waits for its end all the same.
pub struct ExecutionHandle {
    id: ExecutionId,
    journal: Journal,
    cancellation: CancellationToken,
    kept: Option<Kept>,
    task: JoinHandle<Result<Outcome, StartError>>,
}

/// What the handle of an execution that is kept needs beside.
struct Kept {
    caller: Caller,
    keeper: Arc<Keeper>,
    awaited: Arc<Awaited>,
}

/// What a handle waits for, whoever runs the execution by then.
pub(crate) struct Awaited {
    pub(crate) journal: Journal,
    pub(crate) cancellation: CancellationToken,
    id: ExecutionId,
    state: Arc<TenantState>,
    stage: watch::Sender<Stage>,
}

#[derive(Clone)]
enum Stage {
    /// Whether it is in the store is not known.
    Begins,
    /// It is in the store.
    Kept,
    /// It left memory, or another process runs it.
    Left,
    Ended(Box<Result<Report, StartError>>),
}

impl Awaited {
    pub(crate) fn new(state: &Arc<TenantState>, driver: &Driver) -> Arc<Self> {
        Arc::new(Self {
            journal: driver.journal(),
            cancellation: driver.running.cancellation.clone(),
            id: driver.id(),
            state: Arc::clone(state),
            stage: watch::Sender::new(Stage::Begins),
        })
    }

    /// The execution is in the store.
    pub(crate) fn acknowledge(&self) {
        self.stage.send_replace(Stage::Kept);
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        self.state.forget_awaited(self.id);
        self.journal.close();
    }
}

/// Runs an execution that is kept, and tells whoever waits for its end.
pub(crate) async fn conduct(
    driver: Driver,
    awaited: Option<Arc<Awaited>>,
) -> Result<Outcome, StartError> {
    let Some(awaited) = awaited else {
        return driver.run().await;
    };
    let (id, state) = (driver.id(), Arc::clone(driver.running.state()));
    // Whoever takes it up again may do so before anything is told here.
    state.await_later(id, &awaited);
    let result = driver.run().await;
    match &result {
        Ok(Outcome::Ended(report)) => {
            let ended = Stage::Ended(Box::new(Ok(report.clone())));
            awaited.stage.send_replace(ended);
        }
        Ok(Outcome::Left) => {
            awaited.stage.send_if_modified(|stage| {
                let goes_on = !matches!(stage, Stage::Ended(_));
                if goes_on {
                    *stage = Stage::Left;
                }
                goes_on
            });
        }
        Err(error) => {
            let ended = Stage::Ended(Box::new(Err(error.clone())));
            awaited.stage.send_replace(ended);
        }
    }
    result
}

impl ExecutionHandle {
    pub(crate) fn spawn(runtime: &tokio::runtime::Handle, mut driver: Driver) -> Self {
        let (id, journal) = (driver.id(), driver.journal());
        let cancellation = driver.running.cancellation.clone();
        let Some(keeper) = driver.keeper() else {
            return Self {
                id,
                journal,
                cancellation,
                kept: None,
                task: runtime.spawn(driver.run()),
            };
        };
        let caller = driver.running.caller.clone();
        let awaited = Awaited::new(&caller.state, &driver);
        driver.tell_when_kept(&awaited);
        let task = runtime.spawn(conduct(driver, Some(Arc::clone(&awaited))));
        Self {
            id,
            journal,
            cancellation,
            kept: Some(Kept {
                caller,
                keeper,
                awaited,
            }),
            task,
        }
    }

    /// The execution.
    pub fn id(&self) -> ExecutionId {
        self.id
    }

    /// Its journal.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// All events, from the first one on, as they happen. Those of an execution that is kept are
    /// told when the store has acknowledged them.
    pub fn events(&self) -> Events {
        self.journal.read()
    }

    /// Asks it to end: attempts that run are broken off, and no others start.
    pub fn cancel(&self) {
        self.cancellation.cancel();
        if let Some(kept) = &self.kept
            && matches!(&*kept.awaited.stage.borrow(), Stage::Left)
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let keeper = Arc::clone(&kept.keeper);
            let (tenant, id) = (kept.caller.state.id().clone(), self.id);
            runtime.spawn(async move {
                // One that has ended needs no asking.
                let _ = keeper
                    .store
                    .tenant(&tenant)
                    .request(id, Request::Cancel)
                    .await;
                keeper.stirred.notify_one();
            });
        }
    }

    /// What [`cancel`](Self::cancel) cancels, for whoever has to do it from elsewhere.
    pub fn cancellation(&self) -> CancellationToken {
        self.cancellation.clone()
    }

    /// Waits until the execution is in the store, so that it goes on whatever becomes of this
    /// process. Without a store that is never so, and it says so at once.
    ///
    /// # Errors
    /// Those of [`wait`](Self::wait), when it did not come to that.
    pub async fn kept(&self) -> Result<bool, StartError> {
        let Some(kept) = &self.kept else {
            return Ok(false);
        };
        let mut stage = kept.awaited.stage.subscribe();
        let reached = stage
            .wait_for(|stage| !matches!(stage, Stage::Begins))
            .await;
        let Ok(reached) = reached else {
            return Err(StartError::BrokenOff);
        };
        match &*reached {
            Stage::Ended(ended) => match &**ended {
                Err(error @ (StartError::NotKept { .. } | StartError::Unacknowledged { .. })) => {
                    Err(error.clone())
                }
                Ok(_) | Err(_) => Ok(true),
            },
            Stage::Begins | Stage::Kept | Stage::Left => Ok(true),
        }
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// [`StartError::QuotaExceeded`] when it waited for its turn in vain,
    /// [`StartError::BrokenOff`] when the runtime was shut down, [`StartError::Internal`] when the
    /// engine made a mistake. Of executions that are kept, [`StartError::NotKept`] when the store
    /// failed, [`StartError::Unacknowledged`] when it did not say whether it keeps it, and
    /// [`StartError::TakenOver`] when another worker has it: they have not ended then.
    pub async fn wait(self) -> Result<Report, StartError> {
        match self.task.await.map_err(|_| StartError::BrokenOff)?? {
            Outcome::Ended(report) => Ok(report),
            Outcome::Left => match self.kept {
                Some(kept) => kept.wait(self.id).await,
                None => Err(StartError::BrokenOff),
            },
        }
    }

    /// Waits for as long as this process runs it: to its end, or until it was parked, paused or let
    /// go of (`None`), and goes on later or elsewhere.
    ///
    /// It is let go of when `leave` is cancelled: nothing more begins then, and what runs may run on
    /// for `drain`; what takes longer is broken off, and begins once more when the execution is taken
    /// up. One that is not kept runs on all the same.
    ///
    /// # Errors
    /// Those of [`wait`](Self::wait).
    pub async fn wait_here(
        mut self,
        leave: CancellationToken,
        drain: Duration,
    ) -> Result<Option<Report>, StartError> {
        // Neither loses anything: the task stays where it is.
        tokio::select! {
            ended = &mut self.task => return here(ended),
            () = leave.cancelled(), if self.kept.is_some() => {}
        }
        // Before it is in the store there is nothing to let go of.
        let is_kept = self.kept().await.is_ok_and(|is_kept| is_kept);
        let kept = self.kept.as_ref().filter(|_| is_kept);
        let hold = kept.and_then(|kept| kept.keeper.held(kept.caller.state.id(), self.id));
        let Some(hold) = hold else {
            return here((&mut self.task).await);
        };
        hold.let_go();
        if let Ok(ended) = tokio::time::timeout(drain, &mut self.task).await {
            return here(ended);
        }
        self.task.abort();
        if let Ok(ended) = (&mut self.task).await {
            return here(Ok(ended));
        }
        hold.release().await;
        Ok(None)
    }
}

/// How it came to an end in this process.
fn here(
    ended: Result<Result<Outcome, StartError>, tokio::task::JoinError>,
) -> Result<Option<Report>, StartError> {
    match ended.map_err(|_| StartError::BrokenOff)?? {
        Outcome::Ended(report) => Ok(Some(report)),
        Outcome::Left => Ok(None),
    }
}

impl Kept {
    /// Waits for the end of an execution that has left memory.
    async fn wait(self, id: ExecutionId) -> Result<Report, StartError> {
        let mut stage = self.awaited.stage.subscribe();
        loop {
            if let Stage::Ended(ended) = &*stage.borrow_and_update() {
                return (**ended).clone();
            }
            tokio::select! {
                _ = stage.changed() => {}
                () = tokio::time::sleep(LOOK_AGAIN) => {
                    if let Some(report) = ended_report(&self.caller, &self.keeper, id).await {
                        return Ok(report);
                    }
                }
            }
        }
    }
}

/// What handles wait for whose executions have left memory.
pub(crate) type AwaitedLater = std::collections::HashMap<ExecutionId, Weak<Awaited>>;
