use std::borrow::Cow;

use jackfield_plugin_api::{NodeError, NodeOutput, NodeType, TypedCall};
use jackfield_types::{Item, NodeTypeMetadata, Object, ValidationIssue};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use crate::declaration::{declare, example, tags};
use crate::path::Path;

/// `aggregate`: makes one item of all its items.
pub(crate) struct Aggregate;

/// Parameters of `aggregate`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AggregateParams {
    /// Whether whole items are gathered, or single fields.
    #[serde(default)]
    mode: Mode,
    /// With `mode: all`, the path of the list.
    #[serde(default = "items")]
    into: Path,
    /// With `mode: fields`, what is gathered: paths, or objects with a path and the path of the list.
    #[serde(default)]
    fields: Vec<Gathered>,
    /// With `mode: fields`, what stands in a list for an item without the value.
    #[serde(default)]
    missing: Missing,
}

/// What is gathered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Mode {
    /// Whole items.
    #[default]
    All,
    /// Single fields.
    Fields,
}

/// What stands for a value that is not there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Missing {
    /// Nothing: the list is shorter.
    #[default]
    Skip,
    /// `null`: all lists are of the same length.
    Null,
}

/// One field that is gathered.
#[derive(Debug, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Gathered {
    /// Its path, by whose last name the list is called.
    Bare(Path),
    /// Its path, and that of the list.
    Named(NamedField),
}

/// A field, and what the list is called.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NamedField {
    /// The path of the value.
    field: Path,
    /// The path of the list.
    into: Path,
}

impl<'de> Deserialize<'de> for Gathered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let gathered = if value.is_object() {
            NamedField::deserialize(value).map(Self::Named)
        } else {
            Path::deserialize(value).map(Self::Bare)
        };
        gathered.map_err(serde::de::Error::custom)
    }
}

fn items() -> Path {
    Path::parse("items").expect("a bare name is a path")
}

const DOCUMENTATION: &str = "\
Makes one item of all its items. With `mode: all` they become a list of objects at `into` (`items` if not given). With \
`mode: fields` each of `fields` becomes a list of its values, in the order of the items; `missing` says what stands for \
an item without the value. The parameters are evaluated once, for the first item.";

impl NodeType for Aggregate {
    type Params = AggregateParams;

    fn declaration(&self) -> NodeTypeMetadata {
        NodeTypeMetadata {
            documentation: DOCUMENTATION.to_owned(),
            tags: tags(&["collect", "list", "gather"]),
            examples: vec![
                example(
                    "All items",
                    json!({"into": "orders"}),
                    json!([[{"id": 1}, {"id": 2}]]),
                    json!([[{"orders": [{"id": 1}, {"id": 2}]}]]),
                ),
                example(
                    "Two fields",
                    json!({"mode": "fields", "fields": ["id", {"field": "who.name", "into": "names"}]}),
                    json!([[{"id": 1, "who": {"name": "Ada"}}, {"id": 2}]]),
                    json!([[{"id": [1, 2], "names": ["Ada"]}]]),
                ),
            ],
            ..declare(
                "aggregate",
                super::CATEGORY,
                "Makes one item of all its items.",
            )
        }
    }

    async fn run(&self, call: TypedCall<'_, AggregateParams>) -> Result<NodeOutput, NodeError> {
        let params = call.params()?;
        let issues = self.check(&params);
        if !issues.is_empty() {
            return Err(NodeError::Params(issues));
        }
        let mut made = Object::new();
        match params.mode {
            Mode::All => {
                let objects = call
                    .items()
                    .iter()
                    .map(|item| Value::Object(item.json().clone()));
                params
                    .into
                    .set(&mut made, Value::Array(objects.collect()))?;
            }
            Mode::Fields => {
                for gathered in &params.fields {
                    let list = gather(gathered.field(), params.missing, call.items());
                    gathered.target().set(&mut made, Value::Array(list))?;
                }
            }
        }
        Ok(NodeOutput::items(vec![Item::new(made)]))
    }

    fn check(&self, params: &AggregateParams) -> Vec<ValidationIssue> {
        if params.mode == Mode::Fields && params.fields.is_empty() {
            return vec![ValidationIssue::parameter(
                "/fields",
                "`mode: fields` needs `fields`",
            )];
        }
        Vec::new()
    }
}

impl Gathered {
    fn field(&self) -> &Path {
        match self {
            Self::Bare(field) => field,
            Self::Named(named) => &named.field,
        }
    }

    fn target(&self) -> Cow<'_, Path> {
        match self {
            Self::Bare(field) => Cow::Owned(Path::of_key(&field.last_key())),
            Self::Named(named) => Cow::Borrowed(&named.into),
        }
    }
}

fn gather(field: &Path, missing: Missing, items: &[Item]) -> Vec<Value> {
    let values = items
        .iter()
        .map(|item| field.get(item.json()).filter(|value| !value.is_null()));
    match missing {
        Missing::Skip => values.flatten().cloned().collect(),
        Missing::Null => values
            .map(|value| value.cloned().unwrap_or_default())
            .collect(),
    }
}
