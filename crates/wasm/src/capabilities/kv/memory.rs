use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jackfield_plugin_api::BoxFuture;
use jackfield_types::{ByteSize, TenantId};
use parking_lot::Mutex;

use super::limits::bytes;
use super::{KvError, KvLimits, KvRange, KvScope, KvStore};

/// How many parts there are that are locked one by one, so that tenants do not wait for another.
const PARTS: usize = 32;

/// What an entry takes beside its texts, roughly.
const ENTRY: u64 = 96;

/// How many tenants it takes at least to fill a store: what one may keep, of whichever plugins.
const TENANTS: u64 = 8;

/// How much all tenants may keep together, if nobody says otherwise.
const CAPACITY: ByteSize = ByteSize::mib(512);

/// A [`KvStore`] that forgets everything when it goes, and never holds more than a bound. One tenant
/// fills at most an eighth of it.
pub struct MemoryKv {
    parts: [Mutex<Part>; PARTS],
    hasher: RandomState,
    held: AtomicU64,
    capacity: u64,
}

/// All that some tenants keep: what is of one tenant is in one part.
#[derive(Default)]
struct Part {
    spaces: HashMap<KvScope, Space>,
    /// How much each tenant keeps.
    held: HashMap<TenantId, u64>,
}

/// What one plugin keeps for one tenant.
#[derive(Default)]
struct Space {
    values: BTreeMap<String, Arc<str>>,
    /// All keys and values.
    bytes: u64,
}

impl MemoryKv {
    /// An empty store for at most 512 MiB.
    pub fn new() -> Self {
        Self::with_capacity(CAPACITY)
    }

    /// An empty store for at most so much, of all plugins and tenants together.
    pub fn with_capacity(capacity: ByteSize) -> Self {
        Self {
            parts: std::array::from_fn(|_| Mutex::default()),
            hasher: RandomState::new(),
            held: AtomicU64::new(0),
            capacity: capacity.as_u64(),
        }
    }

    fn part(&self, scope: &KvScope) -> &Mutex<Part> {
        let hash = self.hasher.hash_one(scope.tenant());
        let parts = bytes(PARTS);
        // The remainder is less than the number of parts.
        &self.parts[usize::try_from(hash % parts).unwrap_or_default()]
    }

    /// Takes room for what is written, in the tenant's share and in the whole of the store.
    fn take_room(&self, part: &mut Part, tenant: &TenantId, more: u64) -> Result<(), KvError> {
        let held = part.held.get(tenant).copied().unwrap_or_default();
        let held = held.saturating_add(more);
        let share = self.capacity / TENANTS;
        if held > share {
            let limit = ByteSize::bytes(share);
            return Err(KvError::TenantFull { limit });
        }
        let taken = self
            .held
            .try_update(Ordering::Relaxed, Ordering::Relaxed, |held| {
                held.checked_add(more).filter(|held| *held <= self.capacity)
            });
        taken.map_err(|_| KvError::StoreFull)?;
        part.held.insert(tenant.clone(), held);
        Ok(())
    }

    fn give_room(&self, part: &mut Part, tenant: &TenantId, less: u64) {
        self.held.fetch_sub(less, Ordering::Relaxed);
        if let Some(held) = part.held.get_mut(tenant) {
            *held = held.saturating_sub(less);
            if *held == 0 {
                part.held.remove(tenant);
            }
        }
    }

    fn write(
        &self,
        part: &mut Part,
        scope: &KvScope,
        key: &str,
        value: &str,
        limits: &KvLimits,
    ) -> Result<(), KvError> {
        let space = part.spaces.get(scope);
        let old = space.and_then(|space| space.values.get(key));
        let count = space.map_or(0, |space| space.values.len());
        if old.is_none() && bytes(count) >= u64::from(limits.keys) {
            let limit = limits.keys;
            return Err(KvError::TooManyKeys { limit });
        }
        let removed = old.map_or(0, |old| size(key, old));
        let added = size(key, value);
        let kept = space.map_or(0, |space| space.bytes) - removed + added;
        if kept > limits.total.as_u64() {
            let limit = limits.total;
            return Err(KvError::TooLarge { limit });
        }
        let entry = if old.is_none() { ENTRY } else { 0 };
        self.take_room(part, scope.tenant(), added + entry)?;
        self.give_room(part, scope.tenant(), removed);
        let space = part.spaces.entry(scope.clone()).or_default();
        space.values.insert(key.to_owned(), value.into());
        space.bytes = kept;
        Ok(())
    }
}

fn size(key: &str, value: &str) -> u64 {
    bytes(key.len()) + bytes(value.len())
}

impl KvStore for MemoryKv {
    fn get<'a>(
        &'a self,
        scope: &'a KvScope,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<String>, KvError>> {
        Box::pin(async move {
            let found = {
                let part = self.part(scope).lock();
                let space = part.spaces.get(scope);
                space.and_then(|space| space.values.get(key)).cloned()
            };
            Ok(found.map(|value| value.as_ref().to_owned()))
        })
    }

    fn set<'a>(
        &'a self,
        scope: &'a KvScope,
        key: &'a str,
        value: String,
        limits: &'a KvLimits,
    ) -> BoxFuture<'a, Result<(), KvError>> {
        Box::pin(async move {
            let mut part = self.part(scope).lock();
            self.write(&mut part, scope, key, &value, limits)
        })
    }

    fn delete<'a>(
        &'a self,
        scope: &'a KvScope,
        key: &'a str,
    ) -> BoxFuture<'a, Result<bool, KvError>> {
        Box::pin(async move {
            let mut part = self.part(scope).lock();
            let Some(space) = part.spaces.get_mut(scope) else {
                return Ok(false);
            };
            let Some(value) = space.values.remove(key) else {
                return Ok(false);
            };
            let freed = size(key, &value);
            space.bytes -= freed;
            if space.values.is_empty() {
                part.spaces.remove(scope);
            }
            self.give_room(&mut part, scope.tenant(), freed + ENTRY);
            Ok(true)
        })
    }

    fn list_keys<'a>(
        &'a self,
        scope: &'a KvScope,
        range: KvRange<'a>,
    ) -> BoxFuture<'a, Result<Vec<String>, KvError>> {
        Box::pin(async move {
            let part = self.part(scope).lock();
            let Some(space) = part.spaces.get(scope) else {
                return Ok(Vec::new());
            };
            let from = match range.after {
                Some(after) if after >= range.prefix => Bound::Excluded(after),
                Some(_) | None => Bound::Included(range.prefix),
            };
            let keys = space
                .values
                .range::<str, _>((from, Bound::Unbounded))
                .map(|(key, _)| key);
            let keys = keys.take_while(|key| key.starts_with(range.prefix));
            Ok(keys.take(range.limit).cloned().collect())
        })
    }

    fn increment<'a>(
        &'a self,
        scope: &'a KvScope,
        key: &'a str,
        by: i64,
        limits: &'a KvLimits,
    ) -> BoxFuture<'a, Result<i64, KvError>> {
        Box::pin(async move {
            let mut part = self.part(scope).lock();
            let space = part.spaces.get(scope);
            let old = space.and_then(|space| space.values.get(key));
            let old: i64 = match old {
                Some(value) => value.parse().map_err(|_| KvError::NotANumber)?,
                None => 0,
            };
            let sum = old.checked_add(by).ok_or(KvError::OutOfRange)?;
            self.write(&mut part, scope, key, &sum.to_string(), limits)?;
            Ok(sum)
        })
    }
}

impl Default for MemoryKv {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryKv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryKv")
            .field("held", &self.held)
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(tenant: &str, plugin: &str) -> KvScope {
        KvScope::new(tenant.parse().unwrap(), plugin.parse().unwrap())
    }

    fn small() -> KvLimits {
        KvLimits {
            keys: 3,
            total: ByteSize::bytes(20),
            ..KvLimits::default()
        }
    }

    #[tokio::test]
    async fn tenants_and_plugins_never_see_what_others_keep() {
        let store = MemoryKv::new();
        let limits = KvLimits::default();
        let own = scope("acme", "p/a");
        store.set(&own, "k", "1".into(), &limits).await.unwrap();
        for other in [scope("globex", "p/a"), scope("acme", "p/b")] {
            assert_eq!(store.get(&other, "k").await.unwrap(), None);
            assert!(!store.delete(&other, "k").await.unwrap());
            assert_eq!(store.increment(&other, "k", 5, &limits).await.unwrap(), 5);
        }
        assert_eq!(store.get(&own, "k").await.unwrap().as_deref(), Some("1"));
    }

    #[tokio::test]
    async fn what_passes_a_limit_changes_nothing() {
        let store = MemoryKv::with_capacity(ByteSize::kib(8));
        let own = scope("acme", "p/a");
        for key in ["a", "b", "c"] {
            store.set(&own, key, "1".into(), &small()).await.unwrap();
        }
        let error = store.set(&own, "d", "1".into(), &small()).await;
        assert!(matches!(error, Err(KvError::TooManyKeys { limit: 3 })));
        let error = store.increment(&own, "d", 1, &small()).await;
        assert!(matches!(error, Err(KvError::TooManyKeys { .. })));
        let error = store.set(&own, "a", "x".repeat(16), &small()).await;
        assert!(matches!(error, Err(KvError::TooLarge { .. })));
        store
            .set(&own, "a", "x".repeat(15), &small())
            .await
            .unwrap();
        assert!(store.delete(&own, "a").await.unwrap());
        store.set(&own, "a", "1".into(), &small()).await.unwrap();

        // So much for one tenant, of whichever plugins.
        let limits = KvLimits::default();
        let long = "x".repeat(700);
        let other = scope("acme", "p/b");
        let error = store.set(&other, "k", long.clone(), &limits).await;
        assert!(
            matches!(error, Err(KvError::TenantFull { .. })),
            "{error:?}"
        );
        // So much for all of them.
        let mut kept = Vec::new();
        let error = loop {
            let other = scope(&format!("t{}", kept.len()), "p/a");
            match store.set(&other, "k", long.clone(), &limits).await {
                Ok(()) => kept.push(other),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, KvError::StoreFull), "{error:?}");
        assert!(kept.len() >= 8, "{}", kept.len());
        for other in kept {
            assert!(store.delete(&other, "k").await.unwrap());
        }
        for key in ["a", "b", "c"] {
            store.delete(&own, key).await.unwrap();
        }
        assert_eq!(store.held.load(Ordering::Relaxed), 0);
        let is_empty = |part: &Mutex<Part>| {
            let part = part.lock();
            part.spaces.is_empty() && part.held.is_empty()
        };
        assert!(store.parts.iter().all(is_empty));
    }

    #[tokio::test]
    async fn keys_come_in_order_and_page_by_page() {
        let store = MemoryKv::new();
        let own = scope("acme", "p/a");
        for key in ["b/2", "a", "b/1", "c", "b/3"] {
            let limits = KvLimits::default();
            store.set(&own, key, "1".into(), &limits).await.unwrap();
        }
        let list = async |prefix, after, limit| {
            let range = KvRange {
                prefix,
                after,
                limit,
            };
            store.list_keys(&own, range).await.unwrap()
        };
        assert_eq!(list("b/", None, 2).await, ["b/1", "b/2"]);
        assert_eq!(list("b/", Some("b/2"), 9).await, ["b/3"]);
        assert_eq!(list("b/", Some("a"), 1).await, ["b/1"]);
        assert_eq!(list("", Some("b/3"), 9).await, ["c"]);
        assert!(list("b/", Some("z"), 9).await.is_empty());
        assert!(list("x", None, 9).await.is_empty());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn no_step_of_a_counter_is_lost() {
        let store = Arc::new(MemoryKv::new());
        let counting = (0..8).map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let own = scope("acme", "p/a");
                for _ in 0..250 {
                    let limits = KvLimits::default();
                    store.increment(&own, "n", 1, &limits).await.unwrap();
                }
            })
        });
        for task in counting.collect::<Vec<_>>() {
            task.await.unwrap();
        }
        let own = scope("acme", "p/a");
        let limits = KvLimits::default();
        assert_eq!(store.get(&own, "n").await.unwrap().as_deref(), Some("2000"));
        let error = store.increment(&own, "n", i64::MAX, &limits).await;
        assert!(matches!(error, Err(KvError::OutOfRange)));
        store.set(&own, "n", "x".into(), &limits).await.unwrap();
        let error = store.increment(&own, "n", 1, &limits).await;
        assert!(matches!(error, Err(KvError::NotANumber)));
    }
}
