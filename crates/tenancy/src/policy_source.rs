//! Policies that are kept elsewhere and read when they are needed.
//!
//! As long as nothing is known of a tenant's policy, and while what is there cannot be read, the
//! tenant may do nothing: it is barred. What was read last stands while the source cannot be reached.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use futures_core::future::BoxFuture;
use jackfield_types::TenantId;
use parking_lot::Mutex;

use crate::policy::{Refusal, TenantPolicy};
use crate::secrets::RefreshFuture;
use crate::tenant::Tenant;

/// How old what is known of a policy gets before it is read again.
const MAX_AGE: Duration = Duration::from_secs(1);

/// Keeps the policies of tenants. Implemented by hosts.
///
/// It is asked before an execution of a tenant begins or goes on and before calls of nodes, at most
/// once a second for each tenant, from many tasks at once.
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
    refusal: ArcSwapOption<Refusal>,
    /// When the last reading that counts began.
    read: Mutex<Option<Instant>>,
}

impl Bar {
    /// Of a tenant of whom nothing is known; barred if policies are read from a source.
    pub(crate) fn new(source: Option<&Arc<dyn PolicySource>>) -> Self {
        let unread = || {
            let reason = "nobody has asked for it";
            Refusal::new(format!(
                "the policy of the tenant has not been read yet: {reason}"
            ))
        };
        Self {
            refusal: ArcSwapOption::from(source.map(|_| Arc::new(unread()))),
            read: Mutex::default(),
        }
    }

    pub(crate) fn check(&self) -> Result<(), Refusal> {
        match &*self.refusal.load() {
            Some(refusal) => Err(Refusal::clone(refusal)),
            None => Ok(()),
        }
    }

    pub(crate) fn close(&self, reason: &PolicySourceError) {
        let refusal = Refusal::new(reason.to_string());
        self.refusal.store(Some(Arc::new(refusal)));
    }

    pub(crate) fn open(&self) {
        self.refusal.store(None);
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
        if self.0.bar().is_fresh() {
            return None;
        }
        Some(Box::pin(async move {
            let began = Instant::now();
            let read = source.policy(self.id()).await;
            if let Some(known) = self.0.known() {
                known.put_read(self.id(), began, read);
            }
        }))
    }
}
