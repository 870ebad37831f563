//! What an execution knows of the executions that it called, as long as it runs here: which of them
//! run, and which have left memory.
//!
//! An execution that is kept leaves memory only when nothing of it is under way. A call whose
//! execution has left memory is not: when the caller is taken up again, the same attempt finds the
//! execution that it called by its id and goes on with it. So nothing is written about a call that
//! sleeps, and what it called may be run by nobody but the call.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jackfield_kernel::NodeIndex;
use jackfield_store_api::{Request, StoreError};
use jackfield_types::{ExecutionId, TenantId};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::durable::Keeper;

/// The calls of an execution that are under way.
#[derive(Default)]
pub(crate) struct Parts {
    calls: Mutex<FxHashMap<NodeIndex, Calls>>,
    /// What was called and runs.
    running: Mutex<HashSet<ExecutionId>>,
    /// What was called, and what ends it in the store.
    pub(crate) tasks: TaskTracker,
    has_called: AtomicBool,
    may_park: AtomicBool,
    is_resting: AtomicBool,
    is_over: AtomicBool,
    may_be_left_over: AtomicBool,
}

#[derive(Default)]
struct Calls {
    under_way: u32,
    asleep: u32,
}

impl Parts {
    /// How many nodes do nothing but wait for what has left memory.
    pub(crate) fn asleep(&self) -> usize {
        let calls = self.calls.lock();
        let sleeping = calls.values().filter(|of| of.under_way == of.asleep);
        sleeping.count()
    }

    /// Whether anything was called in this process.
    pub(crate) fn has_called(&self) -> bool {
        self.has_called.load(Ordering::Acquire)
    }

    /// Says whether what is called may leave memory while it waits.
    pub(crate) fn let_park(&self, may_park: bool) {
        self.may_park.store(may_park, Ordering::Release);
    }

    pub(crate) fn may_park(&self) -> bool {
        self.may_park.load(Ordering::Acquire)
    }

    /// Says whether the caller is about to be left. Gives what has to hear of it, if that is news.
    pub(crate) fn rest(&self, is_resting: bool) -> Vec<ExecutionId> {
        if self.is_resting.swap(is_resting, Ordering::AcqRel) == is_resting {
            return Vec::new();
        }
        self.running.lock().iter().copied().collect()
    }

    pub(crate) fn is_resting(&self) -> bool {
        self.is_resting.load(Ordering::Acquire)
    }

    /// Notes that something that was called may go on when nobody waits for it any more.
    pub(crate) fn leave_over(&self) {
        self.may_be_left_over.store(true, Ordering::Release);
    }

    pub(crate) fn are_left_over(&self) -> bool {
        self.may_be_left_over.load(Ordering::Acquire)
    }

    /// The caller is not run here any more, whether or not it has ended: what it called is left as
    /// it is.
    pub(crate) fn end(&self) {
        self.is_over.store(true, Ordering::Release);
    }
}

/// Says that an execution is not run here any more when it is dropped.
pub(crate) struct EndOnDrop(pub(crate) Arc<Parts>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// One call of an execution that is kept, from the look whether it is there to its end. When the
/// call is broken off, what it called is cancelled; when the caller is left, it is left, too.
pub(crate) struct PartCall {
    parts: Arc<Parts>,
    keeper: Arc<Keeper>,
    tenant: TenantId,
    node: NodeIndex,
    id: ExecutionId,
    stage: Stage,
}

enum Stage {
    /// It may be in the store.
    Looks,
    Runs {
        task: AbortHandle,
        cancellation: CancellationToken,
    },
    /// It has left memory.
    Sleeps,
    Over,
}

impl PartCall {
    pub(crate) fn new(
        parts: &Arc<Parts>,
        keeper: &Arc<Keeper>,
        tenant: &TenantId,
        node: NodeIndex,
        id: ExecutionId,
    ) -> Self {
        parts.has_called.store(true, Ordering::Release);
        parts.calls.lock().entry(node).or_default().under_way += 1;
        Self {
            parts: Arc::clone(parts),
            keeper: Arc::clone(keeper),
            tenant: tenant.clone(),
            node,
            id,
            stage: Stage::Looks,
        }
    }

    /// What it called runs from now on.
    pub(crate) fn runs(&mut self, task: AbortHandle, cancellation: CancellationToken) {
        self.parts.running.lock().insert(self.id);
        self.stage(Stage::Runs { task, cancellation });
        // It may have been too early to hear of it.
        if self.parts.is_resting()
            && let Some(hold) = self.keeper.held(&self.tenant, self.id)
        {
            hold.changed.notify_one();
        }
    }

    /// What it called does not run any more.
    pub(crate) fn looks(&mut self) {
        self.parts.running.lock().remove(&self.id);
        self.stage(Stage::Looks);
    }

    /// What it called has left memory. `caller` hears of it: it may leave, too.
    pub(crate) fn sleeps(&mut self, caller: ExecutionId) {
        self.stage(Stage::Sleeps);
        if let Some(hold) = self.keeper.held(&self.tenant, caller) {
            hold.changed.notify_one();
        }
    }

    /// What it called has ended, or was never begun.
    pub(crate) fn over(&mut self) {
        self.looks();
        self.stage(Stage::Over);
    }

    fn stage(&mut self, stage: Stage) {
        let was = matches!(self.stage, Stage::Sleeps);
        let is = matches!(stage, Stage::Sleeps);
        if was != is
            && let Some(calls) = self.parts.calls.lock().get_mut(&self.node)
        {
            calls.asleep = if is {
                calls.asleep + 1
            } else {
                calls.asleep.saturating_sub(1)
            };
        }
        self.stage = stage;
    }
}

impl Drop for PartCall {
    fn drop(&mut self) {
        let stage = std::mem::replace(&mut self.stage, Stage::Over);
        self.parts.running.lock().remove(&self.id);
        {
            let mut calls = self.parts.calls.lock();
            if let Some(of) = calls.get_mut(&self.node) {
                of.under_way = of.under_way.saturating_sub(1);
                if matches!(stage, Stage::Sleeps) {
                    of.asleep = of.asleep.saturating_sub(1);
                }
                if of.under_way == 0 {
                    calls.remove(&self.node);
                }
            }
        }
        let is_over = self.parts.is_over.load(Ordering::Acquire);
        let runtime = tokio::runtime::Handle::try_current();
        match stage {
            Stage::Over => {}
            Stage::Runs { task, .. } if is_over => {
                let hold = self.keeper.held(&self.tenant, self.id);
                task.abort();
                // Without it the lease runs out by itself.
                if let (Some(hold), Ok(runtime)) = (hold, runtime) {
                    runtime.spawn(async move { hold.release().await });
                }
            }
            stage @ (Stage::Runs { .. } | Stage::Looks | Stage::Sleeps) => {
                if let Stage::Runs { cancellation, .. } = stage {
                    cancellation.cancel();
                }
                if let (false, Ok(runtime)) = (is_over, runtime) {
                    // Whatever becomes of this process, so that nobody goes on with it.
                    let store = self.keeper.store.tenant(&self.tenant);
                    let (keeper, id) = (Arc::clone(&self.keeper), self.id);
                    let parts = Arc::clone(&self.parts);
                    let cancelled = async move {
                        match store.request(id, Request::Cancel).await {
                            Ok(_) => keeper.stirred.notify_one(),
                            // It has ended, or was not begun.
                            Err(StoreError::OutOfTurn { .. } | StoreError::NotFound { .. }) => {}
                            // It is asked when the caller ends.
                            Err(_) => parts.leave_over(),
                        }
                    };
                    self.parts.tasks.spawn_on(cancelled, &runtime);
                }
            }
        }
    }
}
