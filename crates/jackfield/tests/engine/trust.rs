//! Whose plugins a tenant trusts is asked when a workflow is planned, when an execution starts and at
//! each call, and nothing gets round it.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use jackfield::plugin_api::{BoxFuture, NodeError};
use jackfield::registry::discovery::{
    ComponentSource, DiscoveryOptions, LoadedPlugin, Package, PackageLimits, PluginHost,
    PluginLoadError,
};
use jackfield::registry::trust::{
    PackageSignatures, PublisherName, SIGNATURE_FILE, SecretKey, Signatures, SignedPackage,
    TrustRules,
};
use jackfield::{
    ByteSize, Engine, ErrorCode, ExecutionStatus, NodeOutput, PlanOptions, Registry, SourceText,
    StartError, StartOptions, Tenancy, TenantEngine, read_workflow,
};
use jackfield_testkit::ScriptedExecutor;
use semver::VersionReq;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{plan, set, set_policies, tenancy, tenant_id, workflow};

/// Runs every plugin as the same executor.
struct ScriptedHost {
    contract: VersionReq,
    executor: ScriptedExecutor,
}

impl PluginHost for ScriptedHost {
    fn contract(&self) -> &VersionReq {
        &self.contract
    }

    fn load(
        &self,
        component: ComponentSource,
    ) -> BoxFuture<'_, Result<LoadedPlugin, PluginLoadError>> {
        let node_types = component.manifest().node_types().to_vec();
        let executor = |name| (name, Arc::new(self.executor.clone()) as Arc<_>);
        let names = node_types.iter().map(|one| one.node_type.clone());
        let executors = names.map(executor).collect();
        let loaded = LoadedPlugin::new(node_types, executors, ByteSize::kib(1));
        Box::pin(async { Ok(loaded) })
    }
}

/// Writes a plugin with one node type of its name, signed or not.
fn write(folder: &Path, id: &str, key: Option<&SecretKey>) {
    let folder = folder.join(id.replace('/', "."));
    fs::create_dir(&folder).expect("there is none yet");
    let manifest = format!(
        "id = \"{id}\"\nversion = \"1.0.0\"\ncontract = \"0.1\"\nentry = \"plugin.wasm\"\n\n[[nodeTypes]]\nnodeType = \"{id}\"\ncategory = \"test\"\n"
    );
    fs::write(folder.join("plugin.toml"), manifest).expect("it can be written");
    fs::write(folder.join("plugin.wasm"), "component").expect("it can be written");
    let Some(key) = key else { return };
    let package = Package::open(&folder, &PackageLimits::default()).expect("it is a package");
    let mut signatures = PackageSignatures::default();
    let statement = SignedPackage {
        plugin: package.id(),
        version: package.version(),
        digest: package.digest(),
    };
    signatures.sign(&statement, key).expect("nobody else did");
    fs::write(folder.join(SIGNATURE_FILE), signatures.to_text()).expect("it can be written");
}

/// An instance that knows `globex/parse`, signed by `globex`, and `wild/any`, signed by nobody.
struct Scene {
    _folder: TempDir,
    tenancy: Tenancy,
    plugin: ScriptedExecutor,
    engine: TenantEngine,
}

impl Scene {
    fn new() -> Self {
        let plugin = ScriptedExecutor::failing(0, || NodeError::Cancelled);
        Self::with(tenancy(&[]), plugin)
    }

    fn with(tenancy: Tenancy, plugin: ScriptedExecutor) -> Self {
        let folder = tempfile::tempdir().expect("there is room");
        let key = SecretKey::generate().expect("there is randomness");
        let globex = PublisherName::parse("globex").expect("it is a name");
        let mut rules = TrustRules::new(Signatures::Optional);
        rules
            .trust(&globex, key.public_key(), &[])
            .expect("the key is nobody else's");
        write(folder.path(), "globex/parse", Some(&key));
        write(folder.path(), "wild/any", None);
        let host = ScriptedHost {
            contract: VersionReq::STAR,
            executor: plugin.clone(),
        };
        let registry: Registry = jackfield::built_in_registry().expect("all are registered");
        let options = DiscoveryOptions::new(Arc::new(host), Arc::new(rules));
        let report = registry.discover_plugins(&[folder.path().to_path_buf()], &options);
        assert_eq!(registry.plugins().len(), 2, "{report:?}");
        let engine = Engine::builder(registry).tenancy(tenancy.clone()).build();
        Self {
            _folder: folder,
            tenancy,
            plugin,
            engine: engine.tenant(&tenant_id("acme")),
        }
    }

    fn trust(&self, publishers: &[&str]) {
        let policy = json!({ "trustedPublishers": publishers });
        set_policies(&self.tenancy, &[("acme", policy)]);
    }

    /// What planning finds wrong with a workflow.
    fn findings(&self, document: &Value) -> Vec<String> {
        let source = SourceText::new("test.json", document.to_string());
        let (workflow, _) = read_workflow(&source).expect("it reads");
        let Err(findings) = self.engine.plan(&workflow, &PlanOptions::default()) else {
            return Vec::new();
        };
        let refused = |one: &jackfield::Diagnostic| {
            assert_eq!(one.code, ErrorCode::TENANT_FORBIDDEN);
            one.to_string()
        };
        findings.iter().map(refused).collect()
    }
}

fn one(node_type: &str) -> Value {
    workflow(&[("only", node_type, json!({}))], &[])
}

#[test]
fn plugins_of_others_are_refused_when_a_workflow_is_planned() {
    let scene = Scene::new();
    for (publishers, refused) in [
        (&["globex"][..], &["wild/any"][..]),
        (&["glob*"][..], &["wild/any"][..]),
        (&["unsigned"][..], &["globex/parse"][..]),
        (&["*", "unsigned"][..], &[][..]),
        (&["*"][..], &["wild/any"][..]),
        (&[][..], &["globex/parse", "wild/any"][..]),
    ] {
        scene.trust(publishers);
        for node_type in ["globex/parse", "wild/any", "no-op"] {
            let findings = scene.findings(&one(node_type));
            let is_refused = refused.contains(&node_type);
            assert_eq!(
                !findings.is_empty(),
                is_refused,
                "{publishers:?} {findings:?}"
            );
            assert!(
                findings
                    .iter()
                    .all(|text| text.contains("trustedPublishers")),
                "{findings:?}"
            );
        }
        let mut document = one("no-op");
        let fallback = json!({ "strategy": "fallback", "fallbackNodeType": "wild/any" });
        set(&mut document, "only", "errorRecoveryStrategy", fallback);
        assert_eq!(
            !scene.findings(&document).is_empty(),
            refused.contains(&"wild/any")
        );
    }
    assert_eq!(scene.plugin.calls(), 0);
}

#[tokio::test]
async fn a_policy_that_came_later_is_asked_when_an_execution_starts() {
    let scene = Scene::new();
    let prepared = plan(&scene.engine, &one("globex/parse"));
    let run = || scene.engine.run(&prepared, StartOptions::default());
    run().await.expect("nothing forbids it");
    scene.trust(&["initech"]);
    let error = run().await.err().expect("it is refused");
    let StartError::Forbidden { rule, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(
        &**rule,
        "publisher `globex` of plugin `globex/parse` is not in trustedPublishers"
    );
    assert_eq!(error.code(), Some(ErrorCode::TENANT_FORBIDDEN));
    scene.trust(&["globex"]);
    run().await.expect("nothing forbids it");
    assert_eq!(scene.plugin.calls(), 2);
}

#[tokio::test]
async fn a_policy_that_came_after_the_start_is_asked_at_the_call() {
    let tenancy = tenancy(&[]);
    // The first call takes away what the second one needs.
    let changing = tenancy.clone();
    let plugin = ScriptedExecutor::immediate(move |_, call| {
        let policy = json!({ "trustedPublishers": ["globex"] });
        set_policies(&changing, &[("acme", policy)]);
        Ok(NodeOutput::items(call.items().clone()))
    });
    let scene = Scene::with(tenancy, plugin);
    let document = workflow(
        &[
            ("first", "globex/parse", json!({})),
            ("second", "wild/any", json!({})),
        ],
        &[("first", 0, "second", 0)],
    );
    for (field, value) in [
        ("errorRecoveryStrategy", json!("skip")),
        (
            "errorRecoveryStrategy",
            json!({ "strategy": "fallback", "fallbackNodeType": "no-op" }),
        ),
        ("onError", json!("continueRegularOutput")),
    ] {
        scene.tenancy.remove_policy(&tenant_id("acme"));
        let calls = scene.plugin.calls();
        let mut document = document.clone();
        set(&mut document, "second", field, value);
        let prepared = plan(&scene.engine, &document);
        let report = scene.engine.run(&prepared, StartOptions::default()).await;
        let report = report.expect("nothing forbade it when it started");
        assert_eq!(report.status, ExecutionStatus::Error);
        let refused = report.node("second").expect("it was reached");
        assert_eq!(refused.error_code, Some(ErrorCode::TENANT_FORBIDDEN));
        assert_eq!(scene.plugin.calls(), calls + 1);
    }
}
