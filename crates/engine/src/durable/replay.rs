//! From what is in the store back to the state of an execution.

use std::collections::HashMap;
use std::sync::Arc;

use jackfield_definition::SourceText;
use jackfield_kernel::{Command, Event, Execution, ExecutionStatus, Graph};
use jackfield_store_api::{
    ExecutionRecord, JournalRecord, PageRequest, StoreError, StoreFuture, TenantStore,
};
use jackfield_types::{Digest, ExecutionId, Items, TenantId};

use super::pinned::{Pinned, PinnedError};
use super::record::{Record, decode_payload};
use crate::PreparedPlan;
use crate::execution::Caller;

/// Why what is in the store does not make an execution that can go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReplayError {
    /// The store did not give it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its plan cannot be made.
    #[error(transparent)]
    Pinned(#[from] PinnedError),
    /// A record is not what it has to be.
    #[error("its journal cannot be replayed: record {sequence}: {reason}")]
    Record {
        /// Its number.
        sequence: u64,
        /// Why not.
        reason: String,
    },
    /// There are fewer records than there were.
    #[error("its journal ends after {found} records, and has to have {expected}")]
    Short {
        /// How many there are.
        found: u64,
        /// How many there were.
        expected: u64,
    },
}

/// Where payloads come from.
pub(crate) trait PayloadSource: Sync {
    /// One content.
    fn payload(&self, digest: Digest) -> StoreFuture<'_, bytes::Bytes>;
}

impl PayloadSource for Arc<dyn TenantStore> {
    fn payload(&self, digest: Digest) -> StoreFuture<'_, bytes::Bytes> {
        (**self).payload(digest)
    }
}

/// An execution that is folded from its records.
pub(crate) struct Replay {
    pub(crate) execution: Execution,
    pub(crate) events: Vec<Event>,
    nodes: usize,
    payloads: HashMap<Digest, Items>,
}

impl Replay {
    pub(crate) fn new(graph: &Arc<Graph>) -> Self {
        Self {
            execution: Execution::new(Arc::clone(graph)),
            events: Vec::new(),
            nodes: graph.len() + graph.compensations().len(),
            payloads: HashMap::new(),
        }
    }

    /// Reads the next record and applies it.
    pub(crate) async fn step(
        &mut self,
        record: &JournalRecord,
        source: &dyn PayloadSource,
    ) -> Result<(), ReplayError> {
        let sequence = record.sequence;
        let refused = |reason: String| ReplayError::Record { sequence, reason };
        if sequence != self.events.len() as u64 + 1 {
            return Err(refused("it is not the next one".to_owned()));
        }
        let event = self.read(record, source).await?;
        self.execution
            .apply(&event)
            .map_err(|error| refused(error.to_string()))?;
        self.events.push(event);
        Ok(())
    }

    /// How the kernel would have the execution end now, if it would.
    pub(crate) fn ordered_end(&mut self) -> Option<ExecutionStatus> {
        if self.execution.has_running() || self.execution.started().is_none() {
            return None;
        }
        // What was ordered before is not ordered again by itself.
        self.execution.resume();
        match self.execution.next() {
            Some(Command::Finish { status }) => Some(status),
            Some(_) | None => None,
        }
    }

    async fn read(
        &mut self,
        record: &JournalRecord,
        source: &dyn PayloadSource,
    ) -> Result<Event, ReplayError> {
        let sequence = record.sequence;
        let refused = |reason: String| ReplayError::Record { sequence, reason };
        let decoded = Record::decode(&record.record).map_err(|error| refused(error.to_string()))?;
        for digest in decoded.payloads() {
            if self.payloads.contains_key(&digest) {
                continue;
            }
            let content = source.payload(digest).await?;
            let items = decode_payload(&content).map_err(|error| refused(error.to_string()))?;
            self.payloads.insert(digest, items);
        }
        let inputs = match decoded.node() {
            Some(node) if node.get() < self.nodes => self.execution.inputs(node),
            Some(_) | None => &[],
        };
        decoded
            .into_event(inputs, &self.payloads)
            .map_err(|error| refused(error.to_string()))
    }
}

/// Reads the first records of a journal.
pub(crate) async fn read_records(
    store: &Arc<dyn TenantStore>,
    id: ExecutionId,
    length: u64,
) -> Result<Vec<JournalRecord>, ReplayError> {
    let mut records: Vec<JournalRecord> = Vec::new();
    while (records.len() as u64) < length {
        let after = records.len() as u64;
        let left = u32::try_from(length - after).unwrap_or(u32::MAX);
        let page = store
            .journal(id, after, left.min(PageRequest::MOST))
            .await?;
        if page.is_empty() {
            return Err(ReplayError::Short {
                found: after,
                expected: length,
            });
        }
        records.extend(page);
    }
    Ok(records)
}

/// The plan that an execution is pinned to.
pub(crate) async fn pinned_plan(
    caller: &Caller,
    store: &Arc<dyn TenantStore>,
    record: &ExecutionRecord,
) -> Result<(Pinned, Arc<PreparedPlan>), ReplayError> {
    let pinned = Pinned::decode(&record.pinned)?;
    let kept = caller.state.plans.lock().find(&record.workflow, &pinned);
    if let Some(plan) = kept {
        pinned.check(&caller.engine.registry)?;
        return Ok((pinned, plan));
    }
    let version = &record.workflow;
    let workflow = store.workflow(&version.id, Some(version.version)).await?;
    let name = version.to_string();
    let document = SourceText::from_bytes(name, workflow.document.to_vec())
        .map_err(|findings| PinnedError::Workflow(findings.to_string()))?;
    let plan = pinned.plan(caller, &document)?;
    plan.set_kept_as(version.clone());
    let plan = Arc::new(plan);
    let mut plans = caller.state.plans.lock();
    plans.keep(version, &pinned, &plan);
    Ok((pinned, plan))
}

/// Folds an execution from all its records, and checks that it is the one that it is taken for.
pub(crate) async fn replay(
    store: &Arc<dyn TenantStore>,
    record: &ExecutionRecord,
    plan: &PreparedPlan,
) -> Result<Replay, ReplayError> {
    let records = read_records(store, record.id, record.length).await?;
    let mut replay = Replay::new(plan.graph());
    for record in &records {
        replay.step(record, store).await?;
    }
    check_first(&replay, record.id, store.id())?;
    Ok(replay)
}

/// A journal begins with the start of just its own execution.
pub(crate) fn check_first(
    replay: &Replay,
    execution: ExecutionId,
    tenant: &TenantId,
) -> Result<(), ReplayError> {
    let reason = match replay.events.first().map(|event| &event.kind) {
        Some(jackfield_kernel::EventKind::ExecutionStarted {
            execution: id,
            tenant: of,
            ..
        }) => {
            if *id == execution && of == tenant {
                return Ok(());
            }
            "it is about another execution"
        }
        Some(_) | None => "the execution does not start with it",
    };
    Err(ReplayError::Record {
        sequence: 1,
        reason: reason.to_owned(),
    })
}
