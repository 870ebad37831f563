use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use jackfield_store_api::{Append, ExecutionState, Fence, Requests, Standing, TenantStore, limits};
use jackfield_types::ExecutionId;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::writer::Lost;

/// An execution that this process holds, and what it has been told about it from outside.
pub(crate) struct Hold {
    pub(crate) store: Arc<dyn TenantStore>,
    pub(crate) execution: ExecutionId,
    pub(crate) fence: Fence,
    valid_until: Mutex<Instant>,
    heard: Mutex<Requests>,
    signals: AtomicU64,
    lost: Mutex<Option<Lost>>,
    is_let_go: AtomicBool,
    /// Wakes whoever runs it.
    pub(crate) changed: Notify,
}

impl Hold {
    pub(crate) fn new(
        store: Arc<dyn TenantStore>,
        execution: ExecutionId,
        fence: Fence,
        valid_until: Instant,
    ) -> Self {
        Self {
            store,
            execution,
            fence,
            valid_until: Mutex::new(valid_until),
            heard: Mutex::default(),
            signals: AtomicU64::new(0),
            lost: Mutex::default(),
            is_let_go: AtomicBool::new(false),
            changed: Notify::new(),
        }
    }

    /// Whether the lease has not run out by this process's own reckoning, which is never later
    /// than that of the store.
    pub(crate) fn is_valid(&self) -> bool {
        Instant::now() < *self.valid_until.lock()
    }

    pub(crate) fn valid_until(&self) -> Instant {
        *self.valid_until.lock()
    }

    /// The lease was renewed by a call that began then.
    pub(crate) fn renewed(&self, began: Instant, lease: Duration) {
        let mut until = self.valid_until.lock();
        *until = (*until).max(began + lease);
    }

    /// Hears how the execution stands with those who ask things of it.
    pub(crate) fn hear(&self, standing: Standing) {
        let is_news = {
            let mut heard = self.heard.lock();
            std::mem::replace(&mut *heard, standing.requests) != standing.requests
        };
        let before = self.signals.fetch_max(standing.signals, Ordering::AcqRel);
        if is_news || before < standing.signals {
            self.changed.notify_one();
        }
    }

    pub(crate) fn requests(&self) -> Requests {
        *self.heard.lock()
    }

    /// The number of the last signal that is known of.
    pub(crate) fn signals(&self) -> u64 {
        self.signals.load(Ordering::Acquire)
    }

    /// Somebody else holds it now, or may.
    pub(crate) fn lose(&self, lost: Lost) {
        self.lost.lock().get_or_insert(lost);
        self.changed.notify_one();
    }

    /// Why it is not held any more, if it is not.
    pub(crate) fn lost(&self) -> Option<Lost> {
        self.lost.lock().clone()
    }

    /// Asks whoever runs it to let go of it once nothing of it is under way.
    pub(crate) fn let_go(&self) {
        self.is_let_go.store(true, Ordering::Release);
        self.changed.notify_one();
    }

    pub(crate) fn is_let_go(&self) -> bool {
        self.is_let_go.load(Ordering::Acquire)
    }
}

impl Hold {
    /// Writes down that the execution cannot go on. What cannot be written now is found again by
    /// whoever takes the execution up.
    pub(crate) async fn get_stuck(&self, reason: &str) {
        tracing::warn!(target: "engine", execution = %self.execution, reason, "execution is stuck");
        let most = limits::TEXT_BYTES - '…'.len_utf8();
        let reason = if reason.len() > most {
            format!("{}…", &reason[..reason.floor_char_boundary(most)])
        } else {
            reason.to_owned()
        };
        let written = async {
            let record = self.store.execution(self.execution).await?;
            self.store
                .append(Append {
                    execution: self.execution,
                    fence: self.fence,
                    after: record.length,
                    records: Vec::new(),
                    payloads: Vec::new(),
                    state: Some(ExecutionState::Stuck { reason }),
                })
                .await
        };
        if let Err(error) = written.await {
            tracing::warn!(
                target: "engine",
                execution = %self.execution,
                %error,
                "that the execution is stuck was not written"
            );
        }
    }
}
