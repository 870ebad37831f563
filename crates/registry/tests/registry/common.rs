//! What all tests of the registry need: executors that know their number, and calls for them.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use jackfield_plugin_api::{
    BoxFuture, CancellationToken, Expr, NodeCall, NodeContext, NodeError, NodeExecutor, NodeOutput,
    Parameters, Prepared, SubWorkflow, Version, WorkflowRunner,
};
use jackfield_types::{
    ByteSize, ExecutionId, Items, NodeName, NodeTypeId, NodeTypeMetadata, Object, OnError, TenantId,
};
use serde_json::Value;

pub(crate) fn name(text: &str) -> NodeTypeId {
    NodeTypeId::parse(text).unwrap()
}

/// The tenant of calls that are made for nobody in particular.
pub(crate) fn tenant() -> &'static TenantId {
    static TENANT: LazyLock<TenantId> = LazyLock::new(TenantId::default_tenant);
    &TENANT
}

pub(crate) fn version(text: &str) -> Version {
    Version::parse(text).unwrap()
}

pub(crate) fn metadata(node_type: &str, in_version: &str) -> NodeTypeMetadata {
    NodeTypeMetadata::new(name(node_type), version(in_version), "test")
}

/// Gives its number as the result.
pub(crate) struct Numbered {
    pub(crate) number: u64,
    pub(crate) memory: u64,
}

pub(crate) fn numbered(number: u64) -> Arc<dyn NodeExecutor> {
    Arc::new(Numbered { number, memory: 1 })
}

impl NodeExecutor for Numbered {
    fn execute<'a>(&'a self, _: NodeCall<'a>) -> BoxFuture<'a, Result<NodeOutput, NodeError>> {
        let item = NodeOutput::result_item(self.number.into(), 0);
        Box::pin(async move { Ok(NodeOutput::items(vec![item])) })
    }

    fn memory(&self) -> ByteSize {
        ByteSize::bytes(self.memory)
    }
}

/// An executor that is a function.
pub(crate) struct Scripted<F>(pub(crate) F);

impl<F> NodeExecutor for Scripted<F>
where
    F: Fn() -> Result<NodeOutput, NodeError> + Send + Sync + 'static,
{
    fn execute<'a>(&'a self, _: NodeCall<'a>) -> BoxFuture<'a, Result<NodeOutput, NodeError>> {
        Box::pin(async move { (self.0)() })
    }
}

pub(crate) fn number_of(output: &NodeOutput) -> u64 {
    output.outputs.main[0][0].json()["result"].as_u64().unwrap()
}

pub(crate) struct Static {
    source: Value,
    prepared: Prepared,
}

impl Parameters for Static {
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
    parameters: Static,
}

impl Scene {
    pub(crate) fn new(parameters: Value) -> Self {
        Self {
            tenant: TenantId::default_tenant(),
            node: NodeName::parse("node").unwrap(),
            node_type: name("test"),
            variables: Arc::default(),
            cancellation: CancellationToken::new(),
            inputs: vec![Items::default()],
            parameters: Static {
                source: parameters,
                prepared: Prepared::new(),
            },
        }
    }

    pub(crate) fn of(tenant: &TenantId) -> Self {
        Self {
            tenant: tenant.clone(),
            ..Self::new(Value::Object(Object::new()))
        }
    }

    pub(crate) fn context(&self) -> NodeContext<'_> {
        NodeContext {
            tenant: &self.tenant,
            execution: ExecutionId::generate(),
            workflow: "test",
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
