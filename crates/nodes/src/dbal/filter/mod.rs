//! Filters: which rows are meant, as data.

mod condition;
mod parse;

pub(super) use condition::{Fields, Operand, condition};

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Which rows are meant.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Filter {
    /// Those that all of these mean.
    And(Vec<Filter>),
    /// Those that any of these means.
    Or(Vec<Filter>),
    /// Those that this does not mean.
    Not(Box<Filter>),
    /// Those whose field is like that.
    Field {
        name: String,
        operator: Operator,
        value: Value,
    },
}

/// How a field is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Eq,
    Ne,
    Lt,
    Lte,
    Gt,
    Gte,
    In,
    NotIn,
    Like,
    NotLike,
    Between,
    NotBetween,
    IsNull,
}

/// How many rows a filter lets through, as far as that shows without looking at them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    All,
    None,
    Some,
}

impl Filter {
    /// Whether it lets every row through, whatever is in it.
    pub(super) fn is_everything(&self) -> bool {
        self.reach() == Reach::All
    }

    /// Whether it lets through only rows whose field has this value, as far as that shows.
    pub(super) fn pins(&self, field: &str, wanted: &Value) -> bool {
        match self {
            Self::And(filters) => filters.iter().any(|filter| filter.pins(field, wanted)),
            Self::Field {
                name,
                operator: Operator::Eq,
                value,
            } => name == field && value == wanted,
            Self::Or(_) | Self::Not(_) | Self::Field { .. } => false,
        }
    }

    /// Whether there is no condition in it.
    fn is_constant(&self) -> bool {
        match self {
            Self::And(filters) | Self::Or(filters) => filters.iter().all(Self::is_constant),
            Self::Not(filter) => filter.is_constant(),
            Self::Field { .. } => false,
        }
    }

    fn reach(&self) -> Reach {
        let every = |filters: &[Self], bound: Reach, empty: Reach| {
            let reaches: Vec<Reach> = filters.iter().map(Self::reach).collect();
            if reaches.contains(&bound) {
                bound
            } else if reaches.iter().all(|&reach| reach == empty) {
                empty
            } else {
                Reach::Some
            }
        };
        match self {
            Self::And(filters) => every(filters, Reach::None, Reach::All),
            Self::Or(filters) => every(filters, Reach::All, Reach::None),
            Self::Not(filter) => match filter.reach() {
                Reach::All => Reach::None,
                Reach::None => Reach::All,
                Reach::Some => Reach::Some,
            },
            Self::Field {
                operator, value, ..
            } => {
                let is_empty = value.as_array().is_some_and(Vec::is_empty);
                match operator {
                    Operator::In if is_empty => Reach::None,
                    Operator::NotIn if is_empty => Reach::All,
                    _ => Reach::Some,
                }
            }
        }
    }
}

impl<'de> Deserialize<'de> for Filter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        parse::parse(value).map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Filter {
    fn schema_name() -> Cow<'static, str> {
        "Filter".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "examples": [
                { "status": "open" },
                { "or": [{ "total": { "gte": "100.00" } }, { "not": { "country": { "in": ["DE", "AT"] } } }] }
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn filter(value: Value) -> Filter {
        Filter::deserialize(value).unwrap()
    }

    #[test]
    fn what_lets_everything_through_is_known_however_it_is_written() {
        for everything in [
            json!({}),
            json!({"and": []}),
            json!({"and": [{}, {"or": [{}, {"a": 1}]}]}),
            json!({"not": {"or": []}}),
            json!({"a": {"notIn": []}}),
            json!({"not": {"a": {"in": []}}}),
        ] {
            assert!(filter(everything.clone()).is_everything(), "{everything}");
        }
        for something in [
            json!({"a": 1}),
            json!({"or": []}),
            json!({"not": {}}),
            json!({"and": [{}, {"a": {"isNull": true}}]}),
            json!({"or": [{"a": 1}, {"b": 1}]}),
        ] {
            assert!(!filter(something.clone()).is_everything(), "{something}");
        }
    }

    #[test]
    fn a_filter_says_what_is_wrong_with_it() {
        let error = |value: Value| Filter::deserialize(value).unwrap_err().to_string();
        assert_eq!(
            error(json!({"a": {"equals": 1}})),
            "`equals` is no operator of field `a`: there are eq, ne, lt, lte, gt, gte, in, notIn, like, notLike, between, notBetween, isNull"
        );
        assert!(error(json!({"a": null})).contains("isNull"));
        assert!(error(json!({"a": {"in": 1}})).contains("a list"));
        assert!(error(json!({"a": {"between": [1]}})).contains("two values"));
        assert!(error(json!({"and": {"a": 1}})).contains("a list"));
        let mut deep = json!({"a": 1});
        for _ in 0..40 {
            deep = json!({"not": deep});
        }
        assert!(error(deep).contains("deeper than 32"));
        let wide: Vec<Value> = (0..2_000).map(|n| json!({"a": n})).collect();
        assert!(error(json!({"or": wide})).contains("more than 500 conditions"));
    }
}
