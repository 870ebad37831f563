//! Policies that are kept elsewhere and read when they are needed.
//!
//! As long as nothing is known of a tenant's policy, and while what is there cannot be read, the
//! tenant may do nothing: it is barred. What was read last stands while the source cannot be reached.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use futures_core::future::BoxFuture;
use jackfield_types::TenantId;
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use crate::policy::{Refusal, TenantPolicy};
use crate::secrets::RefreshFuture;
use crate::tenant::Tenant;

/// How old what is known of a policy gets before it is read again.
const MAX_AGE: Duration = Duration::from_secs(1);

/// Keeps the policies of tenants. Implemented by hosts.
///
/// It is asked before an execution of a tenant begins or goes on and before calls of nodes, at most
/// once a second for each tenant, and for each tenant by one task at a time.
pub trait PolicySource: Send + Sync + 'static {
    /// Reads the policy of a tenant; nothing when it has none.
    ///
    /// # Errors
    /// [`PolicySourceError::Unreadable`] when there is one that says nothing that can be followed,
    /// [`PolicySourceError::Unavailable`] when nothing can be said now.
    fn policy<'a>(
        &'a self,
        tenant: &'a TenantId,
    ) -> BoxFuture<'a, Result<Option<TenantPolicy>, PolicySourceError>>;
}

/// Why a policy was not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicySourceError {
    /// There is one, and it is wrong. The tenant may do nothing until it is mended or removed.
    #[error("the policy of the tenant cannot be read: {reason}")]
    Unreadable {
        /// What is wrong with it.
        reason: String,
    },
    /// Where it is kept cannot be reached. What was read before stands.
    #[error("the policy of the tenant has not been read yet: {reason}")]
    Unavailable {
        /// Why not.
        reason: String,
    },
}

/// Whether a tenant without a policy in force is kept from everything, and since when that is known.
pub(crate) struct Bar {
    closed: ArcSwapOption<Closed>,
    /// When the last reading that counts began.
    read: Mutex<Option<Instant>>,
    /// One reads, and the others wait for what it finds.
    turn: Semaphore,
    /// How many readings came to nothing.
    failures: AtomicU64,
}

struct Closed {
    cause: PolicySourceError,
    refusal: Refusal,
}

impl Closed {
    fn new(cause: PolicySourceError) -> Self {
        Self {
            refusal: Refusal::new(cause.to_string()),
            cause,
        }
    }

    /// Before anything was read.
    fn unread() -> Self {
        let reason = "nobody has asked for it".to_owned();
        Self::new(PolicySourceError::Unavailable { reason })
    }
}

impl Bar {
    /// Of a tenant of whom nothing is known; barred if policies are read from a source.
    pub(crate) fn new(source: Option<&Arc<dyn PolicySource>>) -> Self {
        Self {
            closed: ArcSwapOption::from(source.map(|_| Arc::new(Closed::unread()))),
            read: Mutex::default(),
            turn: Semaphore::new(1),
            failures: AtomicU64::new(0),
        }
    }

    pub(crate) fn check(&self) -> Result<(), Refusal> {
        match &*self.closed.load() {
            Some(closed) => Err(closed.refusal.clone()),
            None => Ok(()),
        }
    }

    /// Whether it was closed by what was read, and not because nothing was.
    pub(crate) fn is_of_policy(&self) -> bool {
        let closed = self.closed.load();
        closed.as_deref().is_some_and(|closed| match closed.cause {
            PolicySourceError::Unreadable { .. } => true,
            PolicySourceError::Unavailable { .. } => false,
        })
    }

    pub(crate) fn close(&self, cause: PolicySourceError) {
        self.closed.store(Some(Arc::new(Closed::new(cause))));
    }

    /// Closes it until the policy was read.
    pub(crate) fn close_unread(&self) {
        self.closed.store(Some(Arc::new(Closed::unread())));
        self.ask_again();
    }

    pub(crate) fn open(&self) {
        self.closed.store(None);
    }

    fn failures(&self) -> u64 {
        self.failures.load(Ordering::Acquire)
    }

    fn is_fresh(&self) -> bool {
        self.read.lock().is_some_and(|at| at.elapsed() < MAX_AGE)
    }

    /// Has it read again as soon as somebody needs it.
    pub(crate) fn ask_again(&self) {
        *self.read.lock() = None;
    }

    /// Notes when a reading began; `false` when a later one counts already.
    pub(crate) fn note(&self, began: Instant) -> bool {
        let mut read = self.read.lock();
        let is_later = read.is_none_or(|last| last <= began);
        if is_later {
            *read = Some(began);
        }
        is_later
    }
}

impl Tenant {
    /// Reads its policy anew, if it comes from a source and may be out of date.
    pub(crate) fn refresh_policy(&self) -> Option<RefreshFuture<'_>> {
        let source = self.0.policies()?;
        let bar = self.0.bar();
        if bar.is_fresh() {
            return None;
        }
        let began = Instant::now();
        if self.0.known()?.is_set_otherwise(self.id()) {
            // It is looked up as seldom as a policy is read.
            bar.note(began);
            return None;
        }
        let failures = bar.failures();
        Some(Box::pin(async move {
            // It is never closed.
            let Ok(_turn) = bar.turn.acquire().await else {
                return;
            };
            // What the one before came to is what there is, be it nothing.
            if bar.is_fresh() || bar.failures() != failures {
                return;
            }
            let began = Instant::now();
            let read = source.policy(self.id()).await;
            if read.is_err() {
                bar.failures.fetch_add(1, Ordering::Release);
            }
            if let Some(known) = self.0.known() {
                known.put_read(self.id(), began, read);
            }
        }))
    }

    /// Why nothing is known of its policy, if nothing is. It may do nothing then, and that passes:
    /// whoever is refused tries again when [`refresh_secrets`](Self::refresh_secrets) has read it.
    pub fn unread_policy(&self) -> Option<Refusal> {
        if self.0.bar().is_of_policy() {
            return None;
        }
        self.0.bar().check().err()
    }
}
