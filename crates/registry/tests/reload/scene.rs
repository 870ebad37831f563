//! Plugins that give a number, in packages made for the occasion.

use std::borrow::Cow;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jackfield_plugin_api::{
    BoxFuture, CancellationToken, Expr, NodeCall, NodeContext, NodeError, NodeExecutor, NodeOutput,
    OpenGrants, Parameters, Prepared, SubWorkflow, WorkflowRunner,
};
use jackfield_registry::discovery::{
    ComponentSource, DiscoveryOptions, Edition, LoadedPlugin, Package, PackageLimits, PluginHost,
    PluginLoadError, ReloadReport,
};
use jackfield_registry::trust::{Signatures, TrustRules};
use jackfield_registry::{Registration, Registry};
use jackfield_types::{
    ByteSize, Capability, ExecutionId, Items, NodeName, NodeTypeId, OnError, TenantId,
    VersionSelector,
};
use semver::VersionReq;
use serde_json::Value;
use tempfile::TempDir;

/// Runs components that are a number.
pub(crate) struct NumberHost {
    contract: VersionReq,
    /// How many plugins are in memory.
    pub(crate) alive: Arc<()>,
    pub(crate) loads: AtomicU64,
}

struct Number {
    number: u64,
    behaviour: String,
    _alive: Arc<()>,
}

impl NodeExecutor for Number {
    fn execute<'a>(&'a self, call: NodeCall<'a>) -> BoxFuture<'a, Result<NodeOutput, NodeError>> {
        Box::pin(async move {
            if self.behaviour == "panics" {
                panic!("on purpose");
            }
            if self.behaviour == "dawdles" {
                tokio::time::sleep(Duration::from_secs(25)).await;
            }
            if self.behaviour == "keeps" {
                call.context.grants.check_capability(Capability::Kv)?;
            }
            // Others go on meanwhile, reloads too.
            tokio::task::yield_now().await;
            let item = NodeOutput::result_item(self.number.into(), 0);
            Ok(NodeOutput::items(vec![item]))
        })
    }
}

impl NumberHost {
    async fn run(&self, component: ComponentSource) -> Result<LoadedPlugin, PluginLoadError> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        let text = String::from_utf8(component.read()?.to_vec()).unwrap();
        let (number, behaviour) = text.split_once(' ').unwrap_or((&text, ""));
        assert_ne!(behaviour, "breaks the host", "on purpose");
        let number = number
            .parse()
            .map_err(|_| PluginLoadError::component("it is no number"))?;
        let node_types = component.manifest().node_types().to_vec();
        let alive = Arc::clone(&self.alive);
        let executor: Arc<dyn NodeExecutor> = Arc::new(Number {
            number,
            behaviour: behaviour.to_owned(),
            _alive: alive,
        });
        let names = node_types.iter().map(|one| one.node_type.clone());
        let executors = names.map(|name| (name, Arc::clone(&executor))).collect();
        Ok(LoadedPlugin::new(node_types, executors, ByteSize::kib(1)))
    }
}

impl PluginHost for NumberHost {
    fn contract(&self) -> &VersionReq {
        &self.contract
    }

    fn load(
        &self,
        component: ComponentSource,
    ) -> BoxFuture<'_, Result<LoadedPlugin, PluginLoadError>> {
        Box::pin(self.run(component))
    }
}

/// A registry with one folder of plugins.
pub(crate) struct Scene {
    pub(crate) root: TempDir,
    pub(crate) registry: Registry,
    pub(crate) host: Arc<NumberHost>,
    drafts: TempDir,
}

/// A plugin `acme/guest` in version 1.0.0 with one node type of the same name.
#[derive(Clone)]
pub(crate) struct Plugin {
    pub(crate) version: &'static str,
    pub(crate) component: String,
    pub(crate) more: String,
}

pub(crate) fn number(number: u64) -> Plugin {
    Plugin {
        version: "1.0.0",
        component: number.to_string(),
        more: String::new(),
    }
}

impl Plugin {
    fn manifest(&self, id: &str) -> String {
        format!(
            "id = \"{id}\"\nversion = \"{version}\"\ncontract = \"0.1\"\nentry = \"plugin.wasm\"\n\n\
             [[nodeTypes]]\nnodeType = \"{id}\"\ncategory = \"test\"\n{more}",
            version = self.version,
            more = self.more,
        )
    }
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self {
            root: TempDir::new().unwrap(),
            drafts: TempDir::new().unwrap(),
            registry: Registry::new(),
            host: Arc::new(NumberHost {
                contract: VersionReq::parse("^0.1").unwrap(),
                alive: Arc::new(()),
                loads: AtomicU64::new(0),
            }),
        }
    }

    pub(crate) fn options(&self) -> DiscoveryOptions {
        let host = Arc::clone(&self.host) as Arc<dyn PluginHost>;
        let trust = TrustRules::new(Signatures::Optional);
        DiscoveryOptions::new(host, Arc::new(trust))
    }

    pub(crate) fn folders(&self) -> Vec<PathBuf> {
        vec![self.root.path().to_path_buf()]
    }

    pub(crate) async fn reload(&self) -> ReloadReport {
        self.registry
            .reload_plugins(&self.folders(), &self.options())
            .await
    }

    /// Writes a package as a folder, file by file.
    pub(crate) fn folder(&self, name: &str, id: &str, plugin: &Plugin) {
        let path = self.root.path().join(name);
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("plugin.wasm"), &plugin.component).unwrap();
        fs::write(path.join("plugin.toml"), plugin.manifest(id)).unwrap();
    }

    /// Puts a package as a file, in one step.
    pub(crate) fn archive(&self, name: &str, id: &str, plugin: &Plugin) {
        let draft = self.drafts.path().join("draft");
        fs::create_dir_all(&draft).unwrap();
        fs::write(draft.join("plugin.wasm"), &plugin.component).unwrap();
        fs::write(draft.join("plugin.toml"), plugin.manifest(id)).unwrap();
        let package = Package::open(&draft, &PackageLimits::default()).unwrap();
        let made = self.drafts.path().join("made");
        fs::write(&made, package.to_archive(None).unwrap()).unwrap();
        fs::rename(&made, self.root.path().join(name)).unwrap();
    }

    pub(crate) fn remove(&self, name: &str) {
        let path = self.root.path().join(name);
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap();
        } else {
            fs::remove_file(path).unwrap();
        }
    }

    /// How many plugins are in memory.
    pub(crate) fn alive(&self) -> usize {
        Arc::strong_count(&self.host.alive) - 1
    }

    pub(crate) fn find(&self, id: &str) -> Arc<Registration> {
        let name = NodeTypeId::parse(id).unwrap();
        self.registry
            .resolve(&name, &VersionSelector::Newest)
            .unwrap()
    }

    /// What a call gives that begins now.
    pub(crate) async fn call(&self, id: &str) -> u64 {
        let _edition = self.registry.edition();
        let found = self.find(id);
        self.call_of(&found).await.unwrap()
    }

    /// What a call gives that an execution makes.
    pub(crate) async fn call_in(&self, edition: &Edition, planned: &Arc<Registration>) -> u64 {
        let current = self.registry.current_in(edition, planned).unwrap();
        self.call_of(&current).await.unwrap()
    }

    async fn call_of(&self, registration: &Arc<Registration>) -> Result<u64, NodeError> {
        let tenant = TenantId::default_tenant();
        let executor = self
            .registry
            .load_executor(registration, &tenant)
            .await
            .unwrap();
        let name = registration.node_type();
        self.with_call(name, async |call| {
            self.registry.invoke(registration, &*executor, call).await
        })
        .await
    }

    /// What a call gives that finds, loads and calls by itself.
    pub(crate) async fn execute(&self, id: &str) -> Result<u64, NodeError> {
        let name = NodeTypeId::parse(id).unwrap();
        self.with_call(&name, async |call| self.registry.execute(id, call).await)
            .await
    }

    async fn with_call(
        &self,
        node_type: &NodeTypeId,
        make: impl AsyncFnOnce(NodeCall<'_>) -> Result<NodeOutput, NodeError>,
    ) -> Result<u64, NodeError> {
        let tenant = TenantId::default_tenant();
        let (node, variables) = (NodeName::parse("node").unwrap(), Arc::default());
        let context = NodeContext {
            tenant: &tenant,
            execution: ExecutionId::generate(),
            workflow: "test",
            node: &node,
            node_type,
            attempt: 1,
            run_index: 0,
            on_error: OnError::default(),
            variables: &variables,
            loop_frame: None,
            cancellation: &CancellationToken::new(),
            workflows: &NoWorkflows,
            grants: &OpenGrants,
        };
        let call = NodeCall {
            context: &context,
            inputs: &[Items::default()],
            parameters: &NoParameters(Prepared::new()),
        };
        let output = make(call).await?;
        Ok(output.outputs.main[0][0].json()["result"].as_u64().unwrap())
    }
}

struct NoParameters(Prepared);

impl Parameters for NoParameters {
    fn source(&self) -> &Value {
        &Value::Null
    }

    fn is_static(&self) -> bool {
        true
    }

    fn resolve(&self, _: usize) -> Result<Cow<'_, Value>, NodeError> {
        Ok(Cow::Borrowed(&Value::Null))
    }

    fn evaluate(&self, _: &Expr, _: usize, _: &[(&str, &Value)]) -> Result<Value, NodeError> {
        Ok(Value::Null)
    }

    fn prepared(&self) -> &Prepared {
        &self.0
    }
}

struct NoWorkflows;

impl WorkflowRunner for NoWorkflows {
    fn run<'a>(&'a self, _: SubWorkflow<'a>) -> BoxFuture<'a, Result<Items, NodeError>> {
        Box::pin(async { Err(NodeError::Cancelled) })
    }
}
