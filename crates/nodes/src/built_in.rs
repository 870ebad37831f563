use std::fmt;
use std::sync::Arc;

use jackfield_plugin_api::{NodeExecutor, NodeType};
use jackfield_registry::{RegisterError, Registry};
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
    #[cfg(feature = "dbal")]
    all.extend(crate::dbal::node_types(&settings.data_sources));
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

/// Puts every built-in node type into a registry.
///
/// # Errors
/// [`RegisterError::Duplicate`] when one of them is there already; those before it have been put
/// in then.
pub fn register_all(registry: &Registry, settings: &NodeSettings) -> Result<(), RegisterError> {
    for BuiltIn { metadata, executor } in node_types(settings) {
        let name = metadata.node_type.clone();
        registry.register_with_metadata(name.as_str(), executor, metadata)?;
    }
    Ok(())
}
