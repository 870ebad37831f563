//! An execution as one file, to be kept or looked at elsewhere.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use jackfield_definition::SourceText;
use jackfield_kernel::{EventKind, ExecutionStatus};
use jackfield_store_api::{
    Append, ExecutionState, JournalRecord, NewExecution, NewWorkflow, Request, StoreError,
    StoreFuture, limits,
};
use jackfield_types::{Digest, ExecutionId, UserId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;

use super::StoredError;
use super::create::{create, insist};
use super::pinned::Pinned;
use super::record::Record;
use super::replay::{PayloadSource, Replay, ReplayError, check_first, read_records};
use super::stored::load;
use crate::{Journal, PreparedPlan, Report, TenantEngine, authorize};

/// The format of exported executions.
const FORMAT: u32 = 1;
/// The most bytes of one.
const MOST_BYTES: usize = 1 << 30;

/// An exported execution: everything that is needed to replay it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct File {
    /// The format. Its name tells what the file is.
    jackfield_execution: u32,
    id: ExecutionId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<UserId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry_of: Option<ExecutionId>,
    created_at: Timestamp,
    workflow: FileWorkflow,
    /// What it is pinned to.
    pinned: Value,
    records: Vec<Value>,
    /// Lists that the records name by digest.
    payloads: BTreeMap<String, Value>,
    /// What became of it.
    report: Value,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FileWorkflow {
    id: String,
    name: String,
    document: String,
}

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

/// A difference between what is recorded and what comes of it now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ReplayDifference {
    /// The number of the event; nothing when all events fit, and something else comes of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// What differs: a JSON Pointer into the report, or nothing for an event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// What is recorded.
    pub recorded: String,
    /// What comes of it now.
    pub now: String,
}

impl TenantEngine {
    /// One of the tenant's executions as one JSON document, with everything that is needed to
    /// replay it elsewhere. What is masked in its journal is masked there: no secret is in it.
    ///
    /// # Errors
    /// Those of [`history`](Self::history).
    pub async fn export(&self, id: ExecutionId) -> Result<Vec<u8>, StoredError> {
        let (_, store) = self.keeping()?;
        let (history, found) = load(&self.caller, &store, id).await?;
        let of_replay = |error| StoredError::of_replay(id, error);
        let stored = read_records(&store, id, found.length)
            .await
            .map_err(of_replay)?;
        let mut records = Vec::with_capacity(stored.len());
        let mut payloads = BTreeMap::new();
        for record in &stored {
            for digest in Record::decode(&record.record)
                .iter()
                .flat_map(Record::payloads)
            {
                let content = store.payload(digest).await.map_err(StoredError::Store)?;
                payloads.insert(digest.to_string(), json(id, &content)?);
            }
            records.push(json(id, &record.record)?);
        }
        let workflow = history
            .plan
            .document()
            .map(|document| document.text().to_owned());
        let file = File {
            jackfield_execution: FORMAT,
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
            records,
            payloads,
            report: report_value(&history.report()?),
        };
        serde_json::to_vec(&file).map_err(|error| StoredError::invalid(error.to_string()))
    }

    /// Takes an exported execution in, under its own id, as this tenant's. One that had not ended
    /// is paused.
    ///
    /// # Errors
    /// [`StoredError::Invalid`] when it is no exported execution, [`StoredError::Stuck`] when it
    /// cannot be replayed here, [`StoredError::Store`] when it is there already, and those of
    /// [`start`](Self::start) when the user may start nothing.
    pub async fn import(&self, exported: &[u8]) -> Result<ExecutionId, StoredError> {
        let (keeper, store) = self.keeping()?;
        authorize::user(&self.caller)?;
        let mut file = read_file(exported)?;
        let id = file.id;
        if let Some(Value::Object(first)) = file.records.first_mut() {
            first.insert("tenant".to_owned(), Value::from(self.id().as_str()));
        }
        let (plan, pinned) = self.plan_of(&file)?;
        let contents = Contents::read(&file)?;
        let (replay, failed) = replay_file(&plan, &file, &contents).await;
        if let Some((_, error)) = failed {
            return Err(StoredError::of_replay(id, error));
        }
        check_first(&replay, id, self.id()).map_err(|error| StoredError::of_replay(id, error))?;
        let document = Bytes::from(file.workflow.document.clone().into_bytes());
        let workflow = NewWorkflow {
            id: file.workflow.id.clone(),
            name: file.workflow.name.clone(),
            digest: limits::digest_of(&document),
            document,
        };
        let patience = Instant::now() + keeper.options.lease;
        let workflow = insist(patience, || store.put_workflow(workflow.clone())).await;
        let mut batches = contents.batches(&file)?.into_iter();
        let (records, payloads) = batches.next().unwrap_or_default();
        let new = NewExecution {
            id,
            workflow: workflow.map_err(StoredError::Store)?,
            pinned,
            user: file.user.clone(),
            retry_of: file.retry_of,
            records,
            payloads,
            claim: Some((keeper.worker, keeper.options.lease)),
        };
        let created = create(&*store, new, patience).await;
        let created = created.map_err(StoredError::Store)?;
        let status = replay.execution.status();
        let mut state = match status {
            ExecutionStatus::Running => {
                let asked = store.request(id, Request::Pause).await;
                asked.map_err(StoredError::Store)?;
                ExecutionState::Paused
            }
            _ => ExecutionState::Ended {
                status: status.as_str().to_owned(),
            },
        };
        let mut after = created.length;
        let mut rest: Vec<_> = batches.collect();
        if rest.is_empty() {
            rest.push((Vec::new(), Vec::new()));
        }
        let count = rest.len();
        for (place, (records, payloads)) in rest.into_iter().enumerate() {
            let is_last = place + 1 == count;
            let length = records.len() as u64;
            let append = Append {
                execution: id,
                fence: created.fence,
                after,
                records,
                payloads,
                state: is_last.then(|| std::mem::replace(&mut state, ExecutionState::Running)),
            };
            store.append(append).await.map_err(StoredError::Store)?;
            after += length;
        }
        Ok(id)
    }

    /// Replays an exported execution, and finds the first difference between what is recorded and
    /// what comes of it with this program and the node types that there are here. Nothing is run,
    /// and nothing is written.
    ///
    /// # Errors
    /// [`StoredError::Invalid`] when it is no exported execution, [`StoredError::Stuck`] when its
    /// plan cannot be made here.
    pub async fn replay(&self, exported: &[u8]) -> Result<ReplayOutcome, StoredError> {
        let file = read_file(exported)?;
        let (plan, _) = self.plan_of(&file)?;
        let contents = Contents::read(&file)?;
        let (replay, failed) = replay_file(&plan, &file, &contents).await;
        let events = replay.events.len() as u64;
        let difference = match failed {
            Some((sequence, error)) => Some(ReplayDifference {
                sequence: Some(sequence),
                place: None,
                recorded: file
                    .records
                    .get(sequence.saturating_sub(1) as usize)
                    .map(shortened)
                    .unwrap_or_default(),
                now: error.to_string(),
            }),
            None => {
                let journal = Journal::new(file.id, Arc::clone(&plan));
                journal.close();
                let report = Report::new(file.id, plan, replay.execution, journal);
                first_difference(&file.report, &report_value(&report))
            }
        };
        Ok(ReplayOutcome {
            execution: file.id,
            events,
            difference,
        })
    }

    fn plan_of(&self, file: &File) -> Result<(Arc<PreparedPlan>, Bytes), StoredError> {
        let of_replay = |error: ReplayError| StoredError::of_replay(file.id, error);
        let pinned = serde_json::to_vec(&file.pinned)
            .map_err(|error| StoredError::invalid(error.to_string()))?;
        let decoded = Pinned::decode(&pinned).map_err(|error| of_replay(error.into()))?;
        let name = format!("{} of `{}`", file.workflow.name, file.id);
        let document = SourceText::from_bytes(name, file.workflow.document.clone().into_bytes());
        let document = document.map_err(StoredError::Plan)?;
        let plan = decoded
            .plan(&self.caller, &document)
            .map_err(|error| of_replay(error.into()))?;
        Ok((Arc::new(plan), pinned.into()))
    }
}

fn read_file(exported: &[u8]) -> Result<File, StoredError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Head {
        jackfield_execution: u32,
    }
    if exported.len() > MOST_BYTES {
        return Err(StoredError::invalid(format!(
            "an exported execution has at most {MOST_BYTES} bytes"
        )));
    }
    let wrong = |error: serde_json::Error| {
        StoredError::invalid(format!("this is no exported execution: {error}"))
    };
    let head: Head = serde_json::from_slice(exported).map_err(wrong)?;
    if head.jackfield_execution != FORMAT {
        return Err(StoredError::invalid(format!(
            "the exported execution has format version {}, and this program knows {FORMAT}; read it with the program that wrote it, or a newer one",
            head.jackfield_execution
        )));
    }
    serde_json::from_slice(exported).map_err(wrong)
}

/// The payloads of a file.
struct Contents(BTreeMap<Digest, Bytes>);

type Batch = (Vec<Bytes>, Vec<(Digest, Bytes)>);

impl Contents {
    fn read(file: &File) -> Result<Self, StoredError> {
        let mut contents = BTreeMap::new();
        for (name, value) in &file.payloads {
            let content = serde_json::to_vec(value)
                .map_err(|error| StoredError::invalid(error.to_string()))?;
            let digest = limits::digest_of(&content);
            if digest.to_string() != *name {
                return Err(StoredError::invalid(format!(
                    "payload `{name}` is not what its name says, but `{digest}`"
                )));
            }
            contents.insert(digest, Bytes::from(content));
        }
        Ok(Self(contents))
    }

    /// The records, as many at once as a store takes, each with the payloads that it names.
    fn batches(&self, file: &File) -> Result<Vec<Batch>, StoredError> {
        let mut batches: Vec<Batch> = Vec::new();
        let mut bytes = 0;
        for value in &file.records {
            let record = serde_json::to_vec(value)
                .map_err(|error| StoredError::invalid(error.to_string()))?;
            bytes += record.len();
            let is_full = batches.last().is_none_or(|(records, _)| {
                records.len() >= limits::RECORDS / 2 || bytes > limits::BATCH_BYTES / 2
            });
            if is_full {
                batches.push(Batch::default());
                bytes = record.len();
            }
            if let Some((records, payloads)) = batches.last_mut() {
                for digest in Record::decode(&record).iter().flat_map(Record::payloads) {
                    if let Some(content) = self.0.get(&digest) {
                        payloads.push((digest, content.clone()));
                    }
                }
                records.push(record.into());
            }
        }
        Ok(batches)
    }
}

impl PayloadSource for Contents {
    fn payload(&self, digest: Digest) -> StoreFuture<'_, Bytes> {
        let found = self.0.get(&digest).cloned();
        let missing = || StoreError::not_found(format!("payload `{digest}` in the file"));
        let found = found.ok_or_else(missing);
        Box::pin(std::future::ready(found))
    }
}

/// Replays the records of a file as far as they go, and says which one does not fit.
async fn replay_file(
    plan: &Arc<PreparedPlan>,
    file: &File,
    contents: &Contents,
) -> (Replay, Option<(u64, ReplayError)>) {
    let mut replay = Replay::new(plan.graph());
    for (sequence, value) in (1..).zip(&file.records) {
        let record = JournalRecord {
            sequence,
            record: serde_json::to_vec(value).unwrap_or_default().into(),
        };
        let is_end = value.get("event").and_then(Value::as_str) == Some("execution-finished");
        let ordered = if is_end { replay.ordered_end() } else { None };
        let before = replay.events.len();
        if let Err(error) = replay.step(&record, contents).await {
            return (replay, Some((sequence, error)));
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

/// A report as it is compared: as JSON, which it always can be.
fn report_value(report: &Report) -> Value {
    serde_json::to_value(report).unwrap_or_default()
}

/// The first place, in the order of the document, at which two values differ.
fn first_difference(recorded: &Value, now: &Value) -> Option<ReplayDifference> {
    let mut place = String::new();
    let (recorded, now) = differing(recorded, now, &mut place)?;
    Some(ReplayDifference {
        sequence: None,
        place: Some(place),
        recorded: recorded.map(shortened).unwrap_or_default(),
        now: now.map(shortened).unwrap_or_default(),
    })
}

type Differing<'a> = (Option<&'a Value>, Option<&'a Value>);

fn differing<'a>(a: &'a Value, b: &'a Value, place: &mut String) -> Option<Differing<'a>> {
    let length = place.len();
    let mut within = |key: &str, a: Option<&'a Value>, b: Option<&'a Value>| {
        place.truncate(length);
        place.push('/');
        place.push_str(&key.replace('~', "~0").replace('/', "~1"));
        match (a, b) {
            (Some(a), Some(b)) => differing(a, b, place),
            (None, None) => None,
            (a, b) => Some((a, b)),
        }
    };
    match (a, b) {
        (Value::Object(left), Value::Object(right)) => {
            let keys = left.keys().chain(right.keys());
            for key in keys {
                if let Some(found) = within(key, left.get(key), right.get(key)) {
                    return Some(found);
                }
            }
            None
        }
        (Value::Array(left), Value::Array(right)) => (0..left.len().max(right.len()))
            .find_map(|index| within(&index.to_string(), left.get(index), right.get(index))),
        (a, b) => (a != b).then_some((Some(a), Some(b))),
    }
}

/// A value as it is shown.
fn shortened(value: &Value) -> String {
    const MOST: usize = 512;
    let text = value.to_string();
    if text.len() <= MOST {
        return text;
    }
    format!("{}…", &text[..text.floor_char_boundary(MOST)])
}
