use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use jackfield_store_api::{StoreError, WorkflowVersion};
use jiff::Timestamp;

use crate::draft::{Key, Touch};
use crate::drafts::Drafts;
use crate::error::Fault;
use crate::operation::Operation;

/// Changes that are made together.
pub(crate) struct Group {
    operations: Vec<Box<dyn Operation>>,
    /// For each of them, which of the executions it changes.
    places: Vec<usize>,
    /// The executions that were written when it was made the last time.
    touched: Vec<usize>,
    /// The executions of which something was refused then by what was only remembered.
    stale: Vec<usize>,
    /// The number under which it was made the last time.
    applied: i64,
}

/// The executions that a group is about, in the order in which they are locked.
pub(crate) struct Wanted {
    pub(crate) keys: Vec<Key>,
    /// The most that is needed of each.
    pub(crate) touches: Vec<Touch>,
    /// Versions of workflows that have to be there for some of them.
    pub(crate) workflows: Vec<(usize, WorkflowVersion)>,
    /// Keys of signals that some of them are sent.
    pub(crate) signals: Vec<(usize, String)>,
}

impl Group {
    pub(crate) fn new(operations: Vec<Box<dyn Operation>>) -> Self {
        Self {
            places: vec![0; operations.len()],
            operations,
            touched: Vec::new(),
            stale: Vec::new(),
            applied: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.operations.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    pub(crate) fn weight(&self) -> usize {
        self.operations
            .iter()
            .map(|operation| operation.weight())
            .sum()
    }

    /// Leaves out what nobody waits for any more.
    pub(crate) fn drop_unwanted(&mut self) {
        self.operations.retain(|operation| operation.is_wanted());
        self.places.truncate(self.operations.len());
    }

    /// Says which executions it is about.
    pub(crate) fn wanted(&mut self) -> Wanted {
        let mut found: BTreeMap<&Key, (Touch, usize)> = BTreeMap::new();
        for operation in &self.operations {
            let (touch, _) = found.entry(operation.key()).or_insert((Touch::Journal, 0));
            *touch = (*touch).max(operation.touch());
        }
        let mut wanted = Wanted {
            keys: Vec::new(),
            touches: Vec::new(),
            workflows: Vec::new(),
            signals: Vec::new(),
        };
        for (key, (touch, place)) in &mut found {
            *place = wanted.keys.len();
            wanted.keys.push((*key).clone());
            wanted.touches.push(*touch);
        }
        for (operation, place) in self.operations.iter().zip(&mut self.places) {
            if let Some((_, found)) = found.get(operation.key()) {
                *place = *found;
            }
            if let Some(workflow) = operation.workflow() {
                wanted.workflows.push((*place, workflow.clone()));
            }
            if let Some(key) = operation.signal() {
                wanted.signals.push((*place, key.to_owned()));
            }
        }
        wanted
    }

    /// The number under which it was made the last time: to that its answers belong.
    pub(crate) fn applied(&self) -> i64 {
        self.applied
    }

    /// Makes its changes, in their order.
    ///
    /// # Errors
    /// [`Fault::Panicked`] when one of them panics.
    pub(crate) fn apply(&mut self, drafts: &mut Drafts, number: i64) -> Result<(), Fault> {
        self.applied = number;
        for (operation, place) in self.operations.iter_mut().zip(&self.places) {
            let draft = &mut drafts.list[*place];
            // A journal that gets longer needs no time: the statement has it.
            let known = draft.found().map(|found| found.course.changed_at);
            let now = drafts.now.or(known).unwrap_or(Timestamp::UNIX_EPOCH);
            // What it has left half done is thrown away.
            catch_unwind(AssertUnwindSafe(|| operation.apply(draft, now)))
                .map_err(|_| Fault::Panicked)?;
        }
        self.touched = (0..drafts.list.len())
            .filter(|place| drafts.list[*place].touched.is_some())
            .collect();
        self.stale = self
            .operations
            .iter()
            .zip(&self.places)
            .filter(|(operation, place)| {
                let draft = &drafts.list[**place];
                operation.is_refused() && drafts.remembered[**place] && draft.touched.is_none()
            })
            .map(|(_, place)| *place)
            .collect();
        Ok(())
    }

    /// The executions of which everything has to be done again, when those were left out that are
    /// named by their places among those that were written.
    pub(crate) fn missed(&self, left_out: &[usize]) -> Vec<usize> {
        left_out
            .iter()
            .filter_map(|place| self.touched.get(*place).copied())
            .chain(self.stale.iter().copied())
            .collect()
    }

    /// Gives the answers, but for those executions of which everything has to be done again.
    pub(crate) fn acknowledge(self, missed: &[usize]) -> Self {
        let mut again = Vec::new();
        for (operation, place) in self.operations.into_iter().zip(self.places) {
            if missed.contains(&place) {
                again.push(operation);
            } else {
                operation.acknowledge();
            }
        }
        Self::new(again)
    }

    /// Takes it apart.
    pub(crate) fn into_singles(self) -> impl Iterator<Item = Self> {
        self.operations
            .into_iter()
            .map(|operation| Self::new(vec![operation]))
    }

    /// Says why nothing of it was made.
    pub(crate) fn fail(self, mut error: impl FnMut() -> StoreError) {
        for operation in self.operations {
            operation.fail(error());
        }
    }
}
