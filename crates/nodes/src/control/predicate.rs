use jackfield_plugin_api::{Expr, NodeCall, NodeError};
use jackfield_types::ValidationIssue;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::value::{compare, equal, is_truthy, kind};

/// What decides about an item: one expression, or a list of comparisons.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Predicate {
    /// An expression that is evaluated for each item, such as `$json.total > 100`. What
    /// JavaScript takes for true holds.
    condition: Option<Expr>,
    /// Comparisons, instead of `condition`. Their values are templates.
    #[serde(default)]
    conditions: Vec<Comparison>,
    /// Whether all of `conditions` have to hold, or any of them.
    #[serde(default)]
    combine: Combine,
}

/// One comparison.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Comparison {
    /// The value that is looked at, mostly a template such as `{{ $json.status }}`.
    #[serde(default)]
    left: Value,
    /// How it is compared.
    operator: Operator,
    /// What it is compared with. Some operators need nothing.
    #[serde(default)]
    right: Value,
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Operator {
    /// Both are the same; `1` and `1.0` are, `1` and `"1"` are not.
    Equals,
    /// They are not the same.
    NotEquals,
    /// The left one is greater. Never true of values of two kinds.
    Gt,
    /// The left one is greater or equal.
    Gte,
    /// The left one is less.
    Lt,
    /// The left one is less or equal.
    Lte,
    /// The left text contains the right one, the left list has the right value as an element, or
    /// the left object has the right text as a key.
    Contains,
    /// The contrary of `contains`.
    NotContains,
    /// The left text begins with the right one.
    StartsWith,
    /// The left text ends with the right one.
    EndsWith,
    /// The left value is an element of the right list.
    In,
    /// The contrary of `in`.
    NotIn,
    /// The left value is there and not `null`.
    Exists,
    /// The left value is not there, or `null`.
    NotExists,
    /// The left value is `null`, or an empty text, list or object.
    IsEmpty,
    /// The contrary of `isEmpty`.
    IsNotEmpty,
    /// The left value is what JavaScript takes for true.
    IsTrue,
    /// The left value is what JavaScript takes for false.
    IsFalse,
}

/// How several comparisons make one decision.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Combine {
    /// All of them have to hold.
    #[default]
    All,
    /// One of them has to hold.
    Any,
}

impl Predicate {
    /// Whether it holds for an item of the first input.
    ///
    /// # Errors
    /// Those of the expression.
    pub(crate) fn holds(&self, call: &NodeCall<'_>, item: usize) -> Result<bool, NodeError> {
        if let Some(condition) = &self.condition {
            return Ok(is_truthy(&call.parameters.evaluate(
                condition,
                item,
                &[],
            )?));
        }
        Ok(match self.combine {
            Combine::All => self.conditions.iter().all(Comparison::holds),
            Combine::Any => self.conditions.iter().any(Comparison::holds),
        })
    }

    /// What is wrong with it beyond the types.
    pub(crate) fn check(&self) -> Vec<ValidationIssue> {
        match (&self.condition, self.conditions.is_empty()) {
            (None, true) => vec![
                ValidationIssue::parameter("/condition", "a condition is missing").with_hint(
                    "give `condition`, an expression, or `conditions`, a list of comparisons",
                ),
            ],
            (Some(_), false) => vec![ValidationIssue::parameter(
                "/conditions",
                "`condition` and `conditions` cannot be given both",
            )],
            _ => Vec::new(),
        }
    }
}

impl Comparison {
    fn holds(&self) -> bool {
        let (left, right) = (&self.left, &self.right);
        let comparable = kind(left) == kind(right);
        match self.operator {
            Operator::Equals => equal(left, right),
            Operator::NotEquals => !equal(left, right),
            Operator::Gt => comparable && compare(left, right).is_gt(),
            Operator::Gte => comparable && compare(left, right).is_ge(),
            Operator::Lt => comparable && compare(left, right).is_lt(),
            Operator::Lte => comparable && compare(left, right).is_le(),
            Operator::Contains => contains(left, right),
            Operator::NotContains => !contains(left, right),
            Operator::StartsWith => texts(left, right).is_some_and(|(l, r)| l.starts_with(r)),
            Operator::EndsWith => texts(left, right).is_some_and(|(l, r)| l.ends_with(r)),
            Operator::In => right.is_array() && contains(right, left),
            Operator::NotIn => !(right.is_array() && contains(right, left)),
            Operator::Exists => !left.is_null(),
            Operator::NotExists => left.is_null(),
            Operator::IsEmpty => is_empty(left),
            Operator::IsNotEmpty => !is_empty(left),
            Operator::IsTrue => is_truthy(left),
            Operator::IsFalse => !is_truthy(left),
        }
    }
}

fn texts<'v>(left: &'v Value, right: &'v Value) -> Option<(&'v str, &'v str)> {
    Some((left.as_str()?, right.as_str()?))
}

fn contains(whole: &Value, part: &Value) -> bool {
    match whole {
        Value::String(text) => part.as_str().is_some_and(|part| text.contains(part)),
        Value::Array(list) => list.iter().any(|element| equal(element, part)),
        Value::Object(object) => part.as_str().is_some_and(|key| object.contains_key(key)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(object) => object.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}
