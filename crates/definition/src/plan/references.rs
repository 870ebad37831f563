//! Checks that the nodes that expressions refer to are there, and have run by then.

use std::cell::Cell;

use jackfield_kernel::{Graph, Law, NodeIndex};
use jackfield_types::{ErrorCode, Severity};

use super::compensation::{CompensationDraft, move_below};
use super::connections::Resolved;
use super::names::Names;
use super::nodes::Draft;
use super::texts::each_text;
use super::told::in_parameters;
use crate::catalog::{Catalog, SecretGrant};
use crate::diagnostic::Diagnostic;
use crate::diagnostics::Findings;
use crate::expression::References;
use crate::nearest::nearest;
use crate::workflow::{ConnectionPlace, Dialect, Node, Workflow};

/// How many connections are looked at, over all references, to find out what runs before.
const BUDGET: usize = 5_000_000;

pub(super) struct ReferenceCheck<'a> {
    pub(super) workflow: &'a Workflow,
    pub(super) names: &'a Names,
    /// `None` when the connections make no graph.
    pub(super) graph: Option<&'a Graph>,
    pub(super) catalog: &'a dyn Catalog,
    /// How many more findings are put where the name occurs: each one looks at all parameters.
    pub(super) places: Cell<usize>,
}

/// How many findings are put where the name occurs.
pub(super) const MOST_PLACES: usize = 100;

/// Where a reference stands.
#[derive(Clone, Copy)]
enum Site<'a> {
    /// In the parameters of a node.
    Parameters,
    /// In the parameters of what undoes the node.
    Compensation,
    /// In the condition of a connection that leaves the node.
    Condition(&'a ConnectionPlace),
}

impl ReferenceCheck<'_> {
    pub(super) fn check(
        &self,
        drafts: &[Draft],
        connections: &[Resolved<'_>],
        compensations: &[CompensationDraft],
        findings: &mut Findings,
    ) {
        let mut budget = BUDGET;
        for (place, (draft, node)) in drafts.iter().zip(&self.workflow.nodes).enumerate() {
            if node.disabled {
                continue;
            }
            let (references, index) = (draft.node.parameters.references(), NodeIndex::new(place));
            self.check_one(
                references,
                index,
                node,
                Site::Parameters,
                &mut budget,
                findings,
            );
        }
        for CompensationDraft { of, node, draft } in compensations {
            if node.disabled {
                continue;
            }
            let (references, site) = (draft.node.parameters.references(), Site::Compensation);
            let mut found = Findings::default();
            self.check_one(references, *of, node, site, &mut budget, &mut found);
            move_below(node, found, findings);
        }
        for Resolved { connection, place } in connections {
            let Some(condition) = &connection.condition else {
                continue;
            };
            let (index, site) = (connection.from, Site::Condition(place));
            let node = &self.workflow.nodes[index.get()];
            self.check_one(
                condition.references(),
                index,
                node,
                site,
                &mut budget,
                findings,
            );
        }
    }

    fn check_one(
        &self,
        references: &References,
        index: NodeIndex,
        node: &Node,
        site: Site<'_>,
        budget: &mut usize,
        findings: &mut Findings,
    ) {
        self.check_secrets(references, node, site, findings);
        for wanted in references.nodes.iter().chain(&references.steps) {
            let Some(found) = self.names.find(wanted) else {
                let message = format!("an expression refers to `{wanted}`, which is no node");
                let mut finding = Diagnostic::new(ErrorCode::EXPRESSION_REFERENCE, message)
                    .with_expected("the name or the id of a node of this workflow")
                    .with_hint_if(self.names.hint(wanted));
                // n8n looks for the node only when the expression is evaluated.
                if self.workflow.dialect == Dialect::N8n {
                    finding.severity = Severity::Warning;
                }
                findings.push(self.placed(finding, wanted, node, site));
                continue;
            };
            let is_settled_by_then = match site {
                Site::Condition(_) | Site::Compensation if found == index => Some(true),
                Site::Condition(_) | Site::Compensation | Site::Parameters => match self.graph {
                    Some(graph) if graph.law() == Law::Settled => {
                        graph.runs_before(found, index, budget)
                    }
                    _ => Some(true),
                },
            };
            if is_settled_by_then.is_none() {
                let message = "too many references between distant nodes to check them all";
                let finding = Diagnostic::new(ErrorCode::LIMIT_EXCEEDED, message)
                    .with_hint("refer to nearer nodes, or pass what is needed along in the items");
                findings.push(self.placed(finding, wanted, node, site));
            }
            if is_settled_by_then == Some(false) {
                let message = if found == index {
                    format!("an expression of `{wanted}` refers to its own output")
                } else {
                    format!("an expression refers to `{wanted}`, which need not have run by then")
                };
                let finding = Diagnostic::new(ErrorCode::EXPRESSION_REFERENCE, message)
                    .with_expected("a node from which connections lead here");
                findings.push(self.placed(finding, wanted, node, site));
            }
        }
    }

    /// Checks that the secrets which expressions read are there, and may be read.
    fn check_secrets(
        &self,
        references: &References,
        node: &Node,
        site: Site<'_>,
        findings: &mut Findings,
    ) {
        for name in &references.secrets {
            let finding = match self.catalog.secret(name) {
                SecretGrant::Granted => continue,
                SecretGrant::Missing => {
                    let names = self.catalog.secret_names();
                    let near = nearest(name, names.iter().map(String::as_str));
                    let hint = match near {
                        Some(near) => format!("did you mean `$secrets.{near}`?"),
                        None => "add it to the secrets, or correct the name".to_owned(),
                    };
                    let message = format!("there is no secret `{name}`");
                    Diagnostic::new(ErrorCode::CREDENTIAL_MISSING, message).with_hint(hint)
                }
                SecretGrant::Refused(rule) => {
                    let message = format!("the secret `{name}` may not be read: {rule}");
                    Diagnostic::new(ErrorCode::TENANT_FORBIDDEN, message)
                        .with_hint("read another secret, or have the policy changed")
                }
            };
            findings.push(self.placed(finding, name, node, site));
        }
    }

    /// Puts a finding where the name occurs.
    fn placed(&self, finding: Diagnostic, wanted: &str, node: &Node, site: Site<'_>) -> Diagnostic {
        match site {
            Site::Condition(place) => finding
                .at(format!("{}/condition", place.pointer()))
                .with_node(node.name.as_str()),
            Site::Parameters | Site::Compensation => {
                let mut place = None;
                let Some(places) = self.places.get().checked_sub(1) else {
                    return in_parameters(node, "", finding);
                };
                self.places.set(places);
                each_text(&node.parameters, &mut |path, text| {
                    if let (None, Some(at)) = (&place, text.find(wanted)) {
                        place = Some((path.to_owned(), at));
                    }
                });
                match place {
                    Some((path, at)) => {
                        in_parameters(node, &path, finding.within(at..at + wanted.len()))
                    }
                    None => in_parameters(node, "", finding),
                }
            }
        }
    }
}
