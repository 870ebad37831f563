//! Executions that were begun from outside, each with all that it called.

use std::collections::BTreeMap;

use jackfield::{ExecutionId, History};
use jiff::Timestamp;

/// An execution that is no part of another one.
pub(crate) struct Whole<'h> {
    pub(crate) history: &'h History,
    /// What it called, and what that called.
    pub(crate) parts: Vec<&'h History>,
}

impl<'h> Whole<'h> {
    /// All of them. That no part is left without its whole is seen to on the way.
    pub(crate) fn all(histories: &'h [History]) -> Vec<Self> {
        let mut wholes: BTreeMap<ExecutionId, Self> = BTreeMap::new();
        let (parts, others): (Vec<&History>, Vec<_>) = histories
            .iter()
            .partition(|history| history.execution().part_of.is_some());
        for history in others {
            let parts = Vec::new();
            let before = wholes.insert(history.execution().id, Self { history, parts });
            assert!(
                before.is_none(),
                "{} is there twice",
                history.execution().id
            );
        }
        for part in parts {
            let whole = part.execution().part_of;
            let whole = whole.and_then(|whole| wholes.get_mut(&whole));
            let Some(whole) = whole else {
                panic!("it is a part of nothing: {:?}", part.execution());
            };
            whole.parts.push(part);
        }
        wholes.into_values().collect()
    }

    /// The only one that there is.
    pub(crate) fn only(histories: &'h [History]) -> Self {
        let mut wholes = Self::all(histories);
        assert_eq!(wholes.len(), 1, "so many executions are kept");
        wholes.remove(0)
    }

    pub(crate) fn id(&self) -> String {
        self.history.execution().id.to_string()
    }

    /// It, and its parts.
    pub(crate) fn histories(&self) -> impl Iterator<Item = &'h History> {
        std::iter::once(self.history).chain(self.parts.iter().copied())
    }

    /// Whether something that it called had begun at a time, and not ended.
    pub(crate) fn was_calling_at(&self, time: Timestamp) -> bool {
        self.parts.iter().any(|part| {
            let mut times = part.entries().map(|entry| entry.event.at);
            let has_begun = times.next().is_some_and(|first| first < time);
            has_begun && times.last().is_some_and(|last| time < last)
        })
    }
}
