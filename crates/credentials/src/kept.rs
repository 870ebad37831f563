//! What is kept in memory of a tenant's credentials: rows as they are in the store, encrypted.
//!
//! Each reading of the store has a number that is drawn before it begins. What a reading of a higher
//! number found was there after everything that was written before that number was drawn, so what a
//! lower one found is dropped. That keeps a slow reading from bringing back what was changed since.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::row::{Row, RowProblem};

/// How long it takes until a store that failed is asked again.
const PAUSE: Duration = Duration::from_secs(1);

/// A row, or why it is none.
pub(crate) type Entry = Result<Row, RowProblem>;

/// What is kept of one tenant.
pub(crate) struct Kept {
    state: Mutex<State>,
    /// One reads, and the others wait for what it finds.
    pub(crate) turn: Semaphore,
}

#[derive(Default)]
struct State {
    rows: BTreeMap<String, Arc<Entry>>,
    /// The number of the last reading of everything, and when it began.
    read: Option<(u64, Instant)>,
    /// Names that were read by themselves since, and the numbers of those readings.
    single: HashMap<String, u64>,
    is_stale: bool,
    /// Why it could not be read, and when.
    trouble: Option<(String, Instant)>,
}

/// What is known under a name.
pub(crate) enum Found {
    Entry(Arc<Entry>),
    Nothing,
    /// Nothing is known of the tenant.
    NotRead {
        reason: String,
    },
}

impl Kept {
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::default(),
            turn: Semaphore::new(1),
        }
    }

    /// Whether there is no need to read it.
    pub(crate) fn is_fresh(&self, max_age: Option<Duration>) -> bool {
        let state = self.state.lock();
        if let Some((_, at)) = &state.trouble
            && at.elapsed() < PAUSE
        {
            return true;
        }
        let is_young = |at: Instant| max_age.is_none_or(|most| at.elapsed() < most);
        !state.is_stale && state.read.is_some_and(|(_, at)| is_young(at))
    }

    /// Has it read before it is used again.
    pub(crate) fn make_stale(&self) {
        self.state.lock().is_stale = true;
    }

    pub(crate) fn find(&self, name: &str) -> Found {
        let state = self.state.lock();
        if state.read.is_none() {
            let trouble = state.trouble.as_ref();
            let reason = trouble.map_or("nobody asked for them", |(reason, _)| reason);
            return Found::NotRead {
                reason: reason.to_owned(),
            };
        }
        match state.rows.get(name) {
            Some(entry) => Found::Entry(Arc::clone(entry)),
            None => Found::Nothing,
        }
    }

    /// All rows that can be read, by name.
    pub(crate) fn rows(&self) -> Vec<(String, Arc<Entry>)> {
        let state = self.state.lock();
        let rows = state.rows.iter();
        rows.map(|(name, entry)| (name.clone(), Arc::clone(entry)))
            .collect()
    }

    /// How many there are beside the one of a name.
    pub(crate) fn count_others(&self, name: &str) -> usize {
        let state = self.state.lock();
        state.rows.len() - usize::from(state.rows.contains_key(name))
    }

    /// Takes what a reading of everything found.
    pub(crate) fn put_all(&self, number: u64, began: Instant, found: BTreeMap<String, Entry>) {
        let mut state = self.state.lock();
        if state.read.is_some_and(|(last, _)| last > number) {
            return;
        }
        state.single.retain(|_, single| *single > number);
        let State { rows, single, .. } = &mut *state;
        rows.retain(|name, _| single.contains_key(name));
        for (name, entry) in found {
            if !single.contains_key(&name) {
                rows.insert(name, Arc::new(entry));
            }
        }
        state.read = Some((number, began));
        state.is_stale = false;
        state.trouble = None;
    }

    /// Takes what a reading of one name found.
    pub(crate) fn put_one(&self, number: u64, name: &str, found: Option<Entry>) {
        let mut state = self.state.lock();
        let before = state.single.get(name).copied();
        let before = before.max(state.read.map(|(last, _)| last));
        if before.is_some_and(|last| last > number) {
            return;
        }
        state.single.insert(name.to_owned(), number);
        match found {
            Some(entry) => drop(state.rows.insert(name.to_owned(), Arc::new(entry))),
            None => drop(state.rows.remove(name)),
        }
    }

    /// Takes note that it could not be read. What was read before stays.
    pub(crate) fn put_trouble(&self, reason: String) {
        self.state.lock().trouble = Some((reason, Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BROKEN: Entry = Err(RowProblem::Shape("a test"));

    fn version(number: u8) -> Entry {
        Err(RowProblem::Version(number))
    }

    fn names(kept: &Kept) -> Vec<(String, Entry)> {
        let rows = kept.rows().into_iter();
        rows.map(|(name, entry)| (name, (*entry).clone())).collect()
    }

    #[test]
    fn a_slow_reading_brings_nothing_back() {
        let kept = Kept::new();
        let now = Instant::now();
        assert!(matches!(kept.find("a"), Found::NotRead { .. }));
        kept.put_all(1, now, BTreeMap::from([("a".to_owned(), BROKEN)]));
        // Number 2 begins to read everything; then `a` is deleted, and `b` put.
        kept.put_one(3, "a", None);
        kept.put_one(4, "b", Some(version(4)));
        kept.put_all(2, now, BTreeMap::from([("a".to_owned(), BROKEN)]));
        assert_eq!(names(&kept), [("b".to_owned(), version(4))]);
        kept.put_one(3, "b", None);
        kept.put_all(1, now, BTreeMap::new());
        assert_eq!(names(&kept), [("b".to_owned(), version(4))]);
        assert!(matches!(kept.find("a"), Found::Nothing));
        // A later reading of everything has the last word.
        kept.put_all(5, now, BTreeMap::from([("c".to_owned(), BROKEN)]));
        assert_eq!(names(&kept), [("c".to_owned(), BROKEN)]);
        assert_eq!((kept.count_others("c"), kept.count_others("d")), (0, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_read_again_when_it_is_old_or_stale_and_not_at_once_after_trouble() {
        let kept = Kept::new();
        let most = Some(Duration::from_secs(5));
        assert!(!kept.is_fresh(None));
        kept.put_trouble("down".to_owned());
        assert!(kept.is_fresh(None));
        assert!(matches!(kept.find("a"), Found::NotRead { reason } if reason == "down"));
        tokio::time::advance(PAUSE).await;
        assert!(!kept.is_fresh(None));
        kept.put_all(1, Instant::now(), BTreeMap::new());
        assert!(kept.is_fresh(most));
        tokio::time::advance(Duration::from_secs(5)).await;
        assert!(!kept.is_fresh(most) && kept.is_fresh(None));
        kept.make_stale();
        assert!(!kept.is_fresh(None));
    }
}
