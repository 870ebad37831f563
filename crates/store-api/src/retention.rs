use std::time::Duration;

/// What may go. Only executions that have ended go, and both bounds apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// Those that ended longer ago than this go.
    pub max_age: Option<Duration>,
    /// The oldest go until no more than so many of those that have ended are left.
    pub max_count: Option<u64>,
    /// Whether it is only counted what would go.
    pub dry_run: bool,
}

/// What went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Collected {
    /// Executions, with their journals and signals.
    pub executions: u64,
    /// Contents that nothing names any more.
    pub payloads: u64,
    /// The bytes of those.
    pub payload_bytes: u64,
}
