//! Node types of which each tenant has an executor of its own.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::thread;

use futures_util::future::join_all;
use futures_util::{FutureExt, poll};
use jackfield_plugin_api::{BoxFuture, NodeCall, NodeError, NodeExecutor, NodeOutput};
use jackfield_registry::{
    ExecutorSource, LoaderError, Registration, Registry, TenantExecutorLoader,
};
use jackfield_types::{ByteSize, ErrorCode, FailureClass, TenantId};
use tokio::sync::Semaphore;

use crate::common::{Scene, metadata, numbered};

/// Remembers whose it is, and gives the name and how often it was called.
struct Diary {
    owner: TenantId,
    calls: AtomicU64,
}

impl NodeExecutor for Diary {
    fn execute<'a>(&'a self, call: NodeCall<'a>) -> BoxFuture<'a, Result<NodeOutput, NodeError>> {
        assert_eq!(*call.context.tenant, self.owner, "a call of somebody else");
        let calls = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        let text = format!("{} {calls}", self.owner);
        let item = NodeOutput::result_item(text.into(), 0);
        Box::pin(async move { Ok(NodeOutput::items(vec![item])) })
    }

    fn memory(&self) -> ByteSize {
        ByteSize::bytes(10)
    }
}

/// Loads diaries when it is let, and counts loads for each tenant.
struct Diaries {
    gate: Semaphore,
    loads: Mutex<HashMap<TenantId, u64>>,
    made: Mutex<Vec<Weak<Diary>>>,
    refuse: AtomicBool,
}

impl Diaries {
    fn closed() -> Arc<Self> {
        Arc::new(Self {
            gate: Semaphore::new(0),
            loads: Mutex::default(),
            made: Mutex::default(),
            refuse: AtomicBool::new(false),
        })
    }

    fn open() -> Arc<Self> {
        let diaries = Self::closed();
        diaries.gate.close();
        diaries
    }

    fn loads(&self, tenant: &TenantId) -> u64 {
        self.loads.lock().unwrap().get(tenant).copied().unwrap_or(0)
    }

    fn alive(&self) -> usize {
        let made = self.made.lock().unwrap();
        made.iter().filter(|one| one.strong_count() > 0).count()
    }

    fn register(self: &Arc<Self>, registry: &Registry) -> Arc<Registration> {
        let loader = Arc::clone(self) as Arc<dyn TenantExecutorLoader>;
        registry
            .replace_per_tenant("diary", loader, metadata("diary", "1.0.0"))
            .unwrap()
            .registration
    }
}

impl TenantExecutorLoader for Diaries {
    fn load<'a>(
        &'a self,
        tenant: &'a TenantId,
    ) -> BoxFuture<'a, Result<Arc<dyn NodeExecutor>, LoaderError>> {
        *self
            .loads
            .lock()
            .unwrap()
            .entry(tenant.clone())
            .or_default() += 1;
        Box::pin(async move {
            if let Ok(permit) = self.gate.acquire().await {
                permit.forget();
            }
            if self.refuse.load(Ordering::SeqCst) {
                return Err(LoaderError::new("no more diaries"));
            }
            let diary = Arc::new(Diary {
                owner: tenant.clone(),
                calls: AtomicU64::new(0),
            });
            self.made.lock().unwrap().push(Arc::downgrade(&diary));
            Ok(diary as Arc<dyn NodeExecutor>)
        })
    }

    fn digest(&self) -> Option<String> {
        Some("diaries".to_owned())
    }
}

fn tenant(number: usize) -> TenantId {
    TenantId::parse(&format!("tenant-{number}")).unwrap()
}

async fn write(registry: &Registry, one: &Arc<Registration>, tenant: &TenantId) -> String {
    let executor = registry.load_executor(one, tenant).await.unwrap();
    let scene = Scene::of(tenant);
    let context = scene.context();
    let output = registry
        .invoke(one, &*executor, scene.call(&context))
        .await
        .unwrap();
    let result = &output.outputs.main[0][0].json()["result"];
    result.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn each_tenant_writes_into_its_own() {
    let registry = Registry::new();
    let diaries = Diaries::open();
    let one = diaries.register(&registry);
    let (a, b) = (tenant(1), tenant(2));
    assert_eq!(write(&registry, &one, &a).await, "tenant-1 1");
    assert_eq!(write(&registry, &one, &b).await, "tenant-2 1");
    assert_eq!(write(&registry, &one, &a).await, "tenant-1 2");
    assert_eq!((diaries.loads(&a), diaries.loads(&b)), (1, 1));
    assert_eq!(one.source(), ExecutorSource::PerTenant);
    let keys = registry.cache().keys();
    let owners: Vec<_> = keys.iter().map(|key| key.tenant.clone()).collect();
    assert_eq!(owners, [Some(a), Some(b)]);
    let statistics = registry.cache().statistics();
    assert_eq!((statistics.hits, statistics.misses), (1, 2));
    assert_eq!(statistics.memory, ByteSize::bytes(20));
    assert_eq!(registry.export()["registrations"][0]["source"], "perTenant");
    assert_eq!(registry.export()["registrations"][0]["cached"], true);
}

#[tokio::test]
async fn nobody_is_handed_the_executor_of_another() {
    let registry = Registry::new();
    let one = Diaries::open().register(&registry);
    let (a, b) = (tenant(1), tenant(2));
    let owned = registry.load_executor(&one, &a).await.unwrap();
    assert!(registry.try_executor(&one, &b).is_none());
    assert!(registry.cache().peek(&one).is_none());
    // A host that mixes them up gets an error, and the executor is not reached.
    let scene = Scene::of(&b);
    let context = scene.context();
    let error = registry
        .invoke(&one, &*owned, scene.call(&context))
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::TENANT_FORBIDDEN);
    assert_eq!(error.class(), FailureClass::Final);
    assert_eq!(write(&registry, &one, &a).await, "tenant-1 1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_tenants_executor_is_loaded_once_however_many_wait() {
    let registry = Registry::new();
    let diaries = Diaries::closed();
    let one = diaries.register(&registry);
    let waiting: Vec<_> = (0..200)
        .map(|place| {
            let (registry, one) = (registry.clone(), Arc::clone(&one));
            tokio::spawn(async move { write(&registry, &one, &tenant(place % 4)).await })
        })
        .collect();
    diaries.gate.add_permits(4);
    for done in join_all(waiting).await {
        done.unwrap();
    }
    for place in 0..4 {
        assert_eq!(diaries.loads(&tenant(place)), 1);
        let last = write(&registry, &one, &tenant(place)).await;
        assert_eq!(last, format!("tenant-{place} 51"));
    }
}

#[tokio::test]
async fn what_is_evicted_is_made_anew_for_the_same_tenant() {
    let registry = Registry::builder().cache_entries(2).build();
    let diaries = Diaries::open();
    let one = diaries.register(&registry);
    for place in [0, 1, 0, 2] {
        write(&registry, &one, &tenant(place)).await;
    }
    assert_eq!(diaries.alive(), 2, "tenant 1 was used least recently");
    assert_eq!(write(&registry, &one, &tenant(0)).await, "tenant-0 3");
    assert_eq!(write(&registry, &one, &tenant(1)).await, "tenant-1 1");
    assert_eq!(registry.cache().statistics().evictions, 2);
    for place in 0..1_000 {
        write(&registry, &one, &tenant(place)).await;
    }
    assert_eq!(diaries.alive(), 2);
}

#[tokio::test]
async fn invalidation_and_unregistering_drop_all_of_them() {
    let registry = Registry::new();
    let diaries = Diaries::open();
    let one = diaries.register(&registry);
    for place in 0..3 {
        write(&registry, &one, &tenant(place)).await;
    }
    assert_eq!(registry.invalidate_tenant(&tenant(1)), 1);
    assert_eq!(registry.invalidate_tenant(&tenant(9)), 0);
    assert_eq!(diaries.alive(), 2);
    assert_eq!(write(&registry, &one, &tenant(2)).await, "tenant-2 2");
    assert_eq!(registry.invalidate("diary"), 2);
    assert_eq!(diaries.alive(), 0);
    for place in 0..3 {
        assert_eq!(
            write(&registry, &one, &tenant(place)).await,
            format!("tenant-{place} 1")
        );
    }
    let next = Diaries::open();
    let second = next.register(&registry);
    assert_eq!(diaries.alive(), 0, "what was replaced is gone");
    write(&registry, &second, &tenant(0)).await;
    write(&registry, &one, &tenant(0)).await;
    assert_eq!(diaries.alive(), 0, "what is retired is not kept");
    registry.unregister("diary", None);
    assert_eq!(next.alive(), 0);
    assert!(registry.cache().is_empty());
}

#[tokio::test]
async fn an_error_is_one_tenants_and_not_kept() {
    let registry = Registry::new();
    let diaries = Diaries::open();
    let one = diaries.register(&registry);
    write(&registry, &one, &tenant(0)).await;
    diaries.refuse.store(true, Ordering::SeqCst);
    let error = registry
        .load_executor(&one, &tenant(1))
        .await
        .err()
        .unwrap();
    assert_eq!(error.cause.to_string(), "no more diaries");
    assert_eq!(write(&registry, &one, &tenant(0)).await, "tenant-0 2");
    diaries.refuse.store(false, Ordering::SeqCst);
    assert_eq!(write(&registry, &one, &tenant(1)).await, "tenant-1 1");
}

#[test]
fn a_load_that_nobody_waits_for_is_begun_anew() {
    let registry = Registry::new();
    let diaries = Diaries::closed();
    let one = diaries.register(&registry);
    for _ in 0..3 {
        assert!(
            registry
                .load_executor(&one, &tenant(0))
                .now_or_never()
                .is_none()
        );
    }
    assert_eq!(diaries.loads(&tenant(0)), 3);
    diaries.gate.add_permits(1);
    let loaded = registry.load_executor(&one, &tenant(0)).now_or_never();
    assert!(loaded.unwrap().is_ok());
}

#[tokio::test]
async fn a_load_from_before_an_invalidation_serves_nobody_who_asks_after_it() {
    let registry = Registry::new();
    let diaries = Diaries::closed();
    let one = diaries.register(&registry);
    let who = tenant(0);
    let mut before = Box::pin(registry.load_executor(&one, &who));
    assert!(poll!(&mut before).is_pending());
    assert_eq!(registry.invalidate_tenant(&who), 0, "nothing is there yet");
    let mut after = Box::pin(registry.load_executor(&one, &who));
    assert!(poll!(&mut after).is_pending());
    assert_eq!(diaries.loads(&who), 2);
    diaries.gate.add_permits(2);
    let before = before.await.unwrap();
    let after = after.await.unwrap();
    assert!(!Arc::ptr_eq(&before, &after));
    let kept = registry.try_executor(&one, &who).unwrap();
    assert!(Arc::ptr_eq(&after, &kept));
}

/// Many threads, more tenants than the cache holds, replacements and invalidations: every call is
/// answered by an executor of its own tenant; the executor itself looks.
#[test]
fn nothing_leaks_under_many_threads() {
    const TENANTS: usize = 12;
    let registry = Registry::builder().cache_entries(5).build();
    registry
        .register_with_metadata("plain", numbered(1), metadata("plain", "1.0.0"))
        .unwrap();
    Diaries::open().register(&registry);
    let ended = AtomicBool::new(false);
    let calls = AtomicU64::new(0);
    thread::scope(|scope| {
        for number in 0..6 {
            let (registry, ended, calls) = (&registry, &ended, &calls);
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .build()
                    .unwrap();
                let mut place = number;
                while !ended.load(Ordering::Acquire) {
                    place = (place * 5 + 1) % TENANTS;
                    let who = tenant(place);
                    let one = registry.versions("diary").remove(0);
                    let wrote = runtime.block_on(write(registry, &one, &who));
                    assert!(wrote.starts_with(&format!("{who} ")), "{wrote} for {who}");
                    calls.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for number in 0..400 {
            match number % 4 {
                0 => drop(Diaries::open().register(&registry)),
                1 => drop(registry.invalidate("diary")),
                2 => drop(registry.invalidate_tenant(&tenant(number % TENANTS))),
                _ => drop(registry.cache().clear()),
            }
            thread::yield_now();
        }
        while calls.load(Ordering::Relaxed) < 1_000 {
            thread::yield_now();
        }
        ended.store(true, Ordering::Release);
    });
    assert!(registry.cache().len() <= 5);
}
