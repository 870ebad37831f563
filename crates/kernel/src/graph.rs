use jackfield_types::{NodeRole, OnError, VariableAccess};
use serde::{Deserialize, Serialize};

use crate::compensation::Compensations;
use crate::structure::{self, Loop};
use crate::{GraphError, RecoveryRules};

macro_rules! index {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(u32);

        impl $name {
            /// The index of the `place`-th one.
            ///
            /// # Panics
            /// With a `place` of 2³² or more; [`Graph::build`] takes no graph that large.
            pub fn new(place: usize) -> Self {
                Self(u32::try_from(place).expect("a graph has fewer than 2^32 nodes and connections"))
            }

            /// The place in its list.
            pub const fn get(self) -> usize {
                self.0 as usize
            }
        }
    };
}

index!(
    /// A node of a graph, by its place in the list that the graph was built from.
    NodeIndex
);
index!(
    /// A connection of a graph, by its place in the list that the graph was built from.
    ConnectionIndex
);
index!(
    /// A loop of a graph.
    LoopIndex
);

/// Which law decides what runs when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Law {
    /// A node starts once, when each of its incoming connections is settled: delivered, or dead.
    #[default]
    Settled,
    /// The `v1` execution order of n8n: one delivery at a time, depth first, top-left first; a
    /// node with several inputs waits for all of them, and cycles are allowed.
    DepthFirst,
}

/// What a node's failure means for nodes that do not depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FailureMode {
    /// They run to their end; the result does not depend on timing.
    #[default]
    FinishBranches,
    /// Running ones are cancelled and no other starts; what ran by then depends on timing.
    FailFast,
}

/// An output port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Output {
    /// One of the `main` ports.
    Main(u16),
    /// The `error` port.
    Error,
}

/// What the kernel knows of a node.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NodeSpec {
    /// What its node type is to the engine.
    pub role: NodeRole,
    /// Whether it only passes its first input on.
    pub disabled: bool,
    /// Whether it gives one empty item when it gave nothing.
    pub always_output: bool,
    /// What it does with the execution's variables, expressions in its parameters included.
    pub variables: VariableAccess,
    /// What is done when an attempt fails.
    pub recovery: RecoveryRules,
    /// What happens when it has failed for good.
    pub on_error: OnError,
}

/// A connection from an output port to an input port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connection {
    /// The node that delivers.
    pub from: NodeIndex,
    /// By which port.
    pub output: Output,
    /// The node that receives.
    pub to: NodeIndex,
    /// By which port.
    pub input: u16,
    /// Whether a condition, which the driver evaluates, decides for each item if it passes.
    pub conditional: bool,
}

/// The nodes and connections of a workflow, checked: every cycle goes through a loop node.
#[derive(Debug)]
pub struct Graph {
    pub(crate) law: Law,
    pub(crate) failure_mode: FailureMode,
    pub(crate) nodes: Vec<NodeSpec>,
    pub(crate) connections: Vec<Connection>,
    pub(crate) outgoing: Adjacency,
    pub(crate) incoming: Adjacency,
    pub(crate) input_counts: Vec<u16>,
    pub(crate) order: Vec<NodeIndex>,
    pub(crate) rank: Vec<u32>,
    pub(crate) loops: Vec<Loop>,
    pub(crate) loop_of: Vec<Option<LoopIndex>>,
    pub(crate) heads: Vec<Option<LoopIndex>>,
    pub(crate) exits: Vec<Option<LoopIndex>>,
    pub(crate) back: Vec<bool>,
    pub(crate) compensations: Compensations,
}

/// Connections by node, in compressed rows.
#[derive(Debug, Default)]
pub(crate) struct Adjacency {
    starts: Vec<u32>,
    connections: Vec<ConnectionIndex>,
}

impl Adjacency {
    fn new(nodes: usize, ends: impl Iterator<Item = NodeIndex> + Clone) -> Self {
        let mut starts = vec![0_u32; nodes + 1];
        for end in ends.clone() {
            starts[end.get() + 1] += 1;
        }
        for place in 0..nodes {
            starts[place + 1] += starts[place];
        }
        let mut fill = starts.clone();
        let mut connections = vec![ConnectionIndex(0); *starts.last().unwrap_or(&0) as usize];
        for (place, end) in ends.enumerate() {
            let slot = &mut fill[end.get()];
            connections[*slot as usize] = ConnectionIndex::new(place);
            *slot += 1;
        }
        Self {
            starts,
            connections,
        }
    }

    /// Makes room for `nodes` nodes in all; those that are new have no connections.
    pub(crate) fn resize(&mut self, nodes: usize) {
        let end = self.starts.last().copied().unwrap_or(0);
        self.starts.resize(nodes + 1, end);
    }

    pub(crate) fn of(&self, node: NodeIndex) -> &[ConnectionIndex] {
        let place = node.get();
        &self.connections[self.starts[place] as usize..self.starts[place + 1] as usize]
    }
}

impl Graph {
    /// No node has more inputs or outputs than this.
    pub const MAX_PORTS: u16 = 4_096;

    /// Checks nodes and connections and works out order and loops.
    ///
    /// Connections that leave a node are settled in the order of `connections`.
    ///
    /// # Errors
    /// [`GraphError`] when a connection leads from or to a node that is not there, when a cycle
    /// goes through no loop node (the path is given), or when a loop is not closed, entangled with
    /// another or nested too deep. Under [`Law::DepthFirst`] cycles are allowed.
    pub fn build(
        law: Law,
        failure_mode: FailureMode,
        nodes: Vec<NodeSpec>,
        connections: Vec<Connection>,
    ) -> Result<Self, GraphError> {
        let limit = u32::MAX as usize;
        if nodes.len() >= limit || connections.len() >= limit {
            return Err(GraphError::TooLarge);
        }
        for (place, connection) in connections.iter().enumerate() {
            if connection.from.get() >= nodes.len() || connection.to.get() >= nodes.len() {
                return Err(GraphError::UnknownNode {
                    connection: ConnectionIndex::new(place),
                });
            }
        }
        let is_port = |port: u16| port < Self::MAX_PORTS;
        let out_of_range = connections.iter().position(|connection| {
            let output = match connection.output {
                Output::Main(port) => port,
                Output::Error => 0,
            };
            !is_port(connection.input) || !is_port(output)
        });
        if let Some(place) = out_of_range {
            return Err(GraphError::PortOutOfRange {
                connection: ConnectionIndex::new(place),
            });
        }
        let mut input_counts = vec![1_u16; nodes.len()];
        for connection in &connections {
            let count = &mut input_counts[connection.to.get()];
            *count = (*count).max(connection.input + 1);
        }
        let mut graph = Self {
            law,
            failure_mode,
            outgoing: Adjacency::new(nodes.len(), connections.iter().map(|c| c.from)),
            incoming: Adjacency::new(nodes.len(), connections.iter().map(|c| c.to)),
            input_counts,
            order: (0..nodes.len()).map(NodeIndex::new).collect(),
            rank: (0..nodes.len())
                .map(|place| NodeIndex::new(place).0)
                .collect(),
            loops: Vec::new(),
            loop_of: vec![None; nodes.len()],
            heads: vec![None; nodes.len()],
            exits: vec![None; connections.len()],
            back: vec![false; connections.len()],
            compensations: Compensations::default(),
            nodes,
            connections,
        };
        if law == Law::Settled {
            structure::analyze(&mut graph)?;
        }
        Ok(graph)
    }

    /// The law in force.
    pub fn law(&self) -> Law {
        self.law
    }

    /// The number of nodes, compensations not included.
    pub fn len(&self) -> usize {
        self.nodes.len() - self.compensations.compensated.len()
    }

    /// Whether there are no nodes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A node or a compensation.
    pub fn node(&self, node: NodeIndex) -> &NodeSpec {
        &self.nodes[node.get()]
    }

    /// A connection.
    pub fn connection(&self, connection: ConnectionIndex) -> &Connection {
        &self.connections[connection.get()]
    }

    /// The connections that leave a node.
    pub fn outgoing(&self, node: NodeIndex) -> &[ConnectionIndex] {
        self.outgoing.of(node)
    }

    /// The connections that reach a node.
    pub fn incoming(&self, node: NodeIndex) -> &[ConnectionIndex] {
        self.incoming.of(node)
    }

    /// The number of input ports that are in use, at least one.
    pub fn input_count(&self, node: NodeIndex) -> u16 {
        self.input_counts[node.get()]
    }

    /// The nodes in an order in which they could run one after the other; the nodes of a loop
    /// follow their loop node without a gap. Under [`Law::DepthFirst`] the order of the list.
    pub fn order(&self) -> &[NodeIndex] {
        &self.order
    }

    /// The loops around a node, innermost first.
    pub fn loops_around(&self, node: NodeIndex) -> impl Iterator<Item = LoopIndex> + '_ {
        let mut current = self.loop_of[node.get()];
        std::iter::from_fn(move || {
            let found = current?;
            current = self.loops[found.get()].parent;
            Some(found)
        })
    }

    /// The loop node of a loop.
    pub fn loop_node(&self, index: LoopIndex) -> NodeIndex {
        self.loops[index.get()].header
    }

    /// Whether no connection reaches a node, but for those that a loop leads back to it.
    pub fn is_start(&self, node: NodeIndex) -> bool {
        self.incoming(node)
            .iter()
            .all(|&connection| self.is_back(connection))
    }

    /// Whether `earlier` has certainly settled whenever `later` runs: there is a path between
    /// them. A node does not run before itself, but for a loop's own earlier rounds.
    ///
    /// `budget` is the number of connections that may still be looked at; it is counted down.
    /// When it is used up the answer is `None`.
    pub fn runs_before(
        &self,
        earlier: NodeIndex,
        later: NodeIndex,
        budget: &mut usize,
    ) -> Option<bool> {
        if self.law == Law::DepthFirst {
            return Some(true);
        }
        let floor = self.rank[earlier.get()];
        let mut seen = rustc_hash::FxHashSet::default();
        let mut stack = vec![later];
        while let Some(node) = stack.pop() {
            for &connection in self.incoming(node) {
                *budget = budget.checked_sub(1)?;
                let from = self.connection(connection).from;
                if from == earlier {
                    return Some(true);
                }
                let may_lead_there =
                    self.rank[from.get()] > floor || self.loop_of[earlier.get()].is_some();
                if may_lead_there && seen.insert(from) {
                    stack.push(from);
                }
            }
        }
        Some(false)
    }

    /// Whether a connection leads back to the loop node of a loop that it comes from.
    pub(crate) fn is_back(&self, connection: ConnectionIndex) -> bool {
        self.back[connection.get()]
    }
}
