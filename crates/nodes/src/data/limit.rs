use jackfield_plugin_api::{NodeError, NodeOutput, NodeType, Scheduling, TypedCall};
use jackfield_types::{Item, NodeTypeMetadata};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::declaration::{declare, example, tags};
use crate::items::take;

/// `limit`: keeps a number of its items.
pub(crate) struct Limit;

/// Parameters of `limit`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct LimitParams {
    /// The most items that are kept.
    count: u64,
    /// From which end they are counted.
    #[serde(default)]
    from: End,
    /// How many items are passed over at that end.
    #[serde(default)]
    offset: u64,
}

/// An end of a list.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum End {
    /// The first items.
    #[default]
    Start,
    /// The last items.
    End,
}

const DOCUMENTATION: &str = "\
Keeps at most `count` items, from the start of the list or from its end, after `offset` items at that end were passed \
over. The order is kept. Fewer items are no error. The parameters are evaluated once, for the first item.";

impl NodeType for Limit {
    type Params = LimitParams;

    fn declaration(&self) -> NodeTypeMetadata {
        NodeTypeMetadata {
            documentation: DOCUMENTATION.to_owned(),
            tags: tags(&["first", "last", "take", "head", "tail"]),
            examples: vec![
                example(
                    "The first two",
                    json!({"count": 2}),
                    json!([[{"n": 1}, {"n": 2}, {"n": 3}]]),
                    json!([[{"n": 1}, {"n": 2}]]),
                ),
                example(
                    "The last but one",
                    json!({"count": 1, "from": "end", "offset": 1}),
                    json!([[{"n": 1}, {"n": 2}, {"n": 3}]]),
                    json!([[{"n": 2}]]),
                ),
            ],
            ..declare("limit", super::CATEGORY, "Keeps a number of its items.")
        }
    }

    async fn run(&self, call: TypedCall<'_, LimitParams>) -> Result<NodeOutput, NodeError> {
        let params = call.params()?;
        let items = call.items();
        let count = usize::try_from(params.count).unwrap_or(usize::MAX);
        let offset = usize::try_from(params.offset).unwrap_or(usize::MAX);
        let (start, end) = match params.from {
            End::Start => (
                offset.min(items.len()),
                offset.saturating_add(count).min(items.len()),
            ),
            End::End => {
                let end = items.len().saturating_sub(offset);
                (end.saturating_sub(count), end)
            }
        };
        let kept: Vec<Item> = (start..end).map(|index| take(items, index)).collect();
        Ok(NodeOutput::items(kept))
    }

    fn scheduling(&self) -> Scheduling {
        Scheduling::Inline
    }
}
