//! Executors that are loaded at first use, once, however many callers wait.
//!
//! A load is a future that all its waiters share. Whichever of them is polled drives it, and when
//! that one is dropped the others go on, so no caller can leave the others hanging. When all of
//! them are dropped, the load is dropped too.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use arc_swap::ArcSwapOption;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use jackfield_plugin_api::NodeExecutor;
use jackfield_types::TenantId;
use parking_lot::Mutex;

use crate::cache::Holder;
use crate::registration::Source;
use crate::{LoadError, LoaderError, Registration, Registry};

/// Loads the executor of a node type at first use.
///
/// `load` is called when the executor is asked for and not in the cache: once for all callers that
/// wait at the same time, and again after an error, an eviction, or when all callers have gone. It
/// runs in the task of a caller, so work that blocks belongs on a thread of its own; its future may
/// be dropped at each `await`. A panic counts as an error.
pub trait ExecutorLoader: Send + Sync + 'static {
    /// Makes the executor.
    ///
    /// # Errors
    /// [`LoaderError`] when there is nothing to give now. The next call may find otherwise.
    fn load(&self) -> BoxFuture<'_, Result<Arc<dyn NodeExecutor>, LoaderError>>;

    /// A digest of what will be loaded, such as the SHA-256 of a file. It becomes part of the
    /// registration's own digest.
    fn digest(&self) -> Option<String> {
        None
    }
}

pub(crate) type Loaded = Result<Arc<dyn NodeExecutor>, LoadError>;
pub(crate) type Load = BoxFuture<'static, Loaded>;

/// What is loaded, if the cache has a seat for it, and how to load it.
pub(crate) struct LazyExecutor {
    held: ArcSwapOption<Arc<dyn NodeExecutor>>,
    // Away from what a cache hit looks at.
    loading: Box<Loading>,
}

/// A loader and the load that is under way, if one is.
struct Loading {
    loader: Arc<dyn ExecutorLoader>,
    under_way: Mutex<Option<WeakShared<Load>>>,
    /// Grows when a load that is under way is not wanted any more.
    round: AtomicU64,
}

impl LazyExecutor {
    pub(crate) fn new(loader: Arc<dyn ExecutorLoader>) -> Self {
        Self {
            held: ArcSwapOption::empty(),
            loading: Box::new(Loading {
                loader,
                under_way: Mutex::new(None),
                round: AtomicU64::new(0),
            }),
        }
    }

    /// The loaded executor.
    pub(crate) fn held(&self) -> Option<Arc<dyn NodeExecutor>> {
        self.held.load().as_deref().cloned()
    }

    /// Holds another executor or none, and gives back what was held. Only the cache does that,
    /// under its lock.
    pub(crate) fn replace(
        &self,
        executor: Option<Arc<dyn NodeExecutor>>,
    ) -> Option<Arc<Arc<dyn NodeExecutor>>> {
        self.held.swap(executor.map(Arc::new))
    }

    pub(crate) fn is_held(&self) -> bool {
        self.held.load().is_some()
    }

    /// Lets go of a load that is under way: those who wait for it get what it gives, and nobody
    /// else does. Only the cache does that, under its lock.
    pub(crate) fn let_go(&self) {
        let mut under_way = self.loading.under_way.lock();
        self.loading.round.fetch_add(1, Ordering::Relaxed);
        *under_way = None;
    }

    /// Whether a load that began in a round is still wanted.
    fn is_wanted(&self, round: u64) -> bool {
        self.loading.round.load(Ordering::Relaxed) == round
    }

    /// Ends a load that began in a round. Whoever asks from now on finds the cached executor, or
    /// tries again.
    fn end(&self, round: u64) {
        let mut under_way = self.loading.under_way.lock();
        if self.is_wanted(round) {
            *under_way = None;
        }
    }

    pub(crate) fn content_digest(&self) -> Option<String> {
        self.loading.loader.digest()
    }

    /// The load that is under way.
    pub(crate) fn under_way(&self) -> Option<Shared<Load>> {
        let under_way = self.loading.under_way.lock();
        under_way.as_ref().and_then(WeakShared::upgrade)
    }

    /// Joins the load that is under way, or begins one. Gives the executor itself if a load ended
    /// since the caller looked into the cache.
    pub(crate) fn join(
        &self,
        registration: &Arc<Registration>,
        holder: Arc<dyn Holder>,
    ) -> Result<Arc<dyn NodeExecutor>, Shared<Load>> {
        let mut under_way = self.loading.under_way.lock();
        if let Some(load) = under_way.as_ref().and_then(WeakShared::upgrade) {
            return Err(load);
        }
        // A load that ends puts its executor into the cache before it leaves `under_way`.
        if let Some(executor) = self.held() {
            return Ok(executor);
        }
        let start = Start {
            registration: Arc::clone(registration),
            holder,
            loader: Arc::clone(&self.loading.loader),
            round: self.loading.round.load(Ordering::Relaxed),
        };
        let load = load(start).boxed().shared();
        *under_way = load.downgrade();
        Err(load)
    }
}

/// What a load needs.
struct Start {
    registration: Arc<Registration>,
    holder: Arc<dyn Holder>,
    loader: Arc<dyn ExecutorLoader>,
    round: u64,
}

async fn load(start: Start) -> Loaded {
    let Start {
        registration,
        holder,
        loader,
        round,
    } = start;
    let began = Instant::now();
    let outcome = AssertUnwindSafe(async { loader.load().await })
        .catch_unwind()
        .await;
    let took = began.elapsed();
    let result = outcome.unwrap_or_else(|panic| {
        Err(LoaderError::new(format!(
            "the loader panicked: {}",
            panic_text(&*panic)
        )))
    });
    let result = result.map_err(|cause| LoadError {
        node_type: registration.node_type().clone(),
        version: registration.version().clone(),
        cause: Arc::new(cause),
    });
    let (node_type, version) = (registration.node_type(), registration.version());
    match &result {
        Ok(executor) => {
            registration.cache().record_load(took);
            let is_wanted = || holder.lazy().is_some_and(|lazy| lazy.is_wanted(round));
            let cache = registration.cache();
            cache.keep(&holder, Arc::clone(executor), is_wanted);
            tracing::debug!(target: "registry", %node_type, %version, ?took, "executor loaded");
        }
        Err(error) => {
            registration.cache().record_load_failure(took);
            tracing::debug!(
                target: "registry",
                %node_type,
                %version,
                ?took,
                error = &*error.cause as &dyn std::error::Error,
                "executor not loaded"
            );
        }
    }
    if let Some(lazy) = holder.lazy() {
        lazy.end(round);
    }
    result
}

/// What a panic said, if it said it in words.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

impl Registry {
    /// The executor of a registration for a tenant, if nothing has to be loaded for it: out of the
    /// cache, or as it was registered. The tenant counts where each has its own.
    pub fn try_executor(
        &self,
        registration: &Arc<Registration>,
        tenant: &TenantId,
    ) -> Option<Arc<dyn NodeExecutor>> {
        let cache = registration.cache();
        let source = registration.executor_source();
        let cached = match source {
            Source::Eager(_) | Source::Lazy(_) => {
                let seat = registration.seat();
                cache.find(seat, || source.held(seat))
            }
            Source::PerTenant(tenants) => tenants.find(cache, tenant),
        };
        if cached.is_some() {
            tracing::debug!(
                target: "registry",
                node_type = %registration.node_type(),
                version = %registration.version(),
                "cache hit"
            );
            return cached;
        }
        tracing::debug!(
            target: "registry",
            node_type = %registration.node_type(),
            version = %registration.version(),
            "cache miss"
        );
        match source {
            Source::Eager(executor) => {
                let holder = Arc::clone(registration) as Arc<dyn Holder>;
                cache.keep(&holder, Arc::clone(executor), || true);
                Some(Arc::clone(executor))
            }
            Source::Lazy(_) | Source::PerTenant(_) => None,
        }
    }

    /// The executor of a registration for a tenant, loaded if need be. However many callers wait,
    /// it is loaded once, or once for each tenant where each has its own, and an error is given to
    /// all of them; the next call tries again.
    ///
    /// # Errors
    /// [`LoadError`] with what the loader said.
    pub async fn load_executor(
        &self,
        registration: &Arc<Registration>,
        tenant: &TenantId,
    ) -> Result<Arc<dyn NodeExecutor>, LoadError> {
        if let Some(executor) = self.try_executor(registration, tenant) {
            return Ok(executor);
        }
        let joined = match registration.executor_source() {
            Source::Eager(executor) => return Ok(Arc::clone(executor)),
            Source::Lazy(lazy) => {
                let holder = Arc::clone(registration) as Arc<dyn Holder>;
                lazy.join(registration, holder)
            }
            Source::PerTenant(tenants) => tenants.join(registration, tenant),
        };
        match joined {
            Ok(executor) => Ok(executor),
            Err(load) => load.await,
        }
    }
}
