//! What an execution is pinned to: the node types that its plan was made with, each in just one
//! version and content, and what it was started with that its first event does not say.

use std::sync::Arc;

use bytes::Bytes;
use jackfield_definition::expression::MissingFields;
use jackfield_definition::{Plan, PlanOptions, SourceText, read_workflow};
use jackfield_kernel::RunWith;
use jackfield_registry::{Registration, Registry};
use jackfield_types::{ExecutionId, NodeTypeId, PluginOrigin, VersionSelector};
use jiff::Timestamp;
use semver::Version;
use serde::{Deserialize, Serialize};

use super::part::Called;
use super::pinned_catalog::PinnedCatalog;
use super::record::FORMAT;
use crate::PreparedPlan;
use crate::execution::{Caller, Choices, PinnedData, PlannedPlugins, Running};

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
    /// Who called it, if anybody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) called: Option<Called>,
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
    /// What the execution rests on, if no plugin provides it. Executions that were begun before this
    /// was written down have none, and rest on the version alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    contract: Option<String>,
    /// The plugin that provides it: in just this content. What is built into the program has none.
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
    #[error(
        "it began with node type `{node_type}` {version} as another program has it (contract {began}; here {now}): its parameters, ports or role are others; resume it with the program that began it, or retry it with what there is now; a program that can go on with it says so in `servedContracts` of the node type"
    )]
    Differs {
        node_type: NodeTypeId,
        version: Version,
        began: String,
        now: String,
    },
    #[error(
        "execution `{execution}`, which it called, cannot go on: {reason}; repair that, then resume this execution"
    )]
    Part {
        execution: ExecutionId,
        reason: String,
    },
    #[error(
        "workflow `{name}`, which it has called before, cannot be called again: {reason}; repair that, then resume the execution"
    )]
    Called { name: String, reason: String },
}

#[derive(Deserialize)]
struct Head {
    format: u32,
}

impl Pinned {
    /// What an execution is pinned to that begins now: what it would run, whatever stood in the
    /// registry when its plan was made.
    pub(crate) fn of(running: &Running, deadline: Option<Timestamp>) -> Self {
        let plan = &running.plan;
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
            for with in [RunWith::Own, RunWith::Fallback] {
                let Some(planned) = plan.prepared(index).registration(with) else {
                    continue;
                };
                let serving = running.serving(index, with);
                let serving = serving.as_ref().unwrap_or(planned);
                let wanted = written(running.wanted(index, with));
                let is_known = node_types
                    .iter()
                    .any(|known| known.is(planned.node_type(), wanted.as_deref()));
                if !is_known {
                    node_types.push(PinnedNodeType {
                        node_type: planned.node_type().clone(),
                        wanted,
                        version: serving.version().clone(),
                        digest: serving.digest().to_owned(),
                        contract: match serving.origin() {
                            Some(_) => None,
                            None => Some(serving.contract().to_owned()),
                        },
                        plugin: serving.origin().map(|origin| (**origin).clone()),
                    });
                }
            }
        }
        Self {
            format: FORMAT,
            missing_fields: plan.missing_fields(),
            node_types,
            unknown,
            uses_pinned_data: running.choices.pinned_data == PinnedData::Used,
            deadline,
            called: running.called.clone(),
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

    /// The versions of node types, by name and what the workflow asks for.
    pub(super) fn versions(&self) -> impl Iterator<Item = ((&NodeTypeId, Option<&str>), &Version)> {
        let pinned = self.node_types.iter();
        pinned.map(|pinned| {
            let asked = (&pinned.node_type, pinned.wanted.as_deref());
            (asked, &pinned.version)
        })
    }

    /// Node types that were not there.
    pub(super) fn unknown(&self) -> &[(NodeTypeId, Option<String>)] {
        &self.unknown
    }

    pub(crate) fn missing_fields(&self) -> MissingFields {
        self.missing_fields
    }

    /// What was chosen when it was started.
    pub(crate) fn choices(&self) -> Choices {
        let pinned_data = if self.uses_pinned_data {
            PinnedData::Used
        } else {
            PinnedData::Ignored
        };
        Choices {
            pinned_data,
            plugins: PlannedPlugins::default(),
        }
    }

    /// Whether everything is there, just as it was.
    pub(crate) fn check(&self, registry: &Registry) -> Result<(), PinnedError> {
        self.node_types.iter().try_for_each(|pinned| {
            let exact = VersionSelector::Exact(pinned.version.clone());
            let found = registry.resolve(&pinned.node_type, &exact).ok();
            pinned.check(found.as_deref())
        })
    }

    /// Whether an execution that is pinned to this would run just that.
    pub(crate) fn check_running(&self, running: &Running) -> Result<(), PinnedError> {
        for index in running.plan.all_indices() {
            for with in [RunWith::Own, RunWith::Fallback] {
                let Some(planned) = running.plan.prepared(index).registration(with) else {
                    continue;
                };
                let wanted = running.wanted(index, with);
                let found = running.serving(index, with).ok();
                self.check_one(planned.node_type(), wanted, found.as_deref())?;
            }
        }
        Ok(())
    }

    /// Whether what was found for a node type is what is pinned. What was not there when the
    /// execution began is pinned to nothing.
    pub(crate) fn check_one(
        &self,
        node_type: &NodeTypeId,
        wanted: &VersionSelector,
        found: Option<&Registration>,
    ) -> Result<(), PinnedError> {
        match self.entry(node_type, wanted) {
            Some(pinned) => pinned.check(found),
            None => Ok(()),
        }
    }

    /// What to say when a plugin that is pinned was changed where it lies.
    pub(crate) fn changed(
        &self,
        node_type: &NodeTypeId,
        wanted: &VersionSelector,
    ) -> Option<PinnedError> {
        let pinned = self.entry(node_type, wanted)?;
        pinned.plugin.is_some().then(|| pinned.changed())
    }

    fn entry(&self, node_type: &NodeTypeId, wanted: &VersionSelector) -> Option<&PinnedNodeType> {
        let wanted = written(wanted);
        let mut entries = self.node_types.iter();
        entries.find(|pinned| pinned.is(node_type, wanted.as_deref()))
    }

    /// Whether a plan was made with just what is pinned.
    pub(crate) fn fits(&self, plan: &PreparedPlan) -> bool {
        plan.all_indices().all(|index| {
            let node = plan.node(index);
            [
                (RunWith::Own, &node.wanted),
                (RunWith::Fallback, &VersionSelector::Newest),
            ]
            .into_iter()
            .all(|(with, wanted)| {
                let planned = plan.prepared(index).registration(with);
                planned.is_none_or(|planned| {
                    let of = planned.node_type();
                    self.check_one(of, wanted, Some(planned)).is_ok()
                })
            })
        })
    }

    /// Whether it is the same but for what belongs to one execution alone.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.missing_fields == other.missing_fields
            && self.node_types == other.node_types
            && self.unknown == other.unknown
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

impl PinnedNodeType {
    fn is(&self, node_type: &NodeTypeId, wanted: Option<&str>) -> bool {
        self.node_type == *node_type && self.wanted.as_deref() == wanted
    }

    fn check(&self, found: Option<&Registration>) -> Result<(), PinnedError> {
        let Some(found) = found else {
            return Err(self.gone());
        };
        match (&self.plugin, found.origin()) {
            (None, None) => self.check_built_in(found),
            (Some(_), _) if *found.version() != self.version => Err(self.gone()),
            (Some(pinned), Some(found)) if is_same(pinned, found) => Ok(()),
            (Some(_), _) | (None, Some(_)) => Err(self.changed()),
        }
    }

    /// What is built in may serve earlier versions and contracts, too, as it says of itself.
    fn check_built_in(&self, found: &Registration) -> Result<(), PinnedError> {
        let says = found.summary();
        if *found.version() != self.version {
            let mut served = says.supported_versions.iter();
            let is_served = served.any(|versions| versions.matches(&self.version));
            return if is_served { Ok(()) } else { Err(self.gone()) };
        }
        let is_served = self.contract.as_ref().is_none_or(|contract| {
            found.contract() == contract || says.served_contracts.contains(contract)
        });
        if is_served {
            return Ok(());
        }
        Err(PinnedError::Differs {
            node_type: self.node_type.clone(),
            version: self.version.clone(),
            began: self.contract.clone().unwrap_or_default(),
            now: found.contract().to_owned(),
        })
    }

    fn gone(&self) -> PinnedError {
        PinnedError::Gone {
            node_type: self.node_type.clone(),
            version: self.version.clone(),
            from: self.from(),
        }
    }

    fn changed(&self) -> PinnedError {
        PinnedError::Changed {
            node_type: self.node_type.clone(),
            version: self.version.clone(),
            from: self.from(),
        }
    }

    /// Where it comes from, for messages.
    fn from(&self) -> String {
        self.plugin
            .as_ref()
            .map(|plugin| {
                format!(
                    " of plugin `{}` {} with digest {}",
                    plugin.plugin, plugin.version, plugin.digest
                )
            })
            .unwrap_or_default()
    }
}

/// Whether two plugins are the same content, whoever vouches for it.
fn is_same(pinned: &PluginOrigin, found: &PluginOrigin) -> bool {
    (&pinned.plugin, &pinned.version, &pinned.digest)
        == (&found.plugin, &found.version, &found.digest)
}

/// What a workflow asks for, as it is written down.
pub(super) fn written(wanted: &VersionSelector) -> Option<String> {
    match wanted {
        VersionSelector::Newest => None,
        VersionSelector::Exact(_) | VersionSelector::Requirement(_) => Some(wanted.to_string()),
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
        assert!(is_same(&pinned, &pinned));
        assert!(is_same(&pinned, &origin("1.0.0", 1, Some("ada"))));
        assert!(!is_same(&pinned, &origin("1.0.0", 2, None)));
        assert!(!is_same(&pinned, &origin("1.0.1", 1, None)));
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
