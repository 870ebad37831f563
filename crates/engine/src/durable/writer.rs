use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jackfield_kernel::{Event, EventKind};
use jackfield_store_api::{Append, Appended, ExecutionState, StoreError, limits};
use jackfield_types::{Digest, Items};
use tokio::time::Instant;

use super::keeper::{Keeper, Keeping};
use super::record::Encoder;
use super::{Hold, Presence};

/// How many records are gathered for one call at the most.
const GROUP_RECORDS: usize = limits::RECORDS / 2;
/// How many bytes of records are gathered for one call, as far as each of them allows.
const GROUP_BYTES: usize = limits::BATCH_BYTES / 4;
/// The first wait before a call is repeated, and the longest.
const WAITS: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// Why nothing more can be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Lost {
    /// Another worker holds the execution, or may.
    #[error("it was taken over by another worker")]
    TakenOver,
    /// The store could not be reached for too long, or failed.
    #[error("{0}")]
    Store(String),
    /// The store does not take what is to be written, and never will.
    #[error("{0}")]
    Refused(String),
}

/// Writes the journal of one execution: events are gathered, and each group is appended while the
/// next one is gathered.
pub(crate) struct Writer {
    keeping: Keeping,
    encoder: Encoder,
    groups: VecDeque<Group>,
    flight: Option<BoxFuture<'static, Landed>>,
    /// How many records the store has acknowledged.
    acknowledged: u64,
    /// How many records there are, those that are only gathered included.
    recorded: u64,
    /// The number of the last record that is more than the start of an attempt.
    led_to: u64,
    failed: Option<String>,
}

/// What is appended at once.
#[derive(Default)]
struct Group {
    records: Vec<Bytes>,
    payloads: Vec<(Digest, Bytes)>,
    /// What is told when the group is acknowledged.
    events: Vec<Event>,
    bytes: usize,
    state: Option<ExecutionState>,
}

struct Landed {
    group: Group,
    result: Result<Appended, Lost>,
}

impl Writer {
    /// Goes on after so many records, all acknowledged.
    pub(crate) fn new(keeping: Keeping, length: u64) -> Self {
        Self {
            encoder: Encoder::new(&keeping.keeper.options),
            keeping,
            groups: VecDeque::new(),
            flight: None,
            acknowledged: length,
            recorded: length,
            led_to: length,
            failed: None,
        }
    }

    pub(crate) fn hold(&self) -> &Arc<Hold> {
        &self.keeping.hold
    }

    pub(crate) fn keeper(&self) -> &Arc<Keeper> {
        &self.keeping.keeper
    }

    pub(crate) fn presence(&self) -> Arc<Presence> {
        self.keeping.presence()
    }

    /// How much has to be acknowledged before what is recorded now may be acted on.
    pub(crate) fn led_to(&self) -> u64 {
        self.led_to
    }

    pub(crate) fn has_acknowledged(&self, record: u64) -> bool {
        record <= self.acknowledged
    }

    /// Gathers an event that is about to be applied. `inputs` are those of its node.
    pub(crate) fn gather(&mut self, event: &Event, inputs: &[Items]) {
        let is_full = self
            .groups
            .back()
            .is_none_or(|group| group.records.len() >= GROUP_RECORDS || group.bytes >= GROUP_BYTES);
        if is_full {
            self.groups.push_back(Group::default());
        }
        let Some(group) = self.groups.back_mut() else {
            return;
        };
        match self.encoder.encode(event, inputs, &mut group.payloads) {
            Ok(record) => {
                group.bytes += record.len();
                group.records.push(record);
            }
            Err(error) => self.failed = Some(error.to_string()),
        }
        self.recorded += 1;
        if !matches!(event.kind, EventKind::AttemptStarted { .. }) {
            self.led_to = self.recorded;
        }
    }

    /// Has an event that was gathered and applied told when it is acknowledged.
    pub(crate) fn tell_later(&mut self, event: Event) {
        if let Some(group) = self.groups.back_mut() {
            group.events.push(event);
        }
    }

    /// Says how the execution stands once all that is gathered is written.
    pub(crate) fn end_with(&mut self, state: ExecutionState) {
        if self.groups.is_empty() {
            self.groups.push_back(Group::default());
        }
        if let Some(group) = self.groups.back_mut() {
            group.state = Some(state);
        }
    }

    /// Begins to append what is gathered, unless something is being appended already.
    pub(crate) fn write(&mut self) -> Result<(), Lost> {
        if let Some(error) = &self.failed {
            return Err(Lost::Refused(error.clone()));
        }
        if self.flight.is_none()
            && let Some(group) = self.groups.pop_front()
        {
            let hold = Arc::clone(&self.keeping.hold);
            let after = self.acknowledged;
            self.flight = Some(append(hold, after, group).boxed());
        }
        Ok(())
    }

    /// Whether there is nothing that is not acknowledged.
    pub(crate) fn is_idle(&self) -> bool {
        self.flight.is_none() && self.groups.is_empty()
    }

    /// Waits until what is being appended is acknowledged, and gives the events in it; without
    /// anything that is being appended it waits for ever. Dropping the future loses nothing.
    pub(crate) async fn landed(&mut self) -> Result<Vec<Event>, Lost> {
        let Some(flight) = &mut self.flight else {
            return std::future::pending().await;
        };
        let Landed { group, result } = flight.await;
        self.flight = None;
        let appended = result?;
        self.acknowledged += group.records.len() as u64;
        self.keeping.hold.hear(appended.standing);
        Ok(group.events)
    }

    /// Appends all that is gathered, and gives the events in it.
    pub(crate) async fn flush(&mut self) -> Result<Vec<Event>, Lost> {
        let mut events = Vec::new();
        loop {
            self.write()?;
            if self.is_idle() {
                return Ok(events);
            }
            events.extend(self.landed().await?);
        }
    }
}

/// Appends a group. What the store cannot do now is tried again as long as the lease lasts.
async fn append(hold: Arc<Hold>, after: u64, group: Group) -> Landed {
    let (mut wait, longest) = WAITS;
    let mut is_repeated = false;
    loop {
        let append = Append {
            execution: hold.execution,
            fence: hold.fence,
            after,
            records: group.records.clone(),
            payloads: group.payloads.clone(),
            state: group.state.clone(),
        };
        let error = match hold.store.append(append).await {
            Ok(appended) => {
                let result = Ok(appended);
                return Landed { group, result };
            }
            Err(error) => error,
        };
        let error = match error {
            // The call before may have been carried out without a word.
            StoreError::Fenced { .. } | StoreError::OutOfTurn { .. } if is_repeated => {
                match was_written(&hold, after, &group).await {
                    Ok(Some(appended)) => {
                        let result = Ok(appended);
                        return Landed { group, result };
                    }
                    Ok(None) => {
                        let result = Err(Lost::TakenOver);
                        return Landed { group, result };
                    }
                    // It is not known yet.
                    Err(error) => error,
                }
            }
            error => error,
        };
        let lost = match error {
            StoreError::Fenced { .. } => Lost::TakenOver,
            StoreError::Refused { reason } => Lost::Refused(reason),
            error if error.is_transient() && Instant::now() + wait < hold.valid_until() => {
                tracing::warn!(
                    target: "engine",
                    execution = %hold.execution,
                    error = %error,
                    "journal was not written; trying again"
                );
                is_repeated = true;
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(longest);
                continue;
            }
            error => Lost::Store(error.to_string()),
        };
        let result = Err(lost);
        return Landed { group, result };
    }
}

/// Whether a group was written where it was to be written.
async fn was_written(
    hold: &Hold,
    after: u64,
    group: &Group,
) -> Result<Option<Appended>, StoreError> {
    let (store, id) = (&hold.store, hold.execution);
    let record = store.execution(id).await?;
    let count = group.records.len() as u64;
    if record.fence != hold.fence || record.length != after + count {
        return Ok(None);
    }
    let stands_so = match &group.state {
        None => true,
        Some(state @ (ExecutionState::Running | ExecutionState::Incomplete)) => {
            record.state == *state
        }
        // How it stands may have been changed since by what somebody asked of it. That it was let go
        // of has not: only the next one who claims it changes that, and has another fence.
        Some(
            ExecutionState::Parked(_)
            | ExecutionState::Paused
            | ExecutionState::Stuck { .. }
            | ExecutionState::Ended { .. },
        ) => record.lease.is_none(),
    };
    if !stands_so {
        return Ok(None);
    }
    let mut place = 0;
    while place < group.records.len() {
        let limit = u32::try_from(group.records.len() - place).unwrap_or(u32::MAX);
        let found = store.journal(id, after + place as u64, limit).await?;
        if found.is_empty() {
            return Ok(None);
        }
        for record in found {
            if group.records.get(place) != Some(&record.record) {
                return Ok(None);
            }
            place += 1;
        }
    }
    Ok(Some(Appended {
        length: record.length,
        standing: jackfield_store_api::Standing {
            requests: record.requests,
            signals: hold.signals(),
        },
    }))
}
