use std::ops::Deref;
use std::sync::Arc;

use jackfield_definition::Plan;
use jackfield_definition::expression::References;
use jackfield_kernel::{NodeIndex, RunWith};
use jackfield_plugin_api::Prepared;
use jackfield_registry::{Registration, Registry};
use jackfield_types::{NodeTypeId, VersionSelector};

/// A plan with its registrations: what the engine runs, as often as it is asked to.
pub struct PreparedPlan {
    plan: Arc<Plan>,
    nodes: Vec<PreparedNode>,
}

/// What the engine keeps for a node from call to call.
pub(crate) struct PreparedNode {
    own: Option<Arc<Registration>>,
    fallback: Option<Arc<Registration>>,
    pub(crate) own_parameters: Prepared,
    pub(crate) fallback_parameters: Prepared,
    /// The nodes that expressions of this one refer to.
    pub(crate) referenced: Vec<NodeIndex>,
    /// Whether an expression asks which item of another node the current one was made from.
    pub(crate) needs_lineage: bool,
}

impl PreparedPlan {
    pub(crate) fn new(plan: Plan, registry: &Registry) -> Self {
        let resolve = |node_type: &NodeTypeId, version: Option<&semver::Version>| {
            let version = VersionSelector::Exact(version?.clone());
            registry.resolve(node_type, &version).ok()
        };
        let nodes = (0..plan.nodes().len())
            .map(|place| {
                let node = plan.node(NodeIndex::new(place));
                let fallback = node.fallback.as_ref();
                let references = references(&plan, NodeIndex::new(place));
                PreparedNode {
                    own: resolve(&node.node_type, node.version.as_ref()),
                    fallback: fallback.and_then(|fallback| {
                        let version = &fallback.entry.metadata().version;
                        resolve(&fallback.node_type, Some(version))
                    }),
                    own_parameters: Prepared::new(),
                    fallback_parameters: Prepared::new(),
                    needs_lineage: references.per_item
                        && (references.computed_node
                            || !references.nodes.is_empty()
                            || !references.steps.is_empty()),
                    referenced: referenced(&plan, NodeIndex::new(place), &references),
                }
            })
            .collect();
        Self {
            plan: Arc::new(plan),
            nodes,
        }
    }

    /// The plan itself.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    pub(crate) fn prepared(&self, node: NodeIndex) -> &PreparedNode {
        &self.nodes[node.get()]
    }
}

impl PreparedNode {
    pub(crate) fn registration(&self, with: RunWith) -> Option<&Arc<Registration>> {
        match with {
            RunWith::Own => self.own.as_ref(),
            RunWith::Fallback => self.fallback.as_ref(),
        }
    }

    pub(crate) fn parameters(&self, with: RunWith) -> &Prepared {
        match with {
            RunWith::Own => &self.own_parameters,
            RunWith::Fallback => &self.fallback_parameters,
        }
    }
}

impl Deref for PreparedPlan {
    type Target = Plan;

    fn deref(&self) -> &Plan {
        &self.plan
    }
}

/// What the parameters of a node and the conditions on its outgoing connections read.
fn references(plan: &Plan, node: NodeIndex) -> References {
    let mut references = plan.node(node).parameters.references().clone();
    for &connection in plan.graph().outgoing(node) {
        if let Some(condition) = &plan.connection(connection).condition {
            references.extend(condition.references());
        }
    }
    references
}

/// The nodes that expressions of a node may refer to. Of those that a computed name may mean, just
/// the ones that have certainly run by then: what others hold would depend on timing.
fn referenced(plan: &Plan, node: NodeIndex, references: &References) -> Vec<NodeIndex> {
    if references.computed_node {
        let mut budget = 1_000_000;
        return (0..plan.nodes().len())
            .map(NodeIndex::new)
            .filter(|&other| plan.graph().runs_before(other, node, &mut budget) == Some(true))
            .collect();
    }
    let names = references.nodes.iter().chain(&references.steps);
    let mut nodes: Vec<_> = names.filter_map(|name| plan.node_index(name)).collect();
    nodes.sort_unstable();
    nodes.dedup();
    nodes
}
