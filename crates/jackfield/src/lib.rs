//! A plugin registry and the multi-tenant workflow engine around it, as a crate.
//!
//! Every node of a workflow is a plugin; the [`Registry`] knows who can run what, the [`Engine`]
//! checks workflows against it and runs them. Nothing else is needed: no server, no database.
//!
//! All that is done is done for a tenant: [`Engine::tenant`] gives the [`TenantEngine`] that plans,
//! starts, lists and cancels what is that tenant's and nobody else's. [`Tenancy`] says what each of
//! them may do; without one they may do everything, and who has just one tenant takes
//! [`Engine::default_tenant`].
//!
//! # Examples
//! ```
//! use jackfield::{Engine, SourceText, StartOptions, read_workflow};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let engine = Engine::builder(jackfield::built_in_registry()?).build();
//! let tenant = engine.default_tenant();
//! let text = r#"{
//!     "name": "greet",
//!     "nodes": [
//!         { "id": "start", "nodeType": "trigger.manual" },
//!         { "id": "greet", "nodeType": "string.concat",
//!           "parameters": { "values": ["hello ", "{{ $json.name }}"] } }
//!     ],
//!     "connections": { "start": { "main": [[{ "node": "greet" }]] } }
//! }"#;
//! let (workflow, _warnings) = read_workflow(&SourceText::new("greet.json", text))?;
//! let plan = tenant.plan(&workflow, &Default::default())?;
//! let item = [("name".to_owned(), "Ada".into())].into_iter().collect();
//! let items = vec![jackfield::types::Item::new(item)].into();
//! let report = tenant.run(&plan, StartOptions { items, ..StartOptions::default() }).await?;
//! assert_eq!(report.output[0].json()["result"], "hello Ada");
//! # Ok(())
//! # }
//! ```
//!
//! With a store, executions outlive the process: each step is written down before the next one
//! begins, and a [`Worker`], in this process or in the next one, goes on with what was left.
//! ```
//! # #[cfg(feature = "sqlite")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use jackfield::{
//!     Engine, SourceText, SqliteOptions, SqliteStore, StartOptions, WorkerOptions, read_workflow,
//! };
//!
//! # let folder = tempfile::tempdir()?;
//! # let file = folder.path().join("runs.db");
//! let store = SqliteStore::open(SqliteOptions::new(file))?;
//! let engine = Engine::builder(jackfield::built_in_registry()?).store(Arc::new(store)).build();
//! let tenant = engine.default_tenant();
//! let text = r#"{
//!     "name": "waits",
//!     "nodes": [{ "id": "wait", "nodeType": "wait", "parameters": { "signal": "paid" } }],
//!     "connections": {}
//! }"#;
//! let (workflow, _) = read_workflow(&SourceText::new("waits.json", text))?;
//! let plan = tenant.plan(&workflow, &Default::default())?;
//! let execution = tenant.start(&plan, StartOptions::default())?;
//! execution.kept().await?; // from now on it goes on, whatever becomes of this process
//!
//! let worker = engine.worker(WorkerOptions::default()).expect("there is a store");
//! let shutdown = tokio_util::sync::CancellationToken::new();
//! let works = tokio::spawn(worker.run(shutdown.clone()));
//! tenant.signal(execution.id(), &"paid".try_into()?, serde_json::json!({ "sum": 12 })).await?;
//! let report = execution.wait().await?;
//! assert_eq!(report.output[0].json()["sum"], 12);
//! shutdown.cancel();
//! works.await?;
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "sqlite"))]
//! # fn main() {}
//! ```
//!
//! What else a store keeps, audit trails, policies and variables, is in [`kept`].
//!
//! # Features
//! All but `sqlite` are off unless asked for: who needs no plugins compiles no compiler.
//!
//! | feature | brings |
//! | --- | --- |
//! | `sqlite` | [`SqliteStore`]: executions that outlive the process, in one file |
//! | `postgres` | `jackfield::PostgresStore`: the same, in a database that several processes share |
//! | `credentials` | `jackfield::credentials`: what tenants prove with who they are, encrypted in a store |
//! | `plugins` | `jackfield::plugins`: node types from packages, run in a WebAssembly sandbox |
//! | `oci` | `jackfield::oci`: packages in registries of container images |

pub mod kept;
#[cfg(feature = "plugins")]
pub mod plugins;

#[cfg(feature = "credentials")]
pub use jackfield_credentials as credentials;
pub use jackfield_definition as definition;
pub use jackfield_kernel as kernel;
pub use jackfield_nodes as nodes;
#[cfg(feature = "oci")]
pub use jackfield_oci as oci;
pub use jackfield_plugin_api as plugin_api;
pub use jackfield_registry as registry;
pub use jackfield_store_api as store;
#[cfg(feature = "postgres")]
pub use jackfield_store_postgres as postgres;
#[cfg(feature = "sqlite")]
pub use jackfield_store_sqlite as sqlite;
pub use jackfield_tenancy as tenancy;
pub use jackfield_types as types;
#[cfg(feature = "plugins")]
pub use jackfield_wasm as wasm;

pub use jackfield_definition::expression::MissingFields;
pub use jackfield_definition::{
    CatalogError, Diagnostic, Diagnostics, DiagnosticsReport, Dialect, MAX_DOCUMENT_DEPTH,
    MAX_DOCUMENT_SIZE, Plan, PlanOptions, SourceText, Workflow, read_workflow, workflow_from_value,
    workflow_schema,
};
pub use jackfield_engine::{
    Circuit, CircuitState, Clock, CompensationReport, DurableOptions, Engine, EngineBuilder,
    ErrorCount, ErrorMetrics, Events, ExecutionHandle, History, Journal, JournalEntry, NoWorkflows,
    NodeRequest, PinnedData, PlannedPlugins, PreparedPlan, ReplayDifference, ReplayOutcome, Report,
    ReportFailure, RunningExecution, StartError, StartOptions, StoredError, StoredExecution,
    SystemClock, TenantCatalog, TenantEngine, Worker, WorkerNotice, WorkerOptions, WorkflowSource,
    WorkflowSourceError,
};
pub use jackfield_kernel::{Event, EventKind, ExecutionStatus};
pub use jackfield_nodes::{Access, HttpSettings, NodeSettings};
#[cfg(feature = "dbal")]
pub use jackfield_nodes::{
    DataSourceConfig, DataSourceError, DataSourceUrl, DataSources, EntityDeclaration,
    TenantDataSources,
};
pub use jackfield_plugin_api::{
    NodeCall, NodeError, NodeExecutor, NodeOutput, NodeType, TypedCall,
};
pub use jackfield_registry::{Query, RegisterError, Registration, Registry};
#[cfg(feature = "postgres")]
pub use jackfield_store_postgres::{PostgresOptions, PostgresStore};
#[cfg(feature = "sqlite")]
pub use jackfield_store_sqlite::{SqliteOptions, SqliteStore};
pub use jackfield_tenancy::{
    Admission, AdmissionLimits, AuditKey, AuditLog, AuditOptions, AuditReader, AuditRecord,
    Decision, Explanation, PolicyFormat, PolicyReader, QuotaExceeded, Refusal, SecretSource,
    StaticSecrets, Tenancy, TenancyBuilder, Tenant, TenantPolicy, policy_schema, read_policy,
    verify_audit,
};
pub use jackfield_types::{
    ByteSize, CircuitBreaker, DurationParseError, ErrorCode, ExecutionId, Item, Items, NameError,
    NodeFailure, NodeName, NodeResult, NodeStatus, NodeTypeId, NodeTypeMetadata, Object, Policy,
    Quotas, Secret, Severity, SignalName, TenantId, UserId, VersionSelector, VersionSelectorError,
    format_duration, parse_duration,
};

/// A registry with the built-in node types, under their default settings.
///
/// # Errors
/// None that a release can give: a test registers them all.
pub fn built_in_registry() -> Result<Registry, RegisterError> {
    let registry = Registry::new();
    jackfield_nodes::register_all(&registry, &NodeSettings::default())?;
    Ok(registry)
}
