//! Executors that are loaded at first use.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use futures_util::{FutureExt, poll};
use jackfield_plugin_api::{BoxFuture, NodeError, NodeExecutor};
use jackfield_registry::{ExecutorLoader, LoaderError, Registry};
use jackfield_types::ErrorCode;
use serde_json::json;
use tokio::sync::Semaphore;

use crate::common::{Scene, metadata, number_of, numbered, tenant, version};

/// Loads when it is let, and does what the script says for that time: an error, a panic, or an
/// executor with the number of the load.
struct Gated {
    gate: Semaphore,
    loads: AtomicUsize,
    script: fn(usize) -> Result<u64, LoaderError>,
}

impl Gated {
    fn new(script: fn(usize) -> Result<u64, LoaderError>) -> Arc<Self> {
        Arc::new(Self {
            gate: Semaphore::new(0),
            loads: AtomicUsize::new(0),
            script,
        })
    }

    fn open(script: fn(usize) -> Result<u64, LoaderError>) -> Arc<Self> {
        let gated = Self::new(script);
        gated.gate.close();
        gated
    }

    fn loads(&self) -> usize {
        self.loads.load(Ordering::SeqCst)
    }
}

impl ExecutorLoader for Gated {
    fn load(&self) -> BoxFuture<'_, Result<Arc<dyn NodeExecutor>, LoaderError>> {
        let load = self.loads.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            if let Ok(permit) = self.gate.acquire().await {
                permit.forget();
            }
            (self.script)(load).map(numbered)
        })
    }

    fn digest(&self) -> Option<String> {
        Some("content".to_owned())
    }
}

fn registry_with(loader: &Arc<Gated>) -> Registry {
    let registry = Registry::new();
    let loader = Arc::clone(loader) as Arc<dyn ExecutorLoader>;
    registry
        .register_lazy("lazy", loader, metadata("lazy", "1.0.0"))
        .unwrap();
    registry
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn however_many_callers_wait_the_loader_runs_once() {
    let loader = Gated::new(|load| Ok(load as u64));
    let registry = registry_with(&loader);
    let one = registry.executors().remove(0);
    let waiting: Vec<_> = (0..100)
        .map(|_| {
            let (registry, one) = (registry.clone(), Arc::clone(&one));
            tokio::spawn(async move { registry.load_executor(&one, tenant()).await.unwrap() })
        })
        .collect();
    loader.gate.add_permits(1);
    let loaded: Vec<_> = join_all(waiting)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert!(
        loaded
            .iter()
            .all(|executor| Arc::ptr_eq(executor, &loaded[0]))
    );
    assert_eq!(loader.loads(), 1);
    let counted = registry.cache().statistics();
    assert_eq!(
        (counted.loads, counted.load_failures, counted.entries),
        (1, 0, 1)
    );
}

#[tokio::test]
async fn nothing_is_loaded_before_it_is_used() {
    let loader = Gated::open(|_| Ok(7));
    let registry = registry_with(&loader);
    let one = registry.executors().remove(0);
    assert!(registry.try_executor(&one, tenant()).is_none());
    one.check(&json!({}), &[]);
    registry.validate_all();
    registry.export();
    assert_eq!(loader.loads(), 0);
    let scene = Scene::new(json!({}));
    let context = scene.context();
    for _ in 0..3 {
        let output = registry
            .execute("lazy", scene.call(&context))
            .await
            .unwrap();
        assert_eq!(number_of(&output), 7);
    }
    assert_eq!(loader.loads(), 1);
}

#[tokio::test]
async fn a_failed_load_is_reported_to_all_and_tried_again() {
    let loader = Gated::new(|load| match load {
        0 => Err(LoaderError::new("no such file").caused_by("disk full")),
        _ => Ok(5),
    });
    let registry = registry_with(&loader);
    let one = registry.executors().remove(0);
    let waiting = join_all((0..10).map(|_| registry.load_executor(&one, tenant())));
    let (errors, ()) = futures_util::join!(waiting, async { loader.gate.add_permits(1) });
    for error in errors {
        let Err(error) = error else {
            panic!("it was loaded")
        };
        let text = "the executor of node type `lazy` 1.0.0 could not be loaded";
        assert_eq!(error.to_string(), text);
        let failure = NodeError::from(error).into_failure();
        assert_eq!(failure.code, ErrorCode::LOAD_FAILED);
        assert_eq!(failure.message, format!("{text}: no such file: disk full"));
    }
    assert_eq!((loader.loads(), registry.cache().len()), (1, 0));
    loader.gate.add_permits(1);
    assert!(registry.load_executor(&one, tenant()).await.is_ok());
    assert_eq!(loader.loads(), 2);
    assert_eq!(registry.cache().statistics().load_failures, 1);
}

#[tokio::test]
async fn when_the_caller_that_drives_a_load_goes_the_others_get_it() {
    let loader = Gated::new(|load| Ok(load as u64));
    let registry = registry_with(&loader);
    let one = registry.executors().remove(0);
    let mut first = Box::pin(registry.load_executor(&one, tenant()));
    let mut second = Box::pin(registry.load_executor(&one, tenant()));
    assert!(poll!(&mut first).is_pending());
    assert!(poll!(&mut second).is_pending());
    drop(first);
    loader.gate.add_permits(1);
    assert!(second.await.is_ok());
    assert_eq!(loader.loads(), 1);
}

#[tokio::test]
async fn when_all_callers_go_the_next_one_begins_anew() {
    let loader = Gated::new(|load| Ok(load as u64));
    let registry = registry_with(&loader);
    let one = registry.executors().remove(0);
    let mut only = Box::pin(registry.load_executor(&one, tenant()));
    assert!(poll!(&mut only).is_pending());
    drop(only);
    loader.gate.add_permits(1);
    assert!(registry.load_executor(&one, tenant()).await.is_ok());
    assert_eq!(loader.loads(), 2);
}

#[tokio::test]
async fn a_loader_that_panics_is_an_error_and_no_hang() {
    let loader = Gated::open(|load| match load {
        0 => panic!("out of order"),
        _ => Ok(1),
    });
    let registry = registry_with(&loader);
    let one = registry.executors().remove(0);
    let Err(error) = registry.load_executor(&one, tenant()).await else {
        panic!("it was loaded")
    };
    assert_eq!(error.cause.to_string(), "the loader panicked: out of order");
    assert!(registry.load_executor(&one, tenant()).await.is_ok());
}

#[tokio::test]
async fn an_evicted_executor_is_loaded_again() {
    let loader = Gated::open(|load| Ok(load as u64));
    let registry = registry_with(&loader);
    let one = registry.executors().remove(0);
    registry.load_executor(&one, tenant()).await.unwrap();
    assert_eq!(registry.invalidate("lazy"), 1);
    registry.load_executor(&one, tenant()).await.unwrap();
    assert_eq!(loader.loads(), 2);
}

#[tokio::test]
async fn a_loaded_executor_ends_with_its_place_in_the_cache() {
    let loader = Gated::open(|load| Ok(load as u64));
    let registry = Registry::builder().cache_entries(1).build();
    let register = |name: &str| {
        let metadata = metadata(name, "1.0.0");
        let registry = &registry;
        registry
            .replace_lazy(name, loader.clone(), metadata)
            .unwrap()
    };
    let [one, other] = ["one", "other"].map(|name| register(name).registration);
    let load = async |registration| {
        Arc::downgrade(
            &registry
                .load_executor(registration, tenant())
                .await
                .unwrap(),
        )
    };

    let evicted = load(&one).await;
    assert!(evicted.upgrade().is_some());
    let invalidated = load(&other).await;
    assert!(evicted.upgrade().is_none());
    assert!(registry.cache().peek(&one).is_none());

    assert!(registry.cache().invalidate(&other));
    assert!(invalidated.upgrade().is_none());

    let cleared = load(&other).await;
    assert_eq!(registry.cache().clear(), 1);
    assert!(cleared.upgrade().is_none());

    let retired = load(&other).await;
    register("other");
    assert!(retired.upgrade().is_none());
    let never_kept = load(&other).await;
    assert!(never_kept.upgrade().is_none());
    assert!(registry.cache().is_empty());
}

#[tokio::test]
async fn a_load_that_ends_after_its_replacement_is_not_kept() {
    let loader = Gated::new(|_| Ok(1));
    let registry = registry_with(&loader);
    let old = registry.executors().remove(0);
    let mut load = Box::pin(registry.load_executor(&old, tenant()));
    assert!(poll!(&mut load).is_pending());
    let done = registry.replace_with_metadata("lazy", numbered(2), metadata("lazy", "1.0.0"));
    loader.gate.add_permits(1);
    assert!(load.now_or_never().unwrap().is_ok());
    assert!(registry.cache().is_empty());
    let now = registry.current(&old).unwrap();
    assert_eq!(now.id(), done.unwrap().registration.id());
    let scene = Scene::new(json!({}));
    let context = scene.context();
    let output = registry
        .execute("lazy", scene.call(&context))
        .await
        .unwrap();
    assert_eq!(number_of(&output), 2);
}

#[test]
fn the_digest_of_what_is_loaded_counts() {
    let registry = registry_with(&Gated::open(|_| Ok(1)));
    let lazy = registry.executors().remove(0);
    let eager = Registry::new();
    let eager = eager.register_with_metadata("lazy", numbered(1), metadata("lazy", "1.0.0"));
    assert_ne!(lazy.digest(), eager.unwrap().digest());
    assert_eq!(*lazy.version(), version("1.0.0"));
}
