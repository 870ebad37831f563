use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use jackfield_store_api::{Fence, Standing, Store, StoreError, TenantStore, WorkerId};
use jackfield_types::{ExecutionId, TenantId};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::writer::Lost;
use super::{DurableOptions, Hold};

/// How many leases are renewed at the same time.
const RENEWALS: usize = 64;

/// An engine's store, and the executions in it that the engine holds. One task renews the leases of
/// all of them.
pub(crate) struct Keeper {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) options: DurableOptions,
    pub(crate) worker: WorkerId,
    held: Mutex<Held>,
    /// How many workers of the engine take up what is due.
    workers: AtomicUsize,
    /// Wakes them.
    pub(crate) stirred: Notify,
}

#[derive(Default)]
struct Held {
    holds: FxHashMap<(TenantId, ExecutionId), Arc<Hold>>,
    is_renewing: bool,
}

impl Keeper {
    pub(crate) fn new(store: Arc<dyn Store>, options: DurableOptions) -> Self {
        Self {
            store,
            options,
            worker: WorkerId::generate(),
            held: Mutex::default(),
            workers: AtomicUsize::new(0),
            stirred: Notify::new(),
        }
    }

    /// Keeps an execution that was claimed by a call that began then.
    pub(crate) fn hold(
        self: &Arc<Self>,
        store: Arc<dyn TenantStore>,
        execution: ExecutionId,
        fence: Fence,
        began: Instant,
    ) -> Keeping {
        let valid_until = began + self.options.lease;
        let hold = Arc::new(Hold::new(store, execution, fence, valid_until));
        let key = (hold.store.id().clone(), execution);
        let begins = {
            let mut held = self.held.lock();
            held.holds.insert(key, Arc::clone(&hold));
            !std::mem::replace(&mut held.is_renewing, true)
        };
        if begins {
            tokio::spawn(Arc::clone(self).renew());
        }
        Keeping {
            keeper: Arc::clone(self),
            hold,
        }
    }

    /// An execution, if this engine holds it now.
    pub(crate) fn held(&self, tenant: &TenantId, execution: ExecutionId) -> Option<Arc<Hold>> {
        let held = self.held.lock();
        held.holds.get(&(tenant.clone(), execution)).cloned()
    }

    pub(crate) fn begin_worker(&self) {
        self.workers.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn end_worker(&self) {
        self.workers.fetch_sub(1, Ordering::AcqRel);
    }

    /// Whether somebody in this process takes up again what leaves memory.
    pub(crate) fn has_worker(&self) -> bool {
        self.workers.load(Ordering::Acquire) > 0
    }

    /// Renews all leases in time, as long as there are any.
    async fn renew(self: Arc<Self>) {
        let every = (self.options.lease / 3).max(Duration::from_millis(1));
        loop {
            tokio::time::sleep(every).await;
            let holds: Vec<_> = {
                let mut held = self.held.lock();
                if held.holds.is_empty() {
                    held.is_renewing = false;
                    return;
                }
                held.holds.values().cloned().collect()
            };
            let mut holds = holds.into_iter();
            let mut under_way = FuturesUnordered::new();
            loop {
                while under_way.len() < RENEWALS
                    && let Some(hold) = holds.next()
                {
                    under_way.push(self.renew_one(hold, every));
                }
                if under_way.next().await.is_none() {
                    break;
                }
            }
        }
    }

    async fn renew_one(&self, hold: Arc<Hold>, patience: Duration) {
        if hold.lost().is_some() {
            return;
        }
        let renewed = tokio::time::timeout(patience, self.try_renew(&hold)).await;
        let error = match renewed {
            Ok(Ok(_)) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the store does not answer".to_owned(),
        };
        tracing::warn!(
            target: "engine",
            execution = %hold.execution,
            error = error.as_str(),
            "lease was not renewed"
        );
        // Somebody else may hold it from then on.
        if Instant::now() + patience >= hold.valid_until() {
            hold.lose(Lost::Store(error));
        }
    }

    /// Renews one lease, and hears how the execution stands.
    pub(crate) async fn try_renew(&self, hold: &Hold) -> Result<Standing, StoreError> {
        let began = Instant::now();
        let lease = self.options.lease;
        let renewed = hold.store.renew(hold.execution, hold.fence, lease).await;
        match renewed {
            Ok(standing) => {
                hold.renewed(began, lease);
                hold.hear(standing);
                Ok(standing)
            }
            Err(error) => {
                match &error {
                    StoreError::Fenced { .. } => hold.lose(Lost::TakenOver),
                    error if error.is_transient() => {}
                    error => hold.lose(Lost::Store(error.to_string())),
                }
                Err(error)
            }
        }
    }
}

/// Has an execution's lease renewed until it is dropped.
pub(crate) struct Keeping {
    pub(crate) keeper: Arc<Keeper>,
    pub(crate) hold: Arc<Hold>,
}

impl Drop for Keeping {
    fn drop(&mut self) {
        let key = (self.hold.store.id().clone(), self.hold.execution);
        let mut held = self.keeper.held.lock();
        let is_this = held
            .holds
            .get(&key)
            .is_some_and(|hold| Arc::ptr_eq(hold, &self.hold));
        if is_this {
            held.holds.remove(&key);
        }
    }
}
