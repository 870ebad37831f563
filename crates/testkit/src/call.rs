use std::sync::Arc;

use jackfield_plugin_api::{
    CancellationToken, LoopFrame, NodeCall, NodeContext, NodeError, NodeExecutor, NodeOutput,
};
use jackfield_types::{
    ExecutionId, Item, Items, NodeName, NodeTypeId, NodeTypeMetadata, Object, OnError, Severity,
    TenantId,
};
use serde_json::Value;

use crate::parameters::StaticParameters;
use crate::{ScriptedGrants, ScriptedWorkflows};

/// The tenant on whose behalf calls are made, unless they say another.
pub(crate) const TENANT: &str = "tenant";

const EXECUTION: &str = "exec_01900000000070008000000000000000";

/// One call of an executor, outside of any workflow. It owns everything that a call borrows.
///
/// # Examples
/// ```
/// # use jackfield_plugin_api::{NodeError, NodeOutput, NodeType, TypedCall, Version};
/// # use jackfield_types::{NodeTypeId, NodeTypeMetadata};
/// use jackfield_testkit::StaticCall;
/// use serde_json::{Value, json};
///
/// # #[derive(serde::Deserialize, schemars::JsonSchema)]
/// # struct Params {}
/// # struct Count;
/// # impl NodeType for Count {
/// #     type Params = Params;
/// #     fn declaration(&self) -> NodeTypeMetadata {
/// #         NodeTypeMetadata::new(NodeTypeId::parse("count").unwrap(), Version::new(1, 0, 0), "test")
/// #     }
/// #     async fn run(&self, call: TypedCall<'_, Params>) -> Result<NodeOutput, NodeError> {
/// #         let count = call.items().len() as u64;
/// #         Ok(NodeOutput::items(vec![NodeOutput::result_item(Value::from(count), 0)]))
/// #     }
/// # }
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// let call = StaticCall::new(&Count.metadata(), json!({})).with_input(json!([{}, {}]));
/// let output = call.execute(&Count).await.unwrap();
/// assert_eq!(StaticCall::ports(&output), json!([[{"result": 2}]]));
/// # });
/// ```
pub struct StaticCall {
    tenant: TenantId,
    node_type: NodeTypeId,
    schema: Option<Value>,
    source: Value,
    inputs: Vec<Items>,
    variables: Object,
    workflows: ScriptedWorkflows,
    grants: ScriptedGrants,
    on_error: OnError,
    cancellation: CancellationToken,
    frame: Option<Frame>,
}

struct Frame {
    round: u32,
    entered: Items,
    returned: Items,
    collected: Vec<Items>,
}

impl StaticCall {
    /// A call with one empty list of items, unless an input is given.
    pub fn new(metadata: &NodeTypeMetadata, parameters: Value) -> Self {
        Self {
            tenant: TenantId::parse(TENANT).expect("a valid id"),
            node_type: metadata.node_type.clone(),
            schema: metadata.schema.clone(),
            source: parameters,
            inputs: Vec::new(),
            variables: Object::new(),
            workflows: ScriptedWorkflows::none(),
            grants: ScriptedGrants::open(),
            on_error: OnError::default(),
            cancellation: CancellationToken::new(),
            frame: None,
        }
    }

    /// Adds an input port with these items.
    ///
    /// # Panics
    /// When it is no list of objects.
    #[must_use]
    pub fn with_input(mut self, items: Value) -> Self {
        self.inputs.push(list(items));
        self
    }

    /// Makes the call on behalf of another tenant.
    ///
    /// # Panics
    /// When it is no id of a tenant.
    #[must_use]
    pub fn with_tenant(mut self, tenant: &str) -> Self {
        self.tenant = TenantId::parse(tenant).expect("a valid id");
        self
    }

    /// Sets the execution's variables.
    ///
    /// # Panics
    /// When it is no object.
    #[must_use]
    pub fn with_variables(mut self, variables: Value) -> Self {
        let Value::Object(variables) = variables else {
            panic!("{variables} is no object")
        };
        self.variables = variables;
        self
    }

    /// Sets what other workflows do.
    #[must_use]
    pub fn with_workflows(mut self, workflows: ScriptedWorkflows) -> Self {
        self.workflows = workflows;
        self
    }

    /// Sets what the call may reach. Its secrets are those of `$secrets` too.
    #[must_use]
    pub fn with_grants(mut self, grants: ScriptedGrants) -> Self {
        self.grants = grants;
        self
    }

    /// Sets what the node's failure leads to.
    #[must_use]
    pub fn with_on_error(mut self, on_error: OnError) -> Self {
        self.on_error = on_error;
        self
    }

    /// Sets what cancels the call.
    #[must_use]
    pub fn with_cancellation(mut self, cancellation: CancellationToken) -> Self {
        self.cancellation = cancellation;
        self
    }

    /// Makes it a call of a loop node: what it was entered with, and what each round so far brought
    /// back. The input is what the last round brought back, as it is in a workflow.
    ///
    /// # Panics
    /// When one of them is no list of objects.
    #[must_use]
    pub fn in_loop(mut self, entered: Value, rounds: Vec<Value>) -> Self {
        let entered = list(entered);
        let collected: Vec<Items> = rounds.into_iter().map(list).collect();
        let returned = collected.last().unwrap_or(&entered).clone();
        self.inputs = vec![Arc::clone(&returned)];
        let round = u32::try_from(collected.len()).expect("tests have few rounds");
        self.frame = Some(Frame {
            round,
            entered,
            returned,
            collected,
        });
        self
    }

    /// Runs one attempt. Parameters are checked first, as far as they are known without the items.
    ///
    /// # Errors
    /// Those of the executor, and [`NodeError::Params`] when its own check finds an error.
    ///
    /// # Panics
    /// When a template or an expression cannot be compiled.
    pub async fn execute(&self, executor: &dyn NodeExecutor) -> Result<NodeOutput, NodeError> {
        let none = [Items::default()];
        let inputs = if self.inputs.is_empty() {
            &none[..]
        } else {
            &self.inputs
        };
        let items: Vec<Item> = inputs[0].to_vec();
        let parameters = StaticParameters::new(
            &self.source,
            self.schema.as_ref(),
            items,
            self.variables.clone(),
            self.grants.secrets().clone(),
        );
        if jackfield_plugin_api::Parameters::is_static(&parameters) {
            let mut issues = executor.validate(&self.source);
            issues.retain(|issue| issue.severity == Severity::Error);
            if !issues.is_empty() {
                return Err(NodeError::Params(issues));
            }
        }
        // Always the same, so that what is made of it can be told in advance.
        let execution: ExecutionId = EXECUTION.parse().expect("a valid id");
        let node = NodeName::parse("node").expect("a valid name");
        let context = NodeContext {
            tenant: &self.tenant,
            execution,
            workflow: "workflow",
            node: &node,
            node_type: &self.node_type,
            attempt: 1,
            run_index: self.frame.as_ref().map_or(0, |frame| frame.round),
            on_error: self.on_error,
            variables: &Arc::new(self.variables.clone()),
            loop_frame: self.frame.as_ref().map(|frame| LoopFrame {
                round: frame.round,
                entered: &frame.entered,
                returned: &frame.returned,
                collected: &frame.collected,
            }),
            cancellation: &self.cancellation,
            workflows: &self.workflows,
            grants: &self.grants,
        };
        let call = NodeCall {
            context: &context,
            inputs,
            parameters: &parameters,
        };
        executor.execute(call).await
    }

    /// The items of each `main` output as JSON, for comparisons.
    pub fn ports(output: &NodeOutput) -> Value {
        let ports = output.outputs.main.iter();
        ports
            .map(|items| {
                items
                    .iter()
                    .map(|item| Value::Object(item.json().clone()))
                    .collect::<Value>()
            })
            .collect()
    }
}

fn list(items: Value) -> Items {
    let items: Vec<Object> = serde_json::from_value(items).expect("items are a list of objects");
    Arc::new(
        items
            .into_iter()
            .enumerate()
            .map(|(index, json)| Item::new(json).paired_with(index))
            .collect(),
    )
}
