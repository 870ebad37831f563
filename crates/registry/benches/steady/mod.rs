//! How often the executor is in the cache when there are more executors than the cache may hold.

use std::sync::Arc;

use futures_util::FutureExt;
use jackfield_plugin_api::{BoxFuture, NodeExecutor};
use jackfield_registry::{ExecutorLoader, LoaderError, Registration, Registry};
use jackfield_types::TenantId;

use crate::sample::{Noop, metadata};

const LOADABLE: usize = 12_000;
const CACHED: usize = 10_000;
const CALLS: u32 = 1_000_000;

struct Loader;

impl ExecutorLoader for Loader {
    fn load(&self) -> BoxFuture<'_, Result<Arc<dyn NodeExecutor>, LoaderError>> {
        Box::pin(async { Ok(Arc::new(Noop) as Arc<dyn NodeExecutor>) })
    }
}

/// Shares of hits, from 0 to 1.
pub(crate) struct HitRatio {
    /// What the cache had.
    pub(crate) measured: f64,
    /// What a cache of the same size would have that always held the most popular ones.
    pub(crate) best: f64,
}

/// Calls 12,000 lazy executors, with a cache that holds 10,000, as Zipf's law has it: the n-th most
/// popular one 1/n^`exponent` times as often as the first. As many calls again go before those that
/// count.
pub(crate) fn hit_ratio(exponent: f64) -> HitRatio {
    let registry = Registry::builder().cache_entries(CACHED).build();
    let registered: Vec<_> = (0..LOADABLE).map(|place| lazy(&registry, place)).collect();
    let popularity: Vec<f64> = (1..=LOADABLE)
        .scan(0.0, |sum, rank| {
            *sum += (rank as f64).powf(-exponent);
            Some(*sum)
        })
        .collect();
    let whole = popularity[LOADABLE - 1];
    let tenant = TenantId::default_tenant();
    let mut random = 1_u64;
    let mut call = || {
        for _ in 0..CALLS {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let point = (random >> 11) as f64 / (1_u64 << 53) as f64 * whole;
            let place = popularity.partition_point(|sum| *sum <= point);
            registry
                .load_executor(&registered[place.min(LOADABLE - 1)], &tenant)
                .now_or_never();
        }
        registry.cache().statistics().hits
    };
    let before = call();
    let hits = call() - before;
    HitRatio {
        measured: hits as f64 / f64::from(CALLS),
        best: popularity[CACHED - 1] / whole,
    }
}

fn lazy(registry: &Registry, place: usize) -> Arc<Registration> {
    let metadata = metadata(place);
    let node_type = metadata.node_type.clone();
    registry
        .register_lazy(node_type.as_str(), Arc::new(Loader), metadata)
        .expect("valid metadata")
}
