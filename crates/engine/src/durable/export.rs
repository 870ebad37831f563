//! An execution as one file, to be kept or looked at elsewhere.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use jackfield_definition::SourceText;
use jackfield_kernel::{EventKind, ExecutionStatus};
use jackfield_store_api::{
    ExecutionState, JournalRecord, NewExecution, NewWorkflow, PageRequest, StoreError, TenantStore,
    limits,
};
use jackfield_types::{Digest, ExecutionId};
use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;

use super::StoredError;
use super::assembly::{Assembly, check_whole};
use super::clock::later;
use super::create::insist;
use super::difference::{ReplayDifference, first_difference, shortened};
use super::exported::{Contents, File, FileWorkflow, Head, Trust, bounded_value, check_size};
use super::keeper::Keeper;
use super::pinned::Pinned;
use super::record::Record;
use super::replay::{Replay, ReplayError, check_first, read_records};
use super::stored::load;
use crate::execution::Caller;
use crate::{Journal, PreparedPlan, Report, StartError, TenantEngine, authorize};

/// What came of replaying an exported execution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ReplayOutcome {
    /// The execution.
    pub execution: ExecutionId,
    /// How many events were replayed.
    pub events: u64,
    /// The first difference between what is recorded and what comes of it now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<ReplayDifference>,
}

impl TenantEngine {
    /// One of the tenant's executions as one JSON document, with everything that is needed to
    /// replay it elsewhere. What is masked in its journal is masked there: no secret is in it.
    /// Signals that no node has received yet are not in it.
    ///
    /// # Errors
    /// Those of [`history`](Self::history), and [`StoredError::Invalid`] when the execution is
    /// incomplete or larger than what [`import`](Self::import) takes.
    pub async fn export(&self, id: ExecutionId) -> Result<Vec<u8>, StoredError> {
        let (_, store) = self.keeping()?;
        let (history, found) = load(&self.caller, &store, id).await?;
        check_whole(&found)?;
        let of_replay = |error| StoredError::of_replay(id, error);
        let stored = read_records(&store, id, found.length)
            .await
            .map_err(of_replay)?;
        let mut records = Vec::with_capacity(stored.len());
        let mut payloads: BTreeMap<Digest, Value> = BTreeMap::new();
        for record in &stored {
            for digest in Record::decode(&record.record)
                .iter()
                .flat_map(Record::payloads)
            {
                if let Entry::Vacant(place) = payloads.entry(digest) {
                    let content = store.payload(digest).await.map_err(StoredError::Store)?;
                    place.insert(json(id, &content)?);
                }
            }
            records.push(json(id, &record.record)?);
        }
        let workflow = history
            .plan
            .document()
            .map(|document| document.text().to_owned());
        let head = Head {
            id,
            user: found.user,
            retry_of: found.retry_of,
            created_at: found.created_at,
            workflow: FileWorkflow {
                id: found.workflow.id,
                name: history.plan.name().to_owned(),
                document: workflow.unwrap_or_default(),
            },
            pinned: json(id, &found.pinned)?,
        };
        let payloads = payloads
            .into_iter()
            .map(|(digest, content)| (digest.to_string(), content))
            .collect();
        let report = bounded_value(&history.report()?).map_err(|reason| {
            StoredError::invalid(format!("execution `{id}` is not exported: {reason}"))
        })?;
        File::new(head, records, payloads, report).write()
    }

    /// Takes an exported execution in, under its own id, as this tenant's and this user's. One that
    /// had not ended is paused; its time counts anew, as the workflow says.
    ///
    /// It is there as a whole or it never runs, whatever becomes of this process. When this is
    /// broken off in the middle of a large one, importing the same file again goes on with it.
    ///
    /// # Errors
    /// [`StoredError::Invalid`] when it is no exported execution, or not just as it was exported,
    /// [`StoredError::Stuck`] when it cannot be replayed here, [`StoredError::Store`] when it is
    /// there already, and those of [`start`](Self::start) when the user may start nothing.
    pub async fn import(&self, exported: &[u8]) -> Result<ExecutionId, StoredError> {
        let (keeper, store) = self.keeping()?;
        authorize::user(&self.caller)?;
        let import = self.aside(exported, Import::read).await?;
        let Import {
            file,
            pinned,
            contents,
            state,
        } = import;
        let document = Bytes::from(file.workflow.document.into_bytes());
        let workflow = NewWorkflow {
            id: file.workflow.id,
            name: file.workflow.name,
            digest: limits::digest_of(&document),
            document,
        };
        let patience = Instant::now() + keeper.options.lease;
        let workflow = insist(patience, || store.put_workflow(workflow.clone())).await;
        let new = NewExecution {
            id: file.id,
            workflow: workflow.map_err(StoredError::Store)?,
            pinned,
            user: self.caller.user.clone(),
            retry_of: file.retry_of,
            part_of: None,
            records: Vec::new(),
            payloads: Vec::new(),
            state,
            claim: None,
        };
        take_in(keeper, &*store, new, &contents).await?;
        Ok(file.id)
    }

    /// Replays an exported execution, and finds the first difference between what is recorded and
    /// what comes of it with this program and the node types that there are here. Nothing is run,
    /// and nothing is written.
    ///
    /// # Errors
    /// [`StoredError::Invalid`] when it is no exported execution, [`StoredError::Stuck`] when its
    /// plan cannot be made here.
    pub async fn replay(&self, exported: &[u8]) -> Result<ReplayOutcome, StoredError> {
        self.aside(exported, replay_now).await
    }

    /// Reads a file beside whatever else is to be done, since that may take long.
    async fn aside<T: Send + 'static>(
        &self,
        exported: &[u8],
        read: fn(&Caller, &[u8]) -> Result<T, StoredError>,
    ) -> Result<T, StoredError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| StartError::NoRuntime)?;
        check_size(exported)?;
        let (caller, exported) = (self.caller.clone(), exported.to_vec());
        let read = runtime.spawn_blocking(move || read(&caller, &exported));
        read.await
            .unwrap_or_else(|_| Err(StartError::BrokenOff.into()))
    }
}

/// What is taken in.
struct Import {
    file: File,
    pinned: Bytes,
    contents: Contents,
    /// How it stands from then on.
    state: ExecutionState,
}

impl Import {
    fn read(caller: &Caller, exported: &[u8]) -> Result<Self, StoredError> {
        let mut file = File::read(exported, Trust::Unchanged)?;
        let tenant = caller.state.id();
        file.belong_to(tenant.as_str());
        let (plan, mut pinned) = plan_of(caller, &file)?;
        let contents = Contents::read(&file)?;
        let (replay, failed) = replay_file(&plan, &file, &contents);
        let of_replay = |error| StoredError::of_replay(file.id, error);
        if let Some((_, error)) = failed {
            return Err(of_replay(error));
        }
        check_first(&replay, file.id, tenant).map_err(of_replay)?;
        let status = replay.execution.status();
        let (state, timeout) = match status {
            ExecutionStatus::Running => (ExecutionState::Paused, plan.timeout()),
            _ => {
                let status = status.as_str().to_owned();
                (ExecutionState::Ended { status }, None)
            }
        };
        let now = caller.engine.clock.now();
        pinned.deadline = timeout.map(|limit| later(now, limit.into()));
        let pinned = pinned
            .encode()
            .map_err(|error| StoredError::invalid(error.to_string()))?;
        Ok(Self {
            file,
            pinned,
            contents,
            state,
        })
    }
}

/// Puts what is taken in into the store, or what is missing of it there.
async fn take_in(
    keeper: &Keeper,
    store: &dyn TenantStore,
    new: NewExecution,
    contents: &Contents,
) -> Result<(), StoredError> {
    let assembly = |after: usize| {
        let mut assembly = Assembly::default();
        for record in contents.records.iter().skip(after) {
            assembly.push(record.clone(), contents.named_by(record));
        }
        assembly
    };
    let exists = match assembly(0).make(keeper, store, new.clone()).await {
        Ok(_) => return Ok(()),
        Err(exists @ StoreError::Exists { .. }) => StoredError::Store(exists),
        Err(error) => return Err(StoredError::Store(error)),
    };
    let id = new.id;
    let found = store.execution(id).await.map_err(StoredError::Store)?;
    let is_part = found.state == ExecutionState::Incomplete
        && (&found.workflow, &found.user) == (&new.workflow, &new.user)
        && is_beginning(store, id, found.length, contents).await?;
    if !is_part {
        return Err(exists);
    }
    let after = usize::try_from(found.length).unwrap_or(usize::MAX);
    let rest = assembly(after).complete(keeper, store, id, found.length, new.state);
    match rest.await.map_err(StoredError::Store)? {
        Some(_) => Ok(()),
        None => Err(StoredError::invalid(format!(
            "execution `{id}` is being taken in by another process; if that is gone, import the \
             file again in a few seconds"
        ))),
    }
}

/// Whether the records in the store are the first ones of a file.
async fn is_beginning(
    store: &dyn TenantStore,
    id: ExecutionId,
    length: u64,
    contents: &Contents,
) -> Result<bool, StoredError> {
    let mut after = 0;
    while after < length {
        let some = store.journal(id, after, PageRequest::MOST).await;
        let some = some.map_err(StoredError::Store)?;
        if some.is_empty() {
            return Ok(false);
        }
        for found in some {
            let place = usize::try_from(after).unwrap_or(usize::MAX);
            if contents.records.get(place) != Some(&found.record) {
                return Ok(false);
            }
            after += 1;
        }
    }
    Ok(true)
}

fn replay_now(caller: &Caller, exported: &[u8]) -> Result<ReplayOutcome, StoredError> {
    let file = File::read(exported, Trust::Any)?;
    let (plan, _) = plan_of(caller, &file)?;
    let contents = Contents::read(&file)?;
    let (replay, failed) = replay_file(&plan, &file, &contents);
    let events = replay.events.len() as u64;
    let difference = match failed {
        Some((sequence, error)) => {
            let place = usize::try_from(sequence.saturating_sub(1)).unwrap_or(usize::MAX);
            Some(ReplayDifference {
                sequence: Some(sequence),
                place: None,
                recorded: file.records.get(place).map(shortened).unwrap_or_default(),
                now: error.to_string(),
            })
        }
        None => {
            let journal = Journal::new(file.id, Arc::clone(&plan));
            journal.close();
            let report = Report::new(file.id, plan, replay.execution, journal);
            match bounded_value(&report) {
                Ok(report) => first_difference(&file.report, &report),
                Err(reason) => Some(ReplayDifference {
                    sequence: None,
                    place: None,
                    recorded: shortened(&file.report),
                    now: reason,
                }),
            }
        }
    };
    Ok(ReplayOutcome {
        execution: file.id,
        events,
        difference,
    })
}

/// The plan that a file is pinned to, and to what that is.
fn plan_of(caller: &Caller, file: &File) -> Result<(Arc<PreparedPlan>, Pinned), StoredError> {
    let of_replay = |error: ReplayError| StoredError::of_replay(file.id, error);
    let pinned = serde_json::to_vec(&file.pinned)
        .map_err(|error| StoredError::invalid(error.to_string()))?;
    let pinned = Pinned::decode(&pinned).map_err(|error| of_replay(error.into()))?;
    let name = format!("{} of `{}`", file.workflow.name, file.id);
    let document = SourceText::from_bytes(name, file.workflow.document.clone().into_bytes());
    let document = document.map_err(StoredError::Plan)?;
    let plan = pinned
        .plan(caller, &document)
        .map_err(|error| of_replay(error.into()))?;
    Ok((Arc::new(plan), pinned))
}

/// Replays the records of a file as far as they go, and says which one does not fit.
fn replay_file(
    plan: &Arc<PreparedPlan>,
    file: &File,
    contents: &Contents,
) -> (Replay, Option<(u64, ReplayError)>) {
    let mut replay = Replay::new(plan.graph());
    for ((sequence, value), record) in (1..).zip(&file.records).zip(&contents.records) {
        let record = JournalRecord {
            sequence,
            record: record.clone(),
        };
        let is_end = value.get("event").and_then(Value::as_str) == Some("execution-finished");
        let ordered = if is_end { replay.ordered_end() } else { None };
        let before = replay.events.len();
        // All that it needs is here, so that it never waits.
        match replay.step(&record, contents).now_or_never() {
            Some(Ok(())) => {}
            Some(Err(error)) => return (replay, Some((sequence, error))),
            None => {
                let reason = "it was not read at once".to_owned();
                let error = ReplayError::Record { sequence, reason };
                return (replay, Some((sequence, error)));
            }
        }
        let status = match replay.events.get(before).map(|event| &event.kind) {
            Some(EventKind::ExecutionFinished { status }) => *status,
            Some(_) | None => continue,
        };
        if let Some(ordered) = ordered
            && ordered != status
        {
            let reason = format!("the execution would end as `{}`", ordered.as_str());
            let error = ReplayError::Record { sequence, reason };
            return (replay, Some((sequence, error)));
        }
    }
    (replay, None)
}

fn json(id: ExecutionId, content: &[u8]) -> Result<Value, StoredError> {
    serde_json::from_slice(content).map_err(|error| StoredError::Stuck {
        execution: id,
        reason: format!("what is kept of it is no JSON: {error}"),
    })
}
