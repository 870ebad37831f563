use bytes::Bytes;
use jackfield_store_api::{
    AuditRecords, Claim, Claimed, Collected, JournalRecord, PageRequest, Payloads, Retention,
    StoreError, StoreFuture, TenantStore, limits,
};
use jackfield_types::{Digest, TenantId};
use jiff::Timestamp;

use super::state::Kept;
use super::{MemoryStore, answer};

/// The most bytes that are given at once, if it is more than one entry.
const PAGE_BYTES: usize = 32 * 1_024 * 1_024;

/// A store in memory as one tenant has it.
pub(super) struct MemoryTenant {
    pub(super) store: MemoryStore,
    pub(super) id: TenantId,
}

impl MemoryTenant {
    pub(super) fn read<'a, T: Send + 'a>(
        &self,
        read: impl FnOnce(&Kept) -> Result<T, StoreError>,
    ) -> StoreFuture<'a, T> {
        answer(self.store.read(|state| match state.tenants.get(&self.id) {
            Some(kept) => read(kept),
            None => read(&Kept::default()),
        }))
    }

    /// Makes a change to what there is already.
    pub(super) fn write<'a, T: Send + 'a>(
        &self,
        write: impl FnOnce(&mut Kept, Timestamp) -> Result<T, StoreError>,
    ) -> StoreFuture<'a, T> {
        answer(
            self.store
                .write(|state, now| match state.tenants.get_mut(&self.id) {
                    Some(kept) => write(kept, now),
                    None => write(&mut Kept::default(), now),
                }),
        )
    }

    /// Makes a change by which there may be something for the first time.
    pub(super) fn add<'a, T: Send + 'a>(
        &self,
        add: impl FnOnce(&mut Kept, Timestamp) -> Result<T, StoreError>,
    ) -> StoreFuture<'a, T> {
        answer(self.store.write(|state, now| {
            if let Some(kept) = state.tenants.get_mut(&self.id) {
                return add(kept, now);
            }
            let mut kept = Kept::default();
            let added = add(&mut kept, now)?;
            state.tenants.insert(self.id.clone(), kept);
            Ok(added)
        }))
    }
}

impl TenantStore for MemoryTenant {
    fn id(&self) -> &TenantId {
        &self.id
    }

    fn claim(&self, claim: Claim) -> StoreFuture<'_, Vec<Claimed>> {
        self.write(|kept, now| {
            let claimed = kept.claim(claim, now).into_iter();
            let claimed = claimed.map(|(execution, fence)| Claimed {
                tenant: self.id.clone(),
                execution,
                fence,
            });
            Ok(claimed.collect())
        })
    }

    fn next_due(&self) -> StoreFuture<'_, Option<Timestamp>> {
        self.read(|kept| Ok(kept.next_due()))
    }

    fn collect(&self, retention: Retention) -> StoreFuture<'_, Collected> {
        self.write(|kept, now| Ok(kept.collect(retention, now)))
    }
}

impl Payloads for MemoryTenant {
    fn payload(&self, digest: Digest) -> StoreFuture<'_, Bytes> {
        self.read(|kept| {
            kept.payloads
                .get(&digest)
                .map(|payload| payload.content.clone())
                .ok_or_else(|| StoreError::not_found(format!("payload `{digest}`")))
        })
    }
}

impl AuditRecords for MemoryTenant {
    fn append_audit(&self, after: u64, records: Vec<Bytes>) -> StoreFuture<'_, u64> {
        if let Err(refused) = limits::check_records(&records) {
            return answer(Err(refused));
        }
        self.add(|kept, _| {
            let length = kept.audit.len() as u64;
            if length != after {
                return Err(StoreError::OutOfTurn {
                    reason: format!("the audit trail has {length} records, not {after}"),
                });
            }
            kept.audit.extend(records);
            Ok(kept.audit.len() as u64)
        })
    }

    fn audit(&self, after: u64, limit: u32) -> StoreFuture<'_, Vec<JournalRecord>> {
        self.read(|kept| Ok(numbered(&kept.audit, after, limit)))
    }
}

/// The records after a number.
pub(super) fn numbered(records: &[Bytes], after: u64, limit: u32) -> Vec<JournalRecord> {
    let limit = limit.clamp(1, PageRequest::MOST) as usize;
    (1..)
        .zip(records)
        .skip(usize::try_from(after).unwrap_or(usize::MAX))
        .take(limit)
        .take_while(within_page(|(_, record): &(u64, &Bytes)| record.len()))
        .map(|(sequence, record)| JournalRecord {
            sequence,
            record: record.clone(),
        })
        .collect()
}

/// Whether an entry is on the page, given those before it: the first one always is.
pub(super) fn within_page<T>(size: impl Fn(&T) -> usize) -> impl FnMut(&T) -> bool {
    let mut bytes = None;
    move |entry| {
        let before = bytes.replace(bytes.unwrap_or(0) + size(entry));
        before.is_none() || bytes.is_some_and(|bytes| bytes <= PAGE_BYTES)
    }
}
