//! What an attempt that ended well, or a node that was passed over, leads to.

use std::sync::Arc;

use jackfield_types::{Item, NodeStatus, Outputs, RecoveryApplied};
use jiff::Timestamp;

use crate::state::{Link, Outcome, Wait};
use crate::{
    ConnectionIndex, Effects, Execution, NodeIndex, NodePhase, Output, Pass, RunWith, SkipReason,
};

impl Execution {
    /// What goes on when an attempt gave these outputs, for conditions to be evaluated on.
    pub fn outputs_after_success(&self, node: NodeIndex, outputs: &Outputs) -> Outputs {
        if self.graph.nodes[node.get()].always_output && outputs.is_empty() {
            return Outputs::first(Arc::new(vec![Item::default()]));
        }
        outputs.clone()
    }

    pub(crate) fn succeed(
        &mut self,
        node: NodeIndex,
        outputs: &Outputs,
        effects: Option<&Effects>,
        at: Timestamp,
    ) {
        let outputs = self.outputs_after_success(node, outputs);
        if let Some(effects) = effects.filter(|effects| !effects.variables.is_empty()) {
            let variables = Arc::make_mut(&mut self.variables);
            for write in &effects.variables {
                write.apply(variables);
            }
        }
        let state = &self.nodes[node.get()];
        let with = self.running_with(node);
        let recovery = match with {
            RunWith::Fallback => Some(RecoveryApplied::Fallback),
            RunWith::Own if state.attempt > 1 => Some(RecoveryApplied::Retry),
            RunWith::Own => None,
        };
        let outcome = Outcome {
            status: NodeStatus::Success,
            outputs,
            failure: None,
            recovery,
            with,
            retries: self.retries(node, with),
            started: state.first_started.unwrap_or(at),
            ended: at,
            blocks: false,
            passes: effects
                .map(|effects| effects.passes.clone())
                .unwrap_or_default(),
        };
        let delay = effects.and_then(|effects| effects.wait);
        let signal = effects.and_then(|effects| effects.signal.clone());
        self.nodes[node.get()].outcome = Some(Box::new(outcome));
        self.remember_completed(node);
        let state = &mut self.nodes[node.get()];
        if delay.is_none() && signal.is_none() {
            return self.settle(node);
        }
        state.phase = NodePhase::Holding;
        state.wait = Some(Box::new(Wait {
            since: at,
            delay,
            next: with,
            signal,
        }));
        self.enqueue(node);
    }

    pub(crate) fn pass_over(
        &mut self,
        node: NodeIndex,
        reason: SkipReason,
        passes: &[Pass],
        at: Timestamp,
    ) {
        let inputs = &self.nodes[node.get()].inputs;
        let outputs = match (reason, inputs.first()) {
            (SkipReason::Disabled, Some(items)) => {
                let paired = items.iter().enumerate();
                let passed = paired.map(|(place, item)| item.clone().paired_with(place));
                Outputs::first(Arc::new(passed.collect()))
            }
            _ => Outputs::default(),
        };
        let is_blocked = reason == SkipReason::Blocked;
        let outcome = Outcome {
            status: if is_blocked {
                NodeStatus::Blocked
            } else {
                NodeStatus::Skipped
            },
            outputs,
            failure: None,
            recovery: None,
            with: RunWith::Own,
            retries: 0,
            started: at,
            ended: at,
            blocks: is_blocked,
            passes: passes.to_vec(),
        };
        self.nodes[node.get()].outcome = Some(Box::new(outcome));
        self.settle(node);
    }

    /// What a connection delivers of what its source gave.
    pub(crate) fn delivery(&self, connection: ConnectionIndex) -> Link {
        let spec = self.graph.connection(connection);
        let Some(outcome) = &self.nodes[spec.from.get()].outcome else {
            return Link::Dead;
        };
        if outcome.blocks {
            return Link::Blocked;
        }
        let items = match spec.output {
            Output::Main(port) => outcome.outputs.main.get(usize::from(port)),
            Output::Error => outcome.outputs.error.as_ref(),
        };
        let Some(items) = items.filter(|items| !items.is_empty()) else {
            return Link::Dead;
        };
        if !spec.conditional {
            return Link::Delivered(Arc::clone(items));
        }
        let pass = outcome
            .passes
            .iter()
            .find(|pass| pass.connection == connection);
        let places = pass.map(|pass| pass.items.as_slice()).unwrap_or_default();
        if places.len() == items.len() {
            return Link::Delivered(Arc::clone(items));
        }
        let passed: Vec<_> = places
            .iter()
            .filter_map(|&place| items.get(place as usize).cloned())
            .collect();
        if passed.is_empty() {
            Link::Dead
        } else {
            Link::Delivered(Arc::new(passed))
        }
    }

    pub(crate) fn running_with(&self, node: NodeIndex) -> RunWith {
        match self.nodes[node.get()].phase {
            NodePhase::Running { with } => with,
            _ => RunWith::Own,
        }
    }

    pub(crate) fn retries(&self, node: NodeIndex, with: RunWith) -> u32 {
        let others = match with {
            RunWith::Own => 1,
            RunWith::Fallback => 2,
        };
        self.nodes[node.get()].attempt.saturating_sub(others)
    }
}
