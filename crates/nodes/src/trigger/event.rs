use jackfield_plugin_api::{NodeError, NodeOutput, NodeType, Scheduling, TypedCall};
use jackfield_types::{NodeRole, NodeTypeMetadata, Ports, ValidationIssue};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::declaration::{declare, example, tags};
use crate::items::pass_on;

/// `trigger.event`: begins an execution when an event arrives.
pub(crate) struct Event;

/// Parameters of `trigger.event`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct EventParams {
    /// The name of the event, such as `order.created`.
    #[schemars(length(min = 1, max = 256))]
    event: String,
}

impl NodeType for Event {
    type Params = EventParams;

    fn declaration(&self) -> NodeTypeMetadata {
        NodeTypeMetadata {
            documentation: "Begins an execution when an event of that name arrives, and gives what the event carries. \
                            Started by hand, it gives the items that the execution was started with."
                .to_owned(),
            tags: tags(&["start", "subscribe", "message"]),
            ports: Ports::trigger(),
            role: NodeRole::Trigger,
            examples: vec![example(
                "An order was created",
                json!({"event": "order.created"}),
                json!([[{"order": 7}]]),
                json!([[{"order": 7}]]),
            )],
            ..declare("trigger.event", super::CATEGORY, "Begins an execution when an event arrives.")
        }
    }

    async fn run(&self, call: TypedCall<'_, EventParams>) -> Result<NodeOutput, NodeError> {
        Ok(NodeOutput::items(pass_on(call.items())))
    }

    fn check(&self, params: &EventParams) -> Vec<ValidationIssue> {
        let name = &params.event;
        if name.trim().is_empty() || name.len() > 256 || name.chars().any(char::is_control) {
            let message = "an event's name has 1 to 256 bytes and no control characters";
            return vec![ValidationIssue::parameter("/event", message)];
        }
        Vec::new()
    }

    fn scheduling(&self) -> Scheduling {
        Scheduling::Inline
    }
}
