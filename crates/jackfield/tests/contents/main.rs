//! What a store keeps beside executions and credentials, as an embedder puts it together.

#![expect(clippy::unwrap_used, reason = "a mistake in a test may panic")]

mod audit;
mod plugin_state;
mod policies;
mod variables;

use jackfield::{PlanOptions, TenantEngine, TenantId, workflow_from_value};
use serde_json::Value;

fn acme() -> TenantId {
    TenantId::parse("acme").unwrap()
}

fn globex() -> TenantId {
    TenantId::parse("globex").unwrap()
}

/// Plans a workflow.
fn plan(
    engine: &TenantEngine,
    workflow: &Value,
) -> Result<std::sync::Arc<jackfield::PreparedPlan>, jackfield::Diagnostics> {
    let workflow = workflow_from_value(workflow).unwrap();
    engine.plan(&workflow, &PlanOptions::default())
}
