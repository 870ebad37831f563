//! Plans what undoes nodes when an execution fails: hidden nodes, behind the ordinary ones.

use jackfield_kernel::{CompensationSpec, NodeIndex};
use jackfield_types::{Compensation, ErrorCode, NodeId, NodeName, NodeRole};
use rustc_hash::FxHashSet;

use super::names::Names;
use super::nodes::{Draft, NodePlanner};
use crate::diagnostic::Diagnostic;
use crate::diagnostics::Findings;
use crate::workflow::{Node, Workflow};

/// What the name of a compensation ends with.
const SUFFIX: &str = "compensation";
/// How much of a node's name is kept in the name of its compensation, which has room for more.
const LONGEST_STEM: usize = 900;

/// A compensation on its way into the plan.
pub(super) struct CompensationDraft {
    /// The node that it undoes.
    pub(super) of: NodeIndex,
    /// It as it is written, in the place of the node that it undoes.
    pub(super) node: Node,
    pub(super) draft: Draft,
}

impl CompensationDraft {
    pub(super) fn spec(&self) -> CompensationSpec {
        CompensationSpec {
            node: self.of,
            recovery: self.draft.spec.recovery.clone(),
        }
    }
}

/// Plans all compensations, in the order of their nodes.
pub(super) fn compensations(
    workflow: &Workflow,
    names: &Names,
    drafts: &[Draft],
    planner: &mut NodePlanner<'_>,
    findings: &mut Findings,
) -> Vec<CompensationDraft> {
    let mut taken = FxHashSet::default();
    let mut planned = Vec::new();
    for (place, node) in workflow.nodes.iter().enumerate() {
        let Some(compensation) = &node.compensation else {
            continue;
        };
        if drafts[place].spec.role == NodeRole::Trigger {
            findings.push(
                Diagnostic::warning(
                    ErrorCode::LIKELY_MISTAKE,
                    "a trigger does nothing that could be undone",
                )
                .at(node.field("compensation"))
                .with_node(node.name.as_str())
                .with_hint("give the compensation to the node whose work it undoes"),
            );
        }
        let written = written(node, compensation);
        let mut found = Findings::default();
        let mut draft = planner.plan_alone(&written, &mut found);
        refuse_role(&written, &draft, &mut found);
        move_below(node, found, findings);
        let name = name(node, names, &mut taken);
        // An id may hold whatever a name may.
        draft.node.id = NodeId::parse(name.as_str()).unwrap_or_else(|_| node.id.clone());
        draft.node.name = name;
        planned.push(CompensationDraft {
            of: NodeIndex::new(place),
            node: written,
            draft,
        });
    }
    planned
}

/// Adds findings about a compensation that name the place of its node.
pub(super) fn move_below(node: &Node, found: Findings, findings: &mut Findings) {
    findings.extend_below(found, &node.pointer(), &node.field("compensation"));
}

/// A compensation as a node in the place of the one that it undoes. It never runs when that one is
/// disabled.
fn written(node: &Node, compensation: &Compensation) -> Node {
    let node_type = compensation.node_type.clone();
    Node {
        version: compensation.type_version.clone(),
        parameters: compensation.parameters.clone(),
        timeout: compensation.timeout,
        retry_policy: compensation.retry_policy.clone(),
        error_recovery_strategy: compensation.error_recovery_strategy.clone(),
        disabled: node.disabled,
        place: node.place,
        ..Node::new(node.name.clone(), node.id.clone(), node_type)
    }
}

fn refuse_role(node: &Node, draft: &Draft, findings: &mut Findings) {
    let what = match draft.metadata.as_ref().map(|metadata| metadata.role) {
        None | Some(NodeRole::Plain) => return,
        Some(NodeRole::Trigger) => "a trigger",
        Some(NodeRole::Loop) => "a loop",
    };
    let message = format!("`{}` is {what}, which cannot undo anything", node.node_type);
    findings.push(
        Diagnostic::new(ErrorCode::INVALID_WORKFLOW, message)
            .at_field(node.pointer(), &["nodeType"])
            .with_node(node.name.as_str())
            .with_expected("a node type that takes items and does its work at once"),
    );
}

/// A name that no node has, nor another compensation: services outside tell calls apart by it.
fn name(node: &Node, names: &Names, taken: &mut FxHashSet<NodeName>) -> NodeName {
    let stem = node.name.as_str();
    let end = stem.floor_char_boundary(LONGEST_STEM);
    let stem = &stem[..end];
    let place = node.place + 1;
    let mut text = format!("{stem} ({SUFFIX})");
    let mut tries = 0_u32;
    loop {
        // What is added breaks no rule of names.
        let Ok(name) = NodeName::parse(&text) else {
            return node.name.clone();
        };
        if names.find(&text).is_none() && taken.insert(name.clone()) {
            return name;
        }
        // The place makes it differ from those of other compensations, however many there are.
        text = format!("{stem} ({SUFFIX} {place}.{tries})");
        tries = tries.saturating_add(1);
    }
}
