/// How much of one resource is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Load {
    /// How many run. Calls are not counted when nothing bounds them.
    pub running: u32,
    /// How many wait.
    pub queued: usize,
    /// How many could begin at once as far as the rate is concerned; nothing where there is none.
    pub tokens: Option<u32>,
}

/// How much of its quotas a tenant uses, or all tenants do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AdmissionState {
    /// Executions.
    pub executions: Load,
    /// Calls of nodes.
    pub calls: Load,
}
