use std::sync::Arc;

use jackfield_definition::{Diagnostics, Node, PlanOptions, Workflow};
use jackfield_kernel::{Execution, NodeIndex, RunWith};
use jackfield_plugin_api::NodeOutput;
use jackfield_types::{
    ErrorCode, FailureClass, Item, Items, NodeFailure, NodeId, NodeName, NodeTypeId, Object,
    Severity, TenantId, VersionSelector,
};
use serde_json::Value;
use smallvec::SmallVec;
use tokio_util::sync::CancellationToken;

use crate::execution::{Running, authorize};
use crate::invocation::Invocation;
use crate::scope::Scope;
use crate::{Engine, StartError, StartOptions};

/// A call of one node type outside of a workflow.
#[derive(Debug, Clone)]
pub struct NodeRequest {
    /// On whose behalf.
    pub tenant: TenantId,
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
            tenant: TenantId::default_tenant(),
            node_type,
            version: VersionSelector::Newest,
            parameters,
            inputs: Vec::new(),
            variables: Object::new(),
        }
    }
}

impl Engine {
    /// Runs a single node type through the pipeline that every call goes: once, without recovery.
    ///
    /// # Errors
    /// The failure, with class and code; findings about parameters are in its `issues`.
    pub async fn execute_node(&self, request: NodeRequest) -> Result<NodeOutput, Box<NodeFailure>> {
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
        let options = PlanOptions::default();
        let plan = self
            .plan(&workflow, &options)
            .map_err(|findings| unplanned(&findings))?;
        authorize(self.parts(), &plan, &request.tenant).map_err(|error| refused(&error))?;

        let options = StartOptions {
            tenant: request.tenant,
            ..StartOptions::default()
        };
        let running = Running::new(
            self.parts(),
            &plan,
            &options,
            CancellationToken::new(),
            0,
            Arc::default(),
        );
        let mut inputs: SmallVec<[Items; 1]> = request.inputs.into_iter().collect();
        if inputs.is_empty() {
            inputs.push(Arc::new(vec![Item::default()]));
        }
        let node = NodeIndex::new(0);
        let execution = Execution::new(Arc::clone(plan.graph()));
        let now = self.parts().clock.now();
        let input = Arc::clone(&inputs[0]);
        let mut scope = Scope::new(&Arc::new(running), &execution, node, input, now);
        scope.variables = Arc::clone(plan.variables());
        let invocation = Invocation {
            node,
            run: 0,
            attempt: 1,
            with: RunWith::Own,
            scope,
            inputs,
            loop_state: None,
        };
        let resolved = invocation.resolve();
        invocation.execute(resolved).await.result
    }
}

fn unplanned(findings: &Diagnostics) -> Box<NodeFailure> {
    let errors: Vec<_> = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .collect();
    let code = errors
        .first()
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
