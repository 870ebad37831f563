//! Plugins whose instances are used again.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use jackfield_plugin_api::NodeExecutor;
use jackfield_registry::discovery::{
    ComponentSource, DiscoveryOptions, LoadedPlugin, PluginHost, PluginLoadError,
};
use jackfield_registry::trust::{Signatures, TrustRules};
use jackfield_types::{ByteSize, TenantId};
use semver::VersionReq;
use serde_json::json;

use super::{Attempt, attempt};
use crate::isolation::probes::Probes;
use crate::isolation::stage::{Outcome, Stage, Trouble};

pub(super) const ATTEMPTS: &[Attempt] = &[attempt!(
    "have a plugin remember",
    ["PluginHost::load_for_tenant"],
    recall
)];

const NODE_TYPE: &str = "leaks/remembers";
const MANIFEST: &str = r#"
id = "leaks/remembers"
version = "1.0.0"
contract = "0.1"
entry = "plugin.wasm"
limits = { reuse = "tenant" }

[[nodeTypes]]
nodeType = "leaks/remembers"
category = "test"
"#;

/// Loads plugins whose every instance remembers.
struct Remembering {
    contract: VersionReq,
    probes: Probes,
}

impl PluginHost for Remembering {
    fn contract(&self) -> &VersionReq {
        &self.contract
    }

    fn load(
        &self,
        component: ComponentSource,
    ) -> BoxFuture<'_, Result<LoadedPlugin, PluginLoadError>> {
        let node_types = component.manifest().node_types().to_vec();
        let executors: BTreeMap<_, Arc<dyn NodeExecutor>> = node_types
            .iter()
            .map(|one| (one.node_type.clone(), self.probes.memory()))
            .collect();
        let loaded = LoadedPlugin::new(node_types, executors, ByteSize::kib(1));
        Box::pin(async move { Ok(loaded) })
    }

    fn load_for_tenant<'a>(
        &'a self,
        component: ComponentSource,
        _: &'a TenantId,
    ) -> BoxFuture<'a, Result<LoadedPlugin, PluginLoadError>> {
        self.load(component)
    }
}

async fn recall(stage: &Stage) -> Outcome {
    let folder = stage.folder.path().join("plugins");
    let package = folder.join("remembers");
    fs::create_dir_all(&package)?;
    fs::write(package.join("plugin.toml"), MANIFEST)?;
    fs::write(package.join("plugin.wasm"), b"remembers")?;
    let host = Remembering {
        contract: VersionReq::parse("^0.1")?,
        probes: stage.probes.clone(),
    };
    let trust = TrustRules::new(Signatures::Optional);
    let options = DiscoveryOptions::new(Arc::new(host), Arc::new(trust));
    let report = stage
        .engine
        .registry()
        .discover_plugins(&[folder], &options);
    if let Some(refused) = report.refused.first() {
        return Err(Trouble(refused.to_string()));
    }
    let remembered = stage
        .own(NODE_TYPE, json!({ "text": "leaks-owner-memory" }))
        .await?;
    if let Some(failure) = remembered.failure {
        return Err(Trouble(failure.message));
    }
    stage.errand(NODE_TYPE, json!({}), &[]).await.map(drop)
}
