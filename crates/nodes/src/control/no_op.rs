use jackfield_plugin_api::{NodeError, NodeOutput, NodeType, Scheduling, TypedCall};
use jackfield_types::NodeTypeMetadata;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::declaration::{declare, example, tags};
use crate::items::pass_on;

/// `no-op`: passes its items on.
pub(crate) struct NoOp;

/// Parameters of `no-op`: none.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NoOpParams {}

impl NodeType for NoOp {
    type Params = NoOpParams;

    fn declaration(&self) -> NodeTypeMetadata {
        NodeTypeMetadata {
            documentation: "Passes its items on as they are. A place to bring branches together, or to end one."
                .to_owned(),
            tags: tags(&["nothing", "pass"]),
            examples: vec![example(
                "Nothing happens",
                json!({}),
                json!([[{"a": 1}]]),
                json!([[{"a": 1}]]),
            )],
            ..declare("no-op", super::CATEGORY, "Passes its items on as they are.")
        }
    }

    async fn run(&self, call: TypedCall<'_, NoOpParams>) -> Result<NodeOutput, NodeError> {
        Ok(NodeOutput::items(pass_on(call.items())))
    }

    fn scheduling(&self) -> Scheduling {
        Scheduling::Inline
    }
}
