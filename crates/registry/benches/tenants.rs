//! How much memory plugins take that many tenants have: 1,000 tenants with 100 plugins each, counted
//! by the allocator, as bytes for each tenant and plugin.
//!
//! First all tenants have the same plugins, found once: one manifest serves them all, and what every
//! tenant loads of its own is bounded by the cache. Then each of 100 tenants has a folder of its own
//! with plugins of its own, of which nothing is shared: that grows with every plugin, and with 1,000
//! tenants it is as much for each.

use std::alloc::System;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::FutureExt;
use jackfield_plugin_api::{BoxFuture, NodeCall, NodeError, NodeExecutor, NodeOutput};
use jackfield_registry::discovery::{
    ComponentSource, DiscoveryOptions, LoadedPlugin, PluginHost, PluginLoadError, sha256,
};
use jackfield_registry::trust::{Signatures, TrustRules};
use jackfield_registry::{Registration, Registry};
use jackfield_types::{ByteSize, NodeTypeId, TenantId, VersionSelector};
use semver::VersionReq;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tempfile::TempDir;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const TENANTS: usize = 1_000;
const PLUGINS: usize = 100;
/// How many have plugins of their own.
const ALONE: usize = 100;
/// The most bytes for each tenant and plugin: of plugins that all share, found and used, and of
/// plugins that nobody shares.
const BOUNDS: [usize; 3] = [128, 1_024, 8 << 10];

/// Has an executor for everything, which does nothing.
struct Host(VersionReq);

struct Nothing;

impl NodeExecutor for Nothing {
    fn execute<'a>(&'a self, _: NodeCall<'a>) -> BoxFuture<'a, Result<NodeOutput, NodeError>> {
        Box::pin(async { Ok(NodeOutput::default()) })
    }
}

impl PluginHost for Host {
    fn contract(&self) -> &VersionReq {
        &self.0
    }

    fn load(
        &self,
        source: ComponentSource,
    ) -> BoxFuture<'_, Result<LoadedPlugin, PluginLoadError>> {
        Box::pin(async move {
            let node_types = source.manifest().node_types().to_vec();
            let names = node_types.iter().map(|one| one.node_type.clone());
            let executors = names.map(|name| (name, Arc::new(Nothing) as _)).collect();
            Ok(LoadedPlugin::new(node_types, executors, ByteSize::kib(64)))
        })
    }
}

fn options() -> DiscoveryOptions {
    let trust = TrustRules::new(Signatures::Optional);
    DiscoveryOptions::new(Arc::new(Host(VersionReq::STAR)), Arc::new(trust))
}

/// Makes a folder of plugins whose instances each tenant has for itself.
fn folder(at: &Path, publisher: &str) {
    let component = b"it is never run";
    let digest = sha256(component);
    for place in 0..PLUGINS {
        let (path, id) = (
            at.join(format!("plugin-{place}")),
            format!("{publisher}/plugin-{place}"),
        );
        fs::create_dir_all(&path).expect("a folder can be made");
        let manifest = format!(
            r#"id = "{id}"
version = "1.0.0"
contract = "0.1"
entry = "plugin.wasm"
description = "Does one thing, and does it well."

[[nodeTypes]]
nodeType = "{id}"
category = "text"
description = "Makes texts fit for addresses."
requiredFields = ["text"]
tags = ["text", "address"]

[nodeTypes.schema]
type = "object"

[nodeTypes.schema.properties.text]
type = "string"
description = "The text."

[nodeTypes.schema.properties.separator]
type = "string"
description = "What stands between the words."

[limits]
reuse = "tenant"

[digests]
"plugin.wasm" = "{digest}"
"#
        );
        fs::write(path.join("plugin.toml"), manifest).expect("a file can be written");
        fs::write(path.join("plugin.wasm"), component).expect("a file can be written");
    }
}

fn discover(registry: &Registry, folders: &[PathBuf]) {
    let report = registry.discover_plugins(folders, &options());
    assert_eq!(report.registered.len(), folders.len() * PLUGINS);
}

/// Has every tenant find and load every plugin.
fn use_all(registry: &Registry, tenants: &[TenantId], found: &[NodeTypeId]) {
    for tenant in tenants {
        for name in found {
            let registration = resolve(registry, name);
            let loaded = registry.load_executor(&registration, tenant);
            let loaded = loaded.now_or_never().expect("nothing waits");
            loaded.expect("it can be loaded");
        }
    }
}

fn resolve(registry: &Registry, name: &NodeTypeId) -> Arc<Registration> {
    let found = registry.resolve(name, &VersionSelector::Newest);
    found.expect("it was found")
}

/// What an action leaves behind in memory, for each plugin of so many tenants.
fn left_behind(tenants: usize, act: impl FnOnce()) -> usize {
    let region = Region::new(ALLOCATOR);
    act();
    let change = region.change();
    let left = change
        .bytes_allocated
        .saturating_sub(change.bytes_deallocated);
    left / (tenants * PLUGINS)
}

fn main() -> io::Result<()> {
    let tenants: Vec<_> = (0..TENANTS)
        .map(|number| TenantId::parse(&format!("t{number}")).expect("a valid id"))
        .collect();
    let names: Vec<_> = (0..PLUGINS)
        .map(|place| NodeTypeId::parse(&format!("acme/plugin-{place}")).expect("a valid name"))
        .collect();

    let root = TempDir::new()?;
    let shared = root.path().join("shared");
    folder(&shared, "acme");
    let registry = Registry::new();
    let found = left_behind(TENANTS, || {
        discover(&registry, std::slice::from_ref(&shared));
    });
    let used = left_behind(TENANTS, || use_all(&registry, &tenants, &names));
    let in_memory = registry.cache().statistics();
    drop(registry);

    let own: Vec<_> = tenants
        .iter()
        .take(ALONE)
        .map(|tenant| root.path().join(tenant.as_str()))
        .collect();
    for (tenant, path) in tenants.iter().zip(&own) {
        folder(path, tenant.as_str());
    }
    let registry = Registry::new();
    let alone = left_behind(ALONE, || discover(&registry, &own));

    let mut out = io::stdout().lock();
    writeln!(out, "{in_memory:?}")?;
    let lines = [
        ("bytes per tenant and plugin, shared, found", found),
        ("bytes per tenant and plugin, shared, used by all", used),
        ("bytes per tenant and plugin, each its own, found", alone),
    ];
    for ((name, bytes), bound) in lines.into_iter().zip(BOUNDS) {
        writeln!(out, "{name}: {bytes}")?;
        assert!(bytes <= bound, "{name}: {bytes} are more than {bound}");
    }
    Ok(())
}
