//! What plugins keep.

use std::sync::Arc;

use jackfield::plugins::{KvError, KvLimits, KvRange, KvScope, KvStore, StoredKv};
use jackfield::store::{Collection, Expected, Store};
use jackfield::{ByteSize, SqliteOptions, SqliteStore};
use jackfield_testkit::store::{FragileStore, Interruption, MemoryStore};

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

fn over(store: &MemoryStore) -> StoredKv {
    StoredKv::new(Arc::new(store.clone()))
}

#[tokio::test]
async fn what_was_set_outlives_the_process_and_others_see_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kept.db");
    let own = scope("acme", "p/a");
    let limits = KvLimits::default();
    {
        let store = SqliteStore::open(SqliteOptions::new(&file)).unwrap();
        let store: Arc<dyn Store> = Arc::new(store);
        let (one, other) = (StoredKv::new(Arc::clone(&store)), StoredKv::new(store));
        one.set(&own, "k", "1".to_owned(), &limits).await.unwrap();
        assert_eq!(other.get(&own, "k").await.unwrap().as_deref(), Some("1"));
        assert_eq!(other.increment(&own, "k", 4, &limits).await.unwrap(), 5);
        assert_eq!(one.get(&own, "k").await.unwrap().as_deref(), Some("5"));
        for apart in [scope("globex", "p/a"), scope("acme", "p/b")] {
            assert_eq!(one.get(&apart, "k").await.unwrap(), None);
            assert!(!one.delete(&apart, "k").await.unwrap());
        }
    }
    let store = SqliteStore::open(SqliteOptions::new(&file)).unwrap();
    let again = StoredKv::new(Arc::new(store));
    assert_eq!(again.get(&own, "k").await.unwrap().as_deref(), Some("5"));
    assert!(again.delete(&own, "k").await.unwrap());
    assert_eq!(again.get(&own, "k").await.unwrap(), None);
}

#[tokio::test]
async fn what_passes_a_limit_changes_nothing_in_whichever_process() {
    let store = MemoryStore::new();
    let (one, other) = (over(&store), over(&store));
    let own = scope("acme", "p/a");
    for key in ["a", "b", "c"] {
        one.set(&own, key, "1".into(), &small()).await.unwrap();
    }
    let error = other.set(&own, "d", "1".into(), &small()).await;
    assert!(matches!(error, Err(KvError::TooManyKeys { limit: 3 })));
    let error = other.increment(&own, "d", 1, &small()).await;
    assert!(matches!(error, Err(KvError::TooManyKeys { .. })));
    let error = other.set(&own, "a", "x".repeat(16), &small()).await;
    assert!(matches!(error, Err(KvError::TooLarge { .. })));
    assert_eq!(one.get(&own, "a").await.unwrap().as_deref(), Some("1"));
    // Just as much as there may be, and less again.
    let most = "x".repeat(15);
    other.set(&own, "a", most, &small()).await.unwrap();
    assert!(one.delete(&own, "a").await.unwrap());
    one.set(&own, "d", "y".repeat(15), &small()).await.unwrap();
    let error = other.set(&own, "d", "y".repeat(16), &small()).await;
    assert!(matches!(error, Err(KvError::TooLarge { .. })));
    let others = scope("acme", "p/b");
    one.set(&others, "d", "1".into(), &small()).await.unwrap();
}

#[tokio::test]
async fn room_that_a_crash_left_taken_is_found_again() {
    let own = scope("acme", "p/a");
    let mut crashes = 0;
    let cases = (0..8).flat_map(|writes| {
        [Interruption::BeforeTheWrite, Interruption::AfterTheWrite].map(|how| (writes, how))
    });
    for (writes, interruption) in cases {
        let store = MemoryStore::new();
        for key in ["a", "b"] {
            over(&store)
                .set(&own, key, "1".into(), &small())
                .await
                .unwrap();
        }
        let fragile = FragileStore::new(Arc::new(store.clone()));
        fragile.interrupt(writes, interruption);
        let crashed = StoredKv::new(Arc::new(fragile));
        let crashed = crashed.set(&own, "c", "1".into(), &small()).await;
        let kept = over(&store).get(&own, "c").await.unwrap();
        assert!(crashed.is_err() || kept.is_some());
        // However far it got, there is room for a third key, and for no fourth.
        let next = over(&store);
        next.set(&own, "c", "2".into(), &small()).await.unwrap();
        let error = next.set(&own, "d", "1".into(), &small()).await;
        assert!(matches!(error, Err(KvError::TooManyKeys { .. })));
        crashes += usize::from(crashed.is_err());
    }
    assert!(crashes >= 4, "{crashes}");
}

#[tokio::test]
async fn keys_come_in_order_and_page_by_page_whatever_is_in_them() {
    let store = MemoryStore::new();
    let kv = over(&store);
    let own = scope("acme", "p/a");
    let limits = KvLimits::default();
    for key in ["b/2", "a", "b/1", "c", "b/3", "b/\0", "%", "d/../e"] {
        kv.set(&own, key, "1".into(), &limits).await.unwrap();
    }
    kv.set(&scope("acme", "p/ab"), "b/x", "1".into(), &limits)
        .await
        .unwrap();
    let list = async |prefix, after, limit| {
        let range = KvRange {
            prefix,
            after,
            limit,
        };
        kv.list_keys(&own, range).await.unwrap()
    };
    assert_eq!(list("b/", None, 3).await, ["b/\0", "b/1", "b/2"]);
    assert_eq!(list("b/", Some("b/2"), 9).await, ["b/3"]);
    assert_eq!(list("b/", Some("a"), 1).await, ["b/\0"]);
    assert_eq!(list("", Some("b/3"), 9).await, ["c", "d/../e"]);
    assert!(list("", None, 0).await.is_empty());
    assert!(list("x", None, 9).await.is_empty());
    let long = "k".repeat(2_000);
    let error = kv.set(&own, &long, "1".into(), &limits).await;
    assert!(matches!(error, Err(KvError::KeyTooLong { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_step_of_a_counter_is_lost_between_processes() {
    let store = MemoryStore::new();
    let processes = [Arc::new(over(&store)), Arc::new(over(&store))];
    let counting = (0..8).map(|task| {
        let kv = Arc::clone(&processes[task % 2]);
        tokio::spawn(async move {
            let own = scope("acme", "p/a");
            for _ in 0..50 {
                let limits = KvLimits::default();
                kv.increment(&own, "n", 1, &limits).await.unwrap();
            }
        })
    });
    for task in counting.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let (own, limits) = (scope("acme", "p/a"), KvLimits::default());
    let kv = &processes[0];
    assert_eq!(kv.get(&own, "n").await.unwrap().as_deref(), Some("400"));
    let error = kv.increment(&own, "n", i64::MAX, &limits).await;
    assert!(matches!(error, Err(KvError::OutOfRange)));
    kv.set(&own, "n", "x".into(), &limits).await.unwrap();
    let error = kv.increment(&own, "n", 1, &limits).await;
    assert!(matches!(error, Err(KvError::NotANumber)));
}

#[tokio::test]
async fn a_count_that_cannot_be_read_is_made_anew() {
    let store = MemoryStore::new();
    let kv = over(&store);
    let own = scope("acme", "p/a");
    for key in ["a", "b"] {
        kv.set(&own, key, "1".into(), &small()).await.unwrap();
    }
    let documents = store.tenant(own.tenant());
    let put = documents.put_document(
        Collection::PluginState,
        "p/a",
        "?".into(),
        Expected::Anything,
    );
    put.await.unwrap();
    kv.set(&own, "c", "1".into(), &small()).await.unwrap();
    let error = kv.set(&own, "d", "1".into(), &small()).await;
    assert!(matches!(error, Err(KvError::TooManyKeys { .. })));
}
