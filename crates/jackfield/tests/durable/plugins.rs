//! Executions keep to the plugins that they began with, in just that content.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jackfield::plugin_api::{BoxFuture, NodeCall, NodeError, NodeExecutor};
use jackfield::registry::discovery::{
    ComponentSource, DiscoveryOptions, LoadedPlugin, PluginHost, PluginLoadError,
};
use jackfield::registry::trust::{Signatures, TrustRules};
use jackfield::store::{ExecutionState, Store};
use jackfield::{
    ByteSize, ErrorCode, ExecutionHandle, ExecutionId, ExecutionStatus, JournalEntry, NodeOutput,
    Registry, Report, SignalName, StartError, StoredError, TenantId,
};
use jackfield_testkit::store::{MemoryStore, StoreClock};
use semver::VersionReq;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::support::{Calls, Process, follow, output, registry, start, workflow};

/// Runs components that are a text, which is what they give.
struct TextHost(VersionReq);

struct Text(String);

impl NodeExecutor for Text {
    fn execute<'a>(&'a self, _: NodeCall<'a>) -> BoxFuture<'a, Result<NodeOutput, NodeError>> {
        let item = NodeOutput::result_item(self.0.clone().into(), 0);
        Box::pin(async move { Ok(NodeOutput::items(vec![item])) })
    }
}

impl PluginHost for TextHost {
    fn contract(&self) -> &VersionReq {
        &self.0
    }

    fn load(
        &self,
        component: ComponentSource,
    ) -> BoxFuture<'_, Result<LoadedPlugin, PluginLoadError>> {
        Box::pin(async move {
            let text = String::from_utf8_lossy(&component.read()?).into_owned();
            let executor: Arc<dyn NodeExecutor> = Arc::new(Text(text));
            let node_types = component.manifest().node_types().to_vec();
            let names = node_types.iter().map(|one| one.node_type.clone());
            let executors = names.map(|name| (name, Arc::clone(&executor))).collect();
            Ok(LoadedPlugin::new(node_types, executors, ByteSize::kib(1)))
        })
    }
}

/// A folder with one plugin in it, which gives a text.
struct Plugins(TempDir);

impl Plugins {
    fn new(text: &str) -> Self {
        let plugins = Self(TempDir::new().unwrap());
        plugins.write("1.0.0", text);
        plugins
    }

    fn folder(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, version: &str, text: &str) {
        let folder = self.folder().join("guest");
        fs::create_dir_all(&folder).unwrap();
        let manifest = format!(
            "id = \"acme/guest\"\nversion = \"{version}\"\ncontract = \"0.1\"\nentry = \"plugin.wasm\"\n\n[[nodeTypes]]\nnodeType = \"acme/guest\"\ncategory = \"test\"\n"
        );
        fs::write(folder.join("plugin.wasm"), text).unwrap();
        fs::write(folder.join("plugin.toml"), manifest).unwrap();
    }

    fn options() -> DiscoveryOptions {
        let trust = Arc::new(TrustRules::new(Signatures::Ignored));
        DiscoveryOptions::new(Arc::new(TextHost(VersionReq::STAR)), trust)
    }

    /// What a process finds that begins now.
    fn registry(&self, calls: &Calls) -> Registry {
        let registry = registry(&[("note", calls.executor())]);
        let folders = vec![self.folder().to_path_buf()];
        registry.discover_plugins(&folders, &Self::options());
        registry
    }

    /// Has a process see what lies there now.
    async fn reload(&self, registry: &Registry) {
        let folders = vec![self.folder().to_path_buf()];
        let report = registry.reload_plugins(&folders, &Self::options()).await;
        assert_eq!(report.reloaded.len(), 1, "{report:?}");
    }
}

/// The plugin, a wait, and the plugin once more.
fn document() -> Value {
    workflow(
        &[
            ("first", "acme/guest", json!({})),
            ("wait", "wait", json!({ "signal": "go" })),
            ("last", "acme/guest", json!({})),
        ],
        &[("first", 0, "wait"), ("wait", 0, "last")],
    )
}

struct Scene {
    clock: StoreClock,
    store: MemoryStore,
    calls: Calls,
    plugins: Plugins,
}

impl Scene {
    fn new() -> Self {
        let clock = StoreClock::default();
        follow(&clock);
        Self {
            store: MemoryStore::with_clock(clock.clone()),
            clock,
            calls: Calls::default(),
            plugins: Plugins::new("old"),
        }
    }

    fn process(&self) -> (Process, Registry) {
        let registry = self.plugins.registry(&self.calls);
        let process = Process::at(&self.store, &self.clock, registry.clone());
        (process.working(), registry)
    }

    /// What an execution is pinned to.
    async fn pinned(&self, id: ExecutionId) -> Value {
        let tenant = self.store.tenant(&TenantId::default_tenant());
        let record = tenant.execution(id).await.unwrap();
        serde_json::from_slice(&record.pinned).unwrap()
    }

    /// An execution that waits, of a process that has ended.
    async fn left(&self) -> ExecutionId {
        let (mut process, _) = self.process();
        let plan = process.plan(&document());
        tokio::time::sleep(Duration::from_millis(1)).await;
        let handle = process.tenant.start(&plan, start(&json!([{}]))).unwrap();
        process.reached(handle.id(), "parked").await;
        process.stop().await;
        handle.id()
    }
}

async fn go(process: &Process, id: ExecutionId) {
    let go = SignalName::parse("go").unwrap();
    process.tenant.signal(id, &go, json!(null)).await.unwrap();
}

/// Waits until something happens at a node.
async fn begun(handle: &ExecutionHandle, node: &str) {
    let mut events = handle.events();
    let is_at = |entry: JournalEntry| entry.node_name.is_some_and(|name| name.as_str() == node);
    while !is_at(events.next().await.unwrap()) {}
}

fn given(report: &Report, node: &str) -> Value {
    let node = report.node(node).unwrap();
    node.output.main[0][0].json()["result"].clone()
}

async fn stuck(process: &Process, id: ExecutionId) -> String {
    process.reached(id, "stuck").await;
    match process.tenant.stored_execution(id).await.unwrap().state {
        ExecutionState::Stuck { reason } => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_plugin_with_other_content_leaves_an_execution_stuck_until_it_is_back() {
    let scene = Scene::new();
    let id = scene.left().await;
    let pinned = scene.pinned(id).await;
    let plugin = &pinned["nodeTypes"][0]["plugin"];
    assert_eq!(plugin["plugin"], "acme/guest", "{pinned}");
    assert!(plugin["digest"].as_str().unwrap().len() > 32, "{pinned}");

    // The same version, and one byte in it is another.
    scene.plugins.write("1.0.0", "olD");
    let (mut process, _) = scene.process();
    go(&process, id).await;
    let why = stuck(&process, id).await;
    assert!(
        why.contains("other content of node type `acme/guest` 1.0.0")
            && why.contains("plugin `acme/guest` 1.0.0"),
        "{why}"
    );
    // Others go on with what there is now.
    let plan = process.plan(&document());
    let other = process.tenant.start(&plan, start(&json!([{}]))).unwrap();
    other.kept().await.unwrap();
    go(&process, other.id()).await;
    assert_eq!(given(&other.wait().await.unwrap(), "last"), "olD");
    process.stop().await;

    scene.plugins.write("1.0.0", "old");
    let (process, _) = scene.process();
    let resumed = process.tenant.resume(id).await.unwrap();
    let report = resumed.wait().await.unwrap();
    assert_eq!(report.status, ExecutionStatus::Success);
    assert_eq!(given(&report, "last"), "old");
}

#[tokio::test(start_paused = true)]
async fn a_plugin_that_is_gone_or_newer_leaves_an_execution_stuck() {
    let scene = Scene::new();
    let id = scene.left().await;
    scene.plugins.write("1.1.0", "new");
    let (mut process, _) = scene.process();
    let resumed = process.tenant.resume(id).await.err();
    let Some(StoredError::Stuck { reason, .. }) = resumed else {
        panic!("{resumed:?}");
    };
    assert!(
        reason.contains("needs node type `acme/guest` 1.0.0")
            && reason.contains("which is not registered"),
        "{reason}"
    );
    process.stop().await;
    fs::remove_dir_all(scene.plugins.folder().join("guest")).unwrap();
    let (process, _) = scene.process();
    let resumed = process.tenant.resume(id).await.err();
    assert!(
        matches!(resumed, Some(StoredError::Stuck { .. })),
        "{resumed:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_stuck_is_retried_with_the_plugin_that_there_is_now() {
    let scene = Scene::new();
    let id = scene.left().await;
    scene.plugins.write("1.0.0", "new");
    let (process, _) = scene.process();
    go(&process, id).await;
    stuck(&process, id).await;
    let retried = process.tenant.retry_from(id, "wait", None).await.unwrap();
    go(&process, retried.id()).await;
    let report = retried.wait().await.unwrap();
    assert_eq!(report.status, ExecutionStatus::Success);
    assert_eq!(given(&report, "first"), "old", "it is taken over");
    assert_eq!(given(&report, "last"), "new");
}

#[tokio::test(start_paused = true)]
async fn a_reload_reaches_no_execution_that_runs_and_each_that_is_taken_up() {
    let scene = Scene::new();
    let (process, registry) = scene.process();
    let plan = process.plan(&document());
    tokio::time::sleep(Duration::from_millis(1)).await;
    let parked = process.tenant.start(&plan, start(&json!([{}]))).unwrap();
    process.reached(parked.id(), "parked").await;

    // It waits for a moment, and stays in memory.
    let mut document = document();
    document["nodes"][1]["parameters"] = json!({ "for": "3s" });
    let short = process.plan(&document);
    let running = process.tenant.start(&short, start(&json!([{}]))).unwrap();
    begun(&running, "wait").await;
    scene.plugins.write("1.0.0", "new");
    scene.plugins.reload(&registry).await;
    let report = running.wait().await.unwrap();
    let both = (given(&report, "first"), given(&report, "last"));
    assert_eq!(both, (json!("old"), json!("old")));

    go(&process, parked.id()).await;
    let why = stuck(&process, parked.id()).await;
    assert!(why.contains("other content"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn an_execution_is_pinned_to_what_it_runs_and_not_to_an_older_plan() {
    let scene = Scene::new();
    let (process, registry) = scene.process();
    let plan = process.plan(&document());
    scene.plugins.write("1.0.0", "new");
    scene.plugins.reload(&registry).await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    let handle = process.tenant.start(&plan, start(&json!([{}]))).unwrap();
    process.reached(handle.id(), "parked").await;
    go(&process, handle.id()).await;
    let report = handle.wait().await.unwrap();
    let both = (given(&report, "first"), given(&report, "last"));
    assert_eq!(both, (json!("new"), json!("new")));
}

#[tokio::test(start_paused = true)]
async fn what_is_taken_out_while_it_runs_leaves_the_execution_stuck() {
    let scene = Scene::new();
    let (process, registry) = scene.process();
    let mut document = document();
    document["nodes"][1]["parameters"] = json!({ "for": "3s" });
    // No strategy gets round it.
    document["nodes"][2]["errorRecoveryStrategy"] = json!({ "strategy": "skip" });
    let plan = process.plan(&document);
    let handle = process.tenant.start(&plan, start(&json!([{}]))).unwrap();
    let id = handle.id();
    begun(&handle, "wait").await;
    registry.remove_plugin(&"acme/guest".parse().unwrap(), None);
    let error = handle.wait().await.err().unwrap();
    assert!(matches!(error, StartError::Stuck { .. }), "{error:?}");
    assert_eq!(error.code(), Some(ErrorCode::INVALID_PACKAGE));
    let why = stuck(&process, id).await;
    assert!(why.contains("needs node type `acme/guest` 1.0.0"), "{why}");

    let (process, _) = scene.process();
    let report = process.tenant.resume(id).await.unwrap().wait().await;
    let report = report.unwrap();
    assert_eq!(report.status, ExecutionStatus::Success);
    assert_eq!(output(&report), json!([{ "result": "old" }]));
}

#[tokio::test(start_paused = true)]
async fn a_package_that_changes_where_it_lies_is_not_run() {
    let scene = Scene::new();
    let (process, _) = scene.process();
    let plan = process.plan(&document());
    // Nobody watches, and nothing of it was loaded yet.
    scene.plugins.write("1.0.0", "new");
    let handle = process.tenant.start(&plan, start(&json!([{}]))).unwrap();
    let id = handle.id();
    let error = handle.wait().await.err().unwrap();
    assert!(matches!(error, StartError::Stuck { .. }), "{error:?}");
    let why = stuck(&process, id).await;
    assert!(why.contains("other content"), "{why}");
    scene.plugins.write("1.0.0", "old");
    let (process, _) = scene.process();
    let resumed = process.tenant.resume(id).await.unwrap();
    go(&process, id).await;
    let report = resumed.wait().await.unwrap();
    assert_eq!(given(&report, "first"), "old");
}
