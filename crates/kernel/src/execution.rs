use std::collections::VecDeque;
use std::sync::Arc;

use jackfield_types::{Items, Object};
use jiff::Timestamp;
use rustc_hash::FxHashMap;

use crate::compensation::{Compensating, Completed};
use crate::depth_first::Deliveries;
use crate::state::{Gathered, Link, LoopState, NodeState};
use crate::variables::VariableGate;
use crate::waiting::Received;
use crate::{
    ApplyError, Command, ConnectionIndex, Event, EventKind, ExecutionStatus, Graph, Law, NodeIndex,
    NodePhase,
};

/// How often a node runs in one execution at the most. Cycles of the n8n dialect, and loops whose
/// loop node never ends them, stop here at the latest.
const MAX_RUNS: u32 = 1_000_000;

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
    pub(crate) variables: Arc<Object>,
    pub(crate) seed: u64,
    pub(crate) status: ExecutionStatus,
    pub(crate) started: Option<Timestamp>,
    pub(crate) ended: Option<Timestamp>,
    pub(crate) running: usize,
    /// The signals that have been received.
    pub(crate) received: Received,
    /// Why nothing new is started any more.
    pub(crate) stopping: Option<ExecutionStatus>,
    /// Whether somebody asked that it end.
    pub(crate) is_cancelled: bool,
    /// What has completed and could have to be undone.
    pub(crate) completed: FxHashMap<NodeIndex, Completed>,
    pub(crate) completions: u64,
    /// What undoes it, once the execution has failed.
    pub(crate) compensating: Option<Box<Compensating>>,
    pub(crate) cancel_ordered: bool,
    pub(crate) finish_ordered: bool,
    pub(crate) failed: Option<NodeIndex>,
    /// A node that ran as often as any may.
    pub(crate) exhausted: Option<NodeIndex>,
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
        let nodes = (0..graph.nodes.len())
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
            received: Received::default(),
            stopping: None,
            is_cancelled: false,
            completed: FxHashMap::default(),
            completions: 0,
            compensating: None,
            cancel_ordered: false,
            finish_ordered: false,
            failed: None,
            exhausted: None,
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
            EventKind::TimerFired { node, .. } => {
                // What an execution waited for when it failed does not matter any more.
                if self.compensating.is_none() || self.graph.compensated(*node).is_some() {
                    self.wake(*node);
                }
            }
            EventKind::SignalReceived {
                node,
                signal,
                outputs,
                passes,
                ..
            } => self.receive(*node, *signal, outputs, passes),
            EventKind::InputReplaced { node, inputs, .. } => {
                let state = &mut self.nodes[node.get()];
                state.inputs = inputs.iter().cloned().collect();
                // Nobody gave these.
                state.segments.clear();
            }
            EventKind::ExecutionResumed => self.resume(),
            EventKind::CancelRequested => {
                self.is_cancelled = true;
                self.stop_compensating();
                self.stop(ExecutionStatus::Cancelled);
            }
            EventKind::DeadlinePassed => self.stop(ExecutionStatus::TimedOut),
            EventKind::ExecutionFinished { status } => {
                self.status = *status;
                self.ended = Some(at);
            }
        }
        self.compensate_if_failed();
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
        if self.compensating.is_some() {
            return self.next_compensation();
        }
        if self.stopping.is_some() {
            return self.break_off_or_finish();
        }
        while let Some(order) = self.queue.pop_front() {
            if let Some(command) = self.command(order) {
                return Some(command);
            }
        }
        if self.has_settled() {
            self.finish()
        } else {
            None
        }
    }

    pub(crate) fn break_off_or_finish(&mut self) -> Option<Command> {
        if self.running > 0 {
            let first = !self.cancel_ordered;
            self.cancel_ordered = true;
            return first.then_some(Command::CancelRunning);
        }
        self.finish()
    }

    /// Whether nothing runs any more and nothing else is to start, compensations left aside.
    pub(crate) fn has_settled(&self) -> bool {
        if self.stopping.is_some() {
            return self.running == 0;
        }
        match self.graph.law {
            Law::Settled => self.open == 0,
            Law::DepthFirst => self.deliveries.current.is_none(),
        }
    }

    /// Whether nothing new is started any more: it was cancelled, ran out of time, or failed fast.
    /// While it compensates for that, compensations are started until it is cancelled.
    pub fn is_stopping(&self) -> bool {
        if self.compensating.is_some() {
            self.has_stopped_compensating()
        } else {
            self.stopping.is_some()
        }
    }

    /// Whether a node may run once more; stops the execution if it may not.
    pub(crate) fn may_run_again(&mut self, node: NodeIndex) -> bool {
        if self.nodes[node.get()].run < MAX_RUNS {
            return true;
        }
        self.exhausted.get_or_insert(node);
        self.stop(ExecutionStatus::Error);
        false
    }

    pub(crate) fn finish(&mut self) -> Option<Command> {
        if self.finish_ordered {
            return None;
        }
        self.finish_ordered = true;
        let status = match &self.compensating {
            Some(compensating) => compensating.status,
            None => self.status_at_end(),
        };
        Some(Command::Finish { status })
    }

    /// How the execution ends, if it ends now.
    pub(crate) fn status_at_end(&self) -> ExecutionStatus {
        self.stopping.unwrap_or(if self.failed.is_some() {
            ExecutionStatus::Error
        } else {
            ExecutionStatus::Success
        })
    }

    pub(crate) fn command(&mut self, order: Order) -> Option<Command> {
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

    fn start(&mut self, trigger: Option<NodeIndex>) {
        match self.graph.law {
            Law::Settled => self.start_settled(trigger),
            Law::DepthFirst => self.start_depth_first(trigger),
        }
    }

    pub(crate) fn stop(&mut self, status: ExecutionStatus) {
        if self.stopping.is_none() {
            self.stopping = Some(status);
        }
    }

    pub(crate) fn settle(&mut self, node: NodeIndex) {
        if self.graph.compensated(node).is_some() {
            return self.settle_compensation(node);
        }
        match self.graph.law {
            Law::Settled => self.settle_settled(node),
            Law::DepthFirst => self.settle_depth_first(node),
        }
    }

    pub(crate) fn start_input(&self) -> Items {
        Arc::clone(&self.input)
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
            && self.received == other.received
            && self.stopping == other.stopping
            && self.is_cancelled == other.is_cancelled
            && self.completed == other.completed
            && self.completions == other.completions
            && self.compensating == other.compensating
            && self.failed == other.failed
            && self.exhausted == other.exhausted
    }
}
