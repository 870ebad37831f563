//! Order and loops of a graph under the native law, worked out once when it is built.
//!
//! Strongly connected components are found by Tarjan's algorithm (1972), without recursion. A
//! component with a cycle is a loop: its loop node is the header, the connections that lead back
//! to it are cut, and what remains of the component is looked at in the same way for loops within.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use jackfield_types::NodeRole;

use crate::{Connection, ConnectionIndex, Graph, GraphError, LoopIndex, NodeIndex, Output};

/// The port by which a loop node sends a round on its way.
pub(crate) const LOOP_PORT: Output = Output::Main(1);

const NESTING_LIMIT: usize = 32;

/// A loop: a header, and the body, whose ranks follow the header's without a gap.
#[derive(Debug)]
pub(crate) struct Loop {
    pub(crate) header: NodeIndex,
    pub(crate) parent: Option<LoopIndex>,
    pub(crate) first_rank: u32,
    pub(crate) last_rank: u32,
    /// Connections that lead back to the header.
    pub(crate) back: Vec<ConnectionIndex>,
    /// Connections within, to nodes of the body; those that lead back to a header not included.
    pub(crate) inner: Vec<ConnectionIndex>,
    /// Connections that leave this loop, and no loop further out.
    pub(crate) exits: Vec<ConnectionIndex>,
    depth: usize,
}

impl Loop {
    /// Whether a node of this rank is in the body. The header is not.
    pub(crate) fn holds(&self, rank: u32) -> bool {
        self.first_rank < rank && rank <= self.last_rank
    }
}

enum Step {
    Region {
        nodes: Vec<NodeIndex>,
        parent: Option<LoopIndex>,
    },
    Node(NodeIndex),
    Close(LoopIndex),
}

struct Analysis<'g> {
    graph: &'g mut Graph,
    region_of: Vec<u32>,
    regions: u32,
    cut: Vec<bool>,
}

pub(crate) fn analyze(graph: &mut Graph) -> Result<(), GraphError> {
    let all: Vec<_> = (0..graph.len()).map(NodeIndex::new).collect();
    let mut analysis = Analysis {
        region_of: vec![0; graph.len()],
        regions: 0,
        cut: vec![false; graph.connections.len()],
        graph,
    };
    let mut order = Vec::with_capacity(all.len());
    let mut steps = vec![Step::Region {
        nodes: all,
        parent: None,
    }];
    while let Some(step) = steps.pop() {
        match step {
            Step::Node(node) => order.push(node),
            Step::Close(index) => {
                let members = analysis.graph.loops[index.get()].last_rank;
                let last = u32::try_from(order.len()).unwrap_or(u32::MAX) - 1;
                let closed = &mut analysis.graph.loops[index.get()];
                closed.first_rank = last + 1 - members;
                closed.last_rank = last;
            }
            Step::Region { nodes, parent } => {
                let components = analysis.components(nodes);
                for component in components.into_iter().rev() {
                    analysis.plan(component, parent, &mut steps)?;
                }
            }
        }
    }
    for (place, &node) in order.iter().enumerate() {
        analysis.graph.rank[node.get()] = u32::try_from(place).unwrap_or(u32::MAX);
    }
    analysis.graph.order = order;
    analysis.graph.back = std::mem::take(&mut analysis.cut);
    check_loop_nodes(graph)?;
    sort_connections_into_loops(graph);
    Ok(())
}

impl Analysis<'_> {
    /// Whether a connection lies within the region of its source and has not been cut.
    fn is_within(&self, connection: ConnectionIndex) -> bool {
        let Connection { from, to, .. } = self.graph.connections[connection.get()];
        !self.cut[connection.get()] && self.region_of[from.get()] == self.region_of[to.get()]
    }

    fn targets<'a>(&'a self, node: NodeIndex) -> impl Iterator<Item = NodeIndex> + 'a {
        let outgoing = self.graph.outgoing(node).iter();
        outgoing
            .filter(|&&connection| self.is_within(connection))
            .map(|&connection| self.graph.connections[connection.get()].to)
    }

    /// The strongly connected components of a region, each before those that it leads to; among
    /// independent ones that with the first node of the list comes first.
    fn components(&mut self, nodes: Vec<NodeIndex>) -> Vec<Vec<NodeIndex>> {
        self.regions += 1;
        for node in &nodes {
            self.region_of[node.get()] = self.regions;
        }
        if nodes.len() == 1 {
            return vec![nodes];
        }
        let (components, component_of) = self.tarjan(&nodes);
        let mut waiting = vec![0_usize; components.len()];
        for &node in &nodes {
            let own = component_of[&node];
            for target in self.targets(node) {
                let other = component_of[&target];
                if other != own {
                    waiting[other] += 1;
                }
            }
        }
        let first = |component: usize| components[component].iter().min().copied();
        let mut free: BinaryHeap<_> = (0..components.len())
            .filter(|&component| waiting[component] == 0)
            .map(|component| Reverse((first(component), component)))
            .collect();
        let mut sorted = Vec::with_capacity(components.len());
        while let Some(Reverse((_, component))) = free.pop() {
            for &node in &components[component] {
                for target in self.targets(node) {
                    let other = component_of[&target];
                    if other == component {
                        continue;
                    }
                    waiting[other] -= 1;
                    if waiting[other] == 0 {
                        free.push(Reverse((first(other), other)));
                    }
                }
            }
            sorted.push(component);
        }
        let mut components: Vec<_> = components.into_iter().map(Some).collect();
        sorted
            .into_iter()
            .filter_map(|component| components[component].take())
            .collect()
    }

    fn tarjan(
        &self,
        nodes: &[NodeIndex],
    ) -> (Vec<Vec<NodeIndex>>, rustc_hash::FxHashMap<NodeIndex, usize>) {
        const UNSEEN: u32 = u32::MAX;
        let mut index = rustc_hash::FxHashMap::default();
        index.reserve(nodes.len());
        let mut low: rustc_hash::FxHashMap<NodeIndex, u32> = rustc_hash::FxHashMap::default();
        let mut component_of = rustc_hash::FxHashMap::default();
        let mut components: Vec<Vec<NodeIndex>> = Vec::new();
        let mut open = Vec::new();
        let mut counter = 0_u32;
        for &root in nodes {
            if index.get(&root).copied().unwrap_or(UNSEEN) != UNSEEN {
                continue;
            }
            index.insert(root, counter);
            low.insert(root, counter);
            counter += 1;
            open.push(root);
            let mut calls = vec![(root, self.targets(root).collect::<Vec<_>>().into_iter())];
            while let Some((node, targets)) = calls.last_mut() {
                let node = *node;
                if let Some(target) = targets.next() {
                    match index.get(&target).copied() {
                        None => {
                            index.insert(target, counter);
                            low.insert(target, counter);
                            counter += 1;
                            open.push(target);
                            let further = self.targets(target).collect::<Vec<_>>().into_iter();
                            calls.push((target, further));
                        }
                        Some(seen) if !component_of.contains_key(&target) => {
                            let entry = low.entry(node).or_insert(seen);
                            *entry = (*entry).min(seen);
                        }
                        Some(_) => {}
                    }
                    continue;
                }
                calls.pop();
                let own_low = low[&node];
                if let Some((parent, _)) = calls.last() {
                    let entry = low.entry(*parent).or_insert(own_low);
                    *entry = (*entry).min(own_low);
                }
                if own_low == index[&node] {
                    let mut component = Vec::new();
                    while let Some(member) = open.pop() {
                        component_of.insert(member, components.len());
                        component.push(member);
                        if member == node {
                            break;
                        }
                    }
                    component.sort_unstable();
                    components.push(component);
                }
            }
        }
        (components, component_of)
    }

    /// Adds the steps for one component, last one first.
    fn plan(
        &mut self,
        component: Vec<NodeIndex>,
        parent: Option<LoopIndex>,
        steps: &mut Vec<Step>,
    ) -> Result<(), GraphError> {
        let is_cyclic = component.len() > 1
            || component
                .iter()
                .any(|&node| self.targets(node).any(|target| target == node));
        if !is_cyclic {
            steps.extend(component.into_iter().map(Step::Node));
            return Ok(());
        }
        self.regions += 1;
        for node in &component {
            self.region_of[node.get()] = self.regions;
        }
        let header = self.header(&component)?;
        let index = LoopIndex::new(self.graph.loops.len());
        let depth = parent.map_or(1, |outer| self.graph.loops[outer.get()].depth + 1);
        if depth > NESTING_LIMIT {
            return Err(GraphError::NestedTooDeep {
                node: header,
                limit: NESTING_LIMIT,
            });
        }
        let back: Vec<_> = self
            .graph
            .incoming(header)
            .iter()
            .copied()
            .filter(|&connection| self.is_within(connection))
            .collect();
        for &connection in self.graph.outgoing(header) {
            let output = self.graph.connections[connection.get()].output;
            if self.is_within(connection) && output != LOOP_PORT {
                return Err(GraphError::DoneInsideLoop {
                    node: header,
                    connection,
                });
            }
        }
        for &connection in &back {
            self.cut[connection.get()] = true;
        }
        for &node in &component {
            if node != header {
                self.graph.loop_of[node.get()] = Some(index);
            }
        }
        self.graph.heads[header.get()] = Some(index);
        self.graph.loops.push(Loop {
            header,
            parent,
            first_rank: 0,
            // Until the loop is closed: the number of its nodes, header included.
            last_rank: u32::try_from(component.len()).unwrap_or(u32::MAX),
            back,
            inner: Vec::new(),
            exits: Vec::new(),
            depth,
        });
        steps.push(Step::Close(index));
        steps.push(Step::Region {
            nodes: component,
            parent: Some(index),
        });
        Ok(())
    }

    /// The loop node by which a component is entered; the first one of several.
    fn header(&self, component: &[NodeIndex]) -> Result<NodeIndex, GraphError> {
        let candidates = || {
            component.iter().copied().filter(|node| {
                let spec = &self.graph.nodes[node.get()];
                spec.role == NodeRole::Loop && !spec.disabled
            })
        };
        let is_entered = |node: &NodeIndex| {
            self.graph
                .incoming(*node)
                .iter()
                .any(|&connection| !self.cut[connection.get()] && !self.is_within(connection))
        };
        candidates()
            .find(is_entered)
            .or_else(|| candidates().next())
            .ok_or_else(|| GraphError::Cycle {
                path: self.shortest_cycle(component),
            })
    }

    /// A shortest cycle through the first node of a component.
    fn shortest_cycle(&self, component: &[NodeIndex]) -> Vec<NodeIndex> {
        let Some(&start) = component.first() else {
            return Vec::new();
        };
        let mut reached_from = rustc_hash::FxHashMap::default();
        let mut queue = VecDeque::from([start]);
        while let Some(node) = queue.pop_front() {
            for target in self.targets(node) {
                if target == start {
                    let mut path = vec![node];
                    while let Some(&before) = reached_from.get(&path[path.len() - 1]) {
                        path.push(before);
                    }
                    path.reverse();
                    return path;
                }
                reached_from.entry(target).or_insert_with(|| {
                    queue.push_back(target);
                    node
                });
            }
        }
        component.to_vec()
    }
}

fn check_loop_nodes(graph: &Graph) -> Result<(), GraphError> {
    let open_ended = (0..graph.len()).map(NodeIndex::new).find(|node| {
        let spec = &graph.nodes[node.get()];
        spec.role == NodeRole::Loop && !spec.disabled && graph.heads[node.get()].is_none()
    });
    if let Some(node) = open_ended {
        return Err(GraphError::LoopNotClosed { node });
    }
    // On the outside a loop node that nothing leads to is a start node; within a loop it would
    // never start.
    let never_starts = graph.loops.iter().find(|candidate| {
        let mut incoming = graph.incoming(candidate.header).iter();
        candidate.parent.is_some() && incoming.all(|&connection| graph.is_back(connection))
    });
    match never_starts {
        Some(found) => Err(GraphError::NotEntered { node: found.header }),
        None => Ok(()),
    }
}

fn sort_connections_into_loops(graph: &mut Graph) {
    if graph.loops.is_empty() {
        return;
    }
    for place in 0..graph.connections.len() {
        let index = ConnectionIndex::new(place);
        let Connection {
            from, output, to, ..
        } = graph.connections[place];
        let own = graph.heads[from.get()].filter(|_| output == LOOP_PORT);
        let around: Vec<_> = own.into_iter().chain(graph.loops_around(from)).collect();
        let to_rank = graph.rank[to.get()];
        let is_back = graph.back[place];
        for &around in &around {
            let body = &mut graph.loops[around.get()];
            if body.holds(to_rank) {
                if !is_back {
                    body.inner.push(index);
                }
            } else if body.header != to {
                graph.exits[place] = Some(around);
            }
        }
        if let Some(outermost) = graph.exits[place] {
            graph.loops[outermost.get()].exits.push(index);
        }
    }
}
