use bytes::Bytes;

use crate::{JournalRecord, StoreFuture};

/// A tenant's audit records, in order. They are only ever added to.
pub trait AuditRecords: Send + Sync {
    /// Adds records after the one of this number (0: at the beginning), and gives the number of
    /// the last one.
    ///
    /// # Errors
    /// [`StoreError::OutOfTurn`](crate::StoreError::OutOfTurn) when the trail ends elsewhere:
    /// records are chained, so what was worked out for another end does not fit.
    fn append_audit(&self, after: u64, records: Vec<Bytes>) -> StoreFuture<'_, u64>;

    /// The records after a number, at least one if there is one, `limit` at the most (and at most
    /// [`PageRequest::MOST`](crate::PageRequest::MOST)), and fewer when they are large.
    fn audit(&self, after: u64, limit: u32) -> StoreFuture<'_, Vec<JournalRecord>>;
}
