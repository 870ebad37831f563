//! Plans: workflows that have been checked against a catalog and cannot be wrong any more.

mod build;
mod compensation;
mod connections;
mod expression_places;
mod inline;
mod mistakes;
mod names;
mod nodes;
mod picture;
mod reach;
mod recovery;
mod recovery_check;
mod references;
mod texts;
mod told;

pub(crate) use recovery_check::{LONGEST_DELAY, MOST_ATTEMPTS};

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use jackfield_kernel::{ConnectionIndex, Graph, NodeIndex, Output};
use jackfield_types::{
    Items, NodeId, NodeName, NodeTypeId, Object, OnError, PluginOrigin, Span, VersionSelector,
};
use jiff::tz::TimeZone;
use rustc_hash::FxHashMap;
use semver::Version;

use self::build::Planner;
use crate::catalog::{Catalog, CatalogEntry};
use crate::diagnostics::{Diagnostics, Findings};
use crate::expression::{Expression, MissingFields, ParameterTemplate};
use crate::read::read_partially;
use crate::source::SourceText;
use crate::workflow::{Dialect, Workflow};

/// What planning is told beside the workflow.
#[derive(Debug, Clone, Default)]
pub struct PlanOptions {
    /// What a field that is not there means, whatever the workflow says.
    pub missing_fields: Option<MissingFields>,
}

/// A workflow that has been checked: every node type is known, or there is a strategy for its
/// not being known; every connection leads somewhere; every expression is compiled.
///
/// Made by [`Workflow::plan`] and [`plan_workflow`] only.
pub struct Plan {
    pub(super) id: Option<String>,
    pub(super) name: String,
    pub(super) dialect: Dialect,
    pub(super) input: Option<String>,
    pub(super) graph: Arc<Graph>,
    pub(super) nodes: Vec<PlanNode>,
    pub(super) compensations: Vec<PlanNode>,
    pub(super) connections: Vec<PlanConnection>,
    pub(super) by_id: FxHashMap<NodeId, NodeIndex>,
    pub(super) by_name: FxHashMap<NodeName, NodeIndex>,
    pub(super) variables: Arc<Object>,
    pub(super) missing_fields: MissingFields,
    pub(super) timeout: Option<Span>,
    pub(super) time_zone: TimeZone,
    pub(super) triggers: Vec<NodeIndex>,
    pub(super) leaves: Vec<NodeIndex>,
    pub(super) warnings: Diagnostics,
}

/// A node of a plan.
#[non_exhaustive]
pub struct PlanNode {
    /// Its id.
    pub id: NodeId,
    /// Its name.
    pub name: NodeName,
    /// What it runs.
    pub node_type: NodeTypeId,
    /// The version that the workflow asks for.
    pub wanted: VersionSelector,
    /// What the catalog has for it. `None` when the node type is unknown and either a recovery
    /// strategy serves (`fallback`, `skip`, `retry`), or the node is disabled.
    pub entry: Option<Arc<dyn CatalogEntry>>,
    /// The version that serves it.
    pub version: Option<Version>,
    /// What runs in its place when it has failed.
    pub fallback: Option<PlanFallback>,
    /// Its parameters, compiled. The fallback is given the same.
    pub parameters: ParameterTemplate,
    /// How long an attempt may take.
    pub timeout: Option<Span>,
    /// Whether it runs for the first item only.
    pub execute_once: bool,
    /// Items that it gives in place of running.
    pub pinned: Option<Items>,
    /// Whether it only passes its first input on.
    pub disabled: bool,
    /// What happens when it has failed for good.
    pub on_error: OnError,
    /// The number of its `main` outputs; `None` when an expression decides, or when the node type
    /// is unknown.
    pub output_count: Option<usize>,
    /// Whether a connection that leaves it has a condition.
    pub has_conditions: bool,
    /// Where it is drawn: across, and down.
    pub position: Option<(f64, f64)>,
}

impl PlanNode {
    /// The name of a `main` output, if the node has several. Outputs whose number a parameter says
    /// come first and have no names but their places.
    pub fn output_name(&self, index: usize) -> Option<String> {
        let fallback = self.fallback.as_ref().map(|fallback| &fallback.entry);
        let Some(entry) = self.entry.as_ref().or(fallback) else {
            return (index > 0).then(|| index.to_string());
        };
        let names = &entry.metadata().ports.outputs;
        let name = match self.output_count {
            Some(1) => return None,
            Some(count) => index
                .checked_sub(count.saturating_sub(names.len()))
                .and_then(|place| names.get(place)),
            None => None,
        };
        Some(name.cloned().unwrap_or_else(|| index.to_string()))
    }
}

/// What runs in a failed node's place.
#[derive(Clone)]
#[non_exhaustive]
pub struct PlanFallback {
    /// The node type.
    pub node_type: NodeTypeId,
    /// What the catalog has for it.
    pub entry: Arc<dyn CatalogEntry>,
}

/// A connection of a plan.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PlanConnection {
    /// The node that delivers.
    pub from: NodeIndex,
    /// By which port.
    pub output: Output,
    /// The node that receives.
    pub to: NodeIndex,
    /// By which port.
    pub input: u16,
    /// What decides for each item whether it passes.
    pub condition: Option<Expression>,
}

/// Reads a document and plans it: what [`read_workflow`](crate::read_workflow) and
/// [`Workflow::plan`] do together, but that mistakes of both kinds are reported in one go.
///
/// # Errors
/// All findings, when one of them is an error.
pub fn plan_workflow(
    source: &SourceText,
    catalog: &dyn Catalog,
    options: &PlanOptions,
) -> Result<Plan, Diagnostics> {
    let mut findings = Findings::default();
    match read_partially(source, &mut findings) {
        Some(partial) => {
            Planner::new(&partial.workflow, &partial.broken, catalog, findings).plan(options)
        }
        None => Err(findings.locate(Some(source))),
    }
}

impl Workflow {
    /// Checks the workflow against a catalog and compiles it.
    ///
    /// # Errors
    /// All findings, when one of them is an error.
    pub fn plan(&self, catalog: &dyn Catalog, options: &PlanOptions) -> Result<Plan, Diagnostics> {
        Planner::new(self, &Default::default(), catalog, Findings::default()).plan(options)
    }
}

impl Plan {
    /// The workflow's id, if it has one.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The workflow's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file that the items come from when nobody gives any: a path relative to the document.
    /// Whoever starts an execution decides whether it is read.
    pub fn input(&self) -> Option<&str> {
        self.input.as_deref()
    }

    /// The format that the workflow was written in.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// What the kernel runs.
    pub fn graph(&self) -> &Arc<Graph> {
        &self.graph
    }

    /// The nodes, in the order of their [`NodeIndex`]. Compensations are not among them.
    pub fn nodes(&self) -> &[PlanNode] {
        &self.nodes
    }

    /// What undoes nodes when the execution fails, in the order of
    /// [`Graph::compensations`]; their indices follow those of the nodes. Their names are made up
    /// of those of the nodes that they undo, and no other node has the same.
    pub fn compensations(&self) -> &[PlanNode] {
        &self.compensations
    }

    /// One node, or one compensation.
    ///
    /// # Panics
    /// With an index that another plan gave.
    pub fn node(&self, index: NodeIndex) -> &PlanNode {
        match index.get().checked_sub(self.nodes.len()) {
            None => &self.nodes[index.get()],
            Some(place) => &self.compensations[place],
        }
    }

    /// The connections, in the order of their [`ConnectionIndex`].
    pub fn connections(&self) -> &[PlanConnection] {
        &self.connections
    }

    /// One connection.
    ///
    /// # Panics
    /// With an index that another plan gave.
    pub fn connection(&self, index: ConnectionIndex) -> &PlanConnection {
        &self.connections[index.get()]
    }

    /// The node with this id, or else with this name.
    pub fn node_index(&self, id_or_name: &str) -> Option<NodeIndex> {
        self.by_id
            .get(id_or_name)
            .or_else(|| self.by_name.get(id_or_name))
            .copied()
    }

    /// What the execution's variables are at the start.
    pub fn variables(&self) -> &Arc<Object> {
        &self.variables
    }

    /// What a field that is not there means in expressions.
    pub fn missing_fields(&self) -> MissingFields {
        self.missing_fields
    }

    /// How long an execution may take.
    pub fn timeout(&self) -> Option<Span> {
        self.timeout
    }

    /// The time zone of `$now` and `$today`: UTC, unless the workflow says otherwise.
    pub fn time_zone(&self) -> &TimeZone {
        &self.time_zone
    }

    /// The triggers that are not disabled, in the order of the document.
    pub fn triggers(&self) -> &[NodeIndex] {
        &self.triggers
    }

    /// The trigger of an execution that is started by hand: the first manual one, or else the
    /// first one.
    pub fn default_trigger(&self) -> Option<NodeIndex> {
        let is_manual = |index: &&NodeIndex| {
            let node_type = self.node(**index).node_type.as_str();
            matches!(node_type, "trigger.manual" | "n8n-nodes-base.manualTrigger")
        };
        self.triggers
            .iter()
            .find(is_manual)
            .or(self.triggers.first())
            .copied()
    }

    /// The nodes that no connection leaves.
    pub fn leaves(&self) -> &[NodeIndex] {
        &self.leaves
    }

    /// The plugins that it will run, each in just the version and content that it was planned
    /// with: those of its nodes, their fallbacks and their compensations.
    pub fn plugins(&self) -> BTreeSet<&PluginOrigin> {
        let nodes = self.nodes.iter().chain(&self.compensations);
        let entries = nodes.flat_map(|node| {
            let fallback = node.fallback.as_ref().map(|fallback| &fallback.entry);
            node.entry.iter().chain(fallback)
        });
        entries.filter_map(|entry| entry.origin()).collect()
    }

    /// What is probably not meant as it is written.
    pub fn warnings(&self) -> &Diagnostics {
        &self.warnings
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan")
            .field("name", &self.name)
            .field("dialect", &self.dialect)
            .field("nodes", &self.nodes)
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for PlanNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlanNode")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("node_type", &self.node_type)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for PlanFallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlanFallback")
            .field("node_type", &self.node_type)
            .finish_non_exhaustive()
    }
}
