//! Metadata as it is kept. A parameter schema takes ten times as much memory as a JSON tree as it
//! takes as text, and most node types of a large registry are never used; so the bulky fields are
//! kept as text until somebody asks for them.

use std::sync::{Arc, OnceLock};

use jackfield_types::{Example, MetadataError, NodeTypeMetadata};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How deep schemas and examples may be nested, so that reading them back cannot go wrong.
const DEEPEST: usize = 100;
/// How many values a schema or the examples may have.
const MOST_VALUES: usize = 100_000;

/// The fields of [`NodeTypeMetadata`] that are kept as text.
#[derive(Default, Serialize, Deserialize)]
struct Bulk {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    documentation: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    schema: Option<Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    examples: Vec<Example>,
}

pub(crate) struct StoredMetadata {
    /// Everything but the bulk.
    head: Arc<NodeTypeMetadata>,
    bulk: Option<Box<str>>,
    whole: OnceLock<Arc<NodeTypeMetadata>>,
}

impl StoredMetadata {
    /// Takes apart what [`check_size`] let pass.
    pub(crate) fn new(mut metadata: NodeTypeMetadata) -> Self {
        let bulk = Bulk {
            documentation: std::mem::take(&mut metadata.documentation),
            schema: metadata.schema.take(),
            examples: std::mem::take(&mut metadata.examples),
        };
        let is_empty =
            bulk.documentation.is_empty() && bulk.schema.is_none() && bulk.examples.is_empty();
        let bulk = if is_empty { None } else { Some(bulk.to_text()) };
        Self {
            head: Arc::new(metadata),
            bulk,
            whole: OnceLock::new(),
        }
    }

    /// Everything but schema, examples and documentation.
    pub(crate) fn head(&self) -> &NodeTypeMetadata {
        &self.head
    }

    /// The whole metadata, put together when it is asked for the first time.
    pub(crate) fn whole(&self) -> &Arc<NodeTypeMetadata> {
        match &self.bulk {
            None => &self.head,
            Some(bulk) => self.whole.get_or_init(|| Arc::new(self.put_together(bulk))),
        }
    }

    /// The whole metadata: borrowed if it is at hand, else put together for the occasion.
    pub(crate) fn with_whole<R>(&self, look: impl FnOnce(&NodeTypeMetadata) -> R) -> R {
        match (&self.bulk, self.whole.get()) {
            (None, _) => look(&self.head),
            (Some(_), Some(whole)) => look(whole),
            (Some(bulk), None) => look(&self.put_together(bulk)),
        }
    }

    /// The schema: borrowed if the whole is at hand, else read for the occasion and not kept.
    pub(crate) fn with_schema<R>(&self, look: impl FnOnce(Option<&Value>) -> R) -> R {
        match (&self.bulk, self.whole.get()) {
            (None, _) => look(None),
            (Some(_), Some(whole)) => look(whole.schema.as_ref()),
            (Some(bulk), None) => look(Bulk::from_text(bulk).schema.as_ref()),
        }
    }

    fn put_together(&self, bulk: &str) -> NodeTypeMetadata {
        let Bulk {
            documentation,
            schema,
            examples,
        } = Bulk::from_text(bulk);
        NodeTypeMetadata {
            documentation,
            schema,
            examples,
            ..(*self.head).clone()
        }
    }
}

impl Bulk {
    fn to_text(&self) -> Box<str> {
        let text = serde_json::to_string(self).expect("JSON values are always written as JSON");
        text.into_boxed_str()
    }

    fn from_text(text: &str) -> Self {
        serde_json::from_str(text).expect("it was written by `to_text`, with bounded depth")
    }
}

/// Checks that schema and examples can be walked, written and read back without a fear.
///
/// # Errors
/// The field that is nested too deep or has too many values.
pub(crate) fn check_size(metadata: &NodeTypeMetadata) -> Result<(), MetadataError> {
    check_values("schema", metadata.schema.iter())?;
    let objects = metadata.examples.iter().flat_map(|example| {
        let lists = example.input.iter().chain(example.output.iter().flatten());
        lists.flatten().chain([&example.variables])
    });
    let values = objects.flat_map(|object| object.values());
    check_values(
        "examples",
        values.chain(metadata.examples.iter().map(|one| &one.parameters)),
    )
}

fn check_values<'a>(
    field: &str,
    values: impl Iterator<Item = &'a Value>,
) -> Result<(), MetadataError> {
    let refused = |reason| {
        Err(MetadataError {
            field: field.to_owned(),
            reason,
        })
    };
    let mut open: Vec<(&Value, usize)> = values.map(|value| (value, 1)).collect();
    let mut count = 0_usize;
    while let Some((value, depth)) = open.pop() {
        count += 1;
        if count > MOST_VALUES {
            return refused(format!("has more than {MOST_VALUES} values"));
        }
        if depth > DEEPEST {
            return refused(format!("is nested more than {DEEPEST} deep"));
        }
        match value {
            Value::Array(list) => open.extend(list.iter().map(|value| (value, depth + 1))),
            Value::Object(map) => open.extend(map.values().map(|value| (value, depth + 1))),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    Ok(())
}
