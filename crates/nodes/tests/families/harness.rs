//! Calls one node type with parameters that are what they are.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jackfield_nodes::{BuiltIn, NodeSettings, node_types};
use jackfield_plugin_api::{
    CancellationToken, Expr, NodeCall, NodeContext, NodeError, NodeOutput, Parameters, Prepared,
    SubWorkflow, WorkflowRunner,
};
use jackfield_types::{
    ErrorCode, ExecutionId, Item, Items, NodeName, Object, OnError, TenantId, VariableWrite,
};
use serde_json::Value;

use crate::evaluation;

/// The categories that are function families.
pub(crate) const FAMILIES: [&str; 7] =
    ["string", "math", "logic", "list", "dict", "convert", "var"];

static ALL: LazyLock<Vec<BuiltIn>> = LazyLock::new(|| {
    let is_function = |built_in: &BuiltIn| FAMILIES.contains(&&*built_in.metadata.category);
    node_types(&NodeSettings::default())
        .into_iter()
        .filter(is_function)
        .collect()
});

/// Every node type of the families.
pub(crate) fn functions() -> &'static [BuiltIn] {
    &ALL
}

/// The node type of this name.
pub(crate) fn function(name: &str) -> &'static BuiltIn {
    let found = ALL
        .iter()
        .find(|built_in| built_in.metadata.node_type == name);
    found.unwrap_or_else(|| panic!("there is no `{name}`"))
}

/// A call of a function.
pub(crate) struct Call {
    function: &'static BuiltIn,
    parameters: Vec<Value>,
    items: Items,
    variables: Arc<Object>,
    cancellation: CancellationToken,
}

impl Call {
    /// A call with these parameters, for one empty item.
    pub(crate) fn new(name: &str, parameters: Value) -> Self {
        Self {
            function: function(name),
            parameters: vec![parameters],
            items: Arc::new(vec![Item::default()]),
            variables: Arc::default(),
            cancellation: CancellationToken::new(),
        }
    }

    /// Calls for these items.
    pub(crate) fn with_items(mut self, items: Vec<Item>) -> Self {
        self.items = Arc::new(items);
        self
    }

    /// Calls for one item each of these parameters, as if they were templates.
    pub(crate) fn with_parameters(mut self, parameters: Vec<Value>) -> Self {
        self.items = Arc::new(vec![Item::default(); parameters.len()]);
        self.parameters = parameters;
        self
    }

    /// Starts from these variables.
    pub(crate) fn with_variables(mut self, variables: Object) -> Self {
        self.variables = Arc::new(variables);
        self
    }

    /// Cancels before it begins.
    pub(crate) fn cancelled(self) -> Self {
        self.cancellation.cancel();
        self
    }

    /// Calls it.
    pub(crate) fn run(self) -> Result<NodeOutput, NodeError> {
        let (tenant, node) = (
            TenantId::default_tenant(),
            NodeName::parse("node").expect("a valid name"),
        );
        let context = NodeContext {
            tenant: &tenant,
            execution: ExecutionId::generate(),
            workflow: "test",
            node: &node,
            node_type: &self.function.metadata.node_type,
            attempt: 1,
            run_index: 0,
            on_error: OnError::default(),
            variables: &self.variables,
            loop_frame: None,
            cancellation: &self.cancellation,
            workflows: &NoWorkflows,
            grants: &jackfield_plugin_api::OpenGrants,
        };
        let parameters = Resolved {
            parameters: &self.parameters,
            items: &self.items,
            variables: &self.variables,
            prepared: Prepared::default(),
        };
        let inputs = [Arc::clone(&self.items)];
        let call = NodeCall {
            context: &context,
            inputs: &inputs,
            parameters: &parameters,
        };
        self.function
            .executor
            .execute(call)
            .now_or_never()
            .expect("functions wait for nothing")
    }

    /// Calls it and gives the objects of the first output.
    pub(crate) fn objects(self) -> Result<Vec<Object>, NodeError> {
        let output = self.run()?;
        Ok(output.outputs.main[0]
            .iter()
            .map(|item| item.json().clone())
            .collect())
    }

    /// Calls it and gives the result for the only item.
    pub(crate) fn result(self) -> Result<Value, NodeError> {
        let mut objects = self.objects()?;
        assert_eq!(objects.len(), 1);
        Ok(objects.remove(0)["result"].clone())
    }
}

/// The result of a function with these parameters.
pub(crate) fn result(name: &str, parameters: Value) -> Result<Value, NodeError> {
    Call::new(name, parameters).result()
}

/// The code and the text of the error of a function with these parameters.
pub(crate) fn error(name: &str, parameters: Value) -> (ErrorCode, String) {
    match result(name, parameters) {
        Ok(result) => panic!("{name} gave {result}"),
        Err(error) => (error.code(), error.to_string()),
    }
}

/// The variables as they are after the writes.
pub(crate) fn written(mut variables: Object, writes: &[VariableWrite]) -> Object {
    writes.iter().for_each(|write| write.apply(&mut variables));
    variables
}

struct Resolved<'a> {
    /// One for all items, or one for each.
    parameters: &'a [Value],
    items: &'a Items,
    variables: &'a Object,
    prepared: Prepared,
}

impl Parameters for Resolved<'_> {
    fn source(&self) -> &Value {
        &self.parameters[0]
    }

    fn is_static(&self) -> bool {
        self.parameters.len() == 1
    }

    fn resolve(&self, item: usize) -> Result<Cow<'_, Value>, NodeError> {
        let place = if self.is_static() { 0 } else { item };
        Ok(Cow::Borrowed(&self.parameters[place]))
    }

    fn evaluate(
        &self,
        expression: &Expr,
        item: usize,
        bindings: &[(&str, &Value)],
    ) -> Result<Value, NodeError> {
        evaluation::evaluate(expression, self.items, item, self.variables, bindings)
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
