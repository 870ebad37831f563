use jackfield_plugin_api::{NodeError, NodeOutput, NodeType, TypedCall};
use jackfield_types::{Item, NodeTypeMetadata};
use rustc_hash::FxHashMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::declaration::{declare, example, tags};
use crate::items::take;
use crate::path::Path;
use crate::value::{write_identity, write_object_identity};

/// `remove-duplicates`: keeps one item of those that are alike.
pub(crate) struct RemoveDuplicates;

/// Parameters of `remove-duplicates`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RemoveDuplicatesParams {
    /// The paths whose values make items alike; the whole item if not given.
    #[serde(default)]
    fields: Vec<Path>,
    /// Which one of them is kept.
    #[serde(default)]
    keep: Keep,
}

/// Which one of items that are alike is kept.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Keep {
    /// The first one.
    #[default]
    First,
    /// The last one.
    Last,
}

const DOCUMENTATION: &str = "\
Keeps one item of those that have the same values at all of `fields`, or are the same altogether. The order is kept. \
`1` and `1.0` are the same, `1` and `\"1\"` are not, the order of keys doesn't matter, and a value that is not there is \
another one than `null`. The parameters are evaluated once, for the first item.";

impl NodeType for RemoveDuplicates {
    type Params = RemoveDuplicatesParams;

    fn declaration(&self) -> NodeTypeMetadata {
        NodeTypeMetadata {
            documentation: DOCUMENTATION.to_owned(),
            tags: tags(&["unique", "distinct", "deduplicate"]),
            examples: vec![
                example(
                    "By one field, the last one stays",
                    json!({"fields": ["id"], "keep": "last"}),
                    json!([[{"id": 1, "v": "a"}, {"id": 2, "v": "b"}, {"id": 1, "v": "c"}]]),
                    json!([[{"id": 2, "v": "b"}, {"id": 1, "v": "c"}]]),
                ),
                example(
                    "Whole items",
                    json!({}),
                    json!([[{"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": 1}]]),
                    json!([[{"a": 1, "b": 2}, {"a": 1}]]),
                ),
            ],
            ..declare(
                "remove-duplicates",
                super::CATEGORY,
                "Keeps one item of those that are alike.",
            )
        }
    }

    async fn run(
        &self,
        call: TypedCall<'_, RemoveDuplicatesParams>,
    ) -> Result<NodeOutput, NodeError> {
        let params = call.params()?;
        let items = call.items();
        let mut places: FxHashMap<String, usize> = FxHashMap::default();
        for (index, item) in items.iter().enumerate() {
            let identity = identity(&params.fields, item);
            match params.keep {
                Keep::First => {
                    places.entry(identity).or_insert(index);
                }
                Keep::Last => {
                    places.insert(identity, index);
                }
            }
        }
        let mut kept: Vec<usize> = places.into_values().collect();
        kept.sort_unstable();
        Ok(NodeOutput::items(
            kept.into_iter()
                .map(|index| take(items, index))
                .collect::<Vec<_>>(),
        ))
    }
}

fn identity(fields: &[Path], item: &Item) -> String {
    let mut text = String::new();
    if fields.is_empty() {
        write_object_identity(item.json(), &mut text);
    }
    for field in fields {
        match field.get(item.json()) {
            Some(value) => write_identity(value, &mut text),
            None => text.push('-'),
        }
    }
    text
}
