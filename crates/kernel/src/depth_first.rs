//! The law of the n8n dialect (`executionOrder: v1`): one node at a time, depth first.
//!
//! Each delivery to a node with one input is a run of its own. A node with several inputs waits
//! until all that are connected have something; when nothing else is left to run, one that
//! still waits runs with what it has, those first that no other waiting node leads to. An empty
//! delivery counts only for inputs other than the first one, as in n8n.

use std::sync::Arc;

use jackfield_types::{Items, NodeRole};
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::{SmallVec, smallvec};

use crate::state::{Link, LoopState};
use crate::{
    ConnectionIndex, Execution, Graph, InputSegment, NodeIndex, NodePhase, RunWith, SkipReason,
};

/// What has been delivered and not yet been run with.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Deliveries {
    /// The node that runs, or is about to.
    pub(crate) current: Option<NodeIndex>,
    pub(crate) loops: FxHashMap<NodeIndex, LoopState>,
    stack: Vec<Delivery>,
    waiting: Vec<Slot>,
}

#[derive(Debug, Clone, PartialEq)]
struct Delivery {
    node: NodeIndex,
    inputs: SmallVec<[Items; 1]>,
    segments: SmallVec<[InputSegment; 1]>,
}

/// What has arrived for one run of a node with several inputs.
#[derive(Debug, Clone, PartialEq)]
struct Slot {
    node: NodeIndex,
    inputs: Vec<Option<(Items, NodeIndex)>>,
}

impl Slot {
    fn into_delivery(self) -> Delivery {
        let mut delivery = Delivery {
            node: self.node,
            inputs: SmallVec::new(),
            segments: SmallVec::new(),
        };
        for (input, arrived) in (0_u16..).zip(self.inputs) {
            let Some((items, from)) = arrived else {
                delivery.inputs.push(Items::default());
                continue;
            };
            let len = u32::try_from(items.len()).unwrap_or(u32::MAX);
            delivery.segments.push(InputSegment { input, from, len });
            delivery.inputs.push(items);
        }
        delivery
    }
}

impl Execution {
    pub(crate) fn start_depth_first(&mut self, trigger: Option<NodeIndex>) {
        let starts: Vec<_> = match trigger {
            Some(trigger) => vec![trigger],
            None => (0..self.graph.len())
                .map(NodeIndex::new)
                .filter(|&node| self.graph.incoming(node).is_empty())
                .collect(),
        };
        for &node in starts.iter().rev() {
            let mut inputs: SmallVec<[Items; 1]> = smallvec![self.start_input()];
            inputs.resize_with(usize::from(self.graph.input_count(node)), Items::default);
            self.deliveries.stack.push(Delivery {
                node,
                inputs,
                segments: SmallVec::new(),
            });
        }
        self.take_delivery();
    }

    pub(crate) fn settle_depth_first(&mut self, node: NodeIndex) {
        self.nodes[node.get()].phase = NodePhase::Done;
        self.deliveries.current = None;
        self.end_depth_first_round(node);
        let outcome = self.nodes[node.get()].outcome.as_ref();
        if outcome.is_some_and(|outcome| outcome.blocks) {
            self.deliveries.stack.clear();
            self.deliveries.waiting.clear();
            return;
        }
        for place in (0..self.graph.outgoing(node).len()).rev() {
            let connection = self.graph.outgoing(node)[place];
            match self.delivery(connection) {
                Link::Delivered(items) => self.deliver(connection, items),
                Link::Dead if self.graph.connection(connection).input > 0 => {
                    self.deliver(connection, Items::default());
                }
                Link::Dead | Link::Open | Link::Blocked => {}
            }
        }
        self.take_delivery();
    }

    fn deliver(&mut self, connection: ConnectionIndex, items: Items) {
        let spec = *self.graph.connection(connection);
        let count = usize::from(self.graph.input_count(spec.to));
        let waiting = &mut self.deliveries.waiting;
        let input = usize::from(spec.input);
        let place = waiting
            .iter()
            .position(|slot| slot.node == spec.to && slot.inputs[input].is_none())
            .unwrap_or_else(|| {
                waiting.push(Slot {
                    node: spec.to,
                    inputs: vec![None; count],
                });
                waiting.len() - 1
            });
        waiting[place].inputs[input] = Some((items, spec.from));
        let is_complete = self.graph.incoming(spec.to).iter().all(|&connection| {
            let input = usize::from(self.graph.connection(connection).input);
            self.deliveries.waiting[place].inputs[input].is_some()
        });
        if is_complete {
            let slot = self.deliveries.waiting.remove(place);
            self.deliveries.stack.push(slot.into_delivery());
        }
    }

    /// Makes the node ready to which something was delivered last.
    fn take_delivery(&mut self) {
        let next = self.deliveries.stack.pop().or_else(|| {
            let place = self.next_waiting()?;
            Some(self.deliveries.waiting.remove(place).into_delivery())
        });
        let Some(Delivery {
            node,
            inputs,
            segments,
        }) = next
        else {
            return;
        };
        let has_started = self.nodes[node.get()].outcome.is_some();
        if !self.may_run_again(node) {
            return;
        }
        let is_empty = !segments.is_empty() && inputs.iter().all(|items| items.is_empty());
        let phase = if is_empty {
            NodePhase::Passing {
                reason: SkipReason::NothingDelivered,
            }
        } else if self.graph.nodes[node.get()].disabled {
            NodePhase::Passing {
                reason: SkipReason::Disabled,
            }
        } else {
            NodePhase::Ready { with: RunWith::Own }
        };
        if let Some(state) = self.deliveries.loops.get_mut(&node) {
            let returned = inputs.first().cloned().unwrap_or_default();
            Arc::make_mut(&mut state.collected).push(Arc::clone(&returned));
            state.returned = returned;
        }
        let state = &mut self.nodes[node.get()];
        if has_started {
            state.run = state.run.saturating_add(1);
        }
        state.inputs = inputs;
        state.segments = segments;
        state.begin_run(phase);
        self.deliveries.current = Some(node);
        self.enqueue(node);
    }

    fn next_waiting(&self) -> Option<usize> {
        let waiting = &self.deliveries.waiting;
        let nodes: FxHashSet<_> = waiting.iter().map(|slot| slot.node).collect();
        let is_free = |slot: &Slot| !has_ancestor_among(&self.graph, slot.node, &nodes);
        waiting
            .iter()
            .position(is_free)
            .or(if waiting.is_empty() { None } else { Some(0) })
    }

    pub(crate) fn enter_depth_first_loop(&mut self, node: NodeIndex) {
        if self.graph.nodes[node.get()].role != NodeRole::Loop {
            return;
        }
        let entered = self.nodes[node.get()]
            .inputs
            .first()
            .cloned()
            .unwrap_or_default();
        self.deliveries
            .loops
            .entry(node)
            .or_insert_with(|| LoopState {
                returned: Arc::clone(&entered),
                entered,
                ..LoopState::default()
            });
    }

    fn end_depth_first_round(&mut self, node: NodeIndex) {
        let Some(state) = self.deliveries.loops.get_mut(&node) else {
            return;
        };
        let goes_on = self.nodes[node.get()].begins_round();
        if goes_on {
            state.round = state.round.saturating_add(1);
        } else {
            self.deliveries.loops.remove(&node);
        }
    }
}

fn has_ancestor_among(graph: &Graph, node: NodeIndex, nodes: &FxHashSet<NodeIndex>) -> bool {
    let mut seen = FxHashSet::default();
    let mut stack = vec![node];
    while let Some(current) = stack.pop() {
        for &connection in graph.incoming(current) {
            let from = graph.connection(connection).from;
            if from != node && nodes.contains(&from) {
                return true;
            }
            if seen.insert(from) {
                stack.push(from);
            }
        }
    }
    false
}
