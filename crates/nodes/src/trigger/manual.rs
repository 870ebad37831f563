use jackfield_plugin_api::{NodeError, NodeOutput, NodeType, Scheduling, TypedCall};
use jackfield_types::{NodeRole, NodeTypeMetadata, Ports};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::declaration::{declare, example, tags};
use crate::items::pass_on;

/// `trigger.manual`: begins an execution that somebody starts.
pub(crate) struct Manual;

/// Parameters of `trigger.manual`: none.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ManualParams {}

impl NodeType for Manual {
    type Params = ManualParams;

    fn declaration(&self) -> NodeTypeMetadata {
        NodeTypeMetadata {
            documentation: "Gives the items that the execution was started with: by the command, by the API, or by \
                            `execute-workflow` in another workflow."
                .to_owned(),
            tags: tags(&["start", "begin"]),
            ports: Ports::trigger(),
            role: NodeRole::Trigger,
            examples: vec![example(
                "What it was started with",
                json!({}),
                json!([[{"order": 7}]]),
                json!([[{"order": 7}]]),
            )],
            ..declare("trigger.manual", super::CATEGORY, "Begins an execution that somebody starts.")
        }
    }

    async fn run(&self, call: TypedCall<'_, ManualParams>) -> Result<NodeOutput, NodeError> {
        Ok(NodeOutput::items(pass_on(call.items())))
    }

    fn scheduling(&self) -> Scheduling {
        Scheduling::Inline
    }
}
