//! What is reloaded while a plan waits to be run.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use jackfield::plugin_api::{BoxFuture, CancellationToken, NodeCall, NodeError, NodeExecutor};
use jackfield::registry::discovery::{
    ComponentSource, DiscoveryOptions, LoadedPlugin, PluginHost, PluginLoadError, WatchTiming,
};
use jackfield::registry::trust::{Signatures, TrustRules};
use jackfield::{
    ByteSize, Engine, ErrorCode, NodeOutput, PlannedPlugins, StartError, StartOptions,
};
use semver::VersionReq;
use serde_json::json;

use crate::support::{plan, workflow};

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

fn write(folder: &Path, text: &str) {
    let folder = folder.join("guest");
    fs::create_dir_all(&folder).expect("there is room");
    let manifest = "id = \"acme/guest\"\nversion = \"1.0.0\"\ncontract = \"0.1\"\nentry = \"plugin.wasm\"\n\n[[nodeTypes]]\nnodeType = \"acme/guest\"\ncategory = \"test\"\n";
    fs::write(folder.join("plugin.wasm"), text).expect("it can be written");
    fs::write(folder.join("plugin.toml"), manifest).expect("it can be written");
}

#[tokio::test]
async fn a_plugin_that_changes_before_its_first_call_fails_no_execution() {
    let folder = tempfile::tempdir().expect("there is room");
    write(folder.path(), "old");
    let registry = jackfield::built_in_registry().expect("all are registered");
    let trust = Arc::new(TrustRules::new(Signatures::Ignored));
    let options = DiscoveryOptions::new(Arc::new(TextHost(VersionReq::STAR)), trust);
    let folders = vec![folder.path().to_path_buf()];
    registry.discover_plugins(&folders, &options);
    // Nothing but a call leads to a reload.
    let never = std::time::Duration::from_secs(3_600);
    let timing = WatchTiming {
        quiet: never,
        patience: never,
        rescan: never,
    };
    let (watch, handle) = registry.watch_plugins(folders, options, timing);
    let shutdown = CancellationToken::new();
    let watching = tokio::spawn(watch.run(shutdown.clone()));
    let mut reports = handle.reports();
    reports.changed().await.expect("it watches");
    let engine = Engine::builder(registry).build().default_tenant();
    let nodes = [
        ("first", "acme/guest", json!({})),
        ("second", "acme/guest", json!({})),
    ];
    let document = workflow(&nodes, &[("first", 0, "second", 0)]);
    let planned = plan(&engine, &document);
    write(folder.path(), "new");
    let report = engine.run(&planned, StartOptions::default()).await;
    let report = serde_json::to_value(report.expect("it starts")).expect("it is JSON");
    let text = report.to_string();
    assert_eq!(report["status"], "success", "{text}");
    assert!(
        text.contains("\"new\"") && !text.contains("\"old\""),
        "{text}"
    );
    shutdown.cancel();
    watching.await.expect("it ends");
}

#[tokio::test]
async fn a_plan_that_is_kept_to_runs_the_plugins_that_it_pins_or_nothing() {
    let folder = tempfile::tempdir().expect("there is room");
    write(folder.path(), "old");
    let registry = jackfield::built_in_registry().expect("all are registered");
    let trust = Arc::new(TrustRules::new(Signatures::Ignored));
    let options = DiscoveryOptions::new(Arc::new(TextHost(VersionReq::STAR)), trust);
    let folders = vec![folder.path().to_path_buf()];
    let reload = async || registry.reload_plugins(&folders, &options).await;
    assert_eq!(reload().await.reloaded.len(), 1);
    let engine = Engine::builder(registry.clone()).build().default_tenant();
    let planned = plan(
        &engine,
        &workflow(&[("only", "acme/guest", json!({}))], &[]),
    );
    let run = async |plugins| {
        let options = StartOptions {
            plugins,
            ..StartOptions::default()
        };
        let report = engine.run(&planned, options).await?;
        let report = serde_json::to_value(report).expect("it is JSON");
        assert_eq!(report["status"], "success", "{report}");
        Ok::<_, StartError>(report.to_string())
    };
    let text = run(PlannedPlugins::Pinned).await.expect("nothing changed");
    assert!(text.contains("\"old\""), "{text}");
    write(folder.path(), "new");
    assert_eq!(reload().await.reloaded.len(), 1);
    let text = run(PlannedPlugins::Current).await.expect("that is let");
    assert!(text.contains("\"new\""), "{text}");
    let error = run(PlannedPlugins::Pinned).await.expect_err("it is pinned");
    assert!(matches!(error, StartError::PluginChanged { .. }), "{error}");
    assert_eq!(error.code(), Some(ErrorCode::INVALID_PACKAGE));
    assert!(error.to_string().contains("acme/guest 1.0.0"), "{error}");
    // What was planned is back, byte for byte.
    write(folder.path(), "old");
    assert_eq!(reload().await.reloaded.len(), 1);
    run(PlannedPlugins::Pinned)
        .await
        .expect("its digest is pinned");
    registry.remove_plugin(&"acme/guest".parse().expect("it is an id"), None);
    let error = run(PlannedPlugins::Pinned).await.expect_err("it is gone");
    assert!(matches!(error, StartError::PluginChanged { .. }), "{error}");
}
