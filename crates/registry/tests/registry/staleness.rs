//! What was replaced is not reached any more.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use jackfield_plugin_api::{BoxFuture, NodeExecutor};
use jackfield_registry::{ExecutorLoader, LoaderError, Registration, Registry};
use jackfield_types::{ByteSize, VersionSelector};
use serde_json::json;
use tokio::runtime::{Builder, Runtime};

use crate::common::{Scene, metadata, name, number_of, numbered, tenant, version};

const READERS: usize = 6;
const REPLACEMENTS: u64 = 1_000;

struct Loads(u64);

impl ExecutorLoader for Loads {
    fn load(&self) -> BoxFuture<'_, Result<Arc<dyn NodeExecutor>, LoaderError>> {
        Box::pin(async { Ok(numbered(self.0)) })
    }
}

/// Runs whatever `registration` gives, to its end.
async fn run(registry: &Registry, registration: &Arc<Registration>) -> u64 {
    let executor = registry
        .load_executor(registration, tenant())
        .await
        .unwrap();
    let scene = Scene::new(json!({}));
    let context = scene.context();
    let output = registry
        .invoke(registration, &*executor, scene.call(&context))
        .await;
    number_of(&output.unwrap())
}

/// A load that another thread drives makes a caller wait, so each thread needs somebody to wake it.
fn runtime() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

/// Publishes executors with rising numbers under one name, in turns eager and lazy ones, while
/// readers call. A reader notes the last number whose publication had returned before it began, and
/// must not get a lower one.
fn hammer(reader: impl AsyncFn(&Registry, &Arc<Registration>) -> u64 + Sync) {
    // A cache of two entries for three node types: evictions happen all the time too.
    let registry = Registry::builder()
        .cache_entries(2)
        .cache_memory(ByteSize::kib(1))
        .build();
    for other in ["other", "another"] {
        registry
            .register_with_metadata(other, numbered(0), metadata(other, "1.0.0"))
            .unwrap();
    }
    let first = registry
        .register_with_metadata("test", numbered(0), metadata("test", "1.0.0"))
        .unwrap();
    let published = AtomicU64::new(0);
    let ended = AtomicBool::new(false);
    let calls = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..READERS {
            scope.spawn(|| {
                let runtime = runtime();
                let mut last = 0;
                while !ended.load(Ordering::Acquire) {
                    let floor = published.load(Ordering::Acquire);
                    let got = runtime.block_on(reader(&registry, &first));
                    assert!(got >= floor, "got {got} after {floor} was published");
                    assert!(got >= last, "got {got} after having got {last}");
                    last = got;
                    calls.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        scope.spawn(|| {
            while !ended.load(Ordering::Acquire) {
                for other in ["other", "another"] {
                    let found = registry
                        .resolve(&name(other), &VersionSelector::Newest)
                        .unwrap();
                    registry.try_executor(&found, tenant());
                }
            }
        });
        for number in 1..=REPLACEMENTS {
            let metadata = metadata("test", "1.0.0");
            let done = if number % 2 == 0 {
                registry.replace_with_metadata("test", numbered(number), metadata)
            } else {
                registry.replace_lazy("test", Arc::new(Loads(number)), metadata)
            };
            assert!(done.unwrap().replaced.is_some());
            published.store(number, Ordering::Release);
            // Calls are to overlap with it from the first to the last, however busy the machine is.
            while number % 16 == 0 && calls.load(Ordering::Relaxed) < number / 16 {
                thread::yield_now();
            }
        }
        ended.store(true, Ordering::Release);
    });
    assert!(calls.load(Ordering::Relaxed) > 0);
    assert_eq!(runtime().block_on(reader(&registry, &first)), REPLACEMENTS);
    assert!(registry.cache().keys().len() <= 2);
}

#[test]
fn no_call_that_resolves_after_a_replacement_reaches_the_old_executor() {
    hammer(async |registry, _| {
        let found = registry
            .resolve(&name("test"), &VersionSelector::Newest)
            .unwrap();
        run(registry, &found).await
    });
}

#[test]
fn no_call_by_a_plan_of_old_reaches_the_old_executor() {
    hammer(async |registry, pinned| {
        let current = registry.current(pinned).unwrap();
        run(registry, &current).await
    });
}

#[test]
fn no_call_by_a_plan_that_is_renewed_reaches_the_old_executor() {
    let newest = Mutex::new(None);
    hammer(async |registry, first| {
        let pinned = newest
            .lock()
            .unwrap()
            .clone()
            .unwrap_or_else(|| Arc::clone(first));
        let current = registry.current(&pinned).unwrap();
        let got = run(registry, &current).await;
        *newest.lock().unwrap() = Some(current);
        got
    });
}

#[test]
fn no_call_by_name_reaches_the_old_executor() {
    hammer(async |registry, _| {
        let scene = Scene::new(json!({}));
        let context = scene.context();
        number_of(
            &registry
                .execute("test", scene.call(&context))
                .await
                .unwrap(),
        )
    });
}

#[test]
fn the_current_registration_follows_replacements() {
    let registry = Registry::new();
    let first = registry
        .register_with_metadata("test", numbered(1), metadata("test", "1.0.0"))
        .unwrap();
    assert!(Arc::ptr_eq(&registry.current(&first).unwrap(), &first));
    registry
        .register_with_metadata("test", numbered(9), metadata("test", "2.0.0"))
        .unwrap();
    assert!(Arc::ptr_eq(&registry.current(&first).unwrap(), &first));
    let second = registry
        .replace_with_metadata("test", numbered(2), metadata("test", "1.0.0"))
        .unwrap();
    assert!(Arc::ptr_eq(
        &registry.current(&first).unwrap(),
        &second.registration
    ));
    registry.unregister("test", Some(&version("1.0.0")));
    assert!(registry.current(&first).is_none());
    assert!(registry.current(&second.registration).is_none());
}

#[test]
fn a_registration_of_another_registry_is_not_mixed_up() {
    let (one, other) = (Registry::new(), Registry::new());
    let of_one = one
        .register_with_metadata("a", numbered(1), metadata("a", "1.0.0"))
        .unwrap();
    let of_other = other
        .register_with_metadata("b", numbered(2), metadata("b", "1.0.0"))
        .unwrap();
    let runtime = runtime();
    assert_eq!(of_one.id(), of_other.id());
    assert_eq!(runtime.block_on(run(&one, &of_one)), 1);
    assert_eq!(runtime.block_on(run(&one, &of_other)), 2);
    assert_eq!(runtime.block_on(run(&one, &of_one)), 1);
    assert!(one.current(&of_other).is_none());
}
