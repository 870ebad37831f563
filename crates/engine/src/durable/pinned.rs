//! What an execution is pinned to: the node types that its plan was made with, each in just one
//! version and content, and what it was started with that its first event does not say.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use jackfield_definition::expression::MissingFields;
use jackfield_definition::{
    Catalog, CatalogEntry, CatalogError, Plan, PlanOptions, SourceText, read_workflow,
};
use jackfield_registry::{Registration, Registry};
use jackfield_store_api::WorkflowVersion;
use jackfield_types::{NodeTypeId, PluginOrigin, VersionSelector};
use jiff::Timestamp;
use semver::Version;
use serde::{Deserialize, Serialize};

use super::record::FORMAT;
use crate::PreparedPlan;
use crate::execution::{Caller, PinnedData};

/// What an execution is pinned to, beside its workflow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Pinned {
    format: u32,
    missing_fields: MissingFields,
    node_types: Vec<PinnedNodeType>,
    /// Node types that were not there, by name and what the workflow asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    unknown: Vec<(NodeTypeId, Option<String>)>,
    pub(crate) uses_pinned_data: bool,
    /// When its time is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) deadline: Option<Timestamp>,
}

/// What served a node type when the plan was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PinnedNodeType {
    node_type: NodeTypeId,
    /// What the workflow asks for; nothing for the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    wanted: Option<String>,
    version: Version,
    /// What the registration was, for whoever looks into a difference.
    digest: String,
    /// The plugin that provides it: in just this content. What is built into the program has none,
    /// and is the same as long as its version is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plugin: Option<PluginOrigin>,
}

/// Why an execution cannot be run as it was pinned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PinnedError {
    #[error(
        "what it is pinned to has format version {found}, and this program knows {FORMAT}; run the program that wrote it, or a newer one"
    )]
    Version { found: u32 },
    #[error("what it is pinned to cannot be read: {0}")]
    Malformed(String),
    #[error("its workflow cannot be read: {0}")]
    Workflow(String),
    #[error(
        "it needs node type `{node_type}` {version}{from}, which is not registered; install it again, then resume the execution"
    )]
    Gone {
        node_type: NodeTypeId,
        version: Version,
        from: String,
    },
    #[error(
        "it began with other content of node type `{node_type}` {version}{from} than is registered now; install what it began with, then resume the execution, or retry it with what there is now"
    )]
    Changed {
        node_type: NodeTypeId,
        version: Version,
        from: String,
    },
}

#[derive(Deserialize)]
struct Head {
    format: u32,
}

impl Pinned {
    pub(crate) fn of(
        plan: &PreparedPlan,
        pinned_data: PinnedData,
        deadline: Option<Timestamp>,
    ) -> Self {
        let mut node_types: Vec<PinnedNodeType> = Vec::new();
        let mut unknown = Vec::new();
        for index in plan.all_indices() {
            let node = plan.node(index);
            if node.entry.is_none() {
                let absent = (node.node_type.clone(), written(&node.wanted));
                if !unknown.contains(&absent) {
                    unknown.push(absent);
                }
            }
            let prepared = plan.prepared(index);
            let own = prepared.own().map(|own| (&node.wanted, own));
            let newest = VersionSelector::Newest;
            let fallback = prepared.fallback().map(|fallback| (&newest, fallback));
            for (wanted, registration) in own.into_iter().chain(fallback) {
                let wanted = written(wanted);
                let node_type = registration.node_type();
                let is_known = node_types
                    .iter()
                    .any(|known| known.node_type == *node_type && known.wanted == wanted);
                if !is_known {
                    node_types.push(PinnedNodeType {
                        node_type: node_type.clone(),
                        wanted,
                        version: registration.version().clone(),
                        digest: registration.digest().to_owned(),
                        plugin: registration.origin().map(|origin| (**origin).clone()),
                    });
                }
            }
        }
        Self {
            format: FORMAT,
            missing_fields: plan.missing_fields(),
            node_types,
            unknown,
            uses_pinned_data: pinned_data == PinnedData::Used,
            deadline,
        }
    }

    pub(crate) fn encode(&self) -> Result<Bytes, serde_json::Error> {
        serde_json::to_vec(self).map(Bytes::from)
    }

    pub(crate) fn decode(pinned: &[u8]) -> Result<Self, PinnedError> {
        let malformed = |error: serde_json::Error| PinnedError::Malformed(error.to_string());
        let Head { format: found } = serde_json::from_slice(pinned).map_err(malformed)?;
        if found != FORMAT {
            return Err(PinnedError::Version { found });
        }
        serde_json::from_slice(pinned).map_err(malformed)
    }

    pub(crate) fn missing_fields(&self) -> MissingFields {
        self.missing_fields
    }

    pub(crate) fn pinned_data(&self) -> PinnedData {
        if self.uses_pinned_data {
            PinnedData::Used
        } else {
            PinnedData::Ignored
        }
    }

    /// Whether everything is there, just as it was.
    pub(crate) fn check(&self, registry: &Registry) -> Result<(), PinnedError> {
        for pinned in &self.node_types {
            let PinnedNodeType {
                node_type,
                version,
                plugin,
                ..
            } = pinned;
            let from = plugin
                .as_ref()
                .map(|plugin| format!(" of plugin `{}` {}", plugin.plugin, plugin.version))
                .unwrap_or_default();
            let exact = VersionSelector::Exact(version.clone());
            let found = registry.resolve(node_type, &exact).ok();
            let (node_type, version) = (node_type.clone(), version.clone());
            // What is built in may serve earlier versions too, as it says of itself.
            let serves =
                |found: &Arc<Registration>| plugin.is_none() || *found.version() == version;
            match found.filter(serves) {
                None => {
                    return Err(PinnedError::Gone {
                        node_type,
                        version,
                        from,
                    });
                }
                Some(found) if !is_same(plugin.as_ref(), found.origin().map(AsRef::as_ref)) => {
                    return Err(PinnedError::Changed {
                        node_type,
                        version,
                        from,
                    });
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Plans a document with just what is pinned. Whether the tenant may still use it is asked when
    /// it is called, as in an execution that was never broken off.
    pub(crate) fn plan(
        &self,
        caller: &Caller,
        document: &SourceText,
    ) -> Result<PreparedPlan, PinnedError> {
        let registry = &caller.engine.registry;
        self.check(registry)?;
        let wrong = |findings: jackfield_definition::Diagnostics| {
            PinnedError::Workflow(findings.to_string())
        };
        let (workflow, _) = read_workflow(document).map_err(wrong)?;
        let catalog = PinnedCatalog::new(registry, self);
        let options = PlanOptions {
            missing_fields: Some(self.missing_fields),
        };
        let plan: Plan = workflow.plan(&catalog, &options).map_err(wrong)?;
        let warnings = plan.warnings().clone();
        let tenant = caller.state.id().clone();
        let mut plan = PreparedPlan::new(Arc::new(plan), warnings, tenant, &caller.engine);
        plan.set_document(document.clone());
        Ok(plan)
    }
}

/// Whether two node types of the same version come from the same content.
fn is_same(pinned: Option<&PluginOrigin>, found: Option<&PluginOrigin>) -> bool {
    match (pinned, found) {
        (None, None) => true,
        (Some(pinned), Some(found)) => {
            (&pinned.plugin, &pinned.version, &pinned.digest)
                == (&found.plugin, &found.version, &found.digest)
        }
        (None, Some(_)) | (Some(_), None) => false,
    }
}

/// What a workflow asks for, as it is written down.
fn written(wanted: &VersionSelector) -> Option<String> {
    match wanted {
        VersionSelector::Newest => None,
        VersionSelector::Exact(_) | VersionSelector::Requirement(_) => Some(wanted.to_string()),
    }
}

/// A registry in which what is pinned is found as it was, there or not. What nothing is said about
/// belongs to workflows within the workflow, which are planned anew whenever they run.
struct PinnedCatalog<'a> {
    registry: &'a Registry,
    unknown: &'a [(NodeTypeId, Option<String>)],
    versions: HashMap<(&'a NodeTypeId, Option<&'a str>), &'a Version>,
}

impl<'a> PinnedCatalog<'a> {
    fn new(registry: &'a Registry, pinned: &'a Pinned) -> Self {
        let versions = pinned.node_types.iter().map(|pinned| {
            (
                (&pinned.node_type, pinned.wanted.as_deref()),
                &pinned.version,
            )
        });
        Self {
            registry,
            unknown: &pinned.unknown,
            versions: versions.collect(),
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

/// How many plans are kept of a tenant.
const MOST_PLANS: usize = 64;

/// Plans of executions that are kept: many are taken up that are pinned to the same.
#[derive(Default)]
pub(crate) struct PinnedPlans(VecDeque<(WorkflowVersion, Pinned, Arc<PreparedPlan>)>);

impl PinnedPlans {
    pub(crate) fn keep(
        &mut self,
        workflow: &WorkflowVersion,
        pinned: &Pinned,
        plan: &Arc<PreparedPlan>,
    ) {
        if self.find(workflow, pinned).is_some() {
            return;
        }
        if self.0.len() >= MOST_PLANS {
            self.0.pop_back();
        }
        let (workflow, pinned) = (workflow.clone(), pinned.clone());
        self.0.push_front((workflow, pinned, Arc::clone(plan)));
    }

    pub(crate) fn find(
        &mut self,
        workflow: &WorkflowVersion,
        pinned: &Pinned,
    ) -> Option<Arc<PreparedPlan>> {
        let place = self.0.iter().position(|(of, pins, _)| {
            of == workflow
                && pins.missing_fields == pinned.missing_fields
                && pins.node_types == pinned.node_types
                && pins.unknown == pinned.unknown
        })?;
        let found = self.0.remove(place)?;
        let plan = Arc::clone(&found.2);
        self.0.push_front(found);
        Some(plan)
    }
}

#[cfg(test)]
mod tests {
    use jackfield_types::Digest;

    use super::*;

    fn origin(version: &str, content: u8, signer: Option<&str>) -> PluginOrigin {
        PluginOrigin {
            plugin: "acme/slugify".parse().unwrap(),
            version: version.parse().unwrap(),
            digest: Digest::from_bytes([content; 32]),
            signer: signer.map(str::to_owned),
        }
    }

    #[test]
    fn a_plugin_is_the_same_in_the_same_content_whoever_vouches_for_it() {
        let pinned = origin("1.0.0", 1, None);
        assert!(is_same(Some(&pinned), Some(&pinned)));
        assert!(is_same(
            Some(&pinned),
            Some(&origin("1.0.0", 1, Some("ada")))
        ));
        assert!(!is_same(Some(&pinned), Some(&origin("1.0.0", 2, None))));
        assert!(!is_same(Some(&pinned), Some(&origin("1.0.1", 1, None))));
        assert!(!is_same(Some(&pinned), None));
        assert!(!is_same(None, Some(&pinned)));
        assert!(is_same(None, None));
    }

    #[test]
    fn what_another_format_was_pinned_to_is_told_from_what_makes_no_sense() {
        let newer = br#"{"format": 2, "everything": "else"}"#;
        assert_eq!(
            Pinned::decode(newer),
            Err(PinnedError::Version { found: 2 })
        );
        let wrong = Pinned::decode(br#"{"format": 1}"#);
        assert!(matches!(wrong, Err(PinnedError::Malformed(_))), "{wrong:?}");
    }
}
