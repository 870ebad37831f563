//! The native law: a node starts once, when each of its incoming connections is settled.
//!
//! Inside of a loop "once" means once a round. What a connection carries out of a loop is gathered
//! over the rounds and settles when the loop ends; what comes into a loop from outside stays
//! settled for all rounds.

use std::sync::Arc;

use jackfield_types::{Items, NodeRole, NodeStatus};
use smallvec::{SmallVec, smallvec};

use crate::state::{Link, LoopState};
use crate::structure::LOOP_PORT;
use crate::{
    ConnectionIndex, Execution, InputSegment, LoopIndex, NodeIndex, NodePhase, Output, RunWith,
    SkipReason,
};

impl Execution {
    pub(crate) fn start_settled(&mut self, trigger: Option<NodeIndex>) {
        for place in 0..self.graph.order().len() {
            let node = self.graph.order()[place];
            if self.nodes[node.get()].waiting > 0 {
                continue;
            }
            let spec = &self.graph.nodes[node.get()];
            let is_other_trigger =
                spec.role == NodeRole::Trigger && trigger.is_some_and(|trigger| trigger != node);
            let phase = if is_other_trigger {
                NodePhase::Passing {
                    reason: SkipReason::OtherTrigger,
                }
            } else if spec.disabled {
                NodePhase::Passing {
                    reason: SkipReason::Disabled,
                }
            } else {
                NodePhase::Ready { with: RunWith::Own }
            };
            let mut inputs: SmallVec<[Items; 1]> = smallvec![self.start_input()];
            inputs.resize_with(usize::from(self.graph.input_count(node)), Items::default);
            let state = &mut self.nodes[node.get()];
            state.inputs = inputs;
            state.begin_run(phase);
            self.enqueue(node);
        }
    }

    /// Passes on what became of a node's run.
    pub(crate) fn settle_settled(&mut self, node: NodeIndex) {
        if let Some(index) = self.graph.heads[node.get()] {
            return self.settle_header(node, index);
        }
        self.close_node(node);
        self.settle_ports(node, |_| true);
    }

    fn close_node(&mut self, node: NodeIndex) {
        self.nodes[node.get()].phase = NodePhase::Done;
        self.open -= 1;
        for freed in self.gate.leave(&self.graph, node) {
            self.enqueue(freed);
        }
    }

    fn settle_link(&mut self, connection: ConnectionIndex, link: Link) {
        match self.graph.exits[connection.get()] {
            Some(index) if !self.loops[index.get()].has_ended => {
                let gathered = self.gathered.entry(connection).or_default();
                match link {
                    Link::Delivered(items) => gathered.items.extend(items.iter().cloned()),
                    Link::Blocked => gathered.blocked = true,
                    Link::Dead | Link::Open => {}
                }
            }
            _ => self.pass_link(connection, link),
        }
    }

    fn pass_link(&mut self, connection: ConnectionIndex, link: Link) {
        let target = self.graph.connection(connection).to;
        if !self.graph.is_back(connection) {
            self.links[connection.get()] = link;
            let state = &mut self.nodes[target.get()];
            state.waiting -= 1;
            if state.waiting == 0 {
                self.arrive(target);
            }
            return;
        }
        // A loop that was never entered, or is over, does not wait for anything to come back.
        if self.nodes[target.get()].phase != NodePhase::Looping {
            return;
        }
        let Some(index) = self.graph.heads[target.get()] else {
            return;
        };
        self.links[connection.get()] = link;
        let state = &mut self.loops[index.get()];
        state.waiting -= 1;
        if state.waiting == 0 {
            self.end_round(target, index);
        }
    }

    /// All incoming connections of a node are settled.
    fn arrive(&mut self, node: NodeIndex) {
        let (mut is_blocked, mut is_live) = (false, false);
        for &connection in self.graph.incoming(node) {
            if self.graph.is_back(connection) {
                continue;
            }
            match &self.links[connection.get()] {
                Link::Blocked => is_blocked = true,
                Link::Delivered(_) => is_live = true,
                Link::Dead | Link::Open => {}
            }
        }
        let phase = if is_blocked {
            NodePhase::Passing {
                reason: SkipReason::Blocked,
            }
        } else if !is_live {
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
        let (inputs, segments) = self.gather_inputs(node);
        let state = &mut self.nodes[node.get()];
        state.inputs = inputs;
        state.segments = segments;
        state.begin_run(phase);
        self.enqueue(node);
    }

    fn gather_inputs(
        &self,
        node: NodeIndex,
    ) -> (SmallVec<[Items; 1]>, SmallVec<[InputSegment; 1]>) {
        let mut inputs: SmallVec<[Items; 1]> = SmallVec::new();
        inputs.resize_with(usize::from(self.graph.input_count(node)), Items::default);
        let mut segments = SmallVec::new();
        for &connection in self.graph.incoming(node) {
            if self.graph.is_back(connection) {
                continue;
            }
            let Link::Delivered(items) = &self.links[connection.get()] else {
                continue;
            };
            let spec = self.graph.connection(connection);
            append(&mut inputs[usize::from(spec.input)], items);
            let len = u32::try_from(items.len()).unwrap_or(u32::MAX);
            segments.push(InputSegment {
                input: spec.input,
                from: spec.from,
                len,
            });
        }
        (inputs, segments)
    }

    pub(crate) fn enter_loop_if_header(&mut self, node: NodeIndex) {
        let Some(index) = self.graph.heads[node.get()] else {
            return self.enter_depth_first_loop(node);
        };
        let state = &mut self.loops[index.get()];
        if state.round == 0 {
            let entered = self.nodes[node.get()]
                .inputs
                .first()
                .cloned()
                .unwrap_or_default();
            state.returned = Arc::clone(&entered);
            state.entered = entered;
        }
    }

    fn settle_header(&mut self, node: NodeIndex, index: LoopIndex) {
        let has_round = self.nodes[node.get()].begins_round();
        let rounds = self.loops[index.get()].round;
        if !has_round && rounds > 0 {
            return self.end_loop(node, index);
        }
        if rounds > 0 {
            self.reset_body(index);
        }
        let back = self.graph.loops[index.get()].back.len();
        let state = &mut self.loops[index.get()];
        // A loop that has no round at all still waits until its body has been passed over.
        state.is_passed_over = !has_round;
        state.round = state.round.saturating_add(u32::from(has_round));
        state.waiting = u32::try_from(back).unwrap_or(u32::MAX);
        self.nodes[node.get()].phase = NodePhase::Looping;
        // While the round is under way the body may touch variables, and the loop as a whole
        // keeps those after it waiting.
        for freed in self.gate.leave(&self.graph, node) {
            self.enqueue(freed);
        }
        self.settle_ports(node, |output| output == LOOP_PORT);
    }

    /// Settles the connections that leave a node by the ports that are meant: those that may end a
    /// round of a loop last, because then nothing of the round may be left to settle.
    fn settle_ports(&mut self, node: NodeIndex, is_meant: fn(Output) -> bool) {
        let mut ending: SmallVec<[ConnectionIndex; 4]> = SmallVec::new();
        for place in 0..self.graph.outgoing(node).len() {
            let connection = self.graph.outgoing(node)[place];
            if !is_meant(self.graph.connection(connection).output) {
                continue;
            }
            if self.may_end_round(connection) {
                ending.push(connection);
            } else {
                let link = self.delivery(connection);
                self.settle_link(connection, link);
            }
        }
        for connection in ending {
            let link = self.delivery(connection);
            self.settle_link(connection, link);
        }
    }

    /// Whether a connection leads back to a loop node, and is not gathered for the end of a loop
    /// further in.
    fn may_end_round(&self, connection: ConnectionIndex) -> bool {
        let exits = self.graph.exits[connection.get()];
        self.graph.is_back(connection)
            && exits.is_none_or(|inner| self.loops[inner.get()].has_ended)
    }

    fn end_round(&mut self, header: NodeIndex, index: LoopIndex) {
        let mut returned = Items::default();
        let mut is_blocked = false;
        for &connection in &self.graph.loops[index.get()].back {
            match &self.links[connection.get()] {
                Link::Delivered(items) => append(&mut returned, items),
                Link::Blocked => is_blocked = true,
                Link::Dead | Link::Open => {}
            }
        }
        if self.loops[index.get()].is_passed_over {
            return self.end_loop(header, index);
        }
        if is_blocked {
            if let Some(outcome) = self.nodes[header.get()].outcome.as_mut() {
                outcome.status = NodeStatus::Blocked;
                outcome.outputs = jackfield_types::Outputs::default();
                outcome.blocks = true;
            }
            return self.end_loop(header, index);
        }
        let state = &mut self.loops[index.get()];
        Arc::make_mut(&mut state.collected).push(Arc::clone(&returned));
        state.returned = returned;
        if !self.may_run_again(header) {
            return;
        }
        self.gate.enter(&self.graph, header);
        let node = &mut self.nodes[header.get()];
        node.run = node.run.saturating_add(1);
        node.begin_run(NodePhase::Ready { with: RunWith::Own });
        self.enqueue(header);
    }

    fn end_loop(&mut self, header: NodeIndex, index: LoopIndex) {
        let is_blocked = self.nodes[header.get()]
            .outcome
            .as_ref()
            .is_some_and(|outcome| outcome.blocks);
        let state = &mut self.loops[index.get()];
        state.has_ended = true;
        // What the rounds brought has been handed to the last call of the loop node.
        state.collected = Arc::default();
        state.returned = Items::default();
        state.entered = Items::default();
        self.close_node(header);
        for freed in self.gate.leave_loop(&self.graph, index) {
            self.enqueue(freed);
        }
        // What leads back to a loop further out comes last, because it may begin its next round.
        let mut links = self.links_at_end(header, index, is_blocked);
        links.sort_by_key(|(connection, _)| self.may_end_round(*connection));
        for (connection, link) in links {
            self.settle_link(connection, link);
        }
    }

    fn links_at_end(
        &mut self,
        header: NodeIndex,
        index: LoopIndex,
        is_blocked: bool,
    ) -> Vec<(ConnectionIndex, Link)> {
        let mut links = Vec::new();
        for &connection in self.graph.outgoing(header) {
            if self.graph.connection(connection).output != LOOP_PORT {
                links.push((connection, self.delivery(connection)));
            }
        }
        for &connection in &self.graph.loops[index.get()].exits {
            let gathered = self.gathered.remove(&connection).unwrap_or_default();
            let link = if is_blocked || gathered.blocked {
                Link::Blocked
            } else if gathered.items.is_empty() {
                Link::Dead
            } else {
                Link::Delivered(Arc::new(gathered.items))
            };
            links.push((connection, link));
        }
        links
    }

    /// Makes the body of a loop run again.
    fn reset_body(&mut self, index: LoopIndex) {
        let graph = Arc::clone(&self.graph);
        let body = &graph.loops[index.get()];
        for &node in &graph.order()[body.first_rank as usize + 1..=body.last_rank as usize] {
            let state = &mut self.nodes[node.get()];
            if state.phase == NodePhase::Done {
                self.open += 1;
            }
            state.run = state.run.saturating_add(1);
            state.waiting = 0;
            state.begin_run(NodePhase::Idle);
            self.gate.enter(&graph, node);
            if let Some(nested) = graph.heads[node.get()] {
                self.loops[nested.get()] = LoopState::default();
                self.gate.enter_loop(&graph, nested);
            }
        }
        for &connection in &body.inner {
            self.links[connection.get()] = Link::Open;
            self.nodes[graph.connection(connection).to.get()].waiting += 1;
        }
    }
}

/// Adds items behind others, sharing the list when there are no others.
pub(crate) fn append(list: &mut Items, items: &Items) {
    if list.is_empty() {
        *list = Arc::clone(items);
    } else {
        Arc::make_mut(list).extend(items.iter().cloned());
    }
}
