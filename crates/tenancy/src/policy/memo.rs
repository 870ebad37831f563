//! Decisions that were made already. A fixed number of places, so that nobody can fill it; what
//! finds no place is decided anew.

use std::hash::Hasher;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;
use jackfield_types::NodeTypeId;
use rustc_hash::FxHasher;
use semver::Version;

use super::decision::Decision;

/// Groups of places. A question belongs to one group.
const GROUPS: usize = 128;
/// Places of a group.
const PLACES: usize = 4;

struct Entry {
    node_type: NodeTypeId,
    version: Version,
    capabilities: u16,
    decision: Decision,
}

/// Keeps what was decided. Reading takes no lock.
#[derive(Default)]
pub(crate) struct Memo {
    places: OnceLock<Box<[ArcSwapOption<Entry>]>>,
    turn: AtomicUsize,
}

impl Memo {
    /// What was decided, or else what `decide` decides now.
    pub(crate) fn recall(
        &self,
        node_type: &NodeTypeId,
        version: &Version,
        capabilities: u16,
        decide: impl FnOnce() -> Decision,
    ) -> Decision {
        let places = self.places.get_or_init(|| {
            (0..GROUPS * PLACES)
                .map(|_| ArcSwapOption::empty())
                .collect()
        });
        let first = group(node_type, version, capabilities) * PLACES;
        let group = &places[first..first + PLACES];
        let mut free = None;
        for place in group {
            let entry = place.load();
            let Some(entry) = entry.as_deref() else {
                free = Some(place);
                break;
            };
            if entry.capabilities == capabilities
                && entry.node_type == *node_type
                && entry.version == *version
            {
                return entry.decision.clone();
            }
        }
        let decision = decide();
        let place = free.unwrap_or_else(|| {
            let turn = self.turn.fetch_add(1, Ordering::Relaxed);
            &group[turn % PLACES]
        });
        place.store(Some(Arc::new(Entry {
            node_type: node_type.clone(),
            version: version.clone(),
            capabilities,
            decision: decision.clone(),
        })));
        decision
    }
}

fn group(node_type: &NodeTypeId, version: &Version, capabilities: u16) -> usize {
    let mut hasher = FxHasher::default();
    hasher.write(node_type.as_str().as_bytes());
    hasher.write_u64(version.major);
    hasher.write_u64(version.minor);
    hasher.write_u64(version.patch);
    hasher.write_u16(capabilities);
    // The upper bits are the ones that are mixed best; there are fewer groups than 2^32.
    usize::try_from(hasher.finish() >> 32).unwrap_or(0) % GROUPS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_question_is_decided_once_and_another_one_by_itself() {
        let memo = Memo::default();
        let version = Version::new(1, 0, 0);
        let ask = |name: &str, version: &Version, capabilities| {
            let mut was_decided = false;
            let node_type = NodeTypeId::parse(name).unwrap();
            let decision = memo.recall(&node_type, version, capabilities, || {
                was_decided = true;
                Decision::Allowed {
                    rule: format!("{name} {version} {capabilities}").into(),
                }
            });
            assert_eq!(
                **decision.rule(),
                *format!("{name} {version} {capabilities}")
            );
            was_decided
        };
        assert!(ask("a", &version, 0) && !ask("a", &version, 0));
        assert!(ask("a", &version, 1) && ask("a", &Version::new(1, 0, 1), 0));
        let beta = Version::parse("1.0.0-beta").unwrap();
        assert!(ask("a", &beta, 0) && !ask("a", &beta, 0));
        for number in 0..10_000 {
            ask(&format!("n{number}"), &version, 0);
        }
        assert!(!ask("n9999", &version, 0));
    }
}
