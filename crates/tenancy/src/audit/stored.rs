//! Trails in a store: where their lines go when they are to outlive the machine, or are written by
//! several processes.

use std::sync::Arc;

use jackfield_types::TenantId;

use super::encoding::hash_of;
use super::reader::StoredLines;
use super::seal::Seal;
use super::trail::check_first;
use super::verify::{Chain, FINDINGS};
use super::{AuditError, AuditReader, AuditRecord, AuditVerification, VerifyOptions};

/// Keeps the lines of trails, in order and for good. Implemented by hosts over what they keep things
/// in.
///
/// It is called by one thread of its own and by those who read, and may block, but for no longer than
/// somebody can wait who drops the log. Several processes may
/// add to the same trail: [`append`](Self::append) takes only what continues what is there, so that
/// no chain ever forks.
pub trait AuditStore: Send + Sync + 'static {
    /// Where it is, for messages: no secrets.
    fn describe(&self) -> String;

    /// The lines of a tenant after so many, in order: at least one if there is one, `limit` at the
    /// most.
    ///
    /// # Errors
    /// [`AuditStoreError::Unanswered`], [`AuditStoreError::Failed`].
    fn read(
        &self,
        tenant: &TenantId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Vec<u8>>, AuditStoreError>;

    /// Adds lines, all of them or none, if the trail has so many before.
    ///
    /// # Errors
    /// [`AuditStoreError::OutOfTurn`] when it has more or fewer, [`AuditStoreError::Unanswered`],
    /// [`AuditStoreError::Failed`].
    fn append(
        &self,
        tenant: &TenantId,
        after: u64,
        lines: Vec<Vec<u8>>,
    ) -> Result<(), AuditStoreError>;
}

/// Why lines were not read or added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuditStoreError {
    /// The trail ends elsewhere: somebody else has added to it.
    #[error("the trail ends elsewhere")]
    OutOfTurn,
    /// It took so long that nobody waited any more. Whether lines were added is not known. A log that
    /// is being closed does not ask again.
    #[error("{reason}")]
    Unanswered {
        /// How long that was.
        reason: String,
    },
    /// Anything else. Whether lines were added may not be known.
    #[error("{reason}")]
    Failed {
        /// What went wrong.
        reason: String,
    },
}

impl AuditStoreError {
    pub(super) fn at(self, store: &dyn AuditStore) -> AuditError {
        AuditError::Store {
            store: store.describe(),
            source: self,
        }
    }
}

/// Whether a store has a trail of a tenant.
///
/// # Errors
/// [`AuditError::Store`].
pub fn has_stored_audit(store: &dyn AuditStore, tenant: &TenantId) -> Result<bool, AuditError> {
    let first = store.read(tenant, 0, 1).map_err(|error| error.at(store))?;
    Ok(!first.is_empty())
}

/// Verifies a tenant's trail in a store, and says what is wrong with it.
///
/// There is no head beside it, as there is beside a file: that records are missing at the end is
/// found by a head that was noted elsewhere, and by nothing else.
///
/// # Errors
/// [`AuditError::NoStoredTrail`], [`AuditError::Store`], and [`AuditError::KeyMissing`],
/// [`AuditError::OtherKey`], [`AuditError::NotKeyed`] or [`AuditError::Format`] when the trail
/// was not begun with these options.
pub fn verify_stored_audit(
    store: &Arc<dyn AuditStore>,
    tenant: &TenantId,
    options: &VerifyOptions,
) -> Result<AuditVerification, AuditError> {
    let seal = Seal::new(options.key.clone());
    let mut chain = Chain::without_head(tenant, options.expected_head);
    let mut lines = StoredLines::new(Arc::clone(store), tenant);
    let mut is_first = true;
    while let Some(line) = lines.next()? {
        if std::mem::take(&mut is_first) {
            check_first(line, tenant, &seal)?;
        }
        match serde_json::from_slice::<AuditRecord>(line) {
            Ok(record) => chain.record(&record, hash_of(line, &seal)),
            Err(error) => chain.unreadable(error.to_string()),
        }
        if chain.findings() >= FINDINGS {
            break;
        }
    }
    // A trail that is gone altogether is missed by whoever noted where it ended.
    if is_first && options.expected_head.is_none() {
        return Err(AuditError::NoStoredTrail {
            tenant: tenant.clone(),
            store: store.describe(),
        });
    }
    Ok(chain.end())
}

impl AuditReader {
    /// Reads a tenant's trail in a store. One that is not there has no records.
    pub fn of_store(store: Arc<dyn AuditStore>, tenant: &TenantId) -> Self {
        Self::over(StoredLines::new(store, tenant), tenant)
    }
}
