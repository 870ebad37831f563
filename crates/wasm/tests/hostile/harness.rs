use std::sync::{Arc, Mutex};

use jackfield_definition::SourceText;
use jackfield_net::{Access, HttpSettings};
use jackfield_plugin_api::{NodeError, NodeExecutor, NodeOutput};
use jackfield_registry::discovery::{
    ComponentSource, LoadedPlugin, PluginHost, PluginLoadError, PluginManifest,
};
use jackfield_testkit::{ScriptedGrants, StaticCall};
use jackfield_types::{NodeTypeId, NodeTypeMetadata};
use jackfield_wasm::{
    CallSite, LogLevel, PluginListener, Services, ServicesBuilder, WasmConfig, WasmHost,
};
use serde_json::{Value, json};

use crate::guest::{Guest, NODE_TYPE};

/// A host for the guests of a test.
pub(crate) struct Host {
    pub(crate) host: WasmHost,
    pub(crate) heard: Heard,
}

/// What plugins said, in order.
#[derive(Clone, Default)]
pub(crate) struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl PluginListener for Heard {
    fn logged(&self, site: &CallSite<'_>, level: LogLevel, text: &str) {
        let line = format!("{} {level:?}: {text}", site.tenant);
        self.0.lock().unwrap().push(line);
    }

    fn progressed(&self, site: &CallSite<'_>, fraction: f64, text: &str) {
        let line = format!("{} {fraction}: {text}", site.tenant);
        self.0.lock().unwrap().push(line);
    }
}

/// A guest that is loaded.
#[derive(Clone)]
pub(crate) struct Loaded {
    executor: Arc<dyn NodeExecutor>,
    metadata: NodeTypeMetadata,
}

impl Host {
    pub(crate) fn new() -> Self {
        Self::with(Services::builder())
    }

    /// A host that lets requests reach this machine.
    pub(crate) fn reaching_this_machine() -> Self {
        Self::with(Services::builder().http_settings(HttpSettings {
            private_networks: Access::Allowed,
            ..HttpSettings::default()
        }))
    }

    pub(crate) fn with(services: ServicesBuilder) -> Self {
        let heard = Heard::default();
        let services = services.listener(Arc::new(heard.clone())).build();
        let config = WasmConfig {
            instances: 8,
            ..WasmConfig::default()
        };
        let host = WasmHost::start(config, services).unwrap();
        Self { host, heard }
    }

    /// Loads a guest as plugin `evil/node`.
    pub(crate) async fn load(&self, guest: &Guest) -> Loaded {
        self.load_as("evil/node", guest).await
    }

    pub(crate) async fn load_as(&self, plugin: &str, guest: &Guest) -> Loaded {
        let loaded = self.try_load_as(plugin, guest).await;
        let loaded = loaded.unwrap_or_else(|error| panic!("{error}: {error:?}"));
        named(guest, &loaded)
    }

    pub(crate) async fn try_load(&self, guest: &Guest) -> Result<LoadedPlugin, PluginLoadError> {
        self.try_load_as("evil/node", guest).await
    }

    async fn try_load_as(
        &self,
        plugin: &str,
        guest: &Guest,
    ) -> Result<LoadedPlugin, PluginLoadError> {
        let manifest = manifest(plugin, guest);
        self.load_bytes(manifest, guest.component()).await
    }

    pub(crate) async fn load_bytes(
        &self,
        manifest: Arc<PluginManifest>,
        bytes: Vec<u8>,
    ) -> Result<LoadedPlugin, PluginLoadError> {
        let source = ComponentSource::from_bytes(manifest, bytes);
        self.host.load(source).await
    }
}

/// What a guest became.
pub(crate) fn named(guest: &Guest, loaded: &LoadedPlugin) -> Loaded {
    let node_type = NodeTypeId::parse(NODE_TYPE).unwrap();
    Loaded {
        executor: Arc::clone(&loaded.executors[&node_type]),
        metadata: guest.metadata(),
    }
}

/// The manifest of a guest.
pub(crate) fn manifest(plugin: &str, guest: &Guest) -> Arc<PluginManifest> {
    let capabilities: Vec<&str> = guest.capabilities.iter().map(|one| one.as_str()).collect();
    let text = format!(
        "id = \"{plugin}\"\nversion = \"1.0.0\"\ncontract = \"0.1\"\ndescription = \"test\"\n\
         entry = \"plugin.wasm\"\n{}\n[[nodeTypes]]\nnodeType = \"{NODE_TYPE}\"\nversion = \"1.0.0\"\n\
         category = \"test\"\ncapabilities = {capabilities:?}\n",
        guest.manifest
    );
    let parsed = PluginManifest::parse(&SourceText::new("plugin.toml", text.as_str()));
    Arc::new(parsed.unwrap_or_else(|error| panic!("{error:?}\n{text}")))
}

impl Loaded {
    pub(crate) fn executor(&self) -> &dyn NodeExecutor {
        &*self.executor
    }

    /// Calls it, with one item, on behalf of a tenant that grants everything.
    pub(crate) async fn call(&self) -> Result<NodeOutput, NodeError> {
        self.call_for("tenant", ScriptedGrants::open()).await
    }

    pub(crate) async fn call_for(
        &self,
        tenant: &str,
        grants: ScriptedGrants,
    ) -> Result<NodeOutput, NodeError> {
        self.call_with(tenant, grants, json!([{}])).await
    }

    pub(crate) async fn call_with(
        &self,
        tenant: &str,
        grants: ScriptedGrants,
        items: Value,
    ) -> Result<NodeOutput, NodeError> {
        let call = StaticCall::new(&self.metadata, json!({}))
            .with_tenant(tenant)
            .with_grants(grants)
            .with_input(items);
        call.execute(&*self.executor).await
    }

    /// Calls it, and says how it failed: code and text.
    pub(crate) async fn failure(&self) -> String {
        self.failure_for("tenant", ScriptedGrants::open()).await
    }

    pub(crate) async fn failure_for(&self, tenant: &str, grants: ScriptedGrants) -> String {
        let error = self.call_for(tenant, grants).await.unwrap_err();
        said(&error)
    }
}

/// Code and text of an error, and whether it may pass.
pub(crate) fn said(error: &NodeError) -> String {
    let class = match error {
        NodeError::Retryable(_) => "retryable",
        NodeError::Permanent(_) => "permanent",
        NodeError::Refused(_) => "refused",
        other => return format!("{other:?}"),
    };
    format!("{class} {}: {error}", error.code())
}
