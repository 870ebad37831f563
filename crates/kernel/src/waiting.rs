//! Nodes that wait, for a time or for a signal, and executions that are taken up again.

use std::collections::BTreeSet;
use std::time::Duration;

use jackfield_types::{AwaitedSignal, Outputs};
use jiff::Timestamp;

use crate::{Execution, NodeIndex, NodePhase, Pass, RunWith};

/// The signals that an execution has received: all up to a number, and some after it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Received {
    up_to: u64,
    after: BTreeSet<u64>,
}

impl Received {
    fn insert(&mut self, signal: u64) {
        self.after.insert(signal);
        while self.after.remove(&(self.up_to + 1)) {
            self.up_to += 1;
        }
    }

    fn contains(&self, signal: u64) -> bool {
        signal <= self.up_to || self.after.contains(&signal)
    }
}

impl Execution {
    /// The signal that a node waits for, if it waits for one.
    pub fn awaited_signal(&self, node: NodeIndex) -> Option<&AwaitedSignal> {
        // What an execution waited for when it failed does not matter any more.
        if self.compensating.is_some() && self.graph.compensated(node).is_none() {
            return None;
        }
        let state = &self.nodes[node.get()];
        if state.phase != NodePhase::Holding {
            return None;
        }
        state.wait.as_ref()?.signal.as_ref()
    }

    /// What a node holds back, as long as it does.
    pub fn held_outputs(&self, node: NodeIndex) -> Option<&Outputs> {
        let state = &self.nodes[node.get()];
        let outcome = state.outcome.as_ref()?;
        (state.phase == NodePhase::Holding).then_some(&outcome.outputs)
    }

    /// Since when and how long a node waits, if it does; for a signal alone, without an end.
    pub fn wait(&self, node: NodeIndex) -> Option<(Timestamp, Option<Duration>)> {
        let wait = self.nodes[node.get()].wait.as_ref()?;
        Some((wait.since, wait.delay))
    }

    /// Whether a signal has been received.
    pub fn has_received(&self, signal: u64) -> bool {
        self.received.contains(signal)
    }

    /// The number up to which all signals have been received.
    pub fn received_up_to(&self) -> u64 {
        self.received.up_to
    }

    /// What a node waited for is over.
    pub(crate) fn wake(&mut self, node: NodeIndex) {
        let state = &mut self.nodes[node.get()];
        let wait = state.wait.take();
        if state.phase == NodePhase::Holding {
            return self.settle(node);
        }
        let with = wait.map_or(RunWith::Own, |wait| wait.next);
        state.attempt += 1;
        state.phase = NodePhase::Ready { with };
        self.enqueue(node);
    }

    /// A signal came that a node waited for.
    pub(crate) fn receive(
        &mut self,
        node: NodeIndex,
        signal: u64,
        outputs: &Outputs,
        passes: &[Pass],
    ) {
        self.received.insert(signal);
        let outputs = self.outputs_after_success(node, outputs);
        let state = &mut self.nodes[node.get()];
        state.wait = None;
        if let Some(outcome) = &mut state.outcome {
            outcome.outputs = outputs;
            outcome.passes = passes.to_vec();
        }
        self.remember_completed(node);
        self.settle(node);
    }

    /// Orders again what was under way when the events broke off: attempts that had started start
    /// once more under the same number, waits go on.
    ///
    /// An execution that goes on after this notes it with
    /// [`ExecutionResumed`](crate::EventKind::ExecutionResumed), if an attempt ran: its journal
    /// could not be replayed otherwise.
    pub fn resume(&mut self) {
        self.queue.clear();
        self.cancel_ordered = false;
        self.finish_ordered = false;
        if self.compensating.is_some() {
            return self.resume_compensation();
        }
        for place in 0..self.graph.order().len() {
            self.resume_node(self.graph.order()[place]);
        }
    }

    /// Orders again what was under way, as [`resume`](Self::resume) does, but for attempts that run:
    /// those are taken for going on, so that there is nothing to note.
    pub fn go_on(&mut self) {
        self.queue.clear();
        self.cancel_ordered = false;
        self.finish_ordered = false;
        for place in 0..self.graph.order().len() {
            let node = self.graph.order()[place];
            if !matches!(self.nodes[node.get()].phase, NodePhase::Running { .. }) {
                self.resume_node(node);
            }
        }
    }

    pub(crate) fn resume_node(&mut self, node: NodeIndex) {
        let state = &mut self.nodes[node.get()];
        match state.phase {
            NodePhase::Running { with } => {
                state.phase = NodePhase::Ready { with };
                self.running -= 1;
                self.enqueue(node);
            }
            NodePhase::Ready { .. }
            | NodePhase::Passing { .. }
            | NodePhase::Waiting
            | NodePhase::Holding => self.enqueue(node),
            NodePhase::Idle | NodePhase::Looping | NodePhase::Done => {}
        }
    }

    /// Whether somebody has asked that it end.
    pub fn is_cancelled(&self) -> bool {
        self.is_cancelled
    }

    /// Whether an attempt runs, as far as is written down.
    pub fn has_running(&self) -> bool {
        self.running > 0
    }
}
