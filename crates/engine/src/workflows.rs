use std::error::Error;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use jackfield_definition::{Diagnostics, PlanOptions, Workflow, workflow_from_value};
use jackfield_kernel::{ExecutionStatus, NodeIndex};
use jackfield_plugin_api::{NodeError, SubWorkflow, WorkflowReference, WorkflowRunner};
use jackfield_types::{ErrorCode, ExecutionId, FailureClass, Items, TenantId};
use serde_json::Value;
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::call_host::CallHost;
use crate::driver::Driver;
use crate::durable::Called;
use crate::execution::{Origin, Running, find_trigger};
use crate::{PreparedPlan, Report, StartError, StartOptions, audit, authorize};

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

impl WorkflowRunner for CallHost<'_> {
    fn run<'a>(&'a self, workflow: SubWorkflow<'a>) -> BoxFuture<'a, Result<Items, NodeError>> {
        // At once: the order of the calls is what their ids follow from.
        let (id, key) = self.next_id();
        Box::pin(async move {
            let running = self.running;
            let max_depth = running.engine().max_depth;
            let depth = running.depth + 1;
            if depth > max_depth {
                let message = format!(
                    "workflows call each other more than {max_depth} deep; look for one that calls itself without an end"
                );
                return Err(NodeError::permanent(ErrorCode::LIMIT_EXCEEDED, message));
            }
            running.nested.begin().map_err(|most| {
                let message = format!("one execution calls more than {most} others");
                NodeError::permanent(ErrorCode::LIMIT_EXCEEDED, message)
            })?;
            let is_kept = running.pinned().is_some();
            if let (true, Some(keeper)) = (is_kept, &running.engine().keeper) {
                return self.run_kept(keeper, workflow, (id, key)).await;
            }
            let plan = running.sub_plan(workflow.reference, self.turn.0).await?;
            // The calls of the other workflow need the place that this one would hold.
            drop(self.permit.lock().take());
            let cancellation = self.cancellation.child_token();
            let origin = running.origin((id, key), workflow.reference);
            let driver = running
                .sub_driver(&plan, origin, workflow, cancellation)
                .map_err(|error| start_error(&error))?;
            // A task of its own: the stack does not grow with the depth.
            let task = AbortOnDropHandle::new(tokio::spawn(driver.run_to_end()));
            let report = task.await.map_err(|error| broken_off(&error))?;
            items_of(report.map_err(|error| start_error(&error))?)
        })
    }
}

impl Running {
    /// The plan of what a node calls.
    pub(crate) async fn sub_plan(
        &self,
        reference: WorkflowReference<'_>,
        node: NodeIndex,
    ) -> Result<Arc<PreparedPlan>, NodeError> {
        match reference {
            WorkflowReference::Inline(document) => {
                let workflow = workflow_from_value(document)
                    .map_err(|findings| planning_error("the workflow", &findings))?;
                self.check_names(&workflow)?;
                self.compile_sub(&workflow)
            }
            WorkflowReference::Named(name) => {
                if let Some(plan) = self.nested.plans.lock().get(name) {
                    return Ok(Arc::clone(plan));
                }
                let plan = match self.plan_called_before(name, node).await? {
                    Some(plan) => plan,
                    None => {
                        let source = &self.engine().workflows;
                        let workflow = source.load(self.tenant_id(), name).map_err(|error| {
                            NodeError::permanent(ErrorCode::INVALID_PARAMETERS, error.message)
                                .with(|failure| failure.source = error.source)
                        })?;
                        self.compile_sub(&workflow)?
                    }
                };
                // Whoever was first has it in the same version as all others.
                let mut plans = self.nested.plans.lock();
                Ok(Arc::clone(plans.entry(name.to_owned()).or_insert(plan)))
            }
        }
    }

    fn compile_sub(&self, workflow: &Workflow) -> Result<Arc<PreparedPlan>, NodeError> {
        let name = format!("workflow `{}`", workflow.name);
        self.caller
            .compile(workflow, &PlanOptions::default())
            .map_err(|findings| planning_error(&name, &findings))
    }

    /// Whether a text would be masked where things are written down.
    fn shows_secret(&self, text: &str) -> bool {
        let redactor = &self.nested.redactor;
        !redactor.is_idle() && redactor.redact_text(text) != text
    }

    /// Refuses a workflow that an expression made with a secret, if it is to be kept as it is.
    pub(crate) fn check_document(&self, reference: WorkflowReference<'_>) -> Result<(), NodeError> {
        let WorkflowReference::Inline(document) = reference else {
            return Ok(());
        };
        let mut open = vec![document];
        while let Some(value) = open.pop() {
            let is_shown = match value {
                Value::String(text) => self.shows_secret(text),
                Value::Array(list) => {
                    open.extend(list);
                    false
                }
                Value::Object(object) => {
                    open.extend(object.values());
                    object.keys().any(|key| self.shows_secret(key))
                }
                Value::Null | Value::Bool(_) | Value::Number(_) => false,
            };
            if is_shown {
                let message = "the workflow was made with a secret, and is kept as it is; have its nodes read the secret by themselves, with `{{ $secrets.NAME }}`";
                return Err(NodeError::permanent(ErrorCode::INVALID_WORKFLOW, message));
            }
        }
        Ok(())
    }

    /// Refuses a workflow that an expression made with a secret in one of its names: names go where
    /// nothing is masked, such as requests, logs and the audit trail.
    fn check_names(&self, workflow: &Workflow) -> Result<(), NodeError> {
        let redactor = &self.nested.redactor;
        if redactor.is_idle() {
            return Ok(());
        }
        let of_nodes = workflow.nodes.iter().flat_map(|node| {
            let compensation = node.compensation.as_ref();
            [
                Some(node.name.as_str()),
                Some(node.id.as_str()),
                Some(node.node_type.as_str()),
                compensation.map(|compensation| compensation.node_type.as_str()),
            ]
        });
        let mut names = [Some(workflow.name.as_str()), workflow.id.as_deref()]
            .into_iter()
            .chain(of_nodes)
            .flatten();
        if names.all(|name| redactor.redact_text(name) == name) {
            return Ok(());
        }
        let message = "a name, id or node type of the workflow was made with a secret; names are shown and recorded, so let only the parameters of its nodes read secrets";
        Err(NodeError::permanent(ErrorCode::INVALID_WORKFLOW, message))
    }

    /// Where an execution comes from that this one calls.
    pub(crate) fn origin(
        &self,
        (id, key): (ExecutionId, ExecutionId),
        reference: WorkflowReference<'_>,
    ) -> Origin {
        let name = match reference {
            // What was made with a secret is not written down.
            WorkflowReference::Named(name) => Some(name).filter(|name| !self.shows_secret(name)),
            WorkflowReference::Inline(_) => None,
        };
        let name = name.map(str::to_owned);
        Origin {
            id,
            key,
            depth: self.depth + 1,
            nested: Arc::clone(&self.nested),
            called: Some(Called {
                by: self.id,
                name,
                turn: None,
                given: None,
            }),
            beside: Some(Arc::clone(&self.parts)),
        }
    }

    /// An execution within this one: for the same tenant and user, under the same bounds, and with
    /// no turn of its own to wait for.
    pub(crate) fn sub_driver(
        &self,
        plan: &Arc<PreparedPlan>,
        origin: Origin,
        workflow: SubWorkflow<'_>,
        cancellation: CancellationToken,
    ) -> Result<Driver, StartError> {
        authorize::plan(&self.caller, plan)
            .inspect_err(|error| audit::not_started(&self.caller, plan, error))?;
        let options = StartOptions {
            items: workflow.items,
            variables: workflow.variables,
            pinned_data: self.choices.pinned_data,
            ..StartOptions::default()
        };
        let trigger = find_trigger(plan, options.trigger.as_deref())?;
        let choices = options.choices();
        let running = Self::within(&self.caller, plan, choices, cancellation, origin);
        Ok(Driver::new(Arc::new(running), options, trigger))
    }
}

/// An execution whose task did not come to its end.
pub(crate) fn broken_off(error: &JoinError) -> NodeError {
    if error.is_panic() {
        let message = "the engine panicked while it ran the workflow";
        return NodeError::permanent(ErrorCode::TRAPPED, message);
    }
    NodeError::Cancelled
}

pub(crate) fn planning_error(name: &str, findings: &Diagnostics) -> NodeError {
    if audit::refused_by(Some(findings)).is_some() {
        let message = format!("{name} may not run: {findings}");
        return NodeError::refused(ErrorCode::TENANT_FORBIDDEN, message);
    }
    NodeError::permanent(
        ErrorCode::INVALID_WORKFLOW,
        format!("{name} cannot run: {findings}"),
    )
}

pub(crate) fn start_error(error: &StartError) -> NodeError {
    match error {
        StartError::Forbidden { .. } => {
            NodeError::refused(ErrorCode::TENANT_FORBIDDEN, error.to_string())
        }
        _ => NodeError::permanent(ErrorCode::EXECUTION_ERROR, error.to_string()),
    }
}

pub(crate) fn items_of(report: Report) -> Result<Items, NodeError> {
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
