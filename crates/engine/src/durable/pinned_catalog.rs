//! Planning with just what an execution is pinned to.

use std::collections::HashMap;
use std::sync::Arc;

use jackfield_definition::{Catalog, CatalogEntry, CatalogError};
use jackfield_registry::Registry;
use jackfield_types::{NodeTypeId, VersionSelector};
use semver::Version;

use super::pinned::{Pinned, written};

/// A registry in which what is pinned is found as it was, there or not. What nothing is said about
/// belongs to workflows within the workflow, which are pinned by themselves when they are called.
pub(super) struct PinnedCatalog<'a> {
    registry: &'a Registry,
    unknown: &'a [(NodeTypeId, Option<String>)],
    versions: HashMap<(&'a NodeTypeId, Option<&'a str>), &'a Version>,
}

impl<'a> PinnedCatalog<'a> {
    pub(super) fn new(registry: &'a Registry, pinned: &'a Pinned) -> Self {
        Self {
            registry,
            unknown: pinned.unknown(),
            versions: pinned.versions().collect(),
        }
    }
}

impl Catalog for PinnedCatalog<'_> {
    fn find(
        &self,
        node_type: &NodeTypeId,
        version: &VersionSelector,
    ) -> Result<Arc<dyn CatalogEntry>, CatalogError> {
        let wanted = written(version);
        match self.versions.get(&(node_type, wanted.as_deref())) {
            Some(&version) => self
                .registry
                .find(node_type, &VersionSelector::Exact(version.clone())),
            None => {
                let is_this = |(name, asked): &(NodeTypeId, Option<String>)| {
                    name == node_type && *asked == wanted
                };
                if !self.unknown.iter().any(is_this) {
                    return self.registry.find(node_type, version);
                }
                Err(CatalogError::UnknownNodeType {
                    node_type: node_type.clone(),
                    nearest: Vec::new(),
                })
            }
        }
    }
}
