use std::time::Duration;

use jackfield_types::ByteSize;

/// How executions are kept in a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DurableOptions {
    /// How long an execution is held before that has to be renewed, which is done three times as
    /// often. When a worker stalls, its executions are taken over after so long; and when the store
    /// cannot be reached, executions are broken off in this process after so long.
    pub lease: Duration,
    /// Lists of items that take more bytes than this are kept apart from the journal, each once.
    pub inline: ByteSize,
    /// An execution that waits for longer than this, and does nothing else, leaves memory. It does
    /// so only while a [worker](crate::Worker) of the engine runs, which takes it up again.
    pub park_after: Duration,
}

impl Default for DurableOptions {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(10),
            inline: ByteSize::kib(16),
            park_after: Duration::from_secs(5),
        }
    }
}
