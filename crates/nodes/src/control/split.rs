use std::num::NonZeroU16;

use jackfield_plugin_api::{NodeError, NodeOutput, NodeType, Scheduling, TypedCall};
use jackfield_types::{DynamicOutputs, Item, NodeTypeMetadata, Ports, ValidationIssue};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::declaration::{declare, example, tags};
use crate::items::{MAX_PORTS, take};

/// `split`: parts its items among its outputs.
pub(crate) struct Split;

/// Parameters of `split`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SplitParams {
    /// How the items are parted.
    #[serde(default)]
    mode: Mode,
    /// How many outputs there are.
    #[serde(default = "two")]
    #[schemars(range(min = 1, max = 1024))]
    outputs: NonZeroU16,
    /// With `mode: first`, how many items each output but the last one gets.
    #[serde(default = "one")]
    count: u32,
}

/// How items are parted.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Mode {
    /// One item to each output in turn.
    #[default]
    Alternate,
    /// The list is cut into as many pieces as there are outputs; their lengths differ by at most one.
    Chunks,
    /// The first `count` items to the first output, the next ones to the next, the rest to the last.
    First,
}

const fn two() -> NonZeroU16 {
    NonZeroU16::MIN.saturating_add(1)
}

const fn one() -> u32 {
    1
}

const DOCUMENTATION: &str = "\
Every item leaves by exactly one of `outputs` outputs, and the order is kept on each. The parameters are \
evaluated once, for the first item. An output that got no item delivers nothing.";

impl NodeType for Split {
    type Params = SplitParams;

    fn declaration(&self) -> NodeTypeMetadata {
        NodeTypeMetadata {
            documentation: DOCUMENTATION.to_owned(),
            tags: tags(&["partition", "distribute", "round-robin"]),
            ports: Ports {
                inputs: 1,
                outputs: Vec::new(),
                dynamic_outputs: Some(DynamicOutputs {
                    parameter: "outputs".to_owned(),
                    default: 2,
                }),
            },
            examples: vec![
                example(
                    "In turn",
                    json!({}),
                    json!([[{"n": 1}, {"n": 2}, {"n": 3}]]),
                    json!([[{"n": 1}, {"n": 3}], [{"n": 2}]]),
                ),
                example(
                    "In pieces",
                    json!({"mode": "chunks"}),
                    json!([[{"n": 1}, {"n": 2}, {"n": 3}]]),
                    json!([[{"n": 1}, {"n": 2}], [{"n": 3}]]),
                ),
                example(
                    "The first one apart",
                    json!({"mode": "first", "count": 1}),
                    json!([[{"n": 1}, {"n": 2}, {"n": 3}]]),
                    json!([[{"n": 1}], [{"n": 2}, {"n": 3}]]),
                ),
            ],
            ..declare(
                "split",
                super::CATEGORY,
                "Parts its items among its outputs.",
            )
        }
    }

    async fn run(&self, call: TypedCall<'_, SplitParams>) -> Result<NodeOutput, NodeError> {
        let params = call.params()?;
        let issues = self.check(&params);
        if !issues.is_empty() {
            return Err(NodeError::Params(issues));
        }
        let items = call.items();
        let ports = usize::from(params.outputs.get());
        let count = usize::try_from(params.count).unwrap_or(usize::MAX);
        let (size, larger) = (items.len() / ports, items.len() % ports);
        let mut outputs: Vec<Vec<Item>> = vec![Vec::new(); ports];
        for index in 0..items.len() {
            let port = match params.mode {
                Mode::Alternate => index % ports,
                // The first `larger` pieces have one item more than the others.
                Mode::Chunks if index < larger * (size + 1) => index / (size + 1),
                Mode::Chunks => larger + (index - larger * (size + 1)) / size,
                Mode::First => index.checked_div(count).unwrap_or(ports - 1).min(ports - 1),
            };
            outputs[port].push(take(items, index));
        }
        Ok(NodeOutput::ports(outputs))
    }

    fn check(&self, params: &SplitParams) -> Vec<ValidationIssue> {
        if params.outputs.get() > MAX_PORTS {
            let message = format!("at most {MAX_PORTS} outputs");
            return vec![ValidationIssue::parameter("/outputs", message)];
        }
        Vec::new()
    }

    fn scheduling(&self) -> Scheduling {
        Scheduling::Inline
    }
}
