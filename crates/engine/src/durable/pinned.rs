//! What an execution is pinned to: the node types that its plan was made with, each in just one
//! version and content, and what it was started with that its first event does not say.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use jackfield_definition::expression::MissingFields;
use jackfield_definition::{
    Catalog, CatalogEntry, CatalogError, Plan, PlanOptions, SourceText, read_workflow,
};
use jackfield_registry::Registry;
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
    digest: String,
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
        for index in plan.all_indices() {
            let node = plan.node(index);
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
                digest,
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
            match found.filter(|found| *found.version() == version) {
                None => {
                    return Err(PinnedError::Gone {
                        node_type,
                        version,
                        from,
                    });
                }
                Some(found) if found.digest() != digest => {
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
        let catalog = PinnedCatalog::new(registry, &self.node_types);
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

/// What a workflow asks for, as it is written down.
fn written(wanted: &VersionSelector) -> Option<String> {
    match wanted {
        VersionSelector::Newest => None,
        VersionSelector::Exact(_) | VersionSelector::Requirement(_) => Some(wanted.to_string()),
    }
}

/// A registry in which just what is pinned is found.
struct PinnedCatalog<'a> {
    registry: &'a Registry,
    versions: HashMap<(&'a NodeTypeId, Option<&'a str>), &'a Version>,
}

impl<'a> PinnedCatalog<'a> {
    fn new(registry: &'a Registry, node_types: &'a [PinnedNodeType]) -> Self {
        let versions = node_types.iter().map(|pinned| {
            (
                (&pinned.node_type, pinned.wanted.as_deref()),
                &pinned.version,
            )
        });
        Self {
            registry,
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
            None => Err(CatalogError::UnknownNodeType {
                node_type: node_type.clone(),
                nearest: Vec::new(),
            }),
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
        })?;
        let found = self.0.remove(place)?;
        let plan = Arc::clone(&found.2);
        self.0.push_front(found);
        Some(plan)
    }
}
