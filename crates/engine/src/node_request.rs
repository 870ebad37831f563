use std::sync::Arc;

use jackfield_definition::{Diagnostics, Node, PlanOptions, Workflow};
use jackfield_kernel::{Execution, NodeIndex, RunWith};
use jackfield_plugin_api::NodeOutput;
use jackfield_types::{
    ErrorCode, FailureClass, Item, Items, NodeFailure, NodeId, NodeName, NodeTypeId, Object,
    Severity, VersionSelector,
};
use parking_lot::Mutex;
use serde_json::Value;
use smallvec::SmallVec;
use tokio_util::sync::CancellationToken;

use crate::execution::Running;
use crate::invocation::Invocation;
use crate::resolve::{Admitted, Resolved};
use crate::scope::Scope;
use crate::{StartError, StartOptions, TenantEngine, audit, authorize};

/// A call of one node type outside of a workflow.
#[derive(Debug, Clone)]
pub struct NodeRequest {
    /// What is called.
    pub node_type: NodeTypeId,
    /// In which version.
    pub version: VersionSelector,
    /// Its parameters; templates are evaluated.
    pub parameters: Value,
    /// The items of each input; one empty item when there is nothing.
    pub inputs: Vec<Items>,
    /// The variables that it sees.
    pub variables: Object,
}

impl NodeRequest {
    /// A call with parameters and nothing else.
    pub fn new(node_type: NodeTypeId, parameters: Value) -> Self {
        Self {
            node_type,
            version: VersionSelector::Newest,
            parameters,
            inputs: Vec::new(),
            variables: Object::new(),
        }
    }
}

impl TenantEngine {
    /// Runs a single node type through the pipeline that every call goes: once, without recovery.
    /// It waits for its turn when the tenant's quotas have no room for it now.
    ///
    /// # Errors
    /// The failure, with class and code; findings about parameters are in its `issues`.
    pub async fn execute_node(&self, request: NodeRequest) -> Result<NodeOutput, Box<NodeFailure>> {
        let node_type = request.node_type.clone();
        let result = self.call_node(request).await;
        if let Err(failure) = &result {
            let errors = &self.caller.engine.errors;
            errors.record(self.id(), &node_type, &failure.code);
        }
        result
    }

    async fn call_node(&self, request: NodeRequest) -> Result<NodeOutput, Box<NodeFailure>> {
        let name = NodeName::parse("node").expect("a valid name");
        let id = NodeId::parse("node").expect("a valid id");
        let mut node = Node::new(name, id, request.node_type);
        node.version = request.version;
        node.parameters = request.parameters;
        let workflow = Workflow {
            name: node.node_type.to_string(),
            nodes: vec![node],
            variables: request.variables,
            ..Workflow::default()
        };
        let caller = &self.caller;
        authorize::user(caller).map_err(|error| refused(&error))?;
        if let Some(refresh) = self.tenant().refresh_secrets() {
            refresh.await;
        }
        let plan = caller
            .compile(&workflow, &PlanOptions::default())
            .map_err(|findings| {
                audit::planned_refusal(caller, &workflow.name, &findings);
                unplanned(&findings)
            })?;
        let options = StartOptions::default();
        let running = Running::new(caller, &plan, &options, CancellationToken::new());
        let mut inputs: SmallVec<[Items; 1]> = request.inputs.into_iter().collect();
        if inputs.is_empty() {
            inputs.push(Arc::new(vec![Item::default()]));
        }
        let node = NodeIndex::new(0);
        let execution = Execution::new(Arc::clone(plan.graph()));
        let now = caller.engine.clock.now();
        let variables = Arc::clone(plan.variables());
        let (input, variables) = running.mask_start(Arc::clone(&inputs[0]), variables);
        inputs[0] = Arc::clone(&input);
        for input in inputs.iter_mut().skip(1) {
            *input = running.nested.redactor.redact_items(Arc::clone(input));
        }
        let mut scope = Scope::new(&Arc::new(running), &execution, node, input, now);
        scope.variables = variables;
        let invocation = Invocation {
            node,
            run: 0,
            attempt: 1,
            with: RunWith::Own,
            scope,
            inputs,
            loop_state: None,
            cancellation: None,
            max_output_size: caller.state.in_force().max_output_size,
            permit: Mutex::new(None),
        };
        self.conduct(invocation).await
    }

    /// Takes one call through the pipeline.
    async fn conduct(&self, invocation: Invocation) -> Result<NodeOutput, Box<NodeFailure>> {
        let state = &self.caller.state;
        let mut resolved = invocation.resolve(&state.in_force(), Admitted::NotYet);
        if let Resolved::Waiting = resolved {
            resolved = match self.tenant().admission().call().await {
                Ok(permit) => invocation.resolve(&state.in_force(), Admitted::Waited(permit)),
                Err(exceeded) => Resolved::Failed(invocation.over_quota(&exceeded)),
            };
        }
        let (watch, future) = match resolved {
            Resolved::Ready {
                registration,
                executor,
                watch,
            } => (watch, invocation.execute(registration, executor)),
            Resolved::Lazy {
                registration,
                watch,
            } => (watch, invocation.load_and_execute(registration)),
            Resolved::Failed(failure) => {
                let ended = invocation.uncalled(Err(failure));
                return ended.result;
            }
            // Whoever has waited is let in or refused.
            Resolved::Waiting => return Err(busy()),
        };
        let result = future.await.result;
        watch.ended(result.as_ref().err().map(|failure| &**failure));
        result
    }
}

fn busy() -> Box<NodeFailure> {
    let (class, code) = (FailureClass::Retryable, ErrorCode::QUOTA_EXCEEDED);
    Box::new(NodeFailure::new(
        class,
        code,
        "there is no room for the call",
    ))
}

fn unplanned(findings: &Diagnostics) -> Box<NodeFailure> {
    let errors: Vec<_> = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .collect();
    let refusal = errors
        .iter()
        .find(|error| error.code == ErrorCode::TENANT_FORBIDDEN);
    let code = refusal
        .or(errors.first())
        .map_or(ErrorCode::INVALID_PARAMETERS, |error| error.code.clone());
    let mut failure = NodeFailure::new(FailureClass::Final, code, findings.to_string());
    failure.issues = errors
        .iter()
        .map(|error| jackfield_types::ValidationIssue {
            code: error.code.clone(),
            severity: error.severity,
            path: error.parameter.clone().unwrap_or_default(),
            message: error.message.clone(),
            hint: error.hint.clone(),
        })
        .collect();
    Box::new(failure)
}

fn refused(error: &StartError) -> Box<NodeFailure> {
    let code = ErrorCode::TENANT_FORBIDDEN;
    Box::new(NodeFailure::new(
        FailureClass::Final,
        code,
        error.to_string(),
    ))
}
