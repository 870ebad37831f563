use std::sync::Arc;

use jackfield_types::TenantId;
use jiff::Timestamp;

use crate::{
    AuditRecords, Claim, Claimed, Collected, Collection, Documents, Executions, Expected,
    KeptRetention, Payloads, Retention, StoreFuture, Workflows,
};

/// How safe what was acknowledged is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Durability {
    /// Each change is on disk by itself before it is acknowledged. Nothing acknowledged is lost,
    /// by whatever crash.
    Full,
    /// Changes are put on disk in groups, and are acknowledged when their group is there. Nothing
    /// acknowledged is lost, by whatever crash.
    #[default]
    Grouped,
    /// Changes are acknowledged when the operating system has them. A crash of the process loses
    /// nothing; a crash of the machine, or a loss of power, loses the last moments, and what is
    /// left is consistent.
    Relaxed,
}

impl Durability {
    /// Its name, as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Grouped => "grouped",
            Self::Relaxed => "relaxed",
        }
    }
}

/// What has to outlive the process, for all tenants.
pub trait Store: Send + Sync + 'static {
    /// Where it is, for messages: no user names, no passwords.
    fn describe(&self) -> String;

    /// The store as one tenant has it: nothing of another tenant can be reached through it.
    fn tenant(&self, id: &TenantId) -> Arc<dyn TenantStore>;

    /// The tenants of whom something was ever kept, by id, after one, at most
    /// [`PageRequest::MOST`](crate::PageRequest::MOST).
    fn tenants<'a>(&'a self, after: Option<&'a TenantId>) -> StoreFuture<'a, Vec<TenantId>>;

    /// Takes up executions that should run and that nobody holds: those that run, and parked ones
    /// for which what they wait for has happened. Tenants take turns; of what belongs to one,
    /// that which has waited longest comes first. No two claims get the same one while its lease
    /// lasts. What is damaged so that it cannot be taken up is passed over, and stands as
    /// [`Stuck`](crate::ExecutionState::Stuck) from then on, if that can be written.
    fn claim(&self, claim: Claim) -> StoreFuture<'_, Vec<Claimed>>;

    /// When [`claim`](Self::claim) would find something next as far as is known now: the earliest
    /// wake-up time or end of a lease. `None`: not before something is written.
    fn next_due(&self) -> StoreFuture<'_, Option<Timestamp>>;

    /// The time by the store's clock.
    fn now(&self) -> StoreFuture<'_, Timestamp>;

    /// Waits until everything that was acknowledged is as safe as it ever gets, and lets go of
    /// files and connections. Calls fail afterwards.
    fn close(&self) -> StoreFuture<'_, ()>;
}

/// What has to outlive the process, for one tenant.
pub trait TenantStore:
    Executions + Workflows + Documents + Payloads + AuditRecords + Send + Sync
{
    /// The tenant.
    fn id(&self) -> &TenantId;

    /// Takes up executions as [`Store::claim`] does, of this tenant alone: that which has waited
    /// longest comes first.
    fn claim(&self, claim: Claim) -> StoreFuture<'_, Vec<Claimed>>;

    /// When [`claim`](Self::claim) would find something next as far as is known now, as
    /// [`Store::next_due`] says it of all tenants.
    fn next_due(&self) -> StoreFuture<'_, Option<Timestamp>>;

    /// How long executions that have ended are kept, if that was set for the tenant. Whoever lets
    /// go of executions without being told how long they are kept goes by this.
    ///
    /// # Errors
    /// [`StoreError::Refused`](crate::StoreError::Refused) when the setting cannot be read.
    fn kept_retention(&self) -> StoreFuture<'_, Option<KeptRetention>> {
        let found = self.document(Collection::Settings, KeptRetention::NAME);
        Box::pin(async move {
            let found = found.await?;
            found
                .map(|found| KeptRetention::of_content(&found.content))
                .transpose()
        })
    }

    /// Sets how long executions that have ended are kept; without a setting they all are.
    fn keep_retention(&self, kept: Option<KeptRetention>) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let (settings, name) = (Collection::Settings, KeptRetention::NAME);
            match kept {
                Some(kept) => {
                    let content = kept.to_content()?;
                    self.put_document(settings, name, content, Expected::Anything)
                        .await?;
                }
                None => {
                    self.delete_document(settings, name, Expected::Anything)
                        .await?;
                }
            }
            Ok(())
        })
    }

    /// Lets go of what need not be kept any longer. Several may do so at the same time, and no more
    /// goes than has to.
    fn collect(&self, retention: Retention) -> StoreFuture<'_, Collected>;
}
