//! A plugin in a program of one's own, and how it is reloaded:
//! `cargo xtask plugins`, then `cargo run -p jackfield --features plugins --example plugins`.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

use jackfield::plugin_api::CancellationToken;
use jackfield::plugins::{
    DiscoveryOptions, Services, Signatures, TrustRules, WasmConfig, WasmHost, WatchTiming,
};
use jackfield::{Engine, PlanOptions, SourceText, StartOptions, read_workflow};

/// Where `cargo xtask plugins` puts the example plugins.
const PLUGINS: &str = "target/plugins/packages";

const WORKFLOW: &str = r#"{
    "name": "slugs", "variables": { "title": "Crème brûlée, für zwei!" },
    "nodes": [
        { "id": "start", "nodeType": "trigger.manual" },
        { "id": "slug", "nodeType": "examples/slugify", "parameters": { "text": "{{ $vars.title }}" } }
    ],
    "connections": { "start": { "main": [["slug"]] } }
}"#;

#[expect(clippy::print_stdout, reason = "an example shows what it does")]
#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let services = Services::builder().build();
    let host = WasmHost::start(WasmConfig::default(), services)?;
    // The examples are not signed. Whoever runs plugins for others has them signed:
    // `TrustRules::read` reads whom an instance trusts.
    let trust = TrustRules::new(Signatures::Optional);
    let options = DiscoveryOptions::new(Arc::new(host), Arc::new(trust));

    let registry = jackfield::built_in_registry()?;
    let folders = vec![PathBuf::from(PLUGINS)];
    // Whatever changes in the folder from now on is taken over while executions go on.
    let (watch, handle) = registry.watch_plugins(folders, options, WatchTiming::default());
    let shutdown = CancellationToken::new();
    let watching = tokio::spawn(watch.run(shutdown.clone()));
    let report = handle.reload().await?;
    for refusal in &report.refused {
        println!("refused: {refusal}; {}", refusal.reason.hint());
    }
    for plugin in registry.plugins() {
        println!("{} is {}", plugin.origin, plugin.state.as_str());
    }

    let tenant = Engine::builder(registry).build().default_tenant();
    let (workflow, _) = read_workflow(&SourceText::new("slugs.json", WORKFLOW))?;
    let plan = tenant.plan(&workflow, &PlanOptions::default())?;
    let report = tenant.run(&plan, StartOptions::default()).await?;
    println!("{:?}", report.output);

    shutdown.cancel();
    watching.await?;
    Ok(())
}
