use std::sync::Arc;

use jackfield_types::{ExecutionId, UserId};
use jiff::Timestamp;

use crate::execution::Running;
use crate::{Events, Journal};

/// An execution that runs or waits for its turn, as its tenant sees it.
#[derive(Clone)]
pub struct RunningExecution {
    running: Arc<Running>,
    journal: Journal,
    since: Timestamp,
}

impl RunningExecution {
    pub(crate) fn new(running: &Arc<Running>, journal: Journal, since: Timestamp) -> Self {
        Self {
            running: Arc::clone(running),
            journal,
            since,
        }
    }

    /// The execution.
    pub fn id(&self) -> ExecutionId {
        self.running.id
    }

    /// The workflow's name.
    pub fn workflow(&self) -> &str {
        self.running.plan.name()
    }

    /// Who started it.
    pub fn user(&self) -> Option<&UserId> {
        self.running.caller.user.as_ref()
    }

    /// When it was asked for.
    pub fn since(&self) -> Timestamp {
        self.since
    }

    /// Its journal; empty while it waits for its turn.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// All events, from the first one on, as they happen.
    pub fn events(&self) -> Events {
        self.journal.read()
    }

    /// Asks it to end: attempts that run are broken off, and no others start.
    pub fn cancel(&self) {
        self.running.cancellation.cancel();
    }
}
