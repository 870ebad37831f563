//! The executor cache against a naive model, and its bounds.

use std::sync::Arc;

use jackfield_registry::{Registration, Registry};
use jackfield_types::ByteSize;
use proptest::prelude::*;

use crate::common::{Numbered, metadata, numbered, tenant};

const NODE_TYPES: usize = 12;

fn register(registry: &Registry, place: usize, memory: u64) -> Arc<Registration> {
    let node_type = format!("n{place}");
    let executor = Arc::new(Numbered {
        number: place as u64,
        memory,
    });
    let metadata = metadata(&node_type, "1.0.0");
    registry
        .replace_with_metadata(&node_type, executor, metadata)
        .unwrap()
        .registration
}

fn keys(registry: &Registry) -> Vec<String> {
    registry
        .cache()
        .keys()
        .iter()
        .map(|key| key.node_type.to_string())
        .collect()
}

/// A cache as one would write it on a blackboard: a list, most recently used first.
#[derive(Default)]
struct Model {
    held: Vec<(usize, u64)>,
    hits: u64,
    misses: u64,
    evictions: u64,
    oversized: u64,
}

impl Model {
    fn get(&mut self, place: usize, memory: u64, entries: usize, bytes: u64) {
        if let Some(at) = self.held.iter().position(|(one, _)| *one == place) {
            let entry = self.held.remove(at);
            self.held.insert(0, entry);
            self.hits += 1;
            return;
        }
        self.misses += 1;
        if memory > bytes || entries == 0 {
            self.oversized += 1;
            return;
        }
        self.held.insert(0, (place, memory));
        while self.held.len() > entries || self.bytes() > bytes {
            self.held.pop();
            self.evictions += 1;
        }
    }

    fn drop(&mut self, place: usize) -> bool {
        let before = self.held.len();
        self.held.retain(|(one, _)| *one != place);
        self.held.len() < before
    }

    fn bytes(&self) -> u64 {
        self.held.iter().map(|(_, memory)| memory).sum()
    }
}

#[derive(Debug, Clone)]
enum Step {
    Get(usize),
    Peek(usize),
    Invalidate(usize),
    Replace(usize, u64),
    Clear,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0..NODE_TYPES).prop_map(Step::Get),
        3 => (0..NODE_TYPES).prop_map(Step::Peek),
        2 => (0..NODE_TYPES).prop_map(Step::Invalidate),
        2 => (0..NODE_TYPES, 1..60_u64).prop_map(|(place, memory)| Step::Replace(place, memory)),
        1 => Just(Step::Clear),
    ]
}

proptest! {
    #[test]
    fn the_cache_does_what_a_list_would_do(
        steps in proptest::collection::vec(step(), 1..200),
        entries in 0..6_usize,
        bytes in 20..120_u64,
    ) {
        let registry = Registry::builder()
            .cache_entries(entries)
            .cache_memory(ByteSize::bytes(bytes))
            .build();
        let mut sizes: Vec<u64> = (0..NODE_TYPES as u64).map(|place| 1 + place * 5).collect();
        let mut registered: Vec<_> =
            sizes.iter().enumerate().map(|(place, size)| register(&registry, place, *size)).collect();
        let mut model = Model::default();
        for step in steps {
            match step {
                Step::Get(place) => {
                    prop_assert!(registry.try_executor(&registered[place], tenant()).is_some());
                    model.get(place, sizes[place], entries, bytes);
                }
                Step::Peek(place) => {
                    let peeked = registry.cache().peek(&registered[place]).is_some();
                    prop_assert_eq!(peeked, model.held.iter().any(|(one, _)| *one == place));
                }
                Step::Invalidate(place) => {
                    let dropped = registry.cache().invalidate(&registered[place]);
                    prop_assert_eq!(dropped, model.drop(place));
                }
                Step::Replace(place, size) => {
                    registered[place] = register(&registry, place, size);
                    sizes[place] = size;
                    model.drop(place);
                }
                Step::Clear => {
                    prop_assert_eq!(registry.cache().clear(), model.held.len());
                    model.held.clear();
                }
            }
            let expected: Vec<_> = model.held.iter().map(|(place, _)| format!("n{place}")).collect();
            prop_assert_eq!(keys(&registry), expected);
            prop_assert_eq!(registry.cache().memory(), ByteSize::bytes(model.bytes()));
        }
        let counted = registry.cache().statistics();
        prop_assert_eq!(
            (counted.hits, counted.misses, counted.evictions, counted.oversized),
            (model.hits, model.misses, model.evictions, model.oversized)
        );
    }
}

#[test]
fn what_is_used_stays_and_what_is_not_goes() {
    let registry = Registry::builder().cache_entries(2).build();
    let all: Vec<_> = (0..3).map(|place| register(&registry, place, 1)).collect();
    registry.try_executor(&all[0], tenant());
    registry.try_executor(&all[1], tenant());
    registry.try_executor(&all[0], tenant());
    registry.try_executor(&all[2], tenant());
    assert_eq!(keys(&registry), ["n2", "n0"]);
    assert_eq!(registry.cache().statistics().evictions, 1);
}

#[test]
fn the_hit_ratio_counts_hits_among_all_lookups() {
    let registry = Registry::new();
    assert_eq!(registry.cache().statistics().hit_ratio(), 0.0);
    let one = register(&registry, 0, 1);
    for _ in 0..4 {
        registry.try_executor(&one, tenant());
    }
    assert_eq!(registry.cache().statistics().hit_ratio(), 0.75);
}

#[test]
fn a_registry_drops_what_nobody_holds_any_more() {
    let executor = Arc::new(Numbered {
        number: 1,
        memory: 1,
    });
    let watch = Arc::downgrade(&executor);
    let registry = Registry::new();
    let one = registry
        .register_with_metadata("a", executor, metadata("a", "1.0.0"))
        .unwrap();
    registry.try_executor(&one, tenant());
    drop(one);
    registry
        .replace_with_metadata("a", numbered(2), metadata("a", "1.0.0"))
        .unwrap();
    assert!(watch.upgrade().is_none());

    let executor = Arc::new(Numbered {
        number: 3,
        memory: 1,
    });
    let watch = Arc::downgrade(&executor);
    let one = registry
        .register_with_metadata("b", executor, metadata("b", "1.0.0"))
        .unwrap();
    registry.try_executor(&one, tenant());
    drop((one, registry));
    assert!(watch.upgrade().is_none());
}

#[test]
fn a_retired_executor_is_never_kept() {
    let registry = Registry::new();
    let old = register(&registry, 0, 1);
    register(&registry, 0, 1);
    assert!(registry.try_executor(&old, tenant()).is_some());
    assert!(registry.cache().is_empty());
}
