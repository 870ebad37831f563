//! Puts a plan together. Everything is looked at before anything is refused.

use std::cell::Cell;
use std::collections::HashSet;
use std::sync::Arc;

use jackfield_kernel as kernel;
use jackfield_kernel::{ConnectionIndex, Graph, GraphError, NodeIndex};
use jackfield_types::{ErrorCode, NodeRole, VariableAccess};
use jiff::tz::TimeZone;

use super::compensation::{CompensationDraft, compensations};
use super::connections::{Resolved, resolve};
use super::names::Names;
use super::nodes::{Draft, NodePlanner};
use super::reach::ReachCheck;
use super::references::{MOST_PLACES, ReferenceCheck};
use super::{Plan, PlanOptions, recovery_check};
use crate::catalog::Catalog;
use crate::diagnostic::Diagnostic;
use crate::diagnostics::{Diagnostics, Findings};
use crate::workflow::Workflow;

/// How many nodes of a cycle are shown.
const SHOWN_OF_CYCLE: usize = 12;

pub(super) struct Planner<'a> {
    workflow: &'a Workflow,
    /// Ids and names of nodes that could not be read.
    broken: &'a HashSet<String>,
    catalog: &'a dyn Catalog,
    findings: Findings,
    /// How many workflows it is within.
    depth: usize,
}

impl<'a> Planner<'a> {
    pub(super) fn new(
        workflow: &'a Workflow,
        broken: &'a HashSet<String>,
        catalog: &'a dyn Catalog,
        findings: Findings,
    ) -> Self {
        Self {
            workflow,
            broken,
            catalog,
            findings,
            depth: 0,
        }
    }

    /// Says how many workflows it is within.
    pub(super) fn within(self, depth: usize) -> Self {
        Self { depth, ..self }
    }

    pub(super) fn plan(mut self, options: &PlanOptions) -> Result<Plan, Diagnostics> {
        let workflow = self.workflow;
        self.check_not_empty();
        let time_zone = self.time_zone();
        recovery_check::check(workflow, &mut self.findings);
        let names = Names::new(workflow, &mut self.findings);
        let mut planner = NodePlanner::new(workflow, self.catalog, self.depth);
        let mut drafts: Vec<Draft> = workflow
            .nodes
            .iter()
            .map(|node| planner.plan(node, &mut self.findings))
            .collect();
        let connections = resolve(workflow, &names, &drafts, self.broken, &mut self.findings);
        for Resolved { connection, .. } in &connections {
            if let Some(condition) = &connection.condition {
                let draft = &mut drafts[connection.from.get()];
                draft.node.has_conditions = true;
                if condition.references().variables {
                    draft.spec.variables = draft.spec.variables.max(VariableAccess::Reads);
                }
            }
        }
        let compensations =
            compensations(workflow, &names, &drafts, &mut planner, &mut self.findings);
        let graph = self.graph(&drafts, &connections, &compensations);
        let places = Cell::new(MOST_PLACES);
        let check = ReferenceCheck {
            workflow,
            names: &names,
            graph: graph.as_ref(),
            catalog: self.catalog,
            places,
        };
        check.check(&drafts, &connections, &compensations, &mut self.findings);
        let triggers = triggers(&drafts);
        if let Some(graph) = &graph {
            let check = ReachCheck {
                workflow,
                drafts: &drafts,
                connections: &connections,
                graph,
                triggers: &triggers,
            };
            check.check(&mut self.findings);
        }
        let has_errors = self.findings.has_errors();
        let diagnostics = self.findings.locate(workflow.source.as_ref());
        let (Some(graph), false) = (graph, has_errors) else {
            return Err(diagnostics);
        };
        let leaves = (0..graph.len())
            .map(NodeIndex::new)
            .filter(|&node| graph.outgoing(node).is_empty())
            .collect();
        Ok(Plan {
            id: workflow.id.clone(),
            name: workflow.name.clone(),
            dialect: workflow.dialect,
            input: workflow.input.clone(),
            graph: Arc::new(graph),
            nodes: drafts.into_iter().map(|draft| draft.node).collect(),
            compensations: compensations
                .into_iter()
                .map(|compensation| compensation.draft.node)
                .collect(),
            connections: connections
                .into_iter()
                .map(|resolved| resolved.connection)
                .collect(),
            by_id: names.by_id,
            by_name: names.by_name,
            variables: Arc::new(workflow.variables.clone()),
            missing_fields: options
                .missing_fields
                .unwrap_or(workflow.settings.missing_fields),
            timeout: workflow.settings.timeout,
            time_zone,
            triggers,
            leaves,
            warnings: diagnostics,
        })
    }

    fn check_not_empty(&mut self) {
        // A document with mistakes may have nodes that could not be read.
        if self.workflow.nodes.is_empty() && !self.findings.has_errors() {
            self.findings.push(
                Diagnostic::new(ErrorCode::INVALID_WORKFLOW, "the workflow has no nodes")
                    .at("/nodes")
                    .with_expected("at least one node in `nodes`"),
            );
        }
    }

    fn time_zone(&mut self) -> TimeZone {
        let Some(name) = &self.workflow.settings.timezone else {
            return TimeZone::UTC;
        };
        TimeZone::get(name).unwrap_or_else(|_| {
            self.findings.push(
                Diagnostic::new(
                    ErrorCode::INVALID_WORKFLOW,
                    format!("`{name}` is no time zone"),
                )
                .at("/settings/timezone")
                .with_expected("a name of the IANA database, such as `Europe/Berlin` or `UTC`"),
            );
            TimeZone::UTC
        })
    }

    fn graph(
        &mut self,
        drafts: &[Draft],
        connections: &[Resolved<'_>],
        compensations: &[CompensationDraft],
    ) -> Option<Graph> {
        let settings = &self.workflow.settings;
        let specs = drafts.iter().map(|draft| draft.spec.clone()).collect();
        let links = connections
            .iter()
            .map(|Resolved { connection, .. }| kernel::Connection {
                from: connection.from,
                output: connection.output,
                to: connection.to,
                input: connection.input,
                conditional: connection.condition.is_some(),
            })
            .collect();
        let graph = match Graph::build(settings.law, settings.failure_mode, specs, links) {
            Ok(graph) => graph,
            Err(error) => {
                self.report_graph(&error, drafts, connections);
                return None;
            }
        };
        let specs = compensations.iter().map(CompensationDraft::spec).collect();
        match graph.with_compensations(specs) {
            Ok(graph) => Some(graph),
            Err(error) => {
                let finding = Diagnostic::new(ErrorCode::LIMIT_EXCEEDED, error.to_string());
                self.findings.push(finding.at("/nodes"));
                None
            }
        }
    }

    fn report_graph(&mut self, error: &GraphError, drafts: &[Draft], connections: &[Resolved<'_>]) {
        let name = |node: NodeIndex| drafts[node.get()].node.name.as_str();
        let at_node = |finding: Diagnostic, node: NodeIndex| {
            finding
                .at(self.workflow.nodes[node.get()].pointer())
                .with_node(name(node))
        };
        let is_known = |node: &NodeIndex| drafts[node.get()].metadata.is_some();
        // What a missing connection or an unknown node type brings about is not said again.
        let is_whole = self.broken.is_empty()
            && connections.len() == self.workflow.connections.len()
            && drafts.iter().all(|draft| draft.metadata.is_some());
        let finding = match error {
            GraphError::TooLarge => {
                Diagnostic::new(ErrorCode::LIMIT_EXCEEDED, error.to_string()).at("/nodes")
            }
            GraphError::UnknownNode { connection } => {
                Diagnostic::new(ErrorCode::CONNECTION_INVALID, error.to_string())
                    .at(path_of(connections, *connection))
            }
            GraphError::Cycle { path } => {
                if !path.iter().all(is_known) && self.findings.has_errors() {
                    return;
                }
                let closing = path.last().zip(path.first()).and_then(|(last, first)| {
                    connections.iter().find(|Resolved { connection, .. }| {
                        connection.from == *last && connection.to == *first
                    })
                });
                let names: Vec<&str> = path.iter().map(|&node| name(node)).collect();
                let message = format!("the connections form a cycle: `{}`", shown_cycle(&names));
                let finding = Diagnostic::new(ErrorCode::WORKFLOW_CYCLE, message)
                    .at(closing
                        .map_or_else(|| "/connections".to_owned(), |one| one.place.pointer()))
                    .with_hint(
                        "let the cycle go through a `loop` node, or remove one of its connections",
                    );
                match names.first() {
                    Some(first) => finding.with_node(*first),
                    None => finding,
                }
            }
            GraphError::LoopNotClosed { node } => {
                if !is_whole {
                    return;
                }
                let finding = Diagnostic::new(ErrorCode::LOOP_INVALID, error.to_string())
                    .with_expected("a path from output 1 (`loop`) back to the loop node")
                    .with_hint("connect the last node of the loop's body to the loop node");
                at_node(finding, *node)
            }
            GraphError::DoneInsideLoop { node, connection } => {
                Diagnostic::new(ErrorCode::LOOP_INVALID, error.to_string())
                    .at(path_of(connections, *connection))
                    .with_node(name(*node))
                    .with_hint("output 0 (`done`) ends the loop, output 1 (`loop`) is its body")
            }
            GraphError::PortOutOfRange { connection } => {
                Diagnostic::new(ErrorCode::CONNECTION_INVALID, error.to_string())
                    .at(path_of(connections, *connection))
            }
            GraphError::NotEntered { node } => at_node(
                Diagnostic::new(ErrorCode::LOOP_INVALID, error.to_string()).with_hint(
                    "lead what begins the inner loop to its loop node, not into its body",
                ),
                *node,
            ),
            GraphError::NestedTooDeep { node, .. } => at_node(
                Diagnostic::new(ErrorCode::LIMIT_EXCEEDED, error.to_string()),
                *node,
            ),
        };
        self.findings.push(finding);
    }
}

fn triggers(drafts: &[Draft]) -> Vec<NodeIndex> {
    let is_trigger = |draft: &Draft| draft.spec.role == NodeRole::Trigger && !draft.node.disabled;
    let places = drafts
        .iter()
        .enumerate()
        .filter(|(_, draft)| is_trigger(draft));
    places.map(|(place, _)| NodeIndex::new(place)).collect()
}

fn path_of(connections: &[Resolved<'_>], index: ConnectionIndex) -> String {
    connections.get(index.get()).map_or_else(
        || "/connections".to_owned(),
        |resolved| resolved.place.pointer(),
    )
}

/// `a → b → c → a`; the middle of a long cycle is left out.
fn shown_cycle(names: &[&str]) -> String {
    let mut shown: Vec<&str> = if names.len() > SHOWN_OF_CYCLE {
        let half = SHOWN_OF_CYCLE / 2;
        let ends = [&names[..half], &["…"], &names[names.len() - half..]];
        ends.concat()
    } else {
        names.to_vec()
    };
    shown.extend(names.first());
    shown.join(" → ")
}
