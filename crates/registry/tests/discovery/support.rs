//! Packages made for the occasion, and a host that runs components which are nothing but JSON.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use jackfield_definition::SourceText;
use jackfield_plugin_api::{BoxFuture, NodeCall, NodeError, NodeExecutor, NodeOutput};
use jackfield_registry::Registry;
use jackfield_registry::discovery::{
    ComponentSource, DiscoveryOptions, DiscoveryReport, LoadedPlugin, PluginHost, PluginLoadError,
    PluginManifest,
};
use jackfield_registry::trust::{Signatures, TrustRules};
use jackfield_types::{ByteSize, NodeTypeMetadata, TenantId};
use semver::VersionReq;
use tempfile::TempDir;
use tokio::sync::Semaphore;

/// Runs components that are a description: what `describe` would answer.
pub(crate) struct JsonHost {
    contract: VersionReq,
    pub(crate) loads: AtomicUsize,
    pub(crate) tenants: Mutex<Vec<TenantId>>,
    /// A load waits here.
    pub(crate) gate: Semaphore,
    /// What is in memory.
    pub(crate) alive: Arc<()>,
}

pub(crate) fn host() -> Arc<JsonHost> {
    Arc::new(JsonHost {
        contract: VersionReq::parse("^0.1").unwrap(),
        loads: AtomicUsize::new(0),
        tenants: Mutex::default(),
        gate: Semaphore::new(Semaphore::MAX_PERMITS),
        alive: Arc::new(()),
    })
}

/// Gives its text.
struct Says {
    text: String,
    _alive: Arc<()>,
}

impl NodeExecutor for Says {
    fn execute<'a>(&'a self, _: NodeCall<'a>) -> BoxFuture<'a, Result<NodeOutput, NodeError>> {
        let item = NodeOutput::result_item(self.text.clone().into(), 0);
        Box::pin(async move { Ok(NodeOutput::items(vec![item])) })
    }
}

impl JsonHost {
    async fn run(&self, component: ComponentSource) -> Result<LoadedPlugin, PluginLoadError> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        let permit = self.gate.acquire().await;
        drop(permit.unwrap());
        let bytes = component.read()?;
        let described: Vec<NodeTypeMetadata> = serde_json::from_slice(&bytes)
            .map_err(|error| PluginLoadError::component("no list").caused_by(error))?;
        let text = component.origin().to_string();
        let executors = described.iter().map(|one| {
            let text = format!("{text} {}", one.node_type);
            let alive = Arc::clone(&self.alive);
            let says: Arc<dyn NodeExecutor> = Arc::new(Says {
                text,
                _alive: alive,
            });
            (one.node_type.clone(), says)
        });
        let executors = executors.collect();
        Ok(LoadedPlugin::new(described, executors, ByteSize::kib(1)))
    }
}

impl PluginHost for JsonHost {
    fn contract(&self) -> &VersionReq {
        &self.contract
    }

    fn load(
        &self,
        component: ComponentSource,
    ) -> BoxFuture<'_, Result<LoadedPlugin, PluginLoadError>> {
        Box::pin(self.run(component))
    }

    fn load_for_tenant<'a>(
        &'a self,
        component: ComponentSource,
        tenant: &'a TenantId,
    ) -> BoxFuture<'a, Result<LoadedPlugin, PluginLoadError>> {
        self.tenants.lock().unwrap().push(tenant.clone());
        self.load(component)
    }
}

/// Takes whatever is not altered.
pub(crate) fn options(host: &Arc<JsonHost>) -> DiscoveryOptions {
    let trust = TrustRules::new(Signatures::Optional);
    DiscoveryOptions::new(Arc::clone(host) as Arc<dyn PluginHost>, Arc::new(trust))
}

pub(crate) fn discover(
    registry: &Registry,
    folder: &Path,
    options: &DiscoveryOptions,
) -> DiscoveryReport {
    registry.discover_plugins(&[folder.to_path_buf()], options)
}

/// The manifest of a plugin with one node type of the same name.
pub(crate) fn manifest(id: &str, version: &str) -> String {
    format!(
        "id = \"{id}\"\nversion = \"{version}\"\ncontract = \"0.1\"\nentry = \"plugin.wasm\"\n\n\
         [[nodeTypes]]\nnodeType = \"{id}\"\ncategory = \"test\"\n"
    )
}

/// The component that belongs to a manifest.
pub(crate) fn component(manifest: &str) -> Vec<u8> {
    let source = SourceText::new("plugin.toml", manifest);
    match PluginManifest::parse(&source) {
        Ok(manifest) => serde_json::to_vec(manifest.node_types()).unwrap(),
        Err(_) => b"[]".to_vec(),
    }
}

/// Writes a package as a folder.
pub(crate) fn folder(at: &Path, name: &str, manifest: &str) -> PathBuf {
    let path = at.join(name);
    fs::create_dir_all(&path).unwrap();
    fs::write(path.join("plugin.toml"), manifest).unwrap();
    fs::write(path.join("plugin.wasm"), component(manifest)).unwrap();
    path
}

/// A folder of plugins with one in it.
pub(crate) fn one(manifest: &str) -> (TempDir, PathBuf) {
    let root = TempDir::new().unwrap();
    let path = folder(root.path(), "one", manifest);
    (root, path)
}

/// What was refused, in words, without the folder.
pub(crate) fn refusals(report: &DiscoveryReport) -> Vec<String> {
    let one = |refusal: &Arc<jackfield_registry::discovery::PluginRefusal>| {
        let name = refusal.path.file_name().unwrap().to_string_lossy();
        format!("{name}: {} {}", refusal.reason.code(), refusal.reason)
    };
    report.refused.iter().map(one).collect()
}

pub(crate) fn registered(report: &DiscoveryReport) -> Vec<String> {
    let all = report.registered.iter();
    all.map(|one| one.origin.to_string()).collect()
}
