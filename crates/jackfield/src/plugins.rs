//! Plugins for embedders: finding them, trusting them, running them, and replacing them.
//!
//! There are three parts to it. A [`WasmHost`] runs plugins, within limits and with the
//! [`Services`] that they may reach. [`TrustRules`] say whose plugins are taken. Both go into
//! [`DiscoveryOptions`], by which a [`Registry`](crate::Registry) looks for plugins:
//! [`discover_plugins`](crate::Registry::discover_plugins) once,
//! [`watch_plugins`](crate::Registry::watch_plugins) as long as it runs, so that new versions
//! replace old ones while executions go on. What a tenant may use of it is in its policy.
//!
//! # Examples
//! A workflow with a plugin that was found in a folder; the folder is empty here, so that the plan
//! says what is missing:
//! ```
//! use std::sync::Arc;
//! use jackfield::plugins::{DiscoveryOptions, Services, Signatures, TrustRules, WasmConfig, WasmHost};
//! use jackfield::{Engine, ErrorCode, SourceText, read_workflow};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let folders = [folder.path().to_path_buf()];
//! let host = WasmHost::start(WasmConfig::default(), Services::builder().build())?;
//! let trust = TrustRules::new(Signatures::Required);
//! let options = DiscoveryOptions::new(Arc::new(host), Arc::new(trust));
//!
//! let registry = jackfield::built_in_registry()?;
//! let report = registry.discover_plugins(&folders, &options);
//! for refusal in &report.refused {
//!     eprintln!("{refusal}; {}", refusal.reason.hint());
//! }
//!
//! let engine = Engine::builder(registry).build();
//! let text = r#"{
//!     "name": "slugs",
//!     "nodes": [{ "id": "slug", "nodeType": "acme/slugify", "parameters": { "text": "Ada" } }],
//!     "connections": {}
//! }"#;
//! let (workflow, _) = read_workflow(&SourceText::new("slugs.json", text))?;
//! let planned = engine.default_tenant().plan(&workflow, &Default::default());
//! let findings = planned.err().expect("nobody provides that node type");
//! assert!(findings.iter().any(|one| one.code == ErrorCode::UNKNOWN_NODE_TYPE));
//! # Ok(())
//! # }
//! ```
//! What plugins keep by the capability `kv` is gone with the process unless [`Services`] are given a
//! [`StoredKv`].
//!
//! `examples/plugins/embed.rs` runs one for real, and reloads it.

mod stored_kv;

pub use self::stored_kv::StoredKv;
pub use jackfield_registry::discovery::{
    DiscoveryOptions, DiscoveryReport, LOCK_FILE, LockFile, Package, PackageError, PackageLimits,
    PluginHost, PluginManifest, PluginRefusal, PluginState, PluginSummary, PluginWatch,
    PluginWatchHandle, RefusalReason, ReloadReport, WatchTiming,
};
pub use jackfield_registry::trust::{
    KeyFolder, PublicKey, PublisherName, Scope, SecretKey, Signatures, TrustError, TrustRules,
    sign_package,
};
pub use jackfield_types::{Capability, Digest, PluginId, PluginOrigin};
pub use jackfield_wasm::{
    CompilerProgram, ConfigSource, KvError, KvLimits, KvRange, KvScope, KvStore, Limits, MemoryKv,
    PluginListener, Services, StartError, StaticConfig, WasmConfig, WasmHost, compile_from_stdin,
};
