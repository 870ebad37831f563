use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{ExecutionStatus, NodeIndex, SkipReason};

/// An order to the driver. Each one is answered by events, which alone change the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Run an attempt: `AttemptStarted` now, `AttemptSucceeded` or `AttemptFailed` at its end.
    Run {
        /// The node.
        node: NodeIndex,
        /// Which run of it.
        run: u32,
        /// Which attempt of the run, from 1.
        attempt: u32,
        /// With which executor.
        with: RunWith,
    },
    /// Record that a node is passed over: `NodeSkipped`.
    Skip {
        /// The node.
        node: NodeIndex,
        /// Which run of it.
        run: u32,
        /// Why.
        reason: SkipReason,
    },
    /// Record `TimerFired` after a while, or `SignalReceived` when the
    /// [awaited signal](crate::Execution::awaited_signal) comes before.
    Wait {
        /// The node.
        node: NodeIndex,
        /// Which run of it.
        run: u32,
        /// The attempt that is waited after.
        attempt: u32,
        /// How long; nothing when just a signal ends it.
        delay: Option<Duration>,
        /// Since when.
        since: Timestamp,
    },
    /// Break off all attempts that run: each is to end with `AttemptFailed`, code `CANCELLED` (or
    /// `TIMEOUT`), unless it has ended otherwise. Timers need not fire any more.
    ///
    /// This does not have to be the end: when the execution has failed, its
    /// [compensations](crate::Graph::with_compensations) are run next. What broke the attempts off
    /// must not break those off too, and no deadline of the execution applies to them; a
    /// `CancelRequested` that comes then stops them.
    CancelRunning,
    /// Record that the execution ended: `ExecutionFinished`.
    Finish {
        /// How.
        status: ExecutionStatus,
    },
}

/// Which executor runs an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RunWith {
    /// That of the node's own node type.
    #[default]
    Own,
    /// That of its fallback node type.
    Fallback,
}
