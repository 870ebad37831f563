//! Finds nodes by id and by name, and says where two have the same.

use std::cell::Cell;
use std::collections::HashSet;
use std::hash::Hash;

use jackfield_kernel::NodeIndex;
use jackfield_types::{ErrorCode, NodeId, NodeName};
use rustc_hash::FxHashMap;

use crate::diagnostic::Diagnostic;
use crate::diagnostics::Findings;
use crate::nearest::nearest;
use crate::workflow::{Node, Workflow};

/// How many names that no node has are given a hint.
const MOST_HINTS: usize = 20;

pub(super) struct Names {
    pub(super) by_id: FxHashMap<NodeId, NodeIndex>,
    pub(super) by_name: FxHashMap<NodeName, NodeIndex>,
    /// How many more hints are worked out: each one looks at many names.
    hints: Cell<usize>,
}

impl Names {
    pub(super) fn new(workflow: &Workflow, findings: &mut Findings) -> Self {
        let nodes = &workflow.nodes;
        let by_id = index(nodes, |node| &node.id, "id", findings);
        let by_name = index(nodes, |node| &node.name, "name", findings);
        for (place, node) in nodes.iter().enumerate() {
            let other = by_id
                .get(node.name.as_str())
                .filter(|other| other.get() != place);
            if let Some(other) = other.and_then(|other| nodes.get(other.get())) {
                // Equal ids have been reported by now.
                if other.id == node.id {
                    continue;
                }
                let message = format!(
                    "`{}` is the name of one node and the id of another one, `{}`; where it is written, the id is meant",
                    node.name, other.name
                );
                findings.push(
                    Diagnostic::warning(ErrorCode::DUPLICATE_NODE, message)
                        .at(node.field("name"))
                        .with_node(node.name.as_str())
                        .with_hint("give one of them another name"),
                );
            }
        }
        Self {
            by_id,
            by_name,
            hints: Cell::new(MOST_HINTS),
        }
    }

    /// The node with this id, or else with this name.
    pub(super) fn find(&self, id_or_name: &str) -> Option<NodeIndex> {
        self.by_id
            .get(id_or_name)
            .or_else(|| self.by_name.get(id_or_name))
            .copied()
    }

    /// What was probably meant by a name that no node has.
    pub(super) fn hint(&self, wanted: &str) -> Option<String> {
        self.hints.set(self.hints.get().checked_sub(1)?);
        let mut all: Vec<&str> = self.by_name.keys().map(NodeName::as_str).collect();
        all.extend(self.by_id.keys().map(NodeId::as_str));
        // The order of a map is left to chance.
        all.sort_unstable();
        nearest(wanted, all).map(|near| format!("did you mean `{near}`?"))
    }
}

fn index<K: Clone + Eq + Hash + AsRef<str>>(
    nodes: &[Node],
    key: impl Fn(&Node) -> &K,
    what: &str,
    findings: &mut Findings,
) -> FxHashMap<K, NodeIndex> {
    let mut found: FxHashMap<K, NodeIndex> = FxHashMap::default();
    found.reserve(nodes.len());
    let mut reported = HashSet::new();
    for (place, node) in nodes.iter().enumerate() {
        let key = key(node);
        let Some(first) = found.get(key) else {
            found.insert(key.clone(), NodeIndex::new(place));
            continue;
        };
        // A node without an id of its own has its name for an id: one finding is enough.
        let text = key.as_ref();
        let is_told =
            what == "name" && nodes[first.get()].id == node.id && node.id.as_str() == text;
        if is_told || !reported.insert(place) {
            continue;
        }
        let message = format!("two nodes have the {what} `{text}`");
        findings.push(
            Diagnostic::new(ErrorCode::DUPLICATE_NODE, message)
                .at(node.field(what))
                .with_node(node.name.as_str())
                .with_expected(format!("{what}s that occur once in a workflow"))
                .with_hint(format!(
                    "the first one is node {}, counted from 1",
                    nodes[first.get()].place + 1
                )),
        );
    }
    found
}
