use jackfield_types::{ExecutionId, NodeName, NodeTypeId, PluginOrigin, TenantId};

/// Which call of which plugin something comes from.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct CallSite<'a> {
    /// The plugin.
    pub plugin: &'a PluginOrigin,
    /// The node type of it that was called.
    pub node_type: &'a NodeTypeId,
    /// On whose behalf.
    pub tenant: &'a TenantId,
    /// In which execution.
    pub execution: ExecutionId,
    /// By which node.
    pub node: &'a NodeName,
}
