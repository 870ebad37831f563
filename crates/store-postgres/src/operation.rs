use jackfield_store_api::{StoreError, WorkflowVersion};
use jiff::Timestamp;
use tokio::sync::oneshot;

use crate::draft::{Draft, Key, Touch};

/// A change of an execution, which waits for a writer.
pub(crate) trait Operation: Send {
    /// The execution.
    fn key(&self) -> &Key;
    /// How much of it the change needs.
    fn touch(&self) -> Touch;
    /// The version of a workflow that has to be there.
    fn workflow(&self) -> Option<&WorkflowVersion>;
    /// The key of the signal that it sends.
    fn signal(&self) -> Option<&str>;
    /// How many bytes it writes, about.
    fn weight(&self) -> usize;
    /// Whether anybody still waits for it.
    fn is_wanted(&self) -> bool;
    /// Makes it, and keeps the answer. It may be made again, on another draft.
    fn apply(&mut self, draft: &mut Draft, now: Timestamp);
    /// Whether it was refused.
    fn is_refused(&self) -> bool;
    /// Gives the answer, when what was made is safe.
    fn acknowledge(self: Box<Self>);
    /// Says why it was not made.
    fn fail(self: Box<Self>, error: StoreError);
}

/// A change, made by a function.
pub(crate) struct Change<T, F> {
    pub(crate) key: Key,
    pub(crate) touch: Touch,
    pub(crate) workflow: Option<WorkflowVersion>,
    pub(crate) signal: Option<String>,
    pub(crate) weight: usize,
    pub(crate) change: F,
    pub(crate) answer: Option<Result<T, StoreError>>,
    pub(crate) caller: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Operation for Change<T, F>
where
    T: Send,
    F: FnMut(&mut Draft, Timestamp) -> Result<T, StoreError> + Send,
{
    fn key(&self) -> &Key {
        &self.key
    }

    fn touch(&self) -> Touch {
        self.touch
    }

    fn workflow(&self) -> Option<&WorkflowVersion> {
        self.workflow.as_ref()
    }

    fn signal(&self) -> Option<&str> {
        self.signal.as_deref()
    }

    fn weight(&self) -> usize {
        self.weight
    }

    fn is_wanted(&self) -> bool {
        !self.caller.is_closed()
    }

    fn apply(&mut self, draft: &mut Draft, now: Timestamp) {
        self.answer = Some((self.change)(draft, now));
    }

    fn is_refused(&self) -> bool {
        matches!(self.answer, Some(Err(_)))
    }

    fn acknowledge(self: Box<Self>) {
        if let Some(answer) = self.answer {
            // A caller that has gone away does not want to know.
            let _ = self.caller.send(answer);
        }
    }

    fn fail(self: Box<Self>, error: StoreError) {
        let _ = self.caller.send(Err(error));
    }
}
