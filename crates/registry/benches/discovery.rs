//! What finding plugins costs: 10,000 packages, as folders and as archives, and what is kept of them.

use std::alloc::System;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use jackfield_plugin_api::BoxFuture;
use jackfield_registry::Registry;
use jackfield_registry::discovery::{
    ComponentSource, DiscoveryOptions, LoadedPlugin, Package, PackageLimits, PluginHost,
    PluginLoadError, sha256,
};
use jackfield_registry::trust::{Signatures, TrustRules};
use semver::VersionReq;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tempfile::TempDir;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const PACKAGES: usize = 10_000;
/// As large as a component that is written in Rust.
const COMPONENT: usize = 84 << 10;

/// Is never asked to load anything.
struct NoHost(VersionReq);

impl PluginHost for NoHost {
    fn contract(&self) -> &VersionReq {
        &self.0
    }

    fn load(&self, _: ComponentSource) -> BoxFuture<'_, Result<LoadedPlugin, PluginLoadError>> {
        Box::pin(async { Err(PluginLoadError::host("finding plugins loads none")) })
    }
}

fn options() -> DiscoveryOptions {
    let host = Arc::new(NoHost(VersionReq::STAR));
    let trust = TrustRules::new(Signatures::Optional);
    DiscoveryOptions::new(host, Arc::new(trust))
}

fn manifest(place: usize) -> String {
    format!(
        r#"id = "acme/plugin-{place}"
version = "1.0.0"
contract = "0.1"
entry = "plugin.wasm"
description = "Does one thing, and does it well."
license = "MIT"

[[nodeTypes]]
nodeType = "acme/plugin-{place}"
category = "text"
description = "Makes texts fit for addresses."
requiredFields = ["text"]
tags = ["text", "address"]

[nodeTypes.schema]
type = "object"
additionalProperties = false

[nodeTypes.schema.properties.text]
type = "string"
description = "The text."

[nodeTypes.schema.properties.separator]
type = "string"
description = "What stands between the words."

[nodeTypes.schema.properties.limit]
type = "integer"
minimum = 1

[capabilities.log]
reason = "says what it left out"

[limits]
memory = "16MiB"
time = "1s"
"#
    )
}

fn folders(at: &Path) {
    let component = vec![0x2a; COMPONENT];
    let digest = sha256(&component);
    let shared = at.join(".component");
    fs::write(&shared, &component).expect("a file can be written");
    for place in 0..PACKAGES {
        let path = at.join(format!("plugin-{place}"));
        fs::create_dir(&path).expect("a folder can be made");
        let text = format!(
            "{}\n[digests]\n\"plugin.wasm\" = \"{digest}\"\n",
            manifest(place)
        );
        fs::write(path.join("plugin.toml"), text).expect("a file can be written");
        fs::hard_link(&shared, path.join("plugin.wasm")).expect("a file can be linked");
    }
}

fn archives(at: &Path, folders: &Path) {
    for place in 0..PACKAGES {
        let name = format!("plugin-{place}");
        let package = Package::open(&folders.join(&name), &PackageLimits::default());
        let archive = package.and_then(|package| package.to_archive(None));
        let archive = archive.expect("the package is right");
        fs::write(at.join(format!("{name}.jfp")), archive).expect("a file can be written");
    }
}

#[expect(clippy::print_stdout, reason = "a bench prints its numbers")]
fn discovery(criterion: &mut Criterion) {
    let (folder, archive) = (TempDir::new(), TempDir::new());
    let folder = folder.expect("a folder can be made");
    let archive = archive.expect("a folder can be made");
    folders(folder.path());
    archives(archive.path(), folder.path());
    let mut group = criterion.benchmark_group("discovery");
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(10));
    for (form, path) in [("folders", folder.path()), ("archives", archive.path())] {
        let paths = [path.to_path_buf()];
        group.bench_function(BenchmarkId::new(form, PACKAGES), |bencher| {
            bencher.iter_custom(|iterations| {
                let mut took = Duration::ZERO;
                for _ in 0..iterations {
                    let registry = Registry::new();
                    let began = Instant::now();
                    let report = registry.discover_plugins(&paths, &options());
                    took += began.elapsed();
                    assert_eq!(report.registered.len(), PACKAGES);
                }
                took
            });
        });
        let registry = Registry::new();
        let region = Region::new(ALLOCATOR);
        drop(registry.discover_plugins(&paths, &options()));
        let change = region.change();
        let kept = change
            .bytes_allocated
            .saturating_sub(change.bytes_deallocated);
        println!("{form}: {} bytes kept for each package", kept / PACKAGES);
    }
    group.finish();
}

criterion_group!(benches, discovery);
criterion_main!(benches);
