use std::fmt;
use std::time::Duration;

use jackfield_types::{ExecutionId, TenantId};
use jiff::Timestamp;
use uuid::Uuid;

/// A process, or a part of one, that runs executions.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WorkerId(Uuid);

impl WorkerId {
    /// An id that no other worker has.
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    /// Wraps a UUID that was made elsewhere.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The UUID.
    pub const fn as_uuid(&self) -> &Uuid {
        &self.0
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "work_{}", self.0.as_simple())
    }
}

impl fmt::Debug for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How often an execution was claimed: what is written under a smaller number comes too late.
///
/// The idea is the fencing token of Martin Kleppmann, "How to do distributed locking" (2016).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fence(pub u64);

/// Who holds an execution, and how long at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// Who.
    pub worker: WorkerId,
    /// Until when, by the store's clock.
    pub until: Timestamp,
}

/// What a worker wants to take up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The worker.
    pub worker: WorkerId,
    /// How long it holds what it gets before it has to renew.
    pub lease: Duration,
    /// The most that it takes.
    pub most: u32,
}

/// An execution that a worker has to take up now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// Whose it is.
    pub tenant: TenantId,
    /// The execution.
    pub execution: ExecutionId,
    /// What to write under.
    pub fence: Fence,
}
