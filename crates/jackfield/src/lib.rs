//! A plugin registry and the multi-tenant workflow engine around it, as a crate.
//!
//! Every node of a workflow is a plugin; the [`Registry`] knows who can run what, the [`Engine`]
//! checks workflows against it and runs them. Nothing else is needed: no server, no database.
//!
//! # Examples
//! ```
//! use jackfield::{Engine, SourceText, StartOptions, read_workflow};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let engine = Engine::builder(jackfield::built_in_registry()?).build();
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
//! let plan = engine.plan(&workflow, &Default::default())?;
//! let item = [("name".to_owned(), "Ada".into())].into_iter().collect();
//! let items = vec![jackfield::types::Item::new(item)].into();
//! let report = engine.run(&plan, StartOptions { items, ..StartOptions::default() }).await?;
//! assert_eq!(report.output[0].json()["result"], "hello Ada");
//! # Ok(())
//! # }
//! ```

pub use jackfield_definition as definition;
pub use jackfield_kernel as kernel;
pub use jackfield_nodes as nodes;
pub use jackfield_plugin_api as plugin_api;
pub use jackfield_registry as registry;
pub use jackfield_types as types;

pub use jackfield_definition::expression::MissingFields;
pub use jackfield_definition::{
    CatalogError, Diagnostic, Diagnostics, DiagnosticsReport, Dialect, MAX_DOCUMENT_DEPTH,
    MAX_DOCUMENT_SIZE, Plan, PlanOptions, SourceText, Workflow, read_workflow, workflow_from_value,
    workflow_schema,
};
pub use jackfield_engine::{
    AllowAll, Authorizer, Clock, Engine, EngineBuilder, Events, ExecutionHandle, Journal,
    JournalEntry, NoWorkflows, NodeRequest, PinnedData, PreparedPlan, Refusal, Report,
    ReportFailure, StartError, StartOptions, SystemClock, WorkflowSource, WorkflowSourceError,
};
pub use jackfield_kernel::{Event, EventKind, ExecutionStatus};
pub use jackfield_nodes::{Access, HttpSettings, NodeSettings};
pub use jackfield_plugin_api::{
    NodeCall, NodeError, NodeExecutor, NodeOutput, NodeType, TypedCall,
};
pub use jackfield_registry::{Query, RegisterError, Registration, Registry};
pub use jackfield_types::{
    ByteSize, DurationParseError, ErrorCode, ExecutionId, Item, Items, NameError, NodeFailure,
    NodeName, NodeResult, NodeStatus, NodeTypeId, NodeTypeMetadata, Object, Severity, TenantId,
    VersionSelector, VersionSelectorError, format_duration, parse_duration,
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
