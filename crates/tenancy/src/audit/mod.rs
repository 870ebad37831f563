//! The audit trail: what was decided and done for a tenant, in records that nobody can change
//! unnoticed.
//!
//! Each tenant has a trail of its own, `<folder>/<tenant>.ndjson`, one JSON object a line. Every
//! record holds the hash of the one before it and ends with its own, taken over the bytes of the
//! line up to there; so an altered, removed or reordered record is found, and named, by
//! [`verify_audit`]. What was cut off at the end is found by the head beside the trail
//! (`<tenant>.head`: how many records there are, and the last hash) and by a head that somebody
//! noted elsewhere.
//!
//! **What this proves, and what not.** Without a key the hashes are SHA-256, and whoever may
//! write the files may also make a whole chain anew, head included: only a head that was noted
//! elsewhere shows it. With a key they are HMAC-SHA-256, and who does not have the key can forge
//! neither a record nor a head, but can still put back an older trail with its older head. Who
//! has to exclude that notes heads elsewhere from time to time.
//!
//! A trail may also be in a store (an [`AuditStore`]), instead of a folder or beside it, as a chain of
//! its own that several processes add to; there is no head beside that one.
//!
//! One thread a place writes, in batches; recording puts a record into a bounded queue and does not wait
//! for the disk. Nothing is lost silently: while the disk refuses, records are kept and tried
//! again, and when there are too many to keep, the trail itself says how many are missing as soon
//! as it can be written.

mod encoding;
mod entry;
mod error;
mod files;
mod folder;
mod head;
mod log;
mod options;
mod queue;
mod reader;
mod record;
mod seal;
mod stored;
mod stored_closing;
mod stored_trail;
mod stored_writer;
mod trail;
mod verify;
mod writer;

pub use entry::{AuditAction, AuditDecision, AuditEntry, AuditOutcome};
pub use error::AuditError;
pub use folder::audited_tenants;
pub use head::{AuditHead, AuditHeadError};
pub use log::{AuditLog, AuditStatistics, TenantAudit};
pub use options::{AuditDurability, AuditKey, AuditOptions};
pub use reader::AuditReader;
pub use record::AuditRecord;
pub use seal::{AuditHash, AuditHashError};
pub use stored::{AuditStore, AuditStoreError, has_stored_audit, verify_stored_audit};
pub use verify::{AuditFinding, AuditVerification, VerifyOptions, verify_audit};
