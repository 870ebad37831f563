use std::sync::Arc;

use jackfield_types::{
    AwaitedSignal, Item, Items, NodeFailure, NodeStatus, Outputs, RecoveryApplied,
};
use jiff::Timestamp;
use smallvec::SmallVec;

use crate::{NodeIndex, RunWith, SkipReason};

/// Where a node stands between its runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodePhase {
    /// Something that it waits for is not settled.
    Idle,
    /// It is to run.
    Ready {
        /// With which executor.
        with: RunWith,
    },
    /// It is to be passed over.
    Passing {
        /// Why.
        reason: SkipReason,
    },
    /// An attempt runs.
    Running {
        /// With which executor.
        with: RunWith,
    },
    /// It waits for its next attempt.
    Waiting,
    /// Its outputs are held back.
    Holding,
    /// It is a loop node, and a round is under way.
    Looping,
    /// It is settled.
    Done,
}

/// Which node gave a stretch of an input's items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputSegment {
    /// The input port.
    pub input: u16,
    /// The node.
    pub from: NodeIndex,
    /// How many items, after those of the segments of the same input before it.
    pub len: u32,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NodeState {
    pub(crate) phase: NodePhase,
    /// Which run of the node is at hand, from 0; rounds in which it was passed over count.
    pub(crate) run: u32,
    /// How many times it really ran.
    pub(crate) executed: u32,
    pub(crate) attempt: u32,
    /// Incoming connections that are not settled; those that lead back to a loop don't count.
    pub(crate) waiting: u32,
    pub(crate) first_started: Option<Timestamp>,
    pub(crate) inputs: SmallVec<[Items; 1]>,
    pub(crate) segments: SmallVec<[InputSegment; 1]>,
    pub(crate) wait: Option<Box<Wait>>,
    pub(crate) outcome: Option<Box<Outcome>>,
}

/// What a node waits for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Wait {
    pub(crate) since: Timestamp,
    /// How long; nothing when just a signal ends it.
    pub(crate) delay: Option<std::time::Duration>,
    pub(crate) next: RunWith,
    /// What ends it before its time.
    pub(crate) signal: Option<AwaitedSignal>,
}

/// What became of a node's run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) status: NodeStatus,
    pub(crate) outputs: Outputs,
    pub(crate) failure: Option<Box<NodeFailure>>,
    pub(crate) recovery: Option<RecoveryApplied>,
    pub(crate) with: RunWith,
    pub(crate) retries: u32,
    pub(crate) started: Timestamp,
    pub(crate) ended: Timestamp,
    /// Whether what depends on the node is blocked.
    pub(crate) blocks: bool,
    pub(crate) passes: Vec<crate::Pass>,
}

impl NodeState {
    pub(crate) fn new(waiting: u32) -> Self {
        Self {
            phase: NodePhase::Idle,
            run: 0,
            executed: 0,
            attempt: 1,
            waiting,
            first_started: None,
            inputs: SmallVec::new(),
            segments: SmallVec::new(),
            wait: None,
            outcome: None,
        }
    }

    /// Whether the node, a loop node, sent a round on its way.
    pub(crate) fn begins_round(&self) -> bool {
        self.outcome.as_ref().is_some_and(|outcome| {
            let round = outcome.outputs.main.get(1);
            outcome.status == NodeStatus::Success && round.is_some_and(|items| !items.is_empty())
        })
    }

    /// Makes the node ready for a run of its own or as a fallback, or to be passed over.
    pub(crate) fn begin_run(&mut self, phase: NodePhase) {
        self.phase = phase;
        self.attempt = 1;
        self.first_started = None;
    }
}

/// How a connection stands.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) enum Link {
    /// Its source has not settled.
    #[default]
    Open,
    /// Items arrived.
    Delivered(Items),
    /// Nothing will arrive.
    Dead,
    /// Nothing will arrive because something failed.
    Blocked,
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
