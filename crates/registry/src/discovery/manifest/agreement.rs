//! Whether a plugin is what its manifest says.

use std::collections::BTreeSet;

use jackfield_types::NodeTypeMetadata;

use super::PluginManifest;

impl PluginManifest {
    /// Compares what a plugin says of itself with what its manifest says, in everything that
    /// workflows are planned by or policies decide by. What is only shown to people (category,
    /// texts, examples) may differ.
    ///
    /// # Errors
    /// What differs first, in words.
    pub fn check_description(&self, described: &[NodeTypeMetadata]) -> Result<(), String> {
        for said in described {
            let known = self
                .node_types
                .iter()
                .any(|one| one.node_type == said.node_type);
            if !known {
                return Err(format!(
                    "it provides `{}`, which the manifest does not name",
                    said.node_type
                ));
            }
        }
        for wanted in &self.node_types {
            let name = &wanted.node_type;
            let mut found = described.iter().filter(|one| one.node_type == *name);
            let Some(said) = found.next() else {
                return Err(format!("it does not provide `{name}`"));
            };
            if found.next().is_some() {
                return Err(format!("it provides `{name}` twice"));
            }
            if let Some(difference) = difference(wanted, said) {
                return Err(format!("its `{name}` has another {difference}"));
            }
        }
        Ok(())
    }
}

/// What is not the same in two descriptions of a node type.
fn difference(wanted: &NodeTypeMetadata, said: &NodeTypeMetadata) -> Option<&'static str> {
    let capabilities =
        |of: &NodeTypeMetadata| of.capabilities.iter().copied().collect::<BTreeSet<_>>();
    let fields = [
        ("`version`", wanted.version == said.version),
        ("`schema`", wanted.schema == said.schema),
        (
            "list of `requiredFields`",
            wanted.required_fields == said.required_fields,
        ),
        (
            "set of `capabilities`",
            capabilities(wanted) == capabilities(said),
        ),
        (
            "list of `dependencies`",
            wanted.dependencies == said.dependencies,
        ),
        (
            "list of `supportedVersions`",
            wanted.supported_versions == said.supported_versions,
        ),
        ("set of `ports`", wanted.ports == said.ports),
        ("`role`", wanted.role == said.role),
        ("way with `variables`", wanted.variables == said.variables),
    ];
    fields
        .into_iter()
        .find(|(_, same)| !same)
        .map(|(field, _)| field)
}
