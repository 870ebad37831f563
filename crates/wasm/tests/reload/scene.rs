//! A registry with one folder, and in it a plugin that gives the number of its version.

use std::fs;
use std::sync::Arc;

use jackfield_plugin_api::{BoxFuture, NodeCall, NodeError, NodeExecutor, NodeOutput};
use jackfield_registry::discovery::{
    DiscoveryOptions, Edition, Package, PackageLimits, PluginHost, ReloadReport,
};
use jackfield_registry::trust::{Signatures, TrustRules};
use jackfield_registry::{Registration, Registry};
use jackfield_testkit::StaticCall;
use jackfield_types::{ByteSize, Example, NodeTypeId, NodeTypeMetadata, VersionSelector};
use jackfield_wasm::{Services, WasmConfig, WasmHost};
use semver::Version;
use serde_json::json;
use tempfile::TempDir;

use crate::guest::{Guest, describe};

const PLUGIN: &str = "acme/guest";
/// What numbers are counted from, so that they all have as many digits.
const FROM: u64 = 10_000_000;
/// How often a guest goes round before it answers, so that calls are under way at all times.
const ROUNDS: u32 = 100_000;

/// A registry with one folder of plugins.
pub(crate) struct Scene {
    registry: Registry,
    root: TempDir,
    drafts: TempDir,
    options: DiscoveryOptions,
    /// Version 0. Any other one differs in its digits.
    component: Vec<u8>,
    node_type: NodeTypeId,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let root = TempDir::new().expect("a folder");
        let drafts = TempDir::new().expect("a folder");
        let config = WasmConfig {
            instances: 16,
            warm_instances: 8,
            cache: Some(drafts.path().join("code")),
            // Code of old versions goes from there too.
            cache_size: ByteSize::mib(2),
            ..WasmConfig::default()
        };
        let host = WasmHost::start(config, Services::default()).expect("a host");
        let host = Arc::new(host) as Arc<dyn PluginHost>;
        let trust = Arc::new(TrustRules::new(Signatures::Optional));
        Self {
            registry: Registry::new(),
            root,
            drafts,
            options: DiscoveryOptions::new(host, trust),
            component: guest().component(),
            node_type: NodeTypeId::parse(PLUGIN).expect("a valid name"),
        }
    }

    /// Puts a version into the folder, in one step. Every other one wants its instances to be used
    /// again.
    pub(crate) fn put(&self, number: u64) {
        let draft = self.drafts.path().join("draft");
        fs::create_dir_all(&draft).expect("a folder");
        let component = with_number(&self.component, number);
        fs::write(draft.join("plugin.wasm"), component).expect("a file");
        let (version, result) = (version(number), FROM + number);
        let reuse = if number.is_multiple_of(2) {
            "never"
        } else {
            "tenant"
        };
        let manifest = format!(
            "id = \"{PLUGIN}\"\nversion = \"{version}\"\ncontract = \"0.1\"\nentry = \"plugin.wasm\"\n\
             [limits]\nreuse = \"{reuse}\"\n\
             [[nodeTypes]]\nnodeType = \"{PLUGIN}\"\nversion = \"{version}\"\ncategory = \"test\"\n\
             [[nodeTypes.examples]]\ntitle = \"its number\"\noutput = [[{{ result = {result} }}]]\n"
        );
        fs::write(draft.join("plugin.toml"), manifest).expect("a file");
        let package = Package::open(&draft, &PackageLimits::default()).expect("a package");
        let archive = package.to_archive(None).expect("an archive");
        let made = self.drafts.path().join("made");
        fs::write(&made, archive).expect("a file");
        fs::rename(&made, self.root.path().join("guest.jfp")).expect("another name");
    }

    pub(crate) async fn reload(&self) -> ReloadReport {
        let folders = [self.root.path().to_owned()];
        self.registry.reload_plugins(&folders, &self.options).await
    }

    /// Begins an execution.
    pub(crate) fn begin(&self) -> Edition {
        self.registry.edition()
    }

    /// What a node of an execution gives that begins now: the number of the version that ran.
    pub(crate) async fn call(&self, execution: &Edition, tenant: &str) -> u64 {
        let newest = VersionSelector::Newest;
        let found = self
            .registry
            .resolve_in(execution, &self.node_type, &newest);
        let registration = found.expect("there is always a version");
        let call = StaticCall::new(registration.metadata(), json!({})).with_tenant(tenant);
        let through = Through {
            registry: self.registry.clone(),
            registration,
        };
        let output = call.execute(&through).await.expect("no call fails");
        let ports = StaticCall::ports(&output);
        ports[0][0]["result"].as_u64().expect("a number") - FROM
    }
}

/// Calls a plugin as the engine does: loaded if need be, and through the registry.
struct Through {
    registry: Registry,
    registration: Arc<Registration>,
}

impl NodeExecutor for Through {
    fn execute<'a>(&'a self, call: NodeCall<'a>) -> BoxFuture<'a, Result<NodeOutput, NodeError>> {
        Box::pin(async move {
            let (registry, registration) = (&self.registry, &self.registration);
            let loaded = registry.load_executor(registration, call.context.tenant);
            let executor = loaded.await.expect("what an execution has can be loaded");
            registry.invoke(registration, &*executor, call).await
        })
    }
}

fn version(number: u64) -> Version {
    Version::new(1, 0, FROM + number)
}

/// Version 0 of the plugin: it computes for a moment and gives its number.
fn guest() -> Guest {
    let node_type = NodeTypeId::parse(PLUGIN).expect("a valid name");
    let mut metadata = NodeTypeMetadata::new(node_type, version(0), "test");
    let mut result = jackfield_types::Object::new();
    result.insert("result".to_owned(), FROM.into());
    metadata.examples.push(Example {
        title: "its number".to_owned(),
        parameters: serde_json::Value::Null,
        input: Vec::new(),
        variables: jackfield_types::Object::new(),
        output: Some(vec![vec![result]]),
    });
    let (at, port) = (Guest::FREE, format!("[{{\"json\":{{\"result\":{FROM}}}}}]"));
    Guest {
        described: describe(&[metadata]),
        execute: format!(
            "(local $left i32)
             (local.set $left (i32.const {ROUNDS}))
             (loop $on
                 (local.set $left (i32.sub (local.get $left) (i32.const 1)))
                 (br_if $on (local.get $left)))
             (call $ok (i32.const {at}) (i32.const {}))",
            port.len()
        ),
        more: format!("(data (i32.const {at}) {port:?})"),
        ..Guest::default()
    }
}

/// Writes a number wherever a component has that of version 0.
fn with_number(component: &[u8], number: u64) -> Vec<u8> {
    let (zero, number) = (FROM.to_string(), (FROM + number).to_string());
    let mut component = component.to_vec();
    let mut found = 0;
    for place in 0..=component.len() - zero.len() {
        let digits = &mut component[place..place + zero.len()];
        if *digits == *zero.as_bytes() {
            digits.copy_from_slice(number.as_bytes());
            found += 1;
        }
    }
    assert!(found >= 3, "its version, its example and its output");
    component
}
