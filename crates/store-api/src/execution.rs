use std::time::Duration;

use bytes::Bytes;
use jackfield_types::{Digest, ExecutionId, UserId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Append, Appended, Claim, Claimed, Fence, JournalRecord, Lease, NewSignal, Page, PageRequest,
    Signal, Standing, StoreFuture, WorkflowVersion,
};

/// How an execution stands, as far as a store has to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "state",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum ExecutionState {
    /// It runs, or should: whoever finds that nobody holds it may take it up.
    Running,
    /// Nothing of it is in memory until something happens.
    Parked(Waiting),
    /// Not all of its first records are written yet: whoever makes it adds the rest, and says with
    /// the last of them how it stands. Until then it is none that could be run, so no worker takes
    /// it up, and asking that it go on changes nothing; asking that it end ends it at once, as
    /// `cancelled`.
    Incomplete,
    /// Nobody takes it up until somebody asks that it go on. Only an execution that is asked to
    /// pause is paused: see [`Executions::append`].
    Paused,
    /// It cannot go on until somebody repairs something, such as a plugin that is gone.
    Stuck {
        /// Why.
        reason: String,
    },
    /// It has ended.
    Ended {
        /// How, in the engine's words.
        status: String,
    },
}

/// What a parked execution waits for: whatever comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Waiting {
    /// A time, by the store's clock. Stores keep it to the microsecond, rounded up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// A signal with a number greater than this one. A request wakes it in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal_after: Option<u64>,
}

impl ExecutionState {
    /// Its name, as it is written and filtered by.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Parked(_) => "parked",
            Self::Incomplete => "incomplete",
            Self::Paused => "paused",
            Self::Stuck { .. } => "stuck",
            Self::Ended { .. } => "ended",
        }
    }

    /// Whether nothing more can happen.
    pub fn has_ended(&self) -> bool {
        matches!(self, Self::Ended { .. })
    }
}

/// What an execution is made with.
#[derive(Debug, Clone)]
pub struct NewExecution {
    /// Its id.
    pub id: ExecutionId,
    /// The workflow that it runs, in just this version.
    pub workflow: WorkflowVersion,
    /// What it is pinned to beside: node types with versions and digests, options. Opaque.
    pub pinned: Bytes,
    /// Who started it.
    pub user: Option<UserId>,
    /// The execution that it repeats.
    pub retry_of: Option<ExecutionId>,
    /// The execution that it is a part of: the first one, if executions call one another. A part
    /// is kept as long as that is, and goes with it.
    pub part_of: Option<ExecutionId>,
    /// Its first records.
    pub records: Vec<Bytes>,
    /// Large contents that the records name by digest.
    pub payloads: Vec<(Digest, Bytes)>,
    /// How it stands from the beginning. One that is paused is asked to pause as well.
    pub state: ExecutionState,
    /// Who holds it from the beginning, and how long; nothing when anybody may take it up. Somebody
    /// has to hold one that is incomplete, and nobody holds one that stands otherwise than that or
    /// [`ExecutionState::Running`].
    pub claim: Option<(crate::WorkerId, Duration)>,
}

/// An execution, as a store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionRecord {
    /// Its id.
    pub id: ExecutionId,
    /// The workflow that it runs.
    pub workflow: WorkflowVersion,
    /// What it is pinned to beside.
    pub pinned: Bytes,
    /// Who started it.
    pub user: Option<UserId>,
    /// The execution that it repeats.
    pub retry_of: Option<ExecutionId>,
    /// The execution that it is a part of.
    pub part_of: Option<ExecutionId>,
    /// How it stands.
    pub state: ExecutionState,
    /// What others have asked that it do.
    pub requests: Requests,
    /// When it was made, by the store's clock.
    pub created_at: Timestamp,
    /// When it was last changed, by the store's clock.
    pub changed_at: Timestamp,
    /// How many records its journal has.
    pub length: u64,
    /// How often it was claimed: 0 when it never was.
    pub fence: Fence,
    /// Who holds it.
    pub lease: Option<Lease>,
}

/// Which executions are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExecutionFilter {
    /// Those of a workflow, by its id.
    pub workflow: Option<String>,
    /// Those that stand so; see [`ExecutionState::as_str`].
    pub state: Option<String>,
    /// Those that ended so.
    pub status: Option<String>,
    /// Those that are a part of this one.
    pub part_of: Option<ExecutionId>,
    /// Those made at or after this time.
    pub from: Option<Timestamp>,
    /// Those made before this time.
    pub until: Option<Timestamp>,
}

/// What may be asked of an execution wherever it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Request {
    /// That it end.
    Cancel,
    /// That it stop after what runs now.
    Pause,
    /// That it go on after a pause, or after what it was stuck at was repaired.
    Resume,
}

/// What has been asked of an execution and not been taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Requests {
    /// That it end.
    pub cancel: bool,
    /// That it stop.
    pub pause: bool,
}

/// A tenant's executions and their journals.
pub trait Executions: Send + Sync {
    /// Makes an execution, with its first records and all else that it begins with, or nothing of
    /// it. One with more records than are added at once is [`ExecutionState::Incomplete`] at first.
    ///
    /// # Errors
    /// [`StoreError::Exists`](crate::StoreError::Exists),
    /// [`StoreError::NotFound`](crate::StoreError::NotFound) when there is no such version of the
    /// workflow,
    /// [`StoreError::Refused`](crate::StoreError::Refused) when something is not within
    /// [`limits`](crate::limits), or a payload is not what its digest says.
    fn create_execution(&self, execution: NewExecution) -> StoreFuture<'_, ExecutionRecord>;

    /// One execution.
    ///
    /// # Errors
    /// [`StoreError::NotFound`](crate::StoreError::NotFound).
    fn execution(&self, id: ExecutionId) -> StoreFuture<'_, ExecutionRecord>;

    /// Executions, newest first: by the time when they were made, then by id.
    ///
    /// # Errors
    /// [`StoreError::Refused`](crate::StoreError::Refused) when the page's key is none that a page
    /// had.
    fn list_executions<'a>(
        &'a self,
        filter: &'a ExecutionFilter,
        page: &'a PageRequest,
    ) -> StoreFuture<'a, Page<ExecutionRecord>>;

    /// Takes one execution up, if nobody holds it and it has not ended; `None` otherwise. A parked
    /// one is taken up whether or not what it waits for has happened. A paused or stuck one is not:
    /// ask that it go on first.
    ///
    /// What was taken up is [`ExecutionState::Running`] from then on, and keeps its requests. An
    /// incomplete one stays so: it is taken up to add what is missing, by somebody who has that.
    ///
    /// # Errors
    /// [`StoreError::NotFound`](crate::StoreError::NotFound).
    fn claim_execution(&self, id: ExecutionId, claim: Claim) -> StoreFuture<'_, Option<Claimed>>;

    /// Holds an execution for longer, and tells what has been asked of it. A lease that has run out
    /// can be renewed as long as nobody else has taken the execution up.
    ///
    /// # Errors
    /// [`StoreError::Fenced`](crate::StoreError::Fenced) when another worker has taken it up, or
    /// this one has let go of it.
    fn renew(&self, id: ExecutionId, fence: Fence, lease: Duration) -> StoreFuture<'_, Standing>;

    /// Lets go of an execution as it is, so that another worker may take it up at once.
    ///
    /// # Errors
    /// [`StoreError::Fenced`](crate::StoreError::Fenced) when another worker has taken it up, or
    /// this one has let go of it.
    fn release(&self, id: ExecutionId, fence: Fence) -> StoreFuture<'_, ()>;

    /// Lets go of an execution that cannot be read, and so cannot be appended to by whoever does not
    /// know how long its journal is: it is stuck from then on, or has ended as `cancelled` if it is
    /// asked to end.
    ///
    /// # Errors
    /// [`StoreError::Fenced`](crate::StoreError::Fenced) when another worker has taken it up, or
    /// this one has let go of it,
    /// [`StoreError::Refused`](crate::StoreError::Refused) when the reason is not within
    /// [`limits`](crate::limits).
    fn give_up(&self, id: ExecutionId, fence: Fence, reason: String) -> StoreFuture<'_, ()>;

    /// Adds to a journal, and perhaps changes how the execution stands. Parking, pausing, getting
    /// stuck and ending let go of it. Calls for one execution take effect in the order in which
    /// they are made, whether or not their futures have been polled yet.
    ///
    /// An execution that is parked while something that would wake it has happened already stays
    /// to be taken up at once. So does one that is paused although nobody asks that it pause any
    /// more, and whatever is parked, paused or stuck although it is asked to end: it stands as
    /// [`ExecutionState::Running`] then.
    ///
    /// # Errors
    /// [`StoreError::Fenced`](crate::StoreError::Fenced) when another worker has taken it up, or
    /// this one has let go of it,
    /// [`StoreError::OutOfTurn`](crate::StoreError::OutOfTurn) when the journal ends elsewhere or
    /// the execution has ended,
    /// [`StoreError::Refused`](crate::StoreError::Refused) when something is not within
    /// [`limits`](crate::limits), or a payload is not what its digest says.
    fn append(&self, append: Append) -> StoreFuture<'_, Appended>;

    /// Reads a journal: records after a number, at least one if there is one, `limit` at the most
    /// (and at most [`PageRequest::MOST`]), and fewer when they are large. It ends where
    /// [`ExecutionRecord::length`] says, or where nothing comes any more.
    ///
    /// # Errors
    /// [`StoreError::NotFound`](crate::StoreError::NotFound).
    fn journal(
        &self,
        id: ExecutionId,
        after: u64,
        limit: u32,
    ) -> StoreFuture<'_, Vec<JournalRecord>>;

    /// Asks something of an execution. It takes effect when its holder next writes or renews, or at
    /// once if nobody holds it: a parked one is to be taken up, a paused or stuck one goes on or is
    /// taken up to be cancelled. Asking that it go on takes back that it pause.
    ///
    /// # Errors
    /// [`StoreError::NotFound`](crate::StoreError::NotFound),
    /// [`StoreError::OutOfTurn`](crate::StoreError::OutOfTurn) when it has ended.
    fn request(&self, id: ExecutionId, request: Request) -> StoreFuture<'_, ExecutionRecord>;

    /// Sends a signal, and says which number it got. It is kept whether or not the execution waits
    /// for one now. One with a key that the execution has got already, by whichever process, is not
    /// sent again: it is said which number it got then, also when the execution has ended since. So
    /// a call whose outcome is not known can be repeated.
    ///
    /// # Errors
    /// [`StoreError::NotFound`](crate::StoreError::NotFound),
    /// [`StoreError::OutOfTurn`](crate::StoreError::OutOfTurn) when it has ended,
    /// [`StoreError::Exists`](crate::StoreError::Exists) when it has got a signal with this key and
    /// another name or other data,
    /// [`StoreError::Refused`](crate::StoreError::Refused) when the signal is not within
    /// [`limits`](crate::limits), or the execution has got as many as it may have.
    fn signal(&self, id: ExecutionId, signal: NewSignal) -> StoreFuture<'_, u64>;

    /// Sends a signal without a key, as [`signal`](Self::signal) does.
    ///
    /// # Errors
    /// Those of [`signal`](Self::signal).
    fn send_signal<'a>(
        &'a self,
        id: ExecutionId,
        name: &'a str,
        data: Bytes,
    ) -> StoreFuture<'a, u64> {
        self.signal(id, NewSignal::new(name, data))
    }

    /// The signals of an execution after a number, oldest first: at least one if there is one, at
    /// most [`PageRequest::MOST`], and fewer when they are large.
    ///
    /// # Errors
    /// [`StoreError::NotFound`](crate::StoreError::NotFound).
    fn signals(&self, id: ExecutionId, after: u64) -> StoreFuture<'_, Vec<Signal>>;
}
