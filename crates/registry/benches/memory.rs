//! How many bytes of memory a registered executor takes, counted by the allocator: what is there
//! after registration and was not before, metadata with a schema of eight parameters included. And
//! how often an executor is in the cache when not all of them fit.

mod sample;
mod scene;
mod steady;

use std::alloc::System;
use std::io::{self, Write};

use futures_util::FutureExt;
use jackfield_registry::Registry;
use jackfield_types::TenantId;
use serde_json::json;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use crate::sample::{Noop, filled, metadata};
use crate::scene::Scene;
use crate::steady::{HitRatio, hit_ratio};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const COUNT: usize = 10_000;

fn main() -> io::Result<()> {
    let registry = Registry::new();
    let (registered, all) = left_behind(|| filled(&registry, COUNT));
    let scene = Scene::new();
    let tenant = TenantId::default_tenant();
    let context = scene.context();
    let (called, ()) = left_behind(|| {
        for one in &all {
            let executor = registry.try_executor(one, &tenant).expect("it is not lazy");
            registry
                .invoke(one, &*executor, scene.call(&context))
                .now_or_never();
        }
    });
    let (planned, ()) = left_behind(|| {
        for one in &all {
            one.check(&json!({"entity": "order"}), &[]);
            one.metadata();
        }
    });
    // What callers hand over would take as much with no registry at all.
    let (given, _) = left_behind(|| {
        (0..COUNT)
            .map(|place| (Noop, metadata(place)))
            .collect::<Vec<_>>()
    });
    let mut out = io::stdout().lock();
    writeln!(out, "bytes per registered executor: {registered}")?;
    writeln!(
        out,
        "bytes of the same metadata as it is handed over: {given}"
    )?;
    writeln!(
        out,
        "bytes more after the first call (cache entry, statistics): {called}"
    )?;
    writeln!(
        out,
        "bytes more after the first check (whole metadata, compiled schema): {planned}"
    )?;
    // At exponent 1 the last sixth of the executors is called so often that no cache of this size
    // could have 99 %; both are shown, beside the best that is possible.
    for (name, exponent) in [
        ("cache hit ratio", 1.2),
        ("cache hit ratio, Zipf exponent 1", 1.0),
    ] {
        let HitRatio { measured, best } = hit_ratio(exponent);
        writeln!(out, "{name}: {measured:.4}")?;
        writeln!(out, "{name}, at best: {best:.4}")?;
    }
    Ok(())
}

/// What an action leaves behind in memory, for each executor.
fn left_behind<R>(act: impl FnOnce() -> R) -> (usize, R) {
    let region = Region::new(ALLOCATOR);
    let result = act();
    let change = region.change();
    let left = change
        .bytes_allocated
        .saturating_sub(change.bytes_deallocated);
    (left / COUNT, result)
}
