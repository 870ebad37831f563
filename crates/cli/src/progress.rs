//! Live progress on a terminal: nodes that run, wait or are done.
//!
//! A fold over the events, like everything that is shown; it never holds up the execution.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use jackfield::{EventKind, JournalEntry, NodeName};

use crate::render::text::{count, line};

/// How many nodes that run are shown at the same time.
const MOST_LINES: usize = 8;

/// What is shown of an execution while it runs.
pub(crate) struct Progress {
    lines: MultiProgress,
    total: ProgressBar,
    running: HashMap<NodeName, Option<ProgressBar>>,
    done: HashSet<NodeName>,
    failed_attempts: usize,
    nodes: usize,
}

impl Progress {
    /// Begins to show an execution of so many nodes on standard error.
    pub(crate) fn start(nodes: usize) -> Self {
        let lines = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let total = lines.add(ProgressBar::new_spinner());
        total.set_style(style("{spinner} {elapsed} {msg}"));
        total.enable_steady_tick(Duration::from_millis(100));
        Self {
            lines,
            total,
            running: HashMap::new(),
            done: HashSet::new(),
            failed_attempts: 0,
            nodes,
        }
    }

    /// Takes note of an event.
    pub(crate) fn observe(&mut self, entry: &JournalEntry) {
        if let Some(node) = &entry.node_name {
            match &entry.event.kind {
                EventKind::AttemptStarted { attempt, .. } => {
                    let state = match attempt {
                        1 => "running".to_owned(),
                        more => format!("running, attempt {more}"),
                    };
                    self.show(node, &state);
                }
                EventKind::AttemptFailed {
                    attempt, failure, ..
                } => {
                    self.failed_attempts += 1;
                    self.show(node, &format!("attempt {attempt} failed: {}", failure.code));
                }
                EventKind::AttemptSucceeded { effects, .. } => {
                    if effects
                        .as_ref()
                        .is_some_and(|effects| effects.wait.is_some())
                    {
                        self.show(node, "waiting");
                    } else {
                        self.settle(node);
                    }
                }
                EventKind::NodeSkipped { .. } | EventKind::TimerFired { .. } => self.settle(node),
                EventKind::ExecutionStarted { .. }
                | EventKind::CancelRequested
                | EventKind::DeadlinePassed
                | EventKind::ExecutionFinished { .. } => {}
            }
        }
        let mut message = format!("{} of {} done", self.done.len(), count(self.nodes, "node"));
        if self.failed_attempts > 0 {
            message.push_str(&format!(
                ", {}",
                count(self.failed_attempts, "failed attempt")
            ));
        }
        self.total.set_message(message);
    }

    /// Says that a first Ctrl-C was heard.
    pub(crate) fn cancelling(&self) {
        self.total
            .set_message("cancelling; press Ctrl-C again to leave at once");
    }

    /// Takes everything off the terminal.
    pub(crate) fn finish(self) {
        for bar in self.running.into_values().flatten() {
            bar.finish_and_clear();
        }
        self.total.finish_and_clear();
    }

    fn show(&mut self, node: &NodeName, state: &str) {
        let is_room = self.running.values().flatten().count() < MOST_LINES;
        let lines = &self.lines;
        let bar = self.running.entry(node.clone()).or_insert_with(|| {
            is_room.then(|| {
                let bar = lines.add(ProgressBar::new_spinner());
                bar.set_style(style("    {prefix}: {msg}"));
                bar.set_prefix(line(node.as_str(), 40));
                bar
            })
        });
        if let Some(bar) = bar {
            bar.set_message(state.to_owned());
        }
    }

    fn settle(&mut self, node: &NodeName) {
        if let Some(Some(bar)) = self.running.remove(node) {
            bar.finish_and_clear();
            self.lines.remove(&bar);
        }
        self.done.insert(node.clone());
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
