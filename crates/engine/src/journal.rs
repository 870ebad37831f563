use std::sync::Arc;

use jackfield_kernel::Event;
use jackfield_types::{ExecutionId, NodeName};
use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::Notify;

use crate::PreparedPlan;

/// The events of one execution, in order, as they are written and to be read while it runs.
///
/// Readers go at their own pace: nothing is lost, and none holds up the execution.
#[derive(Clone)]
pub struct Journal(Arc<Shared>);

struct Shared {
    execution: ExecutionId,
    plan: Arc<PreparedPlan>,
    written: Mutex<Written>,
    changed: Notify,
}

#[derive(Default)]
struct Written {
    /// All of the same length but the last one, so that a long journal is never moved.
    chunks: Vec<Vec<Event>>,
    is_closed: bool,
}

const CHUNK: usize = 1_024;

impl Written {
    fn push(&mut self, event: Event) {
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK => chunk.push(event),
            Some(_) => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(event);
                self.chunks.push(chunk);
            }
            // Most journals are short.
            None => self.chunks.push(vec![event]),
        }
    }

    fn get(&self, place: usize) -> Option<&Event> {
        self.chunks.get(place / CHUNK)?.get(place % CHUNK)
    }

    fn len(&self) -> usize {
        let before = self.chunks.len().saturating_sub(1) * CHUNK;
        before + self.chunks.last().map_or(0, Vec::len)
    }
}

impl Journal {
    pub(crate) fn new(execution: ExecutionId, plan: Arc<PreparedPlan>) -> Self {
        let written = Mutex::default();
        Self(Arc::new(Shared {
            execution,
            plan,
            written,
            changed: Notify::new(),
        }))
    }

    pub(crate) fn write(&self, event: Event) {
        self.0.written.lock().push(event);
        self.0.changed.notify_waiters();
    }

    /// Writes events of which those are left out that stand there already.
    pub(crate) fn write_from(&self, events: Vec<Event>) {
        let mut written = self.0.written.lock();
        let length = written.len();
        for event in events.into_iter().skip(length) {
            written.push(event);
        }
        drop(written);
        self.0.changed.notify_waiters();
    }

    pub(crate) fn close(&self) {
        self.0.written.lock().is_closed = true;
        self.0.changed.notify_waiters();
    }

    /// The plan of the execution.
    pub fn plan(&self) -> &Arc<PreparedPlan> {
        &self.0.plan
    }

    /// The number of events so far.
    pub fn len(&self) -> usize {
        self.0.written.lock().len()
    }

    /// Whether nothing has happened yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The events so far.
    pub fn events(&self) -> Vec<Event> {
        self.0.written.lock().chunks.concat()
    }

    /// Reads from the first event on.
    pub fn read(&self) -> Events {
        Events {
            journal: self.clone(),
            position: 0,
        }
    }
}

/// Reads a journal while it is written.
pub struct Events {
    journal: Journal,
    position: usize,
}

impl Events {
    /// The next event, waited for if need be; `None` when the execution has ended.
    ///
    /// Dropping the future loses nothing: the next call gives the same event.
    pub async fn next(&mut self) -> Option<JournalEntry> {
        let shared = Arc::clone(&self.journal.0);
        loop {
            let changed = shared.changed.notified();
            tokio::pin!(changed);
            // From here on a change wakes it, so none is missed between the look and the wait.
            changed.as_mut().enable();
            {
                let written = shared.written.lock();
                if let Some(event) = written.get(self.position) {
                    let event = event.clone();
                    self.position += 1;
                    let sequence = self.position as u64;
                    let node = event.kind.node();
                    let node = node.map(|node| shared.plan.node(node).name.clone());
                    let execution = shared.execution;
                    return Some(JournalEntry {
                        sequence,
                        execution,
                        node_name: node,
                        event,
                    });
                }
                if written.is_closed {
                    return None;
                }
            }
            changed.await;
        }
    }
}

/// An event, as it is shown: with its number and the name of its node.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JournalEntry {
    /// Its number in the journal, from 1.
    pub sequence: u64,
    /// The execution.
    #[serde(rename = "executionId")]
    pub execution: ExecutionId,
    /// The name of the node that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_name: Option<NodeName>,
    /// The event.
    #[serde(flatten)]
    pub event: Event,
}
