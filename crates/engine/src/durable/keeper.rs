use std::sync::Arc;

use jackfield_store_api::{Fence, Standing, Store, StoreError, TenantStore, WorkerId};
use jackfield_types::{ExecutionId, TenantId};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::rousings::Rousings;
use super::writer::Lost;
use super::{DurableOptions, Hold};

/// An engine's store, and the executions in it that the engine holds. One task watches over the
/// leases of all of them.
pub(crate) struct Keeper {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) options: DurableOptions,
    pub(crate) worker: WorkerId,
    held: Mutex<Held>,
    workers: Mutex<Workers>,
    /// Wakes them.
    pub(crate) stirred: Notify,
    pub(super) rousings: Rousings,
}

#[derive(Default)]
struct Held {
    holds: FxHashMap<(TenantId, ExecutionId), Arc<Hold>>,
    is_watched: bool,
}

/// How many workers of the engine take up what is due.
#[derive(Default)]
struct Workers {
    of_all: usize,
    of_tenants: FxHashMap<TenantId, usize>,
}

impl Keeper {
    pub(crate) fn new(store: Arc<dyn Store>, options: DurableOptions) -> Self {
        Self {
            store,
            options,
            worker: WorkerId::generate(),
            held: Mutex::default(),
            workers: Mutex::default(),
            stirred: Notify::new(),
            rousings: Rousings::default(),
        }
    }

    /// Keeps an execution that was claimed by a call that began then. Whoever held it in this process
    /// until then has lost it, and whoever takes it up waits until that one is gone
    /// ([`Hold::alone`]).
    pub(crate) fn hold(
        self: &Arc<Self>,
        store: Arc<dyn TenantStore>,
        execution: ExecutionId,
        fence: Fence,
        began: Instant,
    ) -> Keeping {
        let lease = self.options.lease;
        let valid_until = began + lease;
        let spared_until = Instant::now() + lease / 5;
        let hold = Hold::new(store, execution, fence, valid_until, spared_until);
        let hold = Arc::new(hold);
        let key = (hold.store.id().clone(), execution);
        let begins = {
            let mut held = self.held.lock();
            if let Some(before) = held.holds.insert(key, Arc::clone(&hold)) {
                hold.replace(before);
            }
            !std::mem::replace(&mut held.is_watched, true)
        };
        if begins {
            tokio::spawn(Arc::clone(self).watch());
        }
        let presence = Presence {
            keeper: Arc::clone(self),
            hold: Arc::clone(&hold),
        };
        Keeping {
            keeper: Arc::clone(self),
            hold,
            presence: Arc::new(presence),
        }
    }

    /// An execution, if somebody in this process runs it now.
    pub(crate) fn held(&self, tenant: &TenantId, execution: ExecutionId) -> Option<Arc<Hold>> {
        let held = self.held.lock();
        let hold = held.holds.get(&(tenant.clone(), execution))?;
        hold.is_run().then(|| Arc::clone(hold))
    }

    /// All that is held; nothing once there is nothing to watch over any more.
    pub(super) fn all_held(&self) -> Option<Vec<Arc<Hold>>> {
        let mut held = self.held.lock();
        if held.holds.is_empty() {
            held.is_watched = false;
            return None;
        }
        Some(held.holds.values().cloned().collect())
    }

    /// Whether this process has claimed anew what it held until now.
    pub(crate) async fn holds_again(&self, hold: &Hold) -> bool {
        let key = (hold.store.id().clone(), hold.execution);
        let now = self.held.lock().holds.get(&key).map(|now| now.fence);
        if now.is_some_and(|fence| fence != hold.fence) {
            return true;
        }
        // It may have been claimed a moment ago.
        let found = hold.store.execution(hold.execution).await;
        found.is_ok_and(|found| {
            found.fence != hold.fence
                && found.lease.is_some_and(|lease| lease.worker == self.worker)
        })
    }

    /// Counts a worker for a tenant, or for all of them.
    pub(crate) fn begin_worker(&self, tenant: Option<&TenantId>) {
        let mut workers = self.workers.lock();
        match tenant {
            None => workers.of_all += 1,
            Some(tenant) => *workers.of_tenants.entry(tenant.clone()).or_default() += 1,
        }
    }

    pub(crate) fn end_worker(&self, tenant: Option<&TenantId>) {
        let mut workers = self.workers.lock();
        let Some(tenant) = tenant else {
            workers.of_all = workers.of_all.saturating_sub(1);
            return;
        };
        if let Some(count) = workers.of_tenants.get_mut(tenant) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                workers.of_tenants.remove(tenant);
            }
        }
    }

    /// Whether somebody in this process takes up again what of a tenant leaves memory.
    pub(crate) fn has_worker(&self, tenant: &TenantId) -> bool {
        let workers = self.workers.lock();
        workers.of_all > 0 || workers.of_tenants.contains_key(tenant)
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
    presence: Arc<Presence>,
}

impl Keeping {
    /// For what runs by itself, and may be there for a moment longer when it is broken off.
    pub(crate) fn presence(&self) -> Arc<Presence> {
        Arc::clone(&self.presence)
    }
}

impl Drop for Keeping {
    fn drop(&mut self) {
        self.hold.leave();
    }
}

/// Is there as long as something in this process does anything of an execution.
pub(crate) struct Presence {
    keeper: Arc<Keeper>,
    hold: Arc<Hold>,
}

impl Drop for Presence {
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
        drop(held);
        self.hold.end();
    }
}
