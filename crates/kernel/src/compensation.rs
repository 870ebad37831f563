//! Compensation: what undoes completed nodes when an execution fails.
//!
//! A compensation is a hidden node: no connection leads to or from it, nothing waits for it, and it
//! has nothing to do unless the execution is about to end as `error` or `timedOut`. Then the
//! compensations of all nodes that completed run one at a time, each through the same attempts,
//! waits and fallback as any node, and only then does the execution finish, with the status that it
//! would have had. One that fails does not keep the others from running.
//!
//! They run in the reverse of the plan's order ([`Law::Settled`]), or of the order in which the
//! nodes completed ([`Law::DepthFirst`], under which that never depends on timing).

use std::cmp::Reverse;

use jackfield_types::{Items, NodeResult, NodeStatus, Outputs};
use smallvec::SmallVec;

use crate::{
    Command, CompensationError, Execution, ExecutionStatus, Graph, InputSegment, Law, NodeIndex,
    NodePhase, NodeSpec, RecoveryRules, RunWith,
};

/// What undoes a node; see [`Graph::with_compensations`].
#[derive(Debug, Clone, PartialEq)]
pub struct CompensationSpec {
    /// The node that it undoes.
    pub node: NodeIndex,
    /// What is done when an attempt of the compensation fails.
    pub recovery: RecoveryRules,
}

/// What a node that can be undone gave when it last completed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Completed {
    /// How many nodes that can be undone had completed before.
    order: u64,
    outputs: Outputs,
}

/// The compensations of an execution that failed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Compensating {
    /// How the execution ends.
    pub(crate) status: ExecutionStatus,
    /// All that are to run, in their order.
    due: Vec<NodeIndex>,
    /// How many of them are settled.
    settled: usize,
    /// Whether no other is to start.
    is_stopped: bool,
}

impl Compensating {
    fn current(&self) -> Option<NodeIndex> {
        self.due.get(self.settled).copied()
    }
}

/// What became of a compensation.
#[derive(Debug, Clone, PartialEq)]
pub struct CompensationResult {
    /// The node that it undoes.
    pub node: NodeIndex,
    /// The compensation itself.
    pub compensation: NodeIndex,
    /// What became of it; `blocked` when the execution was cancelled before it came to its turn.
    pub result: NodeResult,
}

impl Graph {
    /// Says what undoes nodes when the execution fails: hidden nodes, whose indices follow those of
    /// the ordinary ones in the order given here. They have no connections, and they are not in
    /// [`len`](Self::len) and [`order`](Self::order); all that takes a [`NodeIndex`] takes theirs.
    ///
    /// # Errors
    /// [`CompensationError`] when one undoes a node that is not there or that another one undoes,
    /// or when there are too many.
    pub fn with_compensations(
        mut self,
        specs: Vec<CompensationSpec>,
    ) -> Result<Self, CompensationError> {
        let ordinary = self.len();
        let total = ordinary.saturating_add(specs.len());
        if total >= u32::MAX as usize {
            return Err(CompensationError::TooMany);
        }
        self.compensations = Compensations::new(ordinary, &specs)?;
        self.nodes.truncate(ordinary);
        self.nodes.extend(specs.into_iter().map(|spec| NodeSpec {
            recovery: spec.recovery,
            ..NodeSpec::default()
        }));
        self.outgoing.resize(total);
        self.incoming.resize(total);
        self.input_counts.resize(total, 1);
        self.rank.truncate(ordinary);
        self.rank
            .extend((ordinary..total).map(|place| u32::try_from(place).unwrap_or(u32::MAX)));
        self.loop_of.resize(total, None);
        self.heads.resize(total, None);
        Ok(self)
    }

    /// The hidden nodes that undo others.
    pub fn compensations(&self) -> impl ExactSizeIterator<Item = NodeIndex> + use<> {
        (self.len()..self.nodes.len()).map(NodeIndex::new)
    }

    /// What undoes a node.
    pub fn compensation(&self, node: NodeIndex) -> Option<NodeIndex> {
        self.compensations.of.get(node.get()).copied().flatten()
    }

    /// The node that a compensation undoes; `None` for an ordinary node.
    pub fn compensated(&self, compensation: NodeIndex) -> Option<NodeIndex> {
        let place = compensation.get().checked_sub(self.len())?;
        self.compensations.compensated.get(place).copied()
    }
}

impl Execution {
    /// Whether the execution has failed and what its nodes did is being undone.
    pub fn is_compensating(&self) -> bool {
        self.compensating.is_some() && self.ended.is_none()
    }

    /// The compensations that are to run, run, or have run, in their order. There are none before
    /// the execution has failed.
    pub fn compensations(&self) -> impl Iterator<Item = CompensationResult> + '_ {
        self.due_compensations().iter().filter_map(|&compensation| {
            Some(CompensationResult {
                node: self.graph.compensated(compensation)?,
                compensation,
                result: self.result(compensation),
            })
        })
    }

    pub(crate) fn due_compensations(&self) -> &[NodeIndex] {
        let compensating = self.compensating.as_deref();
        compensating.map_or(&[], |compensating| &compensating.due)
    }

    /// Remembers what a node gave that could have to be undone.
    pub(crate) fn remember_completed(&mut self, node: NodeIndex) {
        if self.graph.compensation(node).is_none() {
            return;
        }
        let Some(outcome) = &self.nodes[node.get()].outcome else {
            return;
        };
        if !matches!(outcome.status, NodeStatus::Success | NodeStatus::Partial) {
            return;
        }
        let outputs = outcome.outputs.clone();
        let order = self.completions;
        self.completions += 1;
        self.completed.insert(node, Completed { order, outputs });
    }

    /// Makes the first compensation ready, if the execution has failed and nothing of it runs any
    /// more.
    pub(crate) fn compensate_if_failed(&mut self) {
        if self.completed.is_empty()
            || self.compensating.is_some()
            || self.is_cancelled
            || !self.has_settled()
        {
            return;
        }
        let status = self.status_at_end();
        if !matches!(status, ExecutionStatus::Error | ExecutionStatus::TimedOut) {
            return;
        }
        let mut completed: Vec<_> = std::mem::take(&mut self.completed).into_iter().collect();
        completed.sort_unstable_by_key(|(node, completed)| {
            Reverse(match self.graph.law {
                Law::Settled => u64::from(self.graph.rank[node.get()]),
                Law::DepthFirst => completed.order,
            })
        });
        let mut due = Vec::with_capacity(completed.len());
        for (node, Completed { outputs, .. }) in completed {
            if let Some(compensation) = self.graph.compensation(node) {
                self.hand_over(node, outputs, compensation);
                due.push(compensation);
            }
        }
        self.queue.clear();
        self.cancel_ordered = false;
        self.compensating = Some(Box::new(Compensating {
            status,
            due,
            settled: 0,
            is_stopped: false,
        }));
        self.ready_compensation();
    }

    /// Makes what a node gave the inputs of its compensation, port by port.
    fn hand_over(&mut self, node: NodeIndex, outputs: Outputs, compensation: NodeIndex) {
        let mut inputs: SmallVec<[Items; 1]> = outputs.main;
        inputs.truncate(usize::from(Graph::MAX_PORTS));
        if inputs.is_empty() {
            inputs.push(Items::default());
        }
        let segments = (0..Graph::MAX_PORTS)
            .zip(&inputs)
            .filter(|(_, items)| !items.is_empty())
            .map(|(input, items)| InputSegment {
                input,
                from: node,
                len: u32::try_from(items.len()).unwrap_or(u32::MAX),
            })
            .collect();
        let state = &mut self.nodes[compensation.get()];
        state.inputs = inputs;
        state.segments = segments;
    }

    fn ready_compensation(&mut self) {
        let current = self.compensating.as_deref().and_then(Compensating::current);
        if let Some(compensation) = current {
            let phase = NodePhase::Ready { with: RunWith::Own };
            self.nodes[compensation.get()].begin_run(phase);
            self.enqueue(compensation);
        }
    }

    pub(crate) fn settle_compensation(&mut self, compensation: NodeIndex) {
        self.nodes[compensation.get()].phase = NodePhase::Done;
        if let Some(compensating) = self.compensating.as_deref_mut() {
            compensating.settled += 1;
        }
        self.ready_compensation();
    }

    pub(crate) fn stop_compensating(&mut self) {
        if let Some(compensating) = self.compensating.as_deref_mut() {
            compensating.is_stopped = true;
        }
    }

    pub(crate) fn has_stopped_compensating(&self) -> bool {
        let compensating = self.compensating.as_deref();
        compensating.is_some_and(|compensating| compensating.is_stopped)
    }

    /// What to do next, once the execution has failed.
    pub(crate) fn next_compensation(&mut self) -> Option<Command> {
        if self.has_stopped_compensating() {
            return self.break_off_or_finish();
        }
        while let Some(order) = self.queue.pop_front() {
            if let Some(command) = self.command(order) {
                return Some(command);
            }
        }
        let compensating = self.compensating.as_deref()?;
        match compensating.current() {
            Some(_) => None,
            None => self.finish(),
        }
    }

    pub(crate) fn resume_compensation(&mut self) {
        let current = self.compensating.as_deref().and_then(Compensating::current);
        if let Some(compensation) = current {
            self.resume_node(compensation);
        }
    }
}

/// The compensations of a graph: the nodes after its ordinary ones.
#[derive(Debug, Default)]
pub(crate) struct Compensations {
    /// By ordinary node; empty when there are none at all.
    pub(crate) of: Vec<Option<NodeIndex>>,
    /// By place among the compensations.
    pub(crate) compensated: Vec<NodeIndex>,
}

impl Compensations {
    pub(crate) fn new(nodes: usize, specs: &[CompensationSpec]) -> Result<Self, CompensationError> {
        if specs.is_empty() {
            return Ok(Self::default());
        }
        let mut of = vec![None; nodes];
        let mut compensated = Vec::with_capacity(specs.len());
        for (place, spec) in specs.iter().enumerate() {
            let Some(slot) = of.get_mut(spec.node.get()) else {
                return Err(CompensationError::UnknownNode { place });
            };
            if slot.is_some() {
                return Err(CompensationError::Twice { node: spec.node });
            }
            *slot = Some(NodeIndex::new(nodes + place));
            compensated.push(spec.node);
        }
        Ok(Self { of, compensated })
    }
}
