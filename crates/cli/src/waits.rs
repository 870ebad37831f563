//! What nodes of an execution wait for: a fold over its events.

use std::collections::BTreeMap;

use jackfield::kernel::NodeIndex;
use jackfield::types::{AwaitedSignal, SignalReply};
use jackfield::{Event, EventKind, ExecutionId};
use jiff::{SignedDuration, Timestamp};

use crate::render::text::line;

/// What a node waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wait {
    /// Until when at the most.
    pub(crate) until: Option<Timestamp>,
    /// What it has to be told.
    pub(crate) signal: Option<AwaitedSignal>,
}

/// The nodes that wait.
#[derive(Debug, Default)]
pub(crate) struct Waits(BTreeMap<NodeIndex, Wait>);

impl Waits {
    /// Takes note of an event; gives what a node waits for if it begins to.
    pub(crate) fn apply(&mut self, event: &Event) -> Option<&Wait> {
        match &event.kind {
            EventKind::AttemptSucceeded { node, effects, .. } => {
                let effects = effects.as_ref()?;
                if effects.wait.is_none() && effects.signal.is_none() {
                    return None;
                }
                let wait = Wait {
                    until: effects.wait.and_then(|wait| {
                        let wait = SignedDuration::try_from(wait).ok()?;
                        event.at.checked_add(wait).ok()
                    }),
                    signal: effects.signal.clone(),
                };
                self.0.insert(*node, wait);
                self.0.get(node)
            }
            EventKind::SignalReceived { node, .. } | EventKind::TimerFired { node, .. } => {
                self.0.remove(node);
                None
            }
            EventKind::ExecutionFinished { .. } => {
                self.0.clear();
                None
            }
            EventKind::ExecutionStarted { .. }
            | EventKind::AttemptStarted { .. }
            | EventKind::AttemptFailed { .. }
            | EventKind::NodeSkipped { .. }
            | EventKind::InputReplaced { .. }
            | EventKind::ExecutionResumed
            | EventKind::CancelRequested
            | EventKind::DeadlinePassed => None,
        }
    }

    /// The nodes that wait now, and for what.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (NodeIndex, &Wait)> {
        self.0.iter().map(|(node, wait)| (*node, wait))
    }
}

/// What can be done about a node that waits to be told something; `None` when it waits for a time.
pub(crate) fn way_on(execution: ExecutionId, node: &str, wait: &Wait) -> Option<String> {
    let signal = wait.signal.as_ref()?;
    let (node, name) = (line(node, 80), line(signal.name.as_str(), 80));
    Some(match signal.reply {
        SignalReply::Items => format!(
            "node `{node}` waits for the signal `{name}`: jackfield signal {execution} {name}"
        ),
        SignalReply::Approval => format!(
            "node `{node}` waits for the decision `{name}`: jackfield approve {execution} {name}"
        ),
    })
}
