use std::collections::VecDeque;
use std::sync::Arc;

use jackfield_types::{
    Item, Items, NodeFailure, NodeResult, NodeStatus, Object, OnError, Outputs, RecoveryApplied,
};
use jiff::Timestamp;
use rustc_hash::FxHashMap;
use serde_json::Value;
use smallvec::SmallVec;

use crate::depth_first::Deliveries;
use crate::recovery::{Decision, FailedAttempt};
use crate::state::{Link, NodeState, Outcome, Wait};
use crate::variables::VariableGate;
use crate::{
    ApplyError, Command, ConnectionIndex, Effects, Event, EventKind, ExecutionStatus, FailureMode,
    Graph, InputSegment, Law, NodeIndex, NodePhase, Output, Pass, RunWith, SkipReason,
};

/// The state of one run of a plan, folded from its events.
///
/// The driver asks [`next`](Self::next) what to do, does it, and reports what happened to
/// [`apply`](Self::apply), which alone changes the state. After a crash the events are applied to
/// a new execution and [`resume`](Self::resume) says what was under way.
#[derive(Debug)]
pub struct Execution {
    pub(crate) graph: Arc<Graph>,
    pub(crate) nodes: Vec<NodeState>,
    pub(crate) links: Vec<Link>,
    pub(crate) loops: Vec<LoopState>,
    /// What connections that leave a loop have gathered over its rounds.
    pub(crate) gathered: FxHashMap<ConnectionIndex, Gathered>,
    pub(crate) deliveries: Deliveries,
    pub(crate) gate: VariableGate,
    pub(crate) queue: VecDeque<Order>,
    pub(crate) open: usize,
    input: Items,
    variables: Arc<Object>,
    seed: u64,
    status: ExecutionStatus,
    started: Option<Timestamp>,
    ended: Option<Timestamp>,
    running: usize,
    /// Why nothing new is started any more.
    stopping: Option<ExecutionStatus>,
    cancel_ordered: bool,
    finish_ordered: bool,
    failed: Option<NodeIndex>,
}

/// A loop node's loop, as its executor sees it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LoopState {
    /// How many rounds there have been.
    pub round: u32,
    /// The items with which the loop was entered.
    pub entered: Items,
    /// The items that the last round brought back; those of `entered` before the first round.
    pub returned: Items,
    /// What each round brought back.
    pub collected: Arc<Vec<Items>>,
    pub(crate) waiting: u32,
    pub(crate) is_passed_over: bool,
    pub(crate) has_ended: bool,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Gathered {
    pub(crate) items: Vec<Item>,
    pub(crate) blocked: bool,
}

/// An entry of the queue. It counts only if the node still stands where it stood then.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Order {
    node: NodeIndex,
    run: u32,
    attempt: u32,
}

impl Execution {
    /// An execution that has not started.
    pub fn new(graph: Arc<Graph>) -> Self {
        let nodes = (0..graph.len())
            .map(|place| {
                let incoming = graph.incoming(NodeIndex::new(place));
                let waiting = incoming
                    .iter()
                    .filter(|&&connection| !graph.is_back(connection));
                NodeState::new(u32::try_from(waiting.count()).unwrap_or(u32::MAX))
            })
            .collect();
        Self {
            nodes,
            links: vec![Link::Open; graph.connections.len()],
            loops: vec![LoopState::default(); graph.loops.len()],
            gathered: FxHashMap::default(),
            deliveries: Deliveries::default(),
            gate: VariableGate::new(&graph),
            queue: VecDeque::new(),
            open: graph.len(),
            input: Items::default(),
            variables: Arc::default(),
            seed: 0,
            status: ExecutionStatus::Running,
            started: None,
            ended: None,
            running: 0,
            stopping: None,
            cancel_ordered: false,
            finish_ordered: false,
            failed: None,
            graph,
        }
    }

    /// Changes the state as the event says.
    ///
    /// # Errors
    /// [`ApplyError`] when the event cannot have happened in this state; nothing has changed then.
    pub fn apply(&mut self, event: &Event) -> Result<(), ApplyError> {
        self.check(&event.kind)?;
        let at = event.at;
        match &event.kind {
            EventKind::ExecutionStarted {
                input,
                variables,
                trigger,
                seed,
                ..
            } => {
                self.started = Some(at);
                self.input = Arc::clone(input);
                self.variables = Arc::clone(variables);
                self.seed = *seed;
                self.start(*trigger);
            }
            EventKind::AttemptStarted { node, with, .. } => {
                self.running += 1;
                self.enter_loop_if_header(*node);
                let state = &mut self.nodes[node.get()];
                state.phase = NodePhase::Running { with: *with };
                if state.first_started.is_none() {
                    state.first_started = Some(at);
                    state.executed = state.executed.saturating_add(1);
                }
            }
            EventKind::AttemptSucceeded {
                node,
                outputs,
                effects,
                ..
            } => {
                self.running -= 1;
                self.succeed(*node, outputs, effects.as_deref(), at);
            }
            EventKind::AttemptFailed {
                node,
                failure,
                passes,
                ..
            } => {
                self.running -= 1;
                self.fail(*node, failure, passes, at);
            }
            EventKind::NodeSkipped {
                node,
                reason,
                passes,
                ..
            } => {
                self.pass_over(*node, *reason, passes, at);
            }
            EventKind::TimerFired { node, .. } => self.wake(*node),
            EventKind::CancelRequested => self.stop(ExecutionStatus::Cancelled),
            EventKind::DeadlinePassed => self.stop(ExecutionStatus::TimedOut),
            EventKind::ExecutionFinished { status } => {
                self.status = *status;
                self.ended = Some(at);
            }
        }
        Ok(())
    }

    /// What to do next; `None` when there is nothing to do before something else happens, or
    /// when the execution has ended.
    ///
    /// Each order is given once. What is ordered has to be reported before more is asked for only
    /// as far as `Run` is concerned: its `AttemptStarted` is to be applied at once.
    #[expect(
        clippy::should_implement_trait,
        reason = "an execution is no iterator: `apply` brings more"
    )]
    pub fn next(&mut self) -> Option<Command> {
        if self.started.is_none() || self.ended.is_some() {
            return None;
        }
        if self.stopping.is_some() {
            if self.running > 0 {
                let first = !self.cancel_ordered;
                self.cancel_ordered = true;
                return first.then_some(Command::CancelRunning);
            }
            return self.finish();
        }
        while let Some(order) = self.queue.pop_front() {
            if let Some(command) = self.command(order) {
                return Some(command);
            }
        }
        let has_settled = match self.graph.law {
            Law::Settled => self.open == 0,
            Law::DepthFirst => self.deliveries.current.is_none(),
        };
        if has_settled { self.finish() } else { None }
    }

    /// Orders again what was under way when the events broke off: attempts that had started start
    /// once more under the same number, waits go on.
    pub fn resume(&mut self) {
        self.queue.clear();
        for place in 0..self.graph.order().len() {
            let node = self.graph.order()[place];
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
        self.cancel_ordered = false;
        self.finish_ordered = false;
    }

    fn finish(&mut self) -> Option<Command> {
        if self.finish_ordered {
            return None;
        }
        self.finish_ordered = true;
        let status = self.stopping.unwrap_or(if self.failed.is_some() {
            ExecutionStatus::Error
        } else {
            ExecutionStatus::Success
        });
        Some(Command::Finish { status })
    }

    fn command(&mut self, order: Order) -> Option<Command> {
        let Order { node, run, attempt } = order;
        let state = &self.nodes[node.get()];
        if (state.run, state.attempt) != (run, attempt) {
            return None;
        }
        match state.phase {
            NodePhase::Ready { with } => {
                self.gate.start(&self.graph, node).then_some(Command::Run {
                    node,
                    run,
                    attempt,
                    with,
                })
            }
            NodePhase::Passing { reason } => Some(Command::Skip { node, run, reason }),
            NodePhase::Waiting | NodePhase::Holding => {
                let wait = state.wait.as_ref()?;
                Some(Command::Wait {
                    node,
                    run,
                    attempt,
                    delay: wait.delay,
                    since: wait.since,
                })
            }
            NodePhase::Idle | NodePhase::Running { .. } | NodePhase::Looping | NodePhase::Done => {
                None
            }
        }
    }

    pub(crate) fn enqueue(&mut self, node: NodeIndex) {
        let NodeState { run, attempt, .. } = self.nodes[node.get()];
        self.queue.push_back(Order { node, run, attempt });
    }

    fn check(&self, event: &EventKind) -> Result<(), ApplyError> {
        let wrong_state = |state| {
            Err(ApplyError::WrongState {
                event: event.name(),
                state,
            })
        };
        if matches!(event, EventKind::ExecutionStarted { .. }) {
            return if self.started.is_some() {
                wrong_state("has started")
            } else {
                Ok(())
            };
        }
        if self.started.is_none() {
            return wrong_state("has not started");
        }
        if self.ended.is_some() {
            return wrong_state("has ended");
        }
        let Some(node) = event.node() else {
            return Ok(());
        };
        let Some(state) = self.nodes.get(node.get()) else {
            return Err(ApplyError::UnknownNode { node: node.get() });
        };
        let fits = match event {
            EventKind::AttemptStarted {
                run, attempt, with, ..
            } => {
                (*run, *attempt) == (state.run, state.attempt)
                    && state.phase == NodePhase::Ready { with: *with }
            }
            EventKind::AttemptSucceeded { run, attempt, .. }
            | EventKind::AttemptFailed { run, attempt, .. } => {
                (*run, *attempt) == (state.run, state.attempt)
                    && matches!(state.phase, NodePhase::Running { .. })
            }
            EventKind::NodeSkipped { run, reason, .. } => {
                *run == state.run && state.phase == NodePhase::Passing { reason: *reason }
            }
            EventKind::TimerFired { run, attempt, .. } => {
                (*run, *attempt) == (state.run, state.attempt)
                    && matches!(state.phase, NodePhase::Waiting | NodePhase::Holding)
            }
            EventKind::ExecutionStarted { .. }
            | EventKind::CancelRequested
            | EventKind::DeadlinePassed
            | EventKind::ExecutionFinished { .. } => true,
        };
        if fits {
            return Ok(());
        }
        let (run, attempt) = (state.run, state.attempt);
        Err(ApplyError::OutOfTurn {
            event: event.name(),
            node: node.get(),
            run,
            attempt,
        })
    }

    fn start(&mut self, trigger: Option<NodeIndex>) {
        match self.graph.law {
            Law::Settled => self.start_settled(trigger),
            Law::DepthFirst => self.start_depth_first(trigger),
        }
    }

    fn stop(&mut self, status: ExecutionStatus) {
        if self.stopping.is_none() {
            self.stopping = Some(status);
        }
    }

    fn succeed(
        &mut self,
        node: NodeIndex,
        outputs: &Outputs,
        effects: Option<&Effects>,
        at: Timestamp,
    ) {
        let spec = &self.graph.nodes[node.get()];
        let mut outputs = outputs.clone();
        if spec.always_output && outputs.is_empty() {
            outputs = Outputs::first(Arc::new(vec![Item::default()]));
        }
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
        let state = &mut self.nodes[node.get()];
        state.outcome = Some(Box::new(outcome));
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
        if self.stopping.is_some() {
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

    fn fail(&mut self, node: NodeIndex, failure: &NodeFailure, passes: &[Pass], at: Timestamp) {
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
        if blocks {
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
        let may_continue = !matches!(failure.code.as_str(), "TENANT_FORBIDDEN" | "CANCELLED");
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

    fn pass_over(&mut self, node: NodeIndex, reason: SkipReason, passes: &[Pass], at: Timestamp) {
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

    fn wake(&mut self, node: NodeIndex) {
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

    fn settle(&mut self, node: NodeIndex) {
        match self.graph.law {
            Law::Settled => self.settle_settled(node),
            Law::DepthFirst => self.settle_depth_first(node),
        }
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

    pub(crate) fn start_input(&self) -> Items {
        Arc::clone(&self.input)
    }
}

/// What can be seen of an execution.
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
        match &self.nodes[node.get()].outcome {
            Some(outcome) => outcome.status,
            None if self.ended.is_none() => NodeStatus::Pending,
            None if self.failed.is_some() || self.stopping.is_some() => NodeStatus::Blocked,
            None => NodeStatus::Skipped,
        }
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
        self.nodes[node.get()]
            .outcome
            .as_ref()
            .map(|outcome| &outcome.outputs)
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
        let Some(outcome) = &state.outcome else {
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

    /// Whether a node's result came from its fallback node type.
    pub fn was_served_by_fallback(&self, node: NodeIndex) -> bool {
        let outcome = self.nodes[node.get()].outcome.as_ref();
        outcome.is_some_and(|outcome| outcome.with == RunWith::Fallback)
    }
}

/// Two executions are equal when the same can follow from both and the same can be seen of them.
impl PartialEq for Execution {
    fn eq(&self, other: &Self) -> bool {
        self.nodes == other.nodes
            && self.links == other.links
            && self.loops == other.loops
            && self.gathered == other.gathered
            && self.deliveries == other.deliveries
            && self.open == other.open
            && self.input == other.input
            && self.variables == other.variables
            && self.seed == other.seed
            && self.status == other.status
            && self.started == other.started
            && self.ended == other.ended
            && self.running == other.running
            && self.stopping == other.stopping
            && self.failed == other.failed
    }
}
