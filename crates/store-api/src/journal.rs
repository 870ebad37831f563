use bytes::Bytes;
use jackfield_types::{Digest, ExecutionId};

use crate::{ExecutionState, Fence, Requests};

/// One entry of a journal, as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalRecord {
    /// Its number, from 1, without gaps.
    pub sequence: u64,
    /// What was written.
    pub record: Bytes,
}

/// What is added to the end of a journal, all of it or nothing.
#[derive(Debug, Clone)]
pub struct Append {
    /// The execution.
    pub execution: ExecutionId,
    /// What its writer got when it claimed the execution.
    pub fence: Fence,
    /// How many records the journal has before these. Guards against what was lost or repeated.
    pub after: u64,
    /// The records, in order. There may be none, when just the state changes.
    pub records: Vec<Bytes>,
    /// Large contents that the records name by digest. All that they name has to be here: what the
    /// tenant's store has already is kept once, for as long as an execution brought it.
    pub payloads: Vec<(Digest, Bytes)>,
    /// How the execution stands from now on; nothing when that does not change.
    pub state: Option<ExecutionState>,
}

/// What became of an [`Append`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// How many records the journal has now.
    pub length: u64,
    /// How the execution stands with those who ask things of it.
    pub standing: Standing,
}

/// What the holder of an execution has to know now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// What others have asked that it do.
    pub requests: Requests,
    /// The number of the last signal that was sent to it; 0 when there was none.
    pub signals: u64,
}
