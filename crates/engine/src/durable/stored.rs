//! Executions as the store has them, whoever runs them.

use std::sync::Arc;

use jackfield_kernel::Event;
use jackfield_store_api::{
    ExecutionFilter, ExecutionRecord, ExecutionState, Page, PageRequest, Requests, TenantStore,
    WorkflowVersion,
};
use jackfield_types::{ExecutionId, UserId};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::StoredError;
use super::keeper::Keeper;
use super::replay::{ReplayError, pinned_plan, replay};
use crate::execution::Caller;
use crate::{Journal, JournalEntry, PreparedPlan, Report, TenantEngine};

/// An execution that is kept, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct StoredExecution {
    /// Its id.
    pub id: ExecutionId,
    /// The workflow that it runs, in just this version.
    pub workflow: WorkflowVersion,
    /// Who started it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// The execution that it repeats.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<ExecutionId>,
    /// The execution that it is a part of: the first of those that called one another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part_of: Option<ExecutionId>,
    /// How it stands.
    pub state: ExecutionState,
    /// What has been asked of it.
    pub requests: Requests,
    /// When it was made.
    pub created_at: Timestamp,
    /// When something last happened in it.
    pub changed_at: Timestamp,
    /// How many events it has.
    pub events: u64,
}

impl From<ExecutionRecord> for StoredExecution {
    fn from(record: ExecutionRecord) -> Self {
        Self {
            id: record.id,
            workflow: record.workflow,
            user: record.user,
            retry_of: record.retry_of,
            part_of: record.part_of,
            state: record.state,
            requests: record.requests,
            created_at: record.created_at,
            changed_at: record.changed_at,
            events: record.length,
        }
    }
}

/// All that happened in an execution so far, as the store has it.
#[derive(Clone)]
pub struct History {
    execution: StoredExecution,
    pub(super) plan: Arc<PreparedPlan>,
    pub(super) events: Vec<Event>,
}

impl History {
    /// The execution, in short.
    pub fn execution(&self) -> &StoredExecution {
        &self.execution
    }

    /// Its events, in order.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = JournalEntry> + '_ {
        self.events.iter().enumerate().map(|(place, event)| {
            let node = event.kind.node();
            JournalEntry {
                sequence: place as u64 + 1,
                execution: self.execution.id,
                node_name: node.map(|node| self.plan.node(node).name.clone()),
                event: event.clone(),
            }
        })
    }

    /// What became of it so far.
    ///
    /// # Errors
    /// [`StoredError::Stuck`] never, as long as what was read once stays what it is.
    pub fn report(&self) -> Result<Report, StoredError> {
        self.report_at(self.events.len() as u64)
    }

    /// How it stood after so many events.
    ///
    /// # Errors
    /// [`StoredError::Invalid`] when there are not so many.
    pub fn report_at(&self, events: u64) -> Result<Report, StoredError> {
        let count = usize::try_from(events).ok();
        let events = count.and_then(|count| self.events.get(..count));
        let Some(events) = events else {
            return Err(StoredError::invalid(format!(
                "execution `{}` has {} events",
                self.execution.id,
                self.events.len()
            )));
        };
        let id = self.execution.id;
        let mut execution = jackfield_kernel::Execution::new(Arc::clone(self.plan.graph()));
        for event in events {
            let applied = execution.apply(event);
            applied.map_err(|error| StoredError::Stuck {
                execution: id,
                reason: error.to_string(),
            })?;
        }
        let journal = Journal::new(id, Arc::clone(&self.plan));
        journal.write_from(events.to_vec());
        journal.close();
        let plan = Arc::clone(&self.plan);
        Ok(Report::new(id, plan, execution, journal))
    }
}

impl TenantEngine {
    /// The tenant's executions that are kept, newest first.
    ///
    /// # Errors
    /// [`StoredError::NoStore`], [`StoredError::Store`].
    pub async fn stored_executions(
        &self,
        filter: &ExecutionFilter,
        page: &PageRequest,
    ) -> Result<Page<StoredExecution>, StoredError> {
        let (_, store) = self.keeping()?;
        let found = store.list_executions(filter, page).await;
        let Page { entries, next } = found.map_err(StoredError::Store)?;
        Ok(Page {
            entries: entries.into_iter().map(StoredExecution::from).collect(),
            next,
        })
    }

    /// One of the tenant's executions that are kept, in short.
    ///
    /// # Errors
    /// [`StoredError::UnknownExecution`], [`StoredError::NoStore`], [`StoredError::Store`].
    pub async fn stored_execution(&self, id: ExecutionId) -> Result<StoredExecution, StoredError> {
        let (_, store) = self.keeping()?;
        let found = store.execution(id).await;
        found
            .map(StoredExecution::from)
            .map_err(|error| StoredError::of_store(id, error))
    }

    /// All that happened in one of the tenant's executions.
    ///
    /// # Errors
    /// [`StoredError::UnknownExecution`], [`StoredError::Stuck`] when it cannot be replayed, such as
    /// when a plugin is gone ([`stored_records`](Self::stored_records) are there all the same),
    /// [`StoredError::NoStore`], [`StoredError::Store`].
    pub async fn history(&self, id: ExecutionId) -> Result<History, StoredError> {
        let (_, store) = self.keeping()?;
        load(&self.caller, &store, id)
            .await
            .map(|(history, _)| history)
    }

    /// The records of one of the tenant's executions, after a number, as they are written: what
    /// [`history`](Self::history) is read from.
    ///
    /// # Errors
    /// [`StoredError::UnknownExecution`], [`StoredError::NoStore`], [`StoredError::Store`].
    pub async fn stored_records(
        &self,
        id: ExecutionId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Value>, StoredError> {
        let (_, store) = self.keeping()?;
        let records = store.journal(id, after, limit).await;
        let records = records.map_err(|error| StoredError::of_store(id, error))?;
        let read = records.into_iter().map(|record| {
            serde_json::from_slice(&record.record).map_err(|error| StoredError::Stuck {
                execution: id,
                reason: format!("record {} is no JSON: {error}", record.sequence),
            })
        });
        read.collect()
    }
}

/// Reads all of an execution.
pub(crate) async fn load(
    caller: &Caller,
    store: &Arc<dyn TenantStore>,
    id: ExecutionId,
) -> Result<(History, ExecutionRecord), StoredError> {
    let found = store.execution(id).await;
    let found = found.map_err(|error| StoredError::of_store(id, error))?;
    let read = async {
        let (_, plan) = pinned_plan(caller, store, &found).await?;
        let replayed = replay(store, &found, &plan).await?;
        Ok::<_, ReplayError>((plan, replayed.events))
    };
    let (plan, events) = read
        .await
        .map_err(|error| StoredError::of_replay(id, error))?;
    let history = History {
        execution: found.clone().into(),
        plan,
        events,
    };
    Ok((history, found))
}

/// Reads all of an execution with a plan that may be another one than it began with.
pub(super) async fn load_with(
    store: &Arc<dyn TenantStore>,
    found: &ExecutionRecord,
    plan: &Arc<PreparedPlan>,
) -> Result<History, StoredError> {
    let replayed = replay(store, found, plan)
        .await
        .map_err(|error| StoredError::of_replay(found.id, error))?;
    Ok(History {
        execution: found.clone().into(),
        plan: Arc::clone(plan),
        events: replayed.events,
    })
}

/// The report of an execution, if it has ended and can be read.
pub(crate) async fn ended_report(
    caller: &Caller,
    keeper: &Arc<Keeper>,
    id: ExecutionId,
) -> Option<Report> {
    let store = keeper.store.tenant(caller.state.id());
    let found = store.execution(id).await.ok()?;
    if !matches!(found.state, ExecutionState::Ended { .. }) {
        return None;
    }
    let (history, _) = load(caller, &store, id).await.ok()?;
    history.report().ok()
}
