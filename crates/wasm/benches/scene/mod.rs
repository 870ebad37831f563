//! A call, and everything that it borrows.

use std::borrow::Cow;
use std::sync::Arc;

use jackfield_plugin_api::{
    BoxFuture, CancellationToken, Expr, NodeCall, NodeContext, NodeError, Parameters, Prepared,
    SubWorkflow, WorkflowRunner,
};
use jackfield_types::{ExecutionId, Item, Items, NodeName, NodeTypeId, Object, OnError, TenantId};
use serde_json::Value;

struct Given {
    source: Value,
    prepared: Prepared,
}

impl Parameters for Given {
    fn source(&self) -> &Value {
        &self.source
    }

    fn is_static(&self) -> bool {
        true
    }

    fn resolve(&self, _: usize) -> Result<Cow<'_, Value>, NodeError> {
        Ok(Cow::Borrowed(&self.source))
    }

    fn evaluate(&self, _: &Expr, _: usize, _: &[(&str, &Value)]) -> Result<Value, NodeError> {
        Ok(Value::Null)
    }

    fn prepared(&self) -> &Prepared {
        &self.prepared
    }
}

struct NoWorkflows;

impl WorkflowRunner for NoWorkflows {
    fn run<'a>(&'a self, _: SubWorkflow<'a>) -> BoxFuture<'a, Result<Items, NodeError>> {
        Box::pin(async { Err(NodeError::Cancelled) })
    }
}

/// Everything that a call borrows.
pub(crate) struct Scene {
    tenant: TenantId,
    node: NodeName,
    node_type: NodeTypeId,
    variables: Arc<Object>,
    cancellation: CancellationToken,
    inputs: Vec<Items>,
    parameters: Given,
}

impl Scene {
    /// A call of a node type with parameters and one item.
    pub(crate) fn new(node_type: &NodeTypeId, source: Value, item: Object) -> Self {
        Self {
            tenant: TenantId::default_tenant(),
            node: NodeName::parse("node").expect("a valid name"),
            node_type: node_type.clone(),
            variables: Arc::default(),
            cancellation: CancellationToken::new(),
            inputs: vec![Arc::new(vec![Item::new(item)])],
            parameters: Given {
                source,
                prepared: Prepared::new(),
            },
        }
    }

    pub(crate) fn context(&self) -> NodeContext<'_> {
        NodeContext {
            tenant: &self.tenant,
            execution: ExecutionId::generate(),
            workflow: "bench",
            node: &self.node,
            node_type: &self.node_type,
            attempt: 1,
            run_index: 0,
            on_error: OnError::default(),
            variables: &self.variables,
            loop_frame: None,
            cancellation: &self.cancellation,
            workflows: &NoWorkflows,
            grants: &jackfield_plugin_api::OpenGrants,
        }
    }

    pub(crate) fn call<'a>(&'a self, context: &'a NodeContext<'a>) -> NodeCall<'a> {
        NodeCall {
            context,
            inputs: &self.inputs,
            parameters: &self.parameters,
        }
    }
}
