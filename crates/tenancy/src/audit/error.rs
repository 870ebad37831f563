use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use jackfield_types::TenantId;

use super::AuditStoreError;

/// Why an audit trail cannot be written or read.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// Another process, or another log of this one, writes into the folder.
    #[error(
        "the audit folder `{}` is in use: each running instance needs one of its own",
        folder.display()
    )]
    InUse {
        /// The folder.
        folder: PathBuf,
    },
    /// A file or folder could not be read or written.
    #[error("the audit file `{}` cannot be used", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: Arc<io::Error>,
    },
    /// Records are not on the disk yet; they are kept and tried again.
    #[error("{records} audit records are not written yet, and are tried again")]
    Unwritten {
        /// How many.
        records: u64,
        /// Why.
        #[source]
        source: Box<AuditError>,
    },
    /// The thread that writes has ended.
    #[error("the audit trail is closed")]
    Closed,
    /// A key that is easy to guess.
    #[error("a key of {length} bytes is too short for an audit trail: it has at least {least}")]
    KeyTooShort {
        /// The bytes that it has.
        length: usize,
        /// The bytes that it must have.
        least: usize,
    },
    /// The trail was begun with a key, and none is given.
    #[error("the audit trail of `{tenant}` was begun with a key: give it")]
    KeyMissing {
        /// Whose trail.
        tenant: TenantId,
    },
    /// The trail was begun with another key.
    #[error("the audit trail of `{tenant}` was begun with another key")]
    OtherKey {
        /// Whose trail.
        tenant: TenantId,
    },
    /// The trail was begun without a key, and one is given.
    #[error(
        "the audit trail of `{tenant}` was begun without a key: leave the key out, or move the \
         trail to another folder to begin a new one"
    )]
    NotKeyed {
        /// Whose trail.
        tenant: TenantId,
    },
    /// The trail was begun by a newer version.
    #[error("the audit trail of `{tenant}` has format {format}, which this version does not know")]
    Format {
        /// Whose trail.
        tenant: TenantId,
        /// Its format.
        format: u32,
    },
    /// The tenant has no trail in the folder.
    #[error("there is no audit trail of `{tenant}` in `{}`", folder.display())]
    NoTrail {
        /// Whose trail.
        tenant: TenantId,
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// A store could not be read or written.
    #[error("the audit trail in {store} cannot be used")]
    Store {
        /// Which.
        store: String,
        /// Why.
        #[source]
        source: AuditStoreError,
    },
    /// The tenant has no trail in the store.
    #[error("there is no audit trail of `{tenant}` in {store}")]
    NoStoredTrail {
        /// Whose trail.
        tenant: TenantId,
        /// Where it was looked for.
        store: String,
    },
    /// A line is no audit record.
    #[error("line {line} of the audit trail of `{tenant}` is no record: {reason}")]
    Unreadable {
        /// Whose trail.
        tenant: TenantId,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
}

impl AuditError {
    pub(super) fn file(path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::File {
            path: path.into(),
            source: Arc::new(source),
        }
    }
}
