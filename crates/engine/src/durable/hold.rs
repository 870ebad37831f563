use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use jackfield_store_api::{Append, ExecutionState, Fence, Requests, Standing, TenantStore, limits};
use jackfield_types::ExecutionId;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::writer::Lost;

/// How long it is waited, when an execution is let go of, for what was broken off to be gone.
const GONE: Duration = Duration::from_secs(1);

/// An execution that this process holds, and what it has been told about it from outside.
pub(crate) struct Hold {
    pub(crate) store: Arc<dyn TenantStore>,
    pub(crate) execution: ExecutionId,
    pub(crate) fence: Fence,
    valid_until: Mutex<Instant>,
    spared_until: Instant,
    heard: Mutex<Heard>,
    signals: AtomicU64,
    listens: AtomicBool,
    lost: Mutex<Option<Lost>>,
    is_let_go: AtomicBool,
    is_left: AtomicBool,
    /// Cancelled when nothing in this process does anything of it any more.
    gone: CancellationToken,
    /// What held it in this process before, as long as that may still do something of it.
    before: Mutex<Option<Arc<Hold>>>,
    /// Wakes whoever runs it.
    pub(crate) changed: Notify,
}

/// What was heard of an execution last.
struct Heard {
    requests: Requests,
    at: Instant,
}

impl Hold {
    pub(crate) fn new(
        store: Arc<dyn TenantStore>,
        execution: ExecutionId,
        fence: Fence,
        valid_until: Instant,
        spared_until: Instant,
    ) -> Self {
        Self {
            store,
            execution,
            fence,
            valid_until: Mutex::new(valid_until),
            spared_until,
            heard: Mutex::new(Heard {
                requests: Requests::default(),
                at: Instant::now(),
            }),
            signals: AtomicU64::new(0),
            listens: AtomicBool::new(false),
            lost: Mutex::default(),
            is_let_go: AtomicBool::new(false),
            is_left: AtomicBool::new(false),
            gone: CancellationToken::new(),
            before: Mutex::default(),
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

    /// Until when it is not lost for want of a renewal: claiming it may have taken long.
    pub(crate) fn spared_until(&self) -> Instant {
        self.spared_until
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
            heard.at = Instant::now();
            std::mem::replace(&mut heard.requests, standing.requests) != standing.requests
        };
        let before = self.signals.fetch_max(standing.signals, Ordering::AcqRel);
        if is_news || before < standing.signals {
            self.changed.notify_one();
        }
    }

    pub(crate) fn requests(&self) -> Requests {
        self.heard.lock().requests
    }

    /// When something was heard of it last.
    pub(crate) fn heard_at(&self) -> Instant {
        self.heard.lock().at
    }

    /// Says whether a node of it waits for a signal.
    pub(crate) fn listen(&self, listens: bool) {
        self.listens.store(listens, Ordering::Release);
    }

    pub(crate) fn listens(&self) -> bool {
        self.listens.load(Ordering::Acquire)
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

    /// Whoever ran it has left it. What it was about is broken off, and need not be gone yet.
    pub(crate) fn leave(&self) {
        self.is_left.store(true, Ordering::Release);
    }

    /// Whether somebody in this process runs it and may go on with that.
    pub(crate) fn is_run(&self) -> bool {
        !self.is_left.load(Ordering::Acquire) && self.lost.lock().is_none()
    }

    /// Nothing in this process does anything of it any more.
    pub(crate) fn end(&self) {
        self.gone.cancel();
    }

    /// Takes the place of another hold of the same execution in this process, whose claim is void.
    pub(crate) fn replace(&self, before: Arc<Hold>) {
        before.lose(Lost::TakenOver);
        *self.before.lock() = Some(before);
    }

    /// Waits until nothing is left of what this process did under earlier claims.
    pub(crate) async fn alone(&self) {
        loop {
            let Some(before) = self.before.lock().clone() else {
                return;
            };
            before.gone.cancelled().await;
            let earlier = before.before.lock().take();
            *self.before.lock() = earlier;
        }
    }

    /// Lets go of it once what was broken off is gone, so that nobody begins beside it. When that
    /// takes long, or the store fails, the lease runs out by itself.
    pub(crate) async fn release(&self) {
        if timeout(GONE, self.gone.cancelled()).await.is_ok() {
            let _ = self.store.release(self.execution, self.fence).await;
        }
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
        let reason = within_limits(reason);
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

/// A reason, as long as stores keep them.
pub(super) fn within_limits(reason: &str) -> String {
    let most = limits::TEXT_BYTES - '…'.len_utf8();
    if reason.len() > most {
        format!("{}…", &reason[..reason.floor_char_boundary(most)])
    } else {
        reason.to_owned()
    }
}
