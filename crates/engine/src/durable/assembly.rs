//! An execution that begins with more than its first event: it is made whole, or it is none that
//! anybody takes up.
//!
//! What fits is put into the store at once. Of what does not fit, the execution is incomplete in the
//! store until the last part is there; with that it gets the state that it is to have. Whoever is
//! lost in between leaves an execution that never runs, and that can be completed or cancelled.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jackfield_kernel::{Event, Execution, Graph};
use jackfield_store_api::{
    Append, ExecutionRecord, ExecutionState, Fence, NewExecution, StoreError, TenantStore, limits,
};
use jackfield_types::{Digest, ExecutionId};
use tokio::time::Instant;

use super::StoredError;
use super::create::{create, insist};
use super::keeper::Keeper;
use super::record::Encoder;

/// Records of an execution, each with the large contents that it brings, in parts that a store takes
/// at once.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    parts: Vec<Part>,
    /// The contents that are in a part already: an execution brings each once.
    brought: HashSet<Digest>,
}

#[derive(Debug, Default)]
struct Part {
    records: Vec<Bytes>,
    payloads: Vec<(Digest, Bytes)>,
    record_bytes: usize,
    payload_bytes: usize,
}

/// Refuses an execution of which only a part is there.
pub(super) fn check_whole(found: &ExecutionRecord) -> Result<(), StoredError> {
    if found.state == ExecutionState::Incomplete {
        return Err(incomplete(found.id));
    }
    Ok(())
}

/// What to say of an execution of which only a part is there.
pub(super) fn incomplete(id: ExecutionId) -> StoredError {
    StoredError::invalid(format!(
        "execution `{id}` is incomplete: it is being made, or what made it was lost; if it stays so, \
         cancel it and make it again, or import the file again that it comes from"
    ))
}

/// Who holds an execution that was made, by a call that began then.
pub(super) struct Made {
    pub(super) fence: Fence,
    pub(super) began: Instant,
}

impl Assembly {
    /// The records of events.
    pub(super) fn of_events(
        graph: &Arc<Graph>,
        events: &[Event],
        encoder: Encoder,
    ) -> Result<Self, String> {
        let mut assembly = Self::default();
        let mut execution = Execution::new(Arc::clone(graph));
        for event in events {
            let node = event.kind.node();
            let inputs = node.map_or(&[][..], |node| execution.inputs(node));
            let mut payloads = Vec::new();
            let record = encoder.encode(event, inputs, &mut payloads);
            assembly.push(record.map_err(|error| error.to_string())?, payloads);
            execution.apply(event).map_err(|error| error.to_string())?;
        }
        Ok(assembly)
    }

    /// Adds a record, with the contents that it names.
    pub(super) fn push(
        &mut self,
        record: Bytes,
        payloads: impl IntoIterator<Item = (Digest, Bytes)>,
    ) {
        let payloads: Vec<_> = payloads
            .into_iter()
            .filter(|(digest, _)| self.brought.insert(*digest))
            .collect();
        let payload_bytes: usize = payloads.iter().map(|(_, content)| content.len()).sum();
        let has_room = self.parts.last().is_some_and(|part| {
            part.records.len() < limits::RECORDS
                && part.record_bytes + record.len() <= limits::BATCH_BYTES
                && part.payload_bytes + payload_bytes <= limits::PAYLOAD_BYTES
        });
        if !has_room {
            self.parts.push(Part::default());
        }
        if let Some(part) = self.parts.last_mut() {
            part.record_bytes += record.len();
            part.payload_bytes += payload_bytes;
            part.records.push(record);
            part.payloads.extend(payloads);
        }
    }

    /// Makes the execution. `new` says how it stands, and who holds it, when it is whole; its
    /// records are these.
    pub(super) async fn make(
        self,
        keeper: &Keeper,
        store: &dyn TenantStore,
        new: NewExecution,
    ) -> Result<Made, StoreError> {
        let lease = keeper.options.lease;
        let mut parts = self.parts.into_iter();
        let first = parts.next().unwrap_or_default();
        let mut new = NewExecution {
            records: first.records,
            payloads: first.payloads,
            ..new
        };
        let id = new.id;
        let is_whole = parts.len() == 0;
        let state = new.state.clone();
        if !is_whole {
            new.state = ExecutionState::Incomplete;
            new.claim = Some((keeper.worker, lease));
        }
        let began = Instant::now();
        let created = create(store, new, began + lease).await?;
        let made = Made {
            fence: created.fence,
            began,
        };
        if is_whole {
            return Ok(made);
        }
        let addition = Addition {
            store,
            id,
            lease,
            made,
            length: created.length,
        };
        addition.add(parts, state).await
    }

    /// Completes an execution that somebody else began to make of the same records and was lost.
    /// `None` when there is no such execution. These are the records that are missing, after so many
    /// that are there.
    pub(super) async fn complete(
        self,
        keeper: &Keeper,
        store: &dyn TenantStore,
        id: ExecutionId,
        length: u64,
        state: ExecutionState,
    ) -> Result<Option<Made>, StoreError> {
        let lease = keeper.options.lease;
        let began = Instant::now();
        let Some(claimed) = store.claim_execution(id, keeper.claim(1)).await? else {
            return Ok(None);
        };
        let made = Made {
            fence: claimed.fence,
            began,
        };
        let addition = Addition {
            store,
            id,
            lease,
            made,
            length,
        };
        let mut parts = self.parts;
        if parts.is_empty() {
            parts.push(Part::default());
        }
        addition.add(parts.into_iter(), state).await.map(Some)
    }
}

/// How parts are added to an execution that is incomplete.
struct Addition<'a> {
    store: &'a dyn TenantStore,
    id: ExecutionId,
    lease: Duration,
    made: Made,
    /// How many records there are.
    length: u64,
}

impl Addition<'_> {
    /// Adds all parts, and has it stand so with the last one.
    async fn add(
        mut self,
        parts: impl ExactSizeIterator<Item = Part>,
        state: ExecutionState,
    ) -> Result<Made, StoreError> {
        let count = parts.len();
        for (place, part) in (1..).zip(parts) {
            // Whoever goes on with it has to have time for that.
            if self.made.began.elapsed() > self.lease / 3 {
                let began = Instant::now();
                let fence = self.made.fence;
                let renew = || self.store.renew(self.id, fence, self.lease);
                insist(began + self.lease, renew).await?;
                self.made.began = began;
            }
            let added = part.records.len() as u64;
            self.append(Append {
                execution: self.id,
                fence: self.made.fence,
                after: self.length,
                records: part.records,
                payloads: part.payloads,
                state: (place == count).then(|| state.clone()),
            })
            .await?;
            self.length += added;
        }
        Ok(self.made)
    }

    /// Appends. When it is not known whether it was done, that is found out.
    async fn append(&self, append: Append) -> Result<(), StoreError> {
        let mut is_repeated = false;
        insist(Instant::now() + self.lease, || {
            let is_repeat = std::mem::replace(&mut is_repeated, true);
            let (append, store) = (append.clone(), self.store);
            Box::pin(async move {
                let length = append.after + append.records.len() as u64;
                let (id, fence, state) = (append.execution, append.fence, append.state.clone());
                match store.append(append).await {
                    Ok(_) => Ok(()),
                    Err(error @ (StoreError::Fenced { .. } | StoreError::OutOfTurn { .. }))
                        if is_repeat =>
                    {
                        let found = store.execution(id).await?;
                        let is_ours = found.fence == fence
                            && found.length == length
                            && state.is_none_or(|state| state == found.state);
                        if is_ours { Ok(()) } else { Err(error) }
                    }
                    Err(error) => Err(error),
                }
            })
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(size: usize, byte: u8) -> (Digest, Bytes) {
        (Digest::from_bytes([byte; 32]), Bytes::from(vec![0; size]))
    }

    fn sizes(assembly: &Assembly) -> Vec<(usize, usize)> {
        let parts = assembly.parts.iter();
        parts
            .map(|part| (part.records.len(), part.payloads.len()))
            .collect()
    }

    #[test]
    fn parts_are_no_larger_than_what_a_store_takes_at_once() {
        let mut many = Assembly::default();
        for _ in 0..limits::RECORDS + 1 {
            many.push(Bytes::from_static(b"{}"), None);
        }
        assert_eq!(sizes(&many), [(limits::RECORDS, 0), (1, 0)]);

        let mut large = Assembly::default();
        for _ in 0..5 {
            let record = Bytes::from(vec![0; limits::RECORD_BYTES]);
            large.push(record, None);
        }
        assert_eq!(sizes(&large), [(4, 0), (1, 0)]);
        for part in &large.parts {
            assert!(limits::check_records(&part.records).is_ok());
        }

        let mut heavy = Assembly::default();
        for byte in 0..3 {
            let payload = content(limits::PAYLOAD_BYTES / 2, byte);
            heavy.push(Bytes::from_static(b"{}"), [payload]);
        }
        assert_eq!(sizes(&heavy), [(2, 2), (1, 1)]);
    }

    #[test]
    fn each_content_is_brought_once() {
        let mut assembly = Assembly::default();
        for _ in 0..1_000 {
            let payload = content(100, 1);
            assembly.push(Bytes::from_static(b"{}"), [payload.clone(), payload]);
        }
        assert_eq!(sizes(&assembly), [(1_000, 1)]);
    }
}
