//! Prints what a plugin says of itself: `describe plugin.toml plugin.wasm`.
//!
//! `cargo xtask plugins` makes the file of a package that describes its node types by it. The
//! manifest's own node types don't matter, so that they can be a file that is not there yet.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jackfield_definition::SourceText;
use jackfield_registry::discovery::{ComponentSource, PluginHost, PluginManifest};
use jackfield_wasm::{Services, WasmConfig, WasmHost};
use serde_json::json;

/// What stands for the node types until they are known.
const UNKNOWN: &str = "\n[[nodeTypes]]\nnodeType = \"PUBLISHER/unknown\"\ncategory = \"none\"\n";
const NODE_TYPES_FILE: &str = "nodeTypesFile";

#[expect(clippy::print_stdout, reason = "a program talks to whoever runs it")]
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [manifest, component, cache] = paths.as_slice() else {
        return Err("usage: describe MANIFEST COMPONENT CACHE".into());
    };
    let manifest = Arc::new(without_node_types(manifest)?);
    let config = WasmConfig {
        cache: Some(cache.clone()),
        ..WasmConfig::default()
    };
    let host = WasmHost::start(config, Services::builder().build())?;
    let source = ComponentSource::from_bytes(manifest, std::fs::read(component)?);
    let loaded = host.load(source).await?;
    let described = json!({ "contract": "0.1", "nodeTypes": loaded.node_types });
    println!("{}", serde_json::to_string_pretty(&described)?);
    Ok(())
}

fn without_node_types(path: &Path) -> Result<PluginManifest, Box<dyn Error>> {
    let text = std::fs::read_to_string(path)?;
    let publisher = text
        .lines()
        .find_map(|line| line.strip_prefix("id = \"")?.split('/').next());
    let unknown = UNKNOWN.replace("PUBLISHER", publisher.unwrap_or_default());
    let lines = text
        .lines()
        .filter(|line| !line.starts_with(NODE_TYPES_FILE));
    let text: Vec<&str> = lines.chain([unknown.as_str()]).collect();
    let source = SourceText::from_bytes("plugin.toml", text.join("\n").into_bytes())
        .map_err(|findings| findings.to_string())?;
    PluginManifest::parse(&source).map_err(|findings| findings.to_string().into())
}
