//! Limits that a plugin ran into: the errors with which the host ends a call.

use std::time::Duration;

use jackfield_types::{ByteSize, format_duration};

/// Which limit a plugin ran into. Raised as a trap, so that no guest can go on in spite of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Breach {
    /// It computed past its deadline.
    #[error("the call took longer than {}", format_duration(*.limit))]
    Time { limit: Duration },
    /// It wanted more memory.
    #[error("it wants more than {limit} of memory")]
    Memory { limit: ByteSize },
    /// It wanted memory that there is not, or that its kind of memory cannot have.
    #[error("its memory cannot grow any further")]
    Growth,
    /// It wanted larger tables.
    #[error("it wants more than {limit} elements in its tables")]
    Tables { limit: usize },
    /// It asked the host too often.
    #[error("it asks the host for something more than {limit} times")]
    HostCalls { limit: u32 },
    /// Nobody wants the result any more.
    #[error("cancelled")]
    Cancelled,
}
