use jackfield_plugin_api::{NodeError, NodeOutput, NodeType, TypedCall};
use jackfield_types::{Item, ItemSource, Items, NodeTypeMetadata, Object, Ports, ValidationIssue};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::merge_by_key::by_key;
use crate::declaration::{declare, example, tags};
use crate::items::Budget;
use crate::path::Path;

/// `merge`: brings the items of several inputs together.
pub(crate) struct Merge;

/// Parameters of `merge`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct MergeParams {
    /// How the inputs are brought together.
    #[serde(default)]
    pub(super) mode: Mode,
    /// What becomes of items without a counterpart: `inner` or `outer` by position, also `left` by key.
    #[serde(default)]
    pub(super) join: Join,
    /// With `mode: byKey`, the path of the value that belongs together, the same in all inputs.
    pub(super) key: Option<Path>,
    /// With `mode: byKey`, the path of that value for each input, instead of `key`.
    #[serde(default)]
    pub(super) keys: Vec<Path>,
    /// What becomes of a field that several items have.
    #[serde(default)]
    pub(super) collisions: Collisions,
    /// With `mode: chooseBranch`, the input whose items go on, from 0; if not given, the first one that has any.
    input: Option<u16>,
}

/// How inputs are brought together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Mode {
    /// One list after the other.
    #[default]
    Append,
    /// The first items of all inputs make one item, then the second ones, and so on.
    ByPosition,
    /// Items with the same value at `key` make one item.
    ByKey,
    /// The items of one input.
    ChooseBranch,
}

/// What becomes of items without a counterpart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Join {
    /// They are left out.
    #[default]
    Inner,
    /// Those of the first input are kept.
    Left,
    /// All are kept.
    Outer,
}

/// What becomes of a field that several items have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Collisions {
    /// The later input wins.
    #[default]
    Later,
    /// The earlier input wins.
    Earlier,
    /// Both are kept: that of a later input is called `input1_name`, with the number of the input.
    Prefix,
}

impl MergeParams {
    /// Puts the fields of an item of input `input` into what is being made.
    pub(super) fn put(&self, made: &mut Object, object: &Object, input: usize) {
        for (name, value) in object {
            match self.collisions {
                Collisions::Earlier if made.contains_key(name) => {}
                Collisions::Prefix if made.get(name).is_some_and(|there| there != value) => {
                    made.insert(format!("input{input}_{name}"), value.clone());
                }
                Collisions::Later | Collisions::Earlier | Collisions::Prefix => {
                    made.insert(name.clone(), value.clone());
                }
            }
        }
    }
}

const DOCUMENTATION: &str = "\
Waits until all of its inputs are settled. An input that nothing came in by counts as an empty list. The \
parameters are evaluated once, for the first item of the first input.

- `append`: the items of all inputs, one list after the other.
- `byPosition`: one item of the first items of all inputs, one of the second ones, and so on. With `join: inner` the \
shortest input decides the length, with `outer` the longest, with `left` the first.
- `byKey`: items whose values at `key` are the same make one; each pair makes one, so that two with the same value on \
both sides make four. With more than two inputs the result of the first two is joined with the third, and so on. An item \
without the value, or with `null`, has no counterpart. `1` and `1.0` are the same, `1` and `\"1\"` are not.
- `chooseBranch`: the items of the input `input`, or of the first input that has any.

Where several items have a field, the later input wins (`collisions: later`), the earlier one does (`earlier`), or both \
are kept if they differ (`prefix`: `input1_name`). At most 1,000,000 items are made.";

impl NodeType for Merge {
    type Params = MergeParams;

    fn declaration(&self) -> NodeTypeMetadata {
        NodeTypeMetadata {
            documentation: DOCUMENTATION.to_owned(),
            tags: tags(&["join", "combine", "append", "zip"]),
            ports: Ports {
                inputs: u16::MAX,
                ..Ports::default()
            },
            examples: vec![
                example(
                    "One list after the other",
                    json!({}),
                    json!([[{"a": 1}], [{"b": 2}]]),
                    json!([[{"a": 1}, {"b": 2}]]),
                ),
                example(
                    "Side by side",
                    json!({"mode": "byPosition", "join": "outer"}),
                    json!([[{"a": 1}, {"a": 2}], [{"b": 3}]]),
                    json!([[{"a": 1, "b": 3}, {"a": 2}]]),
                ),
                example(
                    "Orders with their customers",
                    json!({"mode": "byKey", "keys": ["customer", "id"], "join": "left", "collisions": "prefix"}),
                    json!([
                        [{"id": 1, "customer": "c1"}, {"id": 2, "customer": "c9"}],
                        [{"id": "c1", "name": "Ada"}]
                    ]),
                    json!([[
                        {"id": 1, "customer": "c1", "input1_id": "c1", "name": "Ada"},
                        {"id": 2, "customer": "c9"}
                    ]]),
                ),
                example(
                    "The branch that was taken",
                    json!({"mode": "chooseBranch"}),
                    json!([[], [{"b": 2}]]),
                    json!([[{"b": 2}]]),
                ),
            ],
            ..declare(
                "merge",
                super::CATEGORY,
                "Brings the items of several inputs together.",
            )
        }
    }

    async fn run(&self, call: TypedCall<'_, MergeParams>) -> Result<NodeOutput, NodeError> {
        let params = call.params()?;
        let issues = self.check(&params);
        if !issues.is_empty() {
            return Err(NodeError::Params(issues));
        }
        let inputs = call.inputs;
        match params.mode {
            Mode::Append => Ok(NodeOutput::items(
                (0..inputs.len())
                    .flat_map(|input| sourced(inputs, input))
                    .collect::<Vec<_>>(),
            )),
            Mode::ByPosition => by_position(&params, inputs),
            Mode::ByKey => by_key(&params, inputs),
            Mode::ChooseBranch => {
                let first_with_items = || inputs.iter().position(|items| !items.is_empty());
                let input = params
                    .input
                    .map(usize::from)
                    .or_else(first_with_items)
                    .unwrap_or(0);
                Ok(NodeOutput::items(
                    sourced(inputs, input).collect::<Vec<_>>(),
                ))
            }
        }
    }

    fn check(&self, params: &MergeParams) -> Vec<ValidationIssue> {
        if params.mode == Mode::ByKey && params.key.is_some() != params.keys.is_empty() {
            let message = "`mode: byKey` needs either `key` or `keys`";
            return vec![ValidationIssue::parameter("/key", message)];
        }
        Vec::new()
    }
}

/// The source of an item, if the numbers are such as a source can hold.
pub(super) fn source(input: usize, item: usize) -> Option<ItemSource> {
    let input = u16::try_from(input).ok()?;
    u32::try_from(item)
        .ok()
        .map(|item| ItemSource { input, item })
}

fn sourced(inputs: &[Items], input: usize) -> impl Iterator<Item = Item> + '_ {
    let items = inputs.get(input).map_or(&[][..], |items| items);
    items
        .iter()
        .enumerate()
        .map(move |(place, item)| item.clone().with_source(source(input, place)))
}

fn by_position(params: &MergeParams, inputs: &[Items]) -> Result<NodeOutput, NodeError> {
    let lengths = inputs.iter().map(|items| items.len());
    let length = match params.join {
        Join::Inner => lengths.min(),
        Join::Left => lengths.take(1).min(),
        Join::Outer => lengths.max(),
    };
    let mut budget = Budget::default();
    let mut made = Vec::new();
    for place in 0..length.unwrap_or(0) {
        let mut object = Object::new();
        let mut first = None;
        for (input, items) in inputs.iter().enumerate() {
            if let Some(item) = items.get(place) {
                first = first.or(source(input, place));
                params.put(&mut object, item.json(), input);
            }
        }
        budget.spend(&object)?;
        made.push(Item::new(object).with_source(first));
    }
    Ok(NodeOutput::items(made))
}
