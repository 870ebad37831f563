use std::borrow::Cow;

use jackfield_plugin_api::{NodeError, NodeOutput, NodeType, TypedCall};
use jackfield_types::{ErrorCode, Item, NodeTypeMetadata, Object, ValidationIssue};
use rustc_hash::FxHashMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::summary::{Operation, Summary};
use crate::declaration::{declare, example, tags};
use crate::path::Path;
use crate::value::write_identity;

/// `summarize`: counts and adds up, group by group.
pub(crate) struct Summarize;

/// Parameters of `summarize`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SummarizeParams {
    /// The paths whose values make a group; one group of all items if not given.
    #[serde(default)]
    group_by: Vec<Path>,
    /// What is made of each group.
    #[schemars(length(min = 1))]
    fields: Vec<Field>,
    /// What stands between the texts of `concat`.
    #[serde(default = "comma")]
    separator: String,
    /// What is done about values that are no numbers where numbers are added up.
    #[serde(default)]
    wrong_types: WrongTypes,
}

/// One thing that is made of each group.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Field {
    /// The path of the values; may be left out with `count`.
    field: Option<Path>,
    /// What is made of them.
    operation: Operation,
    /// The path of the result; the operation and the field, such as `sum_price`, if not given.
    #[serde(rename = "as")]
    target: Option<Path>,
}

/// What is done about values that are no numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum WrongTypes {
    /// They are an error.
    #[default]
    Error,
    /// They are passed over, like values that are not there.
    Skip,
}

fn comma() -> String {
    ", ".to_owned()
}

const DOCUMENTATION: &str = "\
Makes one item of each group of items that have the same values at all of `groupBy`, in the order in which the groups \
begin. The item has these values at their paths (`null` where they are missing), and the result of each of `fields`.

Values that are missing or `null` are passed over. `sum` and `average` take numbers only: sums of integers are exact, and \
a result out of the range of 64 bits is the error `NUMBER_ERROR`; the average of nothing is `null`. `min` and `max` \
compare any values: booleans, numbers, texts, lists, objects, in this order. The parameters are evaluated once, for the \
first item.";

impl NodeType for Summarize {
    type Params = SummarizeParams;

    fn declaration(&self) -> NodeTypeMetadata {
        NodeTypeMetadata {
            documentation: DOCUMENTATION.to_owned(),
            tags: tags(&["group", "sum", "count", "average", "pivot"]),
            examples: vec![example(
                "Turnover by country",
                json!({
                    "groupBy": ["country"],
                    "fields": [
                        {"operation": "count", "as": "orders"},
                        {"field": "total", "operation": "sum"},
                        {"field": "customer.name", "operation": "concat", "as": "customers"}
                    ]
                }),
                json!([[
                    {"country": "DE", "total": 10, "customer": {"name": "Ada"}},
                    {"country": "AT", "total": 5},
                    {"country": "DE", "total": 2.5, "customer": {"name": "Bo"}}
                ]]),
                json!([[
                    {"country": "DE", "orders": 2, "sum_total": 12.5, "customers": "Ada, Bo"},
                    {"country": "AT", "orders": 1, "sum_total": 5, "customers": ""}
                ]]),
            )],
            ..declare(
                "summarize",
                super::CATEGORY,
                "Counts and adds up, group by group.",
            )
        }
    }

    async fn run(&self, call: TypedCall<'_, SummarizeParams>) -> Result<NodeOutput, NodeError> {
        let params = call.params()?;
        let issues = self.check(&params);
        if !issues.is_empty() {
            return Err(NodeError::Params(issues));
        }
        let mut places: FxHashMap<String, usize> = FxHashMap::default();
        let mut groups: Vec<Group<'_>> = Vec::new();
        if params.group_by.is_empty() {
            groups.push(Group::new(&params, None));
        }
        for (index, item) in call.items().iter().enumerate() {
            let place = if params.group_by.is_empty() {
                0
            } else {
                *places
                    .entry(identity(&params.group_by, item))
                    .or_insert_with(|| {
                        groups.push(Group::new(&params, Some(item)));
                        groups.len() - 1
                    })
            };
            groups[place].add(&params, index, item)?;
        }
        let made: Result<Vec<Item>, NodeError> = groups
            .into_iter()
            .map(|group| group.finish(&params).map(Item::new))
            .collect();
        Ok(NodeOutput::items(made?))
    }

    fn check(&self, params: &SummarizeParams) -> Vec<ValidationIssue> {
        let mut issues = Vec::new();
        if params.fields.is_empty() {
            issues.push(ValidationIssue::parameter(
                "/fields",
                "at least one field is needed",
            ));
        }
        for (place, field) in params.fields.iter().enumerate() {
            if field.field.is_none() && field.operation != Operation::Count {
                let message = format!("`{}` needs a `field`", field.operation.as_str());
                issues.push(ValidationIssue::parameter(
                    format!("/fields/{place}/field"),
                    message,
                ));
            }
        }
        issues
    }
}

struct Group<'v> {
    first: Option<&'v Item>,
    summaries: Vec<Summary<'v>>,
}

impl<'v> Group<'v> {
    fn new(params: &'v SummarizeParams, first: Option<&'v Item>) -> Self {
        let summary = |field: &Field| Summary::new(field.operation, &params.separator);
        Self {
            first,
            summaries: params.fields.iter().map(summary).collect(),
        }
    }

    fn add(
        &mut self,
        params: &SummarizeParams,
        index: usize,
        item: &'v Item,
    ) -> Result<(), NodeError> {
        for (field, summary) in params.fields.iter().zip(&mut self.summaries) {
            let value = match &field.field {
                Some(path) => path.get(item.json()).filter(|value| !value.is_null()),
                None => Some(&Value::Bool(true)),
            };
            let Some(value) = value else { continue };
            if let Err(found) = Summary::accepts(field.operation, value) {
                if params.wrong_types == WrongTypes::Skip {
                    continue;
                }
                let path = field.field.as_ref().map_or("", Path::as_str);
                let message = format!(
                    "`{}` of `{path}` takes numbers, and item {index} has {found} there; convert it, or set \
                     `wrongTypes: skip`",
                    field.operation.as_str()
                );
                return Err(NodeError::permanent(ErrorCode::WRONG_TYPE, message));
            }
            summary.add(value)?;
        }
        Ok(())
    }

    fn finish(self, params: &SummarizeParams) -> Result<Object, NodeError> {
        let mut made = Object::new();
        for path in &params.group_by {
            let value = self.first.and_then(|item| path.get(item.json()));
            path.set(&mut made, value.cloned().unwrap_or_default())?;
        }
        for (field, summary) in params.fields.iter().zip(self.summaries) {
            field.target().set(&mut made, summary.finish()?)?;
        }
        Ok(made)
    }
}

impl Field {
    fn target(&self) -> Cow<'_, Path> {
        let operation = self.operation.as_str();
        match (&self.target, &self.field) {
            (Some(target), _) => Cow::Borrowed(target),
            (None, Some(field)) => {
                Cow::Owned(Path::of_key(&format!("{operation}_{}", field.last_key())))
            }
            (None, None) => Cow::Owned(Path::of_key(operation)),
        }
    }
}

fn identity(paths: &[Path], item: &Item) -> String {
    let mut text = String::new();
    for path in paths {
        // A value that is missing makes the same group as `null`.
        write_identity(path.get(item.json()).unwrap_or(&Value::Null), &mut text);
    }
    text
}
