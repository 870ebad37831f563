use std::collections::BTreeSet;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jackfield_definition::expression::References;
use jackfield_definition::{Diagnostics, Plan, SourceText};
use jackfield_kernel::{NodeIndex, RunWith};
use jackfield_plugin_api::Prepared;
use jackfield_registry::Registration;
use jackfield_store_api::WorkflowVersion;
use jackfield_types::{NodeTypeId, TenantId, VersionSelector};
use parking_lot::Mutex;

use crate::authorize::{Decided, NEVER};
use crate::engine::EngineParts;
use crate::secret_names;

/// A plan with its registrations: what the engine runs, as often as its tenant asks it to.
pub struct PreparedPlan {
    plan: Arc<Plan>,
    warnings: Diagnostics,
    tenant: TenantId,
    /// The scope of the engine that planned it; what it keeps of decisions means nothing to others.
    scope: u64,
    /// Those of the plan, and behind them the compensations.
    nodes: Vec<PreparedNode>,
    /// The names of the secrets that its expressions read, and of the secrets and credentials that its
    /// parameters name.
    secrets: BTreeSet<String>,
    /// The number of the policy under which the tenant may use all of it; see [`NEVER`].
    allowed_under: AtomicU64,
    /// What it was read from, if executions of it can be kept.
    document: Option<SourceText>,
    /// Under which version that is in the store.
    kept_as: Mutex<Option<WorkflowVersion>>,
}

/// What the engine keeps for a node from call to call.
pub(crate) struct PreparedNode {
    own: Option<Arc<Registration>>,
    fallback: Option<Arc<Registration>>,
    pub(crate) own_parameters: Prepared,
    pub(crate) fallback_parameters: Prepared,
    own_decision: Decided,
    fallback_decision: Decided,
    /// The nodes that expressions of this one refer to.
    pub(crate) referenced: Vec<NodeIndex>,
    /// Whether an expression asks which item of another node the current one was made from.
    pub(crate) needs_lineage: bool,
}

impl PreparedPlan {
    pub(crate) fn new(
        plan: Arc<Plan>,
        warnings: Diagnostics,
        tenant: TenantId,
        engine: &EngineParts,
    ) -> Self {
        let registry = &engine.registry;
        let resolve = |node_type: &NodeTypeId, version: Option<&semver::Version>| {
            let version = VersionSelector::Exact(version?.clone());
            registry.resolve(node_type, &version).ok()
        };
        let mut secrets = BTreeSet::new();
        let nodes = all_indices(&plan)
            .map(|index| {
                let node = plan.node(index);
                let fallback = node.fallback.as_ref();
                let references = references(&plan, index);
                secrets.extend(references.secrets.iter().cloned());
                let own = node.entry.iter().map(|entry| entry.metadata());
                for metadata in own.chain(fallback.map(|fallback| fallback.entry.metadata())) {
                    if let Some(schema) = &metadata.schema {
                        secret_names::collect(schema, node.parameters.source(), &mut secrets);
                    }
                }
                PreparedNode {
                    own: resolve(&node.node_type, node.version.as_ref()),
                    fallback: fallback.and_then(|fallback| {
                        let version = &fallback.entry.metadata().version;
                        resolve(&fallback.node_type, Some(version))
                    }),
                    own_parameters: Prepared::new(),
                    fallback_parameters: Prepared::new(),
                    own_decision: Decided::new(),
                    fallback_decision: Decided::new(),
                    needs_lineage: references.per_item
                        && (references.computed_node
                            || !references.nodes.is_empty()
                            || !references.steps.is_empty()),
                    referenced: referenced(&plan, index, &references),
                }
            })
            .collect();
        Self {
            plan,
            warnings,
            tenant,
            scope: engine.scope,
            nodes,
            secrets,
            allowed_under: AtomicU64::new(NEVER),
            document: None,
            kept_as: Mutex::default(),
        }
    }

    /// Says what it was read from, so that executions of it can be kept.
    pub(crate) fn set_document(&mut self, document: SourceText) {
        self.document = Some(document);
    }

    /// What it was read from.
    pub(crate) fn document(&self) -> Option<&SourceText> {
        self.document.as_ref()
    }

    /// Under which version its document is in the store, if it was put there.
    pub(crate) fn kept_as(&self) -> Option<WorkflowVersion> {
        self.kept_as.lock().clone()
    }

    pub(crate) fn set_kept_as(&self, version: WorkflowVersion) {
        // Whoever was first put the same document there.
        self.kept_as.lock().get_or_insert(version);
    }

    /// Forgets under which version its document was in the store: that is not there any more.
    pub(crate) fn forget_kept_as(&self, version: &WorkflowVersion) {
        let mut kept_as = self.kept_as.lock();
        if kept_as.as_ref() == Some(version) {
            *kept_as = None;
        }
    }

    /// What is probably not meant as it is written.
    pub fn warnings(&self) -> &Diagnostics {
        &self.warnings
    }

    /// Whose it is.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// Whether it is a tenant's, of the engine whose scope this is.
    pub(crate) fn belongs_to(&self, tenant: &TenantId, scope: u64) -> bool {
        self.tenant == *tenant && self.scope == scope
    }

    /// The plan itself.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    pub(crate) fn prepared(&self, node: NodeIndex) -> &PreparedNode {
        &self.nodes[node.get()]
    }

    /// The names of the secrets that its expressions read, and of the secrets and credentials that its
    /// parameters name.
    pub(crate) fn secrets(&self) -> &BTreeSet<String> {
        &self.secrets
    }

    /// All nodes, compensations included.
    pub(crate) fn all_indices(&self) -> impl Iterator<Item = NodeIndex> + use<> {
        all_indices(&self.plan)
    }

    /// Whether all of it may be used under the policy of this number.
    pub(crate) fn allowed_under(&self, number: u64) -> bool {
        self.allowed_under.load(Ordering::Acquire) == number
    }

    pub(crate) fn set_allowed_under(&self, number: u64) {
        self.allowed_under.store(number, Ordering::Release);
    }
}

fn all_indices(plan: &Plan) -> impl Iterator<Item = NodeIndex> + use<> {
    let graph = plan.graph();
    (0..graph.len())
        .map(NodeIndex::new)
        .chain(graph.compensations())
}

impl PreparedNode {
    pub(crate) fn registration(&self, with: RunWith) -> Option<&Arc<Registration>> {
        match with {
            RunWith::Own => self.own.as_ref(),
            RunWith::Fallback => self.fallback.as_ref(),
        }
    }

    /// The decision about its registration that was made last.
    pub(crate) fn decision(&self, with: RunWith) -> &Decided {
        match with {
            RunWith::Own => &self.own_decision,
            RunWith::Fallback => &self.fallback_decision,
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
    let graph = plan.graph();
    if references.computed_node {
        let mut budget = 1_000_000;
        let undone = graph.compensated(node);
        return (0..graph.len())
            .map(NodeIndex::new)
            .filter(|&other| {
                let before = undone.unwrap_or(node);
                undone == Some(other) || graph.runs_before(other, before, &mut budget) == Some(true)
            })
            .collect();
    }
    let names = references.nodes.iter().chain(&references.steps);
    let mut nodes: Vec<_> = names.filter_map(|name| plan.node_index(name)).collect();
    nodes.sort_unstable();
    nodes.dedup();
    nodes
}
