use std::borrow::Cow;
use std::cmp::Ordering;

use jackfield_plugin_api::{NodeError, NodeOutput, NodeType, TypedCall};
use jackfield_types::{Item, NodeTypeMetadata, ValidationIssue};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Number, Value, json};

use crate::declaration::{declare, example, tags};
use crate::items::take;
use crate::path::Path;
use crate::value::compare;

/// `sort`: puts its items in order.
pub(crate) struct Sort;

/// Parameters of `sort`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SortParams {
    /// What the items are ordered by, the most important first.
    #[serde(default)]
    by: Vec<Criterion>,
    /// The path of one value to order by, instead of `by`.
    field: Option<Path>,
    /// The direction, with `field`.
    #[serde(default)]
    order: Order,
    /// How the values are compared, with `field`.
    #[serde(default, rename = "type")]
    comparison: Comparison,
}

/// One thing that items are ordered by.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Criterion {
    /// The path of the value.
    field: Path,
    /// The direction.
    #[serde(default)]
    order: Order,
    /// How the values are compared.
    #[serde(default, rename = "type")]
    comparison: Comparison,
}

/// A direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Order {
    /// The least first.
    #[default]
    Asc,
    /// The greatest first.
    Desc,
}

/// How values are compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Comparison {
    /// By their kinds (booleans, numbers, texts, lists, objects), then by their values.
    #[default]
    Natural,
    /// As numbers; texts that are written like numbers too. Others count as missing.
    Number,
    /// As texts, letters large and small alike; numbers and booleans as they are written.
    Text,
    /// As points in time, written with an offset. Others count as missing.
    Time,
}

/// A value, ready to be compared.
enum Key<'v> {
    Natural(Cow<'v, Value>),
    Text(Cow<'v, str>),
    Time(Timestamp),
}

impl Comparison {
    fn key(self, value: Option<&Value>) -> Option<Key<'_>> {
        let value = value.filter(|value| !value.is_null())?;
        match self {
            Self::Natural => Some(Key::Natural(Cow::Borrowed(value))),
            Self::Number => match value {
                Value::Number(_) => Some(Key::Natural(Cow::Borrowed(value))),
                Value::String(text) => {
                    parse_number(text.trim()).map(|number| Key::Natural(Cow::Owned(number.into())))
                }
                _ => None,
            },
            Self::Text => match value {
                Value::String(text) => Some(Key::Text(text.to_lowercase().into())),
                Value::Number(_) | Value::Bool(_) => Some(Key::Text(value.to_string().into())),
                _ => None,
            },
            Self::Time => value.as_str()?.trim().parse().ok().map(Key::Time),
        }
    }
}

fn parse_number(text: &str) -> Option<Number> {
    text.parse()
        .ok()
        .or_else(|| Number::from_f64(text.parse().ok()?))
}

impl Key<'_> {
    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Natural(a), Self::Natural(b)) => compare(a, b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Time(a), Self::Time(b)) => a.cmp(b),
            // One criterion makes keys of one kind.
            (Self::Natural(_) | Self::Text(_) | Self::Time(_), _) => Ordering::Equal,
        }
    }
}

const DOCUMENTATION: &str = "\
Orders its items by one value (`field`, `order`, `type`) or several (`by`). Items that are equal in all of them keep \
their order. Items without the value, or with `null`, come last, whichever the direction. The parameters are evaluated \
once, for the first item.

With `type: natural` values of different kinds are ordered by kind: booleans, numbers, texts, lists, objects. Numbers \
are compared exactly; texts character by character, so that `Z` comes before `a`.";

impl NodeType for Sort {
    type Params = SortParams;

    fn declaration(&self) -> NodeTypeMetadata {
        NodeTypeMetadata {
            documentation: DOCUMENTATION.to_owned(),
            tags: tags(&["order", "arrange"]),
            examples: vec![
                example(
                    "The dearest first",
                    json!({"field": "price", "order": "desc"}),
                    json!([[{"price": 2}, {"name": "free"}, {"price": 10}]]),
                    json!([[{"price": 10}, {"price": 2}, {"name": "free"}]]),
                ),
                example(
                    "By two values",
                    json!({"by": [{"field": "city", "type": "text"}, {"field": "age", "order": "desc"}]}),
                    json!([[{"city": "Wien", "age": 3}, {"city": "graz", "age": 1}, {"city": "Graz", "age": 2}]]),
                    json!([[{"city": "Graz", "age": 2}, {"city": "graz", "age": 1}, {"city": "Wien", "age": 3}]]),
                ),
            ],
            ..declare("sort", super::CATEGORY, "Puts its items in order.")
        }
    }

    async fn run(&self, call: TypedCall<'_, SortParams>) -> Result<NodeOutput, NodeError> {
        let params = call.params()?;
        let issues = self.check(&params);
        if !issues.is_empty() {
            return Err(NodeError::Params(issues));
        }
        let single = params.field.as_ref().map(|field| Criterion {
            field: field.clone(),
            order: params.order,
            comparison: params.comparison,
        });
        let criteria = single.as_ref().map_or(&params.by[..], std::slice::from_ref);
        let items = call.items();
        let mut keyed: Vec<(Vec<Option<Key<'_>>>, usize)> = items
            .iter()
            .enumerate()
            .map(|(index, item)| (keys(criteria, item), index))
            .collect();
        keyed.sort_by(|(a, _), (b, _)| compare_keys(criteria, a, b));
        let sorted: Vec<Item> = keyed.iter().map(|(_, index)| take(items, *index)).collect();
        Ok(NodeOutput::items(sorted))
    }

    fn check(&self, params: &SortParams) -> Vec<ValidationIssue> {
        if params.field.is_some() != params.by.is_empty() {
            return vec![ValidationIssue::parameter(
                "/field",
                "give either `field` or `by`",
            )];
        }
        Vec::new()
    }
}

fn keys<'v>(criteria: &[Criterion], item: &'v Item) -> Vec<Option<Key<'v>>> {
    criteria
        .iter()
        .map(|criterion| criterion.comparison.key(criterion.field.get(item.json())))
        .collect()
}

fn compare_keys(criteria: &[Criterion], a: &[Option<Key<'_>>], b: &[Option<Key<'_>>]) -> Ordering {
    let unequal = criteria
        .iter()
        .zip(a.iter().zip(b))
        .map(|(criterion, pair)| match pair {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(a), Some(b)) => match criterion.order {
                Order::Asc => a.compare(b),
                Order::Desc => b.compare(a),
            },
        });
    unequal
        .into_iter()
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}
