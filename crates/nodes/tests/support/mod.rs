//! What the tests of several categories share.

use jackfield_nodes::{BuiltIn, NodeSettings, node_types};
use jackfield_plugin_api::{NodeError, NodeOutput};
use jackfield_testkit::StaticCall;
use serde_json::Value;

/// The built-in node type of this name.
pub(crate) fn built_in(name: &str) -> BuiltIn {
    node_types(&NodeSettings::default())
        .into_iter()
        .find(|built_in| built_in.metadata.node_type.as_str() == name)
        .unwrap_or_else(|| panic!("no node type `{name}`"))
}

/// A call of a built-in node type, with these lists of items as its inputs.
pub(crate) fn call(built_in: &BuiltIn, parameters: Value, inputs: Value) -> StaticCall {
    let call = StaticCall::new(&built_in.metadata, parameters);
    let Value::Array(inputs) = inputs else {
        panic!("inputs are a list of ports")
    };
    inputs.into_iter().fold(call, StaticCall::with_input)
}

/// Runs a built-in node type once.
pub(crate) async fn try_run(
    name: &str,
    parameters: Value,
    inputs: Value,
) -> Result<NodeOutput, NodeError> {
    let built_in = built_in(name);
    call(&built_in, parameters, inputs)
        .execute(&*built_in.executor)
        .await
}

/// Runs a built-in node type once and gives the items of its ports.
pub(crate) async fn run(name: &str, parameters: Value, inputs: Value) -> Value {
    StaticCall::ports(
        &try_run(name, parameters, inputs)
            .await
            .expect("the call ends well"),
    )
}

/// The code and the text of the failure of a call that has to fail.
pub(crate) async fn fail(name: &str, parameters: Value, inputs: Value) -> String {
    try_run(name, parameters, inputs)
        .await
        .expect_err("the call fails")
        .into_failure()
        .to_string()
}
