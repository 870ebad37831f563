use std::collections::{BTreeMap, BTreeSet};

use jackfield_types::VariableAccess;

use crate::{Graph, Law, LoopIndex, NodeIndex};

/// Keeps nodes that touch the execution's variables in the order of the plan, so that what they
/// read and write does not depend on timing: a reader waits for the writers before it, a writer
/// for all that touch variables before it. Nodes that leave variables alone are not held up.
///
/// A loop with such nodes in it counts as one of them, placed after its last node, until it ends.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct VariableGate {
    /// Places of those that are not settled. A node's place is twice its rank, the end of a loop
    /// is one after twice the rank of its last node.
    writers: BTreeSet<(u64, u32)>,
    touching: BTreeSet<(u64, u32)>,
    parked: BTreeMap<u32, NodeIndex>,
    is_used: bool,
}

impl VariableGate {
    pub(crate) fn new(graph: &Graph) -> Self {
        let mut gate = Self {
            // Under the other law one node runs at a time anyway.
            is_used: graph.law == Law::Settled
                && graph.nodes.iter().any(|node| !node.variables.is_none()),
            ..Self::default()
        };
        if gate.is_used {
            for &node in graph.order() {
                gate.enter(graph, node);
            }
            for place in 0..graph.loops.len() {
                gate.enter_loop(graph, LoopIndex::new(place));
            }
        }
        gate
    }

    fn place(graph: &Graph, node: NodeIndex) -> (u64, u32) {
        (u64::from(graph.rank[node.get()]) * 2, 0)
    }

    fn loop_place(graph: &Graph, index: LoopIndex) -> (u64, u32) {
        let body = &graph.loops[index.get()];
        // Two loops may end with the same node; the first ranks of their headers tell them apart.
        (u64::from(body.last_rank) * 2 + 1, body.first_rank)
    }

    fn insert(&mut self, access: VariableAccess, place: (u64, u32)) {
        match access {
            VariableAccess::None => {}
            VariableAccess::Reads => {
                self.touching.insert(place);
            }
            VariableAccess::Writes => {
                self.touching.insert(place);
                self.writers.insert(place);
            }
        }
    }

    /// A node is to run (again).
    pub(crate) fn enter(&mut self, graph: &Graph, node: NodeIndex) {
        if self.is_used {
            self.insert(graph.nodes[node.get()].variables, Self::place(graph, node));
        }
    }

    /// A loop is to run (again).
    pub(crate) fn enter_loop(&mut self, graph: &Graph, index: LoopIndex) {
        if !self.is_used {
            return;
        }
        let body = &graph.loops[index.get()];
        let members = &graph.order[body.first_rank as usize..=body.last_rank as usize];
        let access = members
            .iter()
            .map(|node| graph.nodes[node.get()].variables)
            .max();
        self.insert(access.unwrap_or_default(), Self::loop_place(graph, index));
    }

    /// A node is settled. Gives the parked nodes that may start now.
    pub(crate) fn leave(&mut self, graph: &Graph, node: NodeIndex) -> Vec<NodeIndex> {
        if !self.is_used {
            return Vec::new();
        }
        self.parked.remove(&graph.rank[node.get()]);
        self.remove(graph, Self::place(graph, node))
    }

    /// A loop has ended. Gives the parked nodes that may start now.
    pub(crate) fn leave_loop(&mut self, graph: &Graph, index: LoopIndex) -> Vec<NodeIndex> {
        if !self.is_used {
            return Vec::new();
        }
        self.remove(graph, Self::loop_place(graph, index))
    }

    fn remove(&mut self, graph: &Graph, place: (u64, u32)) -> Vec<NodeIndex> {
        self.writers.remove(&place);
        self.touching.remove(&place);
        let mut freed = Vec::new();
        // When one may not start, none after it may.
        while let Some((&rank, &node)) = self.parked.first_key_value() {
            if !self.may_start(graph, node) {
                break;
            }
            self.parked.remove(&rank);
            freed.push(node);
        }
        freed
    }

    /// Whether a node may start; otherwise it is kept until it may.
    pub(crate) fn start(&mut self, graph: &Graph, node: NodeIndex) -> bool {
        if !self.is_used || self.may_start(graph, node) {
            return true;
        }
        self.parked.insert(graph.rank[node.get()], node);
        false
    }

    fn may_start(&self, graph: &Graph, node: NodeIndex) -> bool {
        let place = Self::place(graph, node);
        let before = match graph.nodes[node.get()].variables {
            VariableAccess::None => None,
            VariableAccess::Reads => self.writers.first(),
            VariableAccess::Writes => self.touching.first(),
        };
        before.is_none_or(|&first| first >= place)
    }
}
