use std::fmt;
use std::sync::Arc;

use jackfield_plugin_api::{NodeExecutor, NodeType};
use jackfield_types::NodeTypeMetadata;

use crate::{
    NodeSettings, control, convert, data, dict, http, list, logic, math, string, trigger, variable,
};

/// A built-in node type: what it says of itself, and the code behind it.
#[derive(Clone)]
pub struct BuiltIn {
    /// What it says of itself.
    pub metadata: NodeTypeMetadata,
    /// The code behind it.
    pub executor: Arc<dyn NodeExecutor>,
}

impl BuiltIn {
    /// Takes a node type that is written with the typed face.
    pub fn of(node_type: impl NodeType) -> Self {
        Self {
            metadata: node_type.metadata(),
            executor: Arc::new(node_type),
        }
    }
}

impl fmt::Debug for BuiltIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BuiltIn")
            .field(&self.metadata.node_type)
            .finish()
    }
}

/// Every built-in node type, category by category.
pub fn node_types(settings: &NodeSettings) -> Vec<BuiltIn> {
    let mut all = Vec::new();
    all.extend(control::node_types());
    all.extend(data::node_types());
    all.extend(http::node_types(&settings.http));
    all.extend(trigger::node_types());
    all.extend(string::node_types());
    all.extend(math::node_types());
    all.extend(logic::node_types());
    all.extend(list::node_types());
    all.extend(dict::node_types());
    all.extend(convert::node_types());
    all.extend(variable::node_types());
    all
}
