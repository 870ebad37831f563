//! What an attempt that ended, or a node that was passed over, leads to.

use std::sync::Arc;

use jackfield_types::{
    ErrorCode, Item, Items, NodeFailure, NodeStatus, Object, OnError, Outputs, RecoveryApplied,
};
use jiff::Timestamp;
use serde_json::Value;
use smallvec::SmallVec;

use crate::recovery::{Decision, FailedAttempt};
use crate::state::{Link, Outcome, Wait};
use crate::{
    ConnectionIndex, Effects, Execution, ExecutionStatus, FailureMode, NodeIndex, NodePhase,
    Output, Pass, RunWith, SkipReason,
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
        let wait = effects.and_then(|effects| effects.wait);
        self.nodes[node.get()].outcome = Some(Box::new(outcome));
        self.remember_completed(node);
        let state = &mut self.nodes[node.get()];
        match wait {
            Some(delay) => {
                state.phase = NodePhase::Holding;
                state.wait = Some(Box::new(Wait {
                    since: at,
                    delay,
                    next: with,
                }));
                self.enqueue(node);
            }
            None => self.settle(node),
        }
    }

    fn decide(&self, node: NodeIndex, failure: &NodeFailure, at: Timestamp) -> Decision {
        if self.is_stopping() {
            return Decision::Fail;
        }
        let state = &self.nodes[node.get()];
        self.graph.nodes[node.get()]
            .recovery
            .decide(&FailedAttempt {
                failure,
                with: self.running_with(node),
                attempt: state.attempt,
                first_started: state.first_started.unwrap_or(at),
                failed: at,
                seed: self.seed ^ ((node.get() as u64) << 32) ^ (u64::from(state.run) << 16),
            })
    }

    /// What would go on if the attempt that runs failed so, for conditions to be evaluated on;
    /// `None` when another attempt would follow.
    pub fn outputs_after_failure(
        &self,
        node: NodeIndex,
        failure: &NodeFailure,
        at: Timestamp,
    ) -> Option<Outputs> {
        self.after_failure(node, failure, self.decide(node, failure, at))
            .map(|(_, outputs, _)| outputs)
    }

    fn after_failure(
        &self,
        node: NodeIndex,
        failure: &NodeFailure,
        decision: Decision,
    ) -> Option<(NodeStatus, Outputs, Option<RecoveryApplied>)> {
        match decision {
            Decision::Retry { .. } | Decision::Fallback => None,
            Decision::Skip { partial: true } => {
                let partial = failure.partial.clone().unwrap_or_default();
                Some((NodeStatus::Partial, partial, Some(RecoveryApplied::Skip)))
            }
            Decision::Skip { partial: false } => {
                let empty = Outputs::first(Arc::new(vec![Item::default()]));
                Some((NodeStatus::Skipped, empty, Some(RecoveryApplied::Skip)))
            }
            Decision::Fail => {
                let on_error = self.graph.nodes[node.get()].on_error;
                Some(self.failed_outputs(node, on_error, failure))
            }
        }
    }

    pub(crate) fn fail(
        &mut self,
        node: NodeIndex,
        failure: &NodeFailure,
        passes: &[Pass],
        at: Timestamp,
    ) {
        let with = self.running_with(node);
        let decision = self.decide(node, failure, at);
        let after = self.after_failure(node, failure, decision);
        let Some((status, outputs, recovery)) = after else {
            let state = &mut self.nodes[node.get()];
            if let Decision::Retry { delay } = decision {
                state.phase = NodePhase::Waiting;
                state.wait = Some(Box::new(Wait {
                    since: at,
                    delay,
                    next: with,
                }));
            } else {
                state.attempt += 1;
                state.phase = NodePhase::Ready {
                    with: RunWith::Fallback,
                };
            }
            return self.enqueue(node);
        };
        let blocks = status == NodeStatus::Error && recovery.is_none();
        let outcome = Outcome {
            status,
            outputs,
            failure: Some(Box::new(failure.clone())),
            recovery,
            with,
            retries: self.retries(node, with),
            started: self.nodes[node.get()].first_started.unwrap_or(at),
            ended: at,
            blocks,
            passes: passes.to_vec(),
        };
        self.nodes[node.get()].outcome = Some(Box::new(outcome));
        self.remember_completed(node);
        // What was broken off because of another node's failure is not the cause.
        if blocks && self.stopping.is_none() && self.compensating.is_none() {
            let is_earlier =
                |other: NodeIndex| self.graph.rank[node.get()] < self.graph.rank[other.get()];
            if self.failed.is_none_or(is_earlier) {
                self.failed = Some(node);
            }
            if self.graph.failure_mode == FailureMode::FailFast {
                self.stop(ExecutionStatus::Error);
            }
        }
        self.settle(node);
    }

    fn failed_outputs(
        &self,
        node: NodeIndex,
        on_error: OnError,
        failure: &NodeFailure,
    ) -> (NodeStatus, Outputs, Option<RecoveryApplied>) {
        // A refusal or a cancellation is not to be got round by going on.
        let may_continue =
            ![ErrorCode::TENANT_FORBIDDEN, ErrorCode::CANCELLED].contains(&failure.code);
        match on_error {
            OnError::ContinueErrorOutput if may_continue => {
                let error = Some(self.error_items(node, failure));
                let outputs = Outputs {
                    main: SmallVec::new(),
                    error,
                };
                (NodeStatus::Error, outputs, Some(RecoveryApplied::Continue))
            }
            OnError::ContinueRegularOutput if may_continue => {
                let outputs = Outputs::first(self.error_items(node, failure));
                (NodeStatus::Error, outputs, Some(RecoveryApplied::Continue))
            }
            _ => (NodeStatus::Error, Outputs::default(), None),
        }
    }

    /// The items of a node's first input, each with an `error` beside what it holds.
    fn error_items(&self, node: NodeIndex, failure: &NodeFailure) -> Items {
        let mut error = Object::new();
        error.insert("code".to_owned(), Value::from(failure.code.as_str()));
        error.insert("message".to_owned(), Value::from(failure.message.as_str()));
        if let Some(status) = failure.status {
            error.insert("status".to_owned(), Value::from(status));
        }
        let with_error = |mut object: Object| {
            object.insert("error".to_owned(), Value::Object(error.clone()));
            object
        };
        let items = self.nodes[node.get()]
            .inputs
            .first()
            .filter(|items| !items.is_empty());
        let list = match items {
            None => vec![Item::new(with_error(Object::new()))],
            Some(items) => items
                .iter()
                .enumerate()
                .map(|(place, item)| Item::new(with_error(item.json().clone())).paired_with(place))
                .collect(),
        };
        Arc::new(list)
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

    fn running_with(&self, node: NodeIndex) -> RunWith {
        match self.nodes[node.get()].phase {
            NodePhase::Running { with } => with,
            _ => RunWith::Own,
        }
    }

    fn retries(&self, node: NodeIndex, with: RunWith) -> u32 {
        let others = match with {
            RunWith::Own => 1,
            RunWith::Fallback => 2,
        };
        self.nodes[node.get()].attempt.saturating_sub(others)
    }
}
