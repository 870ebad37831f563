//! Live progress on a terminal: nodes that run, wait, try again, or are done.
//!
//! A fold over the events, like everything that is shown. Drawing is apart from it, at its own
//! pace, so that an execution of many short nodes is not held up by the terminal.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jackfield::{EventKind, JournalEntry, NodeName};

use crate::render::text::{count, line};

/// How often it is drawn.
pub(crate) const PERIOD: Duration = Duration::from_millis(100);
/// How many nodes that run are shown at the same time.
const MOST_LINES: usize = 8;

/// What is shown of an execution while it runs.
pub(crate) struct Progress {
    bar: ProgressBar,
    state: State,
}

/// What comes of a first Ctrl-C.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The execution is cancelled.
    Cancels,
    /// It is left as it is, and goes on later.
    Leaves,
}

/// What is known of an execution while it runs.
#[derive(Default)]
struct State {
    nodes: usize,
    /// Nodes that are neither done nor yet to come.
    active: BTreeMap<NodeName, Activity>,
    done: HashSet<NodeName>,
    failed_attempts: usize,
    stopping: Option<&'static str>,
}

/// What a node is about.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Activity {
    Running {
        attempt: u32,
    },
    /// It ran, and its outputs are held back.
    Waiting,
    /// It failed, and is perhaps tried again.
    Failed {
        attempt: u32,
        code: String,
    },
}

impl Progress {
    /// Begins to show an execution of so many nodes on standard error.
    pub(crate) fn start(nodes: usize) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{spinner} {elapsed} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        Self {
            bar,
            state: State {
                nodes,
                ..State::default()
            },
        }
    }

    /// Takes note of an event.
    pub(crate) fn observe(&mut self, entry: &JournalEntry) {
        if let Some(node) = &entry.node_name {
            self.state.apply(node, &entry.event.kind);
        }
    }

    /// Draws what is known by now.
    pub(crate) fn draw(&self) {
        self.bar.set_message(self.state.text());
        self.bar.tick();
    }

    /// Says that a first Ctrl-C was heard, and what comes of it.
    pub(crate) fn stopping(&mut self, stop: Stop) {
        self.state.stopping = Some(match stop {
            Stop::Cancels => "cancelling",
            Stop::Leaves => "stopping once what runs is done",
        });
        self.draw();
    }

    /// Does something while nothing is drawn.
    pub(crate) fn suspended(&self, act: impl FnOnce()) {
        self.bar.suspend(act);
    }

    /// Takes everything off the terminal.
    pub(crate) fn finish(self) {
        self.bar.finish_and_clear();
    }
}

impl State {
    fn apply(&mut self, node: &NodeName, event: &EventKind) {
        match event {
            EventKind::AttemptStarted { attempt, .. } => {
                self.active
                    .insert(node.clone(), Activity::Running { attempt: *attempt });
            }
            EventKind::AttemptFailed {
                attempt, failure, ..
            } => {
                self.failed_attempts += 1;
                let code = failure.code.to_string();
                self.active.insert(
                    node.clone(),
                    Activity::Failed {
                        attempt: *attempt,
                        code,
                    },
                );
            }
            EventKind::AttemptSucceeded { effects, .. } => {
                if effects
                    .as_ref()
                    .is_some_and(|effects| effects.wait.is_some() || effects.signal.is_some())
                {
                    self.active.insert(node.clone(), Activity::Waiting);
                } else {
                    self.settle(node);
                }
            }
            EventKind::NodeSkipped { .. } | EventKind::SignalReceived { .. } => self.settle(node),
            // The other timers are those before an attempt, whose start is an event of its own.
            EventKind::TimerFired { .. } => {
                if self.active.get(node) == Some(&Activity::Waiting) {
                    self.settle(node);
                }
            }
            EventKind::ExecutionStarted { .. }
            | EventKind::InputReplaced { .. }
            | EventKind::ExecutionResumed
            | EventKind::CancelRequested
            | EventKind::DeadlinePassed
            | EventKind::ExecutionFinished { .. } => {}
        }
    }

    fn settle(&mut self, node: &NodeName) {
        self.active.remove(node);
        self.done.insert(node.clone());
    }

    fn text(&self) -> String {
        let mut text = format!("{} of {} done", self.done.len(), count(self.nodes, "node"));
        if self.failed_attempts > 0 {
            text.push_str(&format!(
                ", {}",
                count(self.failed_attempts, "failed attempt")
            ));
        }
        if let Some(stopping) = self.stopping {
            text.push_str(&format!(
                "; {stopping}, press Ctrl-C again to leave at once"
            ));
        }
        for (node, activity) in self.active.iter().take(MOST_LINES) {
            let about = match activity {
                Activity::Running { attempt: 1 } => "running".to_owned(),
                Activity::Running { attempt } => format!("running, attempt {attempt}"),
                Activity::Waiting => "waiting".to_owned(),
                Activity::Failed { attempt, code } => format!("attempt {attempt} failed: {code}"),
            };
            text.push_str(&format!(
                "\n    {}: {}",
                line(node.as_str(), 40),
                line(&about, 60)
            ));
        }
        let more = self.active.len().saturating_sub(MOST_LINES);
        if more > 0 {
            text.push_str(&format!("\n    and {}", count(more, "more node")));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use jackfield::kernel::NodeIndex;
    use jackfield::kernel::{Effects, RunWith, SkipReason};
    use jackfield::types::{FailureClass, Outputs};
    use jackfield::{ErrorCode, NodeFailure};

    use super::*;

    fn started(attempt: u32) -> EventKind {
        EventKind::AttemptStarted {
            node: NodeIndex::new(0),
            run: 0,
            attempt,
            with: RunWith::Own,
        }
    }

    fn succeeded(wait: Option<Duration>) -> EventKind {
        EventKind::AttemptSucceeded {
            node: NodeIndex::new(0),
            run: 0,
            attempt: 1,
            outputs: Outputs::default(),
            effects: wait.map(|wait| {
                Box::new(Effects {
                    wait: Some(wait),
                    ..Effects::default()
                })
            }),
        }
    }

    fn failed() -> EventKind {
        let failure = NodeFailure::new(FailureClass::Retryable, ErrorCode::NETWORK_ERROR, "gone");
        EventKind::AttemptFailed {
            node: NodeIndex::new(0),
            run: 0,
            attempt: 1,
            failure: Box::new(failure),
            passes: Vec::new(),
        }
    }

    fn fired() -> EventKind {
        EventKind::TimerFired {
            node: NodeIndex::new(0),
            run: 0,
            attempt: 1,
        }
    }

    fn after(events: &[EventKind]) -> String {
        let mut state = State {
            nodes: 2,
            ..State::default()
        };
        let node = NodeName::parse("Call").unwrap();
        events.iter().for_each(|event| state.apply(&node, event));
        state.text()
    }

    #[test]
    fn nodes_run_wait_fail_and_are_done() {
        let wait = Some(Duration::from_secs(5));
        assert_eq!(after(&[]), "0 of 2 nodes done");
        assert_eq!(after(&[started(1)]), "0 of 2 nodes done\n    Call: running");
        assert_eq!(after(&[started(1), succeeded(None)]), "1 of 2 nodes done");
        assert_eq!(
            after(&[started(1), succeeded(wait)]),
            "0 of 2 nodes done\n    Call: waiting"
        );
        assert_eq!(
            after(&[started(1), succeeded(wait), fired()]),
            "1 of 2 nodes done"
        );
        let failing =
            "0 of 2 nodes done, 1 failed attempt\n    Call: attempt 1 failed: NETWORK_ERROR";
        assert_eq!(after(&[started(1), failed()]), failing);
        assert_eq!(after(&[started(1), failed(), fired()]), failing);
        assert_eq!(
            after(&[started(1), failed(), fired(), started(2)]),
            "0 of 2 nodes done, 1 failed attempt\n    Call: running, attempt 2"
        );
        let skipped = EventKind::NodeSkipped {
            node: NodeIndex::new(0),
            run: 0,
            reason: SkipReason::NothingDelivered,
            passes: Vec::new(),
        };
        assert_eq!(after(&[skipped]), "1 of 2 nodes done");
    }

    #[test]
    fn many_nodes_are_counted() {
        let mut state = State {
            nodes: 20,
            ..State::default()
        };
        for place in 0..20 {
            state.apply(
                &NodeName::parse(&format!("n{place:02}")).unwrap(),
                &started(1),
            );
        }
        assert_eq!(state.text().lines().count(), 1 + MOST_LINES + 1);
        assert!(state.text().ends_with("\n    and 12 more nodes"));
    }
}
