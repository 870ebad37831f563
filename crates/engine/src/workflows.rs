use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::BoxFuture;
use jackfield_definition::{PlanOptions, Workflow, workflow_from_value};
use jackfield_kernel::ExecutionStatus;
use jackfield_plugin_api::{NodeError, SubWorkflow, WorkflowReference, WorkflowRunner};
use jackfield_types::{ErrorCode, FailureClass, Items, TenantId};
use parking_lot::Mutex;
use tokio_util::task::AbortOnDropHandle;

use crate::execution::Running;
use crate::{PreparedPlan, Report, StartError, StartOptions};

/// Finds workflows that other workflows call by name.
pub trait WorkflowSource: Send + Sync + 'static {
    /// Finds one for a tenant. Asked once per execution and name; it may read a small file, and not
    /// more. Whatever it gives, the tenant can run and so learn of.
    ///
    /// # Errors
    /// [`WorkflowSourceError`] when there is none, or when it cannot be read.
    fn load(&self, tenant: &TenantId, reference: &str) -> Result<Workflow, WorkflowSourceError>;
}

/// Why a workflow that another one calls was not found.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct WorkflowSourceError {
    /// What is wrong.
    pub message: String,
    /// What caused it.
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

/// Has no workflows.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoWorkflows;

impl WorkflowSource for NoWorkflows {
    fn load(&self, _: &TenantId, reference: &str) -> Result<Workflow, WorkflowSourceError> {
        Err(WorkflowSourceError {
            message: format!("no workflow `{reference}`: this engine knows no workflows by name"),
            source: None,
        })
    }
}

/// How many executions one may start by `execute-workflow`, those that they start included.
const MAX_NESTED: u64 = 100_000;

/// What an execution shares with all that it calls.
#[derive(Default)]
pub(crate) struct Nested {
    started: AtomicU64,
    /// Plans of the workflows called by name.
    plans: Mutex<HashMap<String, Arc<PreparedPlan>>>,
}

impl WorkflowRunner for Running {
    fn run<'a>(&'a self, workflow: SubWorkflow<'a>) -> BoxFuture<'a, Result<Items, NodeError>> {
        Box::pin(async move {
            let depth = self.depth + 1;
            if depth > self.engine.max_depth {
                let message = format!(
                    "workflows call each other more than {} deep; look for one that calls itself without an end",
                    self.engine.max_depth
                );
                return Err(NodeError::permanent(ErrorCode::LIMIT_EXCEEDED, message));
            }
            if self.nested.started.fetch_add(1, Ordering::Relaxed) >= MAX_NESTED {
                let message = format!("one execution calls more than {MAX_NESTED} others");
                return Err(NodeError::permanent(ErrorCode::LIMIT_EXCEEDED, message));
            }
            let plan = self.sub_plan(workflow.reference)?;
            let options = StartOptions {
                tenant: self.tenant.clone(),
                items: workflow.items,
                variables: workflow.variables,
                pinned_data: self.pinned_data,
                ..StartOptions::default()
            };
            let cancellation = self.cancellation.child_token();
            let driver = self
                .engine
                .driver(
                    &plan,
                    options,
                    cancellation,
                    depth,
                    Arc::clone(&self.nested),
                )
                .map_err(|error| start_error(&error))?;
            // A task of its own: the stack does not grow with the depth.
            let task = AbortOnDropHandle::new(tokio::spawn(driver.run()));
            let report = task.await.map_err(|error| {
                if error.is_panic() {
                    let message = "the engine panicked while it ran the workflow";
                    return NodeError::permanent(ErrorCode::TRAPPED, message);
                }
                NodeError::Cancelled
            })?;
            items_of(report.map_err(|error| start_error(&error))?)
        })
    }
}

impl Running {
    fn sub_plan(&self, reference: WorkflowReference<'_>) -> Result<Arc<PreparedPlan>, NodeError> {
        let workflow = match reference {
            WorkflowReference::Inline(document) => workflow_from_value(document)
                .map_err(|findings| planning_error("the workflow", &findings))?,
            WorkflowReference::Named(name) => {
                if let Some(plan) = self.nested.plans.lock().get(name) {
                    return Ok(Arc::clone(plan));
                }
                self.engine
                    .workflows
                    .load(&self.tenant, name)
                    .map_err(|error| {
                        NodeError::permanent(ErrorCode::INVALID_PARAMETERS, error.message)
                            .with(|failure| failure.source = error.source)
                    })?
            }
        };
        let name = format!("workflow `{}`", workflow.name);
        let plan = self
            .engine
            .plan(&workflow, &PlanOptions::default())
            .map_err(|findings| planning_error(&name, &findings))?;
        if let WorkflowReference::Named(name) = reference {
            self.nested
                .plans
                .lock()
                .insert(name.to_owned(), Arc::clone(&plan));
        }
        Ok(plan)
    }
}

fn planning_error(name: &str, findings: &jackfield_definition::Diagnostics) -> NodeError {
    NodeError::permanent(
        ErrorCode::INVALID_WORKFLOW,
        format!("{name} cannot run: {findings}"),
    )
}

fn start_error(error: &StartError) -> NodeError {
    match error {
        StartError::Forbidden { .. } => {
            NodeError::refused(ErrorCode::TENANT_FORBIDDEN, error.to_string())
        }
        _ => NodeError::permanent(ErrorCode::EXECUTION_ERROR, error.to_string()),
    }
}

fn items_of(report: Report) -> Result<Items, NodeError> {
    if report.status == ExecutionStatus::Success {
        return Ok(Arc::new(report.output));
    }
    let Some(failure) = report.failure else {
        let message = format!("workflow `{}` did not end well", report.workflow);
        return Err(NodeError::permanent(ErrorCode::EXECUTION_ERROR, message));
    };
    let place = failure
        .node
        .map(|node| format!(" at node `{node}`"))
        .unwrap_or_default();
    let message = format!(
        "workflow `{}` failed{place}: {}",
        report.workflow, failure.message
    );
    Err(match failure.class {
        FailureClass::Retryable => NodeError::retryable(failure.code, message),
        FailureClass::Permanent | FailureClass::UnknownNodeType => {
            NodeError::permanent(failure.code, message)
        }
        FailureClass::Final if failure.code == ErrorCode::CANCELLED => NodeError::Cancelled,
        FailureClass::Final => NodeError::refused(failure.code, message),
    })
}
