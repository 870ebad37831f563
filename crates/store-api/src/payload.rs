use bytes::Bytes;
use jackfield_types::Digest;

use crate::StoreFuture;

/// A tenant's large contents, each kept once, by digest. They come with the journal records that
/// name them ([`Append::payloads`](crate::Append::payloads)) and go with the last of those.
pub trait Payloads: Send + Sync {
    /// One content.
    ///
    /// # Errors
    /// [`StoreError::NotFound`](crate::StoreError::NotFound),
    /// [`StoreError::Damaged`](crate::StoreError::Damaged) when it is not what its digest says.
    fn payload(&self, digest: Digest) -> StoreFuture<'_, Bytes>;
}
