//! What can be seen of an execution.

use std::sync::Arc;

use jackfield_types::{Items, NodeFailure, NodeResult, NodeStatus, Object, Outputs};
use jiff::Timestamp;

use crate::state::Outcome;
use crate::{
    Execution, ExecutionStatus, Graph, InputSegment, Law, LoopState, NodeIndex, NodePhase, RunWith,
};

impl Execution {
    /// The graph that is run.
    pub fn graph(&self) -> &Arc<Graph> {
        &self.graph
    }

    /// How it stands.
    pub fn status(&self) -> ExecutionStatus {
        self.status
    }

    /// When it started.
    pub fn started(&self) -> Option<Timestamp> {
        self.started
    }

    /// When it ended.
    pub fn ended(&self) -> Option<Timestamp> {
        self.ended
    }

    /// The node whose failure stopped it; of several the first one in the order of the plan.
    pub fn failed(&self) -> Option<NodeIndex> {
        self.failed
    }

    /// The node that ran as often as any may, and so stopped it.
    pub fn exhausted(&self) -> Option<NodeIndex> {
        self.exhausted
    }

    /// Its variables.
    pub fn variables(&self) -> &Arc<Object> {
        &self.variables
    }

    /// Where a node stands.
    pub fn phase(&self, node: NodeIndex) -> NodePhase {
        self.nodes[node.get()].phase
    }

    /// Which run of a node is at hand, and which attempt of the run.
    pub fn turn(&self, node: NodeIndex) -> (u32, u32) {
        let state = &self.nodes[node.get()];
        (state.run, state.attempt)
    }

    /// How a node stands, for people.
    pub fn node_status(&self, node: NodeIndex) -> NodeStatus {
        match self.outcome(node) {
            Some(outcome) => outcome.status,
            None if self.ended.is_none() => NodeStatus::Pending,
            None if self.is_left_alone(node) => NodeStatus::Skipped,
            None if self.failed.is_some() || self.stopping.is_some() => NodeStatus::Blocked,
            None => NodeStatus::Skipped,
        }
    }

    /// Whether a node is a compensation for which there was nothing to undo.
    fn is_left_alone(&self, node: NodeIndex) -> bool {
        // What is to be undone is handed over in lists, even if there is nothing in them.
        self.graph.compensated(node).is_some() && self.nodes[node.get()].inputs.is_empty()
    }

    /// The items of each input of a node, for the run at hand or else the last one.
    pub fn inputs(&self, node: NodeIndex) -> &[Items] {
        &self.nodes[node.get()].inputs
    }

    /// Which nodes gave the items of the inputs.
    pub fn input_segments(&self, node: NodeIndex) -> &[InputSegment] {
        &self.nodes[node.get()].segments
    }

    /// What a node gave in its last run that has ended.
    pub fn outputs(&self, node: NodeIndex) -> Option<&Outputs> {
        self.outcome(node).map(|outcome| &outcome.outputs)
    }

    /// Why a node failed in its last run.
    pub fn failure(&self, node: NodeIndex) -> Option<&NodeFailure> {
        self.nodes[node.get()].outcome.as_ref()?.failure.as_deref()
    }

    /// A loop node's loop.
    pub fn loop_state(&self, node: NodeIndex) -> Option<&LoopState> {
        match self.graph.law {
            Law::Settled => self.graph.heads[node.get()].map(|index| &self.loops[index.get()]),
            Law::DepthFirst => self.deliveries.loops.get(&node),
        }
    }

    /// What became of a node. `fallback_node_type` is left for whoever knows the plan.
    pub fn result(&self, node: NodeIndex) -> NodeResult {
        let state = &self.nodes[node.get()];
        let status = self.node_status(node);
        let at = self.ended.or(self.started).unwrap_or_default();
        let Some(outcome) = self.outcome(node) else {
            return NodeResult {
                status,
                output: Outputs::default(),
                error: None,
                error_code: None,
                timestamp: at,
                duration: std::time::Duration::ZERO,
                retries: 0,
                runs: state.executed,
                recovery_applied: None,
                fallback_node_type: None,
                validation_errors: Vec::new(),
            };
        };
        let failure = outcome.failure.as_deref();
        NodeResult {
            status,
            output: outcome.outputs.clone(),
            error: failure.map(|failure| failure.message.clone()),
            error_code: failure.map(|failure| failure.code.clone()),
            timestamp: outcome.ended,
            duration: outcome.ended.duration_since(outcome.started).unsigned_abs(),
            retries: outcome.retries,
            runs: state.executed,
            recovery_applied: outcome.recovery,
            fallback_node_type: None,
            validation_errors: failure.map(|f| f.issues.clone()).unwrap_or_default(),
        }
    }

    /// What became of a node's last run, once it is to be seen: outputs that are held back are not
    /// there yet.
    fn outcome(&self, node: NodeIndex) -> Option<&Outcome> {
        let state = &self.nodes[node.get()];
        let outcome = state.outcome.as_deref();
        outcome.filter(|_| state.phase != NodePhase::Holding)
    }

    /// Whether a node's result came from its fallback node type.
    pub fn was_served_by_fallback(&self, node: NodeIndex) -> bool {
        let outcome = self.nodes[node.get()].outcome.as_ref();
        outcome.is_some_and(|outcome| outcome.with == RunWith::Fallback)
    }
}
