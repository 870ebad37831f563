use std::sync::Arc;
use std::time::Duration;

use jackfield_types::{
    AwaitedSignal, ExecutionId, Items, NodeFailure, Object, Outputs, TenantId, VariableWrite,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{ConnectionIndex, NodeIndex, RunWith};

/// A fact of an execution. The journal is these, in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "event",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase"
)]
pub enum EventKind {
    /// The execution began.
    ExecutionStarted {
        /// Its id.
        execution: ExecutionId,
        /// On whose behalf.
        tenant: TenantId,
        /// What its start nodes are given.
        input: Items,
        /// Its variables.
        variables: Arc<Object>,
        /// The trigger that started it; all start nodes start when there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        trigger: Option<NodeIndex>,
        /// What jitter is worked out from.
        seed: u64,
    },
    /// An attempt of a node began.
    AttemptStarted {
        /// The node.
        node: NodeIndex,
        /// Which run of the node, from 0.
        run: u32,
        /// Which attempt of the run, from 1.
        attempt: u32,
        /// What it runs.
        with: RunWith,
    },
    /// An attempt ended well.
    AttemptSucceeded {
        /// The node.
        node: NodeIndex,
        /// Which run of the node.
        run: u32,
        /// Which attempt of the run.
        attempt: u32,
        /// What it gave.
        outputs: Outputs,
        /// What else it led to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        effects: Option<Box<Effects>>,
    },
    /// An attempt failed.
    AttemptFailed {
        /// The node.
        node: NodeIndex,
        /// Which run of the node.
        run: u32,
        /// Which attempt of the run.
        attempt: u32,
        /// Why.
        failure: Box<NodeFailure>,
        /// What conditions on the connections let pass of what goes on after the failure.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        passes: Vec<Pass>,
    },
    /// A node was passed over without running.
    NodeSkipped {
        /// The node.
        node: NodeIndex,
        /// Which run of the node.
        run: u32,
        /// Why.
        reason: SkipReason,
        /// What conditions on the connections let pass of what a disabled node passes on.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        passes: Vec<Pass>,
    },
    /// What a node waited for, before its next attempt or before its outputs leave, is over.
    TimerFired {
        /// The node.
        node: NodeIndex,
        /// Which run of the node.
        run: u32,
        /// The attempt that was waited after.
        attempt: u32,
    },
    /// A signal came that a node waited for.
    SignalReceived {
        /// The node.
        node: NodeIndex,
        /// Which run of the node.
        run: u32,
        /// The attempt that was waited after.
        attempt: u32,
        /// The number of the signal among those of the execution. Each is received once.
        signal: u64,
        /// What the node gives in place of what it held back.
        outputs: Outputs,
        /// What conditions on the connections let pass of that.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        passes: Vec<Pass>,
    },
    /// Somebody put other items in place of those that a node is about to be given.
    InputReplaced {
        /// The node.
        node: NodeIndex,
        /// Which run of the node.
        run: u32,
        /// The items of each input.
        inputs: Vec<Items>,
    },
    /// The execution goes on after whatever ran it was lost: attempts that ran begin once more,
    /// under the same numbers.
    ExecutionResumed,
    /// Somebody asked that the execution end.
    CancelRequested,
    /// The execution's time is over.
    DeadlinePassed,
    /// The execution ended.
    ExecutionFinished {
        /// How.
        status: ExecutionStatus,
    },
}

impl EventKind {
    /// The name of the kind, as it is written.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ExecutionStarted { .. } => "execution-started",
            Self::AttemptStarted { .. } => "attempt-started",
            Self::AttemptSucceeded { .. } => "attempt-succeeded",
            Self::AttemptFailed { .. } => "attempt-failed",
            Self::NodeSkipped { .. } => "node-skipped",
            Self::TimerFired { .. } => "timer-fired",
            Self::SignalReceived { .. } => "signal-received",
            Self::InputReplaced { .. } => "input-replaced",
            Self::ExecutionResumed => "execution-resumed",
            Self::CancelRequested => "cancel-requested",
            Self::DeadlinePassed => "deadline-passed",
            Self::ExecutionFinished { .. } => "execution-finished",
        }
    }

    /// The node that the event is about, if it is about one.
    pub fn node(&self) -> Option<NodeIndex> {
        match self {
            Self::AttemptStarted { node, .. }
            | Self::AttemptSucceeded { node, .. }
            | Self::AttemptFailed { node, .. }
            | Self::NodeSkipped { node, .. }
            | Self::TimerFired { node, .. }
            | Self::SignalReceived { node, .. }
            | Self::InputReplaced { node, .. } => Some(*node),
            Self::ExecutionStarted { .. }
            | Self::ExecutionResumed
            | Self::CancelRequested
            | Self::DeadlinePassed
            | Self::ExecutionFinished { .. } => None,
        }
    }
}

/// What an attempt led to beside its outputs.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Effects {
    /// Changes to the variables, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variables: Vec<VariableWrite>,
    /// What conditions on the connections let pass.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passes: Vec<Pass>,
    /// How long the outputs are held back, if nothing else ends the wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<Duration>,
    /// The signal that ends the wait, and brings other outputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<AwaitedSignal>,
}

/// What the condition on a connection let pass. A conditional connection about which nothing is
/// said lets nothing pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pass {
    /// The connection.
    pub connection: ConnectionIndex,
    /// The places of the items that pass, in order.
    pub items: Vec<u32>,
}

/// Why a node was passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SkipReason {
    /// It is disabled; its first input passes on.
    Disabled,
    /// Nothing was delivered to it.
    NothingDelivered,
    /// It is a trigger, and the execution was started by another one.
    OtherTrigger,
    /// Something that it depends on failed.
    Blocked,
}

/// How an execution stands or ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ExecutionStatus {
    /// It runs.
    Running,
    /// It ended, and no node's failure stopped it.
    Success,
    /// A node's failure stopped it.
    Error,
    /// It was cancelled.
    Cancelled,
    /// Its time was over before it ended.
    TimedOut,
}

impl ExecutionStatus {
    /// The status as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Success => "success",
            Self::Error => "error",
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timedOut",
        }
    }
}
