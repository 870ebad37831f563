//! What a call of a plugin costs, and the first one that it ever gets, beside what the same call costs
//! with wasmtime alone. What it costs with Extism is measured in `extism`, a package of its own.
//!
//! The guests are the example plugins, as `cargo xtask plugins` leaves them under
//! `target/plugins/components`; those that were not built are left out.

mod bare;
mod scene;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use jackfield_definition::SourceText;
use jackfield_plugin_api::NodeExecutor;
use jackfield_registry::Registry;
use jackfield_registry::discovery::{ComponentSource, LoadedPlugin, PluginHost, PluginManifest};
use jackfield_types::NodeTypeMetadata;
use jackfield_wasm::{CompilerProgram, Services, WasmConfig, WasmHost};
use tokio::runtime::Runtime;

use crate::bare::{Bare, Kind};
use crate::scene::Scene;

/// The example plugins that are measured, and in which language each is written.
const GUESTS: &[(&str, &str)] = &[
    ("rust", "file-header"),
    ("javascript", "csv"),
    ("python", "counter"),
];

/// A plugin as it was built.
struct Guest {
    language: &'static str,
    component: Arc<[u8]>,
    /// Its limits, so that it starts at all.
    limits: &'static str,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn guests() -> Vec<Guest> {
    let folder = root().join("target/plugins/components");
    let mut guests = Vec::new();
    for &(language, name) in GUESTS {
        if let Ok(component) = std::fs::read(folder.join(name).join("plugin.wasm")) {
            guests.push(Guest {
                language,
                component: component.into(),
                limits: "[limits]\nmemory = \"256MiB\"\n",
            });
        }
    }
    guests
}

impl Guest {
    fn source(&self, more: &str) -> ComponentSource {
        // What it provides is of no interest to the host, only to the registry.
        let text = format!(
            "id = \"examples/bench\"\nversion = \"0.1.0\"\ncontract = \"0.1\"\nentry = \"plugin.wasm\"\n\
             [[nodeTypes]]\nnodeType = \"examples/bench\"\ncategory = \"test\"\n{}{more}",
            self.limits
        );
        let manifest = PluginManifest::parse(&SourceText::new("plugin.toml", text));
        let manifest = manifest.expect("a valid manifest");
        ComponentSource::from_bytes(Arc::new(manifest), Arc::clone(&self.component))
    }
}

/// A host that keeps compiled code in a folder, and compiles large components elsewhere.
fn host(folder: &Path) -> WasmHost {
    let config = WasmConfig {
        cache: Some(folder.to_owned()),
        compiler: compiler(),
        ..WasmConfig::default()
    };
    WasmHost::start(config, Services::default()).expect("a host")
}

/// The compiler of the examples, where it was built.
fn compiler() -> Option<CompilerProgram> {
    let bench = std::env::current_exe().ok()?;
    let program = bench.parent()?.parent()?.join("examples/compiler");
    program.exists().then_some(CompilerProgram {
        program,
        arguments: Vec::new(),
    })
}

fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.enable_all().worker_threads(2);
    builder.build().expect("a runtime")
}

/// The first node type of a plugin that does not reach outside, its executor, and a call of it
/// after its first example.
fn first(loaded: &LoadedPlugin) -> (NodeTypeMetadata, Arc<dyn NodeExecutor>, Scene) {
    let metadata = loaded.node_types[0].clone();
    let executor = Arc::clone(&loaded.executors[&metadata.node_type]);
    let example = metadata.examples.first();
    let parameters = example.map(|example| example.parameters.clone());
    let item = example.and_then(|example| example.input.first()?.first().cloned());
    let scene = Scene::new(
        &metadata.node_type,
        parameters.unwrap_or_default(),
        item.unwrap_or_default(),
    );
    (metadata, executor, scene)
}

fn calls(criterion: &mut Criterion) {
    let (runtime, folder) = (runtime(), tempfile::tempdir().expect("a folder"));
    let host = host(folder.path());
    let mut group = criterion.benchmark_group("wasm");
    for guest in guests() {
        let language = guest.language;
        let load = |more: &str| {
            runtime
                .block_on(host.load(guest.source(more)))
                .expect("a plugin")
        };
        let (metadata, executor, scene) = first(&load(""));
        let (_, reused, _) = first(&load("reuse = \"tenant\"\n"));
        let context = scene.context();
        let call = scene.call(&context);

        if language != "python" {
            let written = bare::written(&call, &metadata.version.to_string());
            for kind in [Kind::OnDemand, Kind::Pooled] {
                let bare = Bare::new(&guest.component, kind).expect("a component");
                let name = format!("bare {kind:?}").to_lowercase();
                group.bench_function(BenchmarkId::new(name, language), |bencher| {
                    bencher
                        .to_async(&runtime)
                        .iter(async || bare.execute(&written).await.expect("an output"));
                });
            }
        }
        group.bench_function(BenchmarkId::new("call", language), |bencher| {
            bencher
                .to_async(&runtime)
                .iter(async || executor.execute(call).await);
        });
        group.bench_function(BenchmarkId::new("call reused", language), |bencher| {
            bencher
                .to_async(&runtime)
                .iter(async || reused.execute(call).await);
        });
        let registry = Registry::new();
        let name = metadata.node_type.clone();
        registry
            .register_with_metadata(name.as_str(), executor, metadata)
            .expect("valid metadata");
        group.bench_function(BenchmarkId::new("registry call", language), |bencher| {
            bencher
                .to_async(&runtime)
                .iter(async || registry.execute(name.as_str(), call).await);
        });
    }
    group.finish();
}

fn cold_starts(criterion: &mut Criterion) {
    let (runtime, folder) = (runtime(), tempfile::tempdir().expect("a folder"));
    let host = host(folder.path());
    let mut group = criterion.benchmark_group("wasm");
    for guest in guests() {
        let language = guest.language;
        let source = guest.source("");
        // Compiles it; from then on it is in the folder.
        runtime
            .block_on(host.load(source.clone()))
            .expect("a plugin");
        group.bench_function(BenchmarkId::new("cold start", language), |bencher| {
            bencher
                .to_async(&runtime)
                .iter(async || host.load(source.clone()).await.expect("a plugin"));
        });
        let (metadata, _, scene) = first(
            &runtime
                .block_on(host.load(source.clone()))
                .expect("a plugin"),
        );
        let context = scene.context();
        let call = scene.call(&context);
        group.bench_function(BenchmarkId::new("first answer", language), |bencher| {
            bencher.to_async(&runtime).iter(async || {
                let loaded = host.load(source.clone()).await.expect("a plugin");
                loaded.executors[&metadata.node_type].execute(call).await
            });
        });
        let written = bare::written(&call, &metadata.version.to_string());
        let bare = Bare::new(&guest.component, Kind::Pooled).expect("a component");
        let code = bare.engine().precompile_component(&guest.component);
        let path = folder.path().join(language);
        std::fs::write(&path, code.expect("a component")).expect("a file");
        group.bench_function(BenchmarkId::new("bare cold start", language), |bencher| {
            bencher
                .to_async(&runtime)
                .iter(async || bare.cold(&path).await.expect("a description"));
        });
        group.bench_function(BenchmarkId::new("bare first answer", language), |bencher| {
            bencher
                .to_async(&runtime)
                .iter(async || bare.cold_call(&path, &written).await);
        });
    }
    group.finish();
}

criterion_group!(benches, calls, cold_starts);
criterion_main!(benches);
