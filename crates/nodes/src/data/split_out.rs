use jackfield_plugin_api::{NodeError, NodeOutput, NodeType, TypedCall};
use jackfield_types::{Item, NodeTypeMetadata, Object, ValidationIssue};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::declaration::{declare, example, tags};
use crate::items::{Budget, single};
use crate::path::Path;

/// `split-out`: makes one item of each element of a list.
pub(crate) struct SplitOut;

/// Parameters of `split-out`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SplitOutParams {
    /// The path of the list.
    field: Path,
    /// Which other fields of the item go along.
    #[serde(default)]
    include: Include,
    /// With `include: selected`, the paths that go along.
    #[serde(default)]
    fields: Vec<Path>,
    /// The path of the element in the new item.
    into: Option<Path>,
}

/// Which other fields go along.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Include {
    /// None.
    #[default]
    None,
    /// All but the list.
    All,
    /// Those in `fields`.
    Selected,
}

const DOCUMENTATION: &str = "\
Makes one item of each element of the list at `field`, in order. An item without it, or with `null`, makes none; a value \
that is no list counts as a list of one.

With `include: none` an element that is an object becomes the item, and any other element is put at `into`, or at the \
last name of `field`. With `include: all` or `selected`, or with `into`, every element is put at `into`, or at `field`, \
beside the fields that go along. At most 1,000,000 items are made.";

impl NodeType for SplitOut {
    type Params = SplitOutParams;

    fn declaration(&self) -> NodeTypeMetadata {
        NodeTypeMetadata {
            documentation: DOCUMENTATION.to_owned(),
            tags: tags(&["explode", "flatten", "list", "each"]),
            examples: vec![
                example(
                    "The lines of an order",
                    json!({"field": "lines"}),
                    json!([[{"id": 1, "lines": [{"sku": "a"}, {"sku": "b"}]}, {"id": 2}]]),
                    json!([[{"sku": "a"}, {"sku": "b"}]]),
                ),
                example(
                    "With the order's own fields",
                    json!({"field": "tags", "include": "selected", "fields": ["id"], "into": "tag"}),
                    json!([[{"id": 1, "tags": ["x", "y"], "note": ""}]]),
                    json!([[{"id": 1, "tag": "x"}, {"id": 1, "tag": "y"}]]),
                ),
            ],
            ..declare(
                "split-out",
                super::CATEGORY,
                "Makes one item of each element of a list.",
            )
        }
    }

    async fn run(&self, call: TypedCall<'_, SplitOutParams>) -> Result<NodeOutput, NodeError> {
        let mut budget = Budget::default();
        let mut results = call.results();
        let mut made = Vec::new();
        for (index, item) in call.items().iter().enumerate() {
            made.clear();
            let split = call
                .params_for(index)
                .and_then(|params| params.split(item, &mut budget, &mut made));
            match split {
                Ok(()) => {
                    for object in made.drain(..) {
                        results.put(Item::new(object).paired_with(index));
                    }
                }
                Err(error) if budget.is_spent() => return Err(results.stop(index, error)),
                Err(error) => results.fail(index, error)?,
            }
        }
        results.finish()
    }

    fn check(&self, params: &SplitOutParams) -> Vec<ValidationIssue> {
        if params.include == Include::Selected && params.fields.is_empty() {
            return vec![ValidationIssue::parameter(
                "/fields",
                "`include: selected` needs `fields`",
            )];
        }
        Vec::new()
    }
}

impl SplitOutParams {
    /// Makes the objects of one item.
    fn split(
        &self,
        item: &Item,
        budget: &mut Budget,
        made: &mut Vec<Object>,
    ) -> Result<(), NodeError> {
        let elements = match self.field.get(item.json()) {
            None | Some(Value::Null) => return Ok(()),
            Some(Value::Array(list)) => list.as_slice(),
            Some(other) => std::slice::from_ref(other),
        };
        let base = self.base(item)?;
        for element in elements {
            let object = self.make(&base, element)?;
            budget.spend(&object)?;
            made.push(object);
        }
        Ok(())
    }

    /// What goes along with each element.
    fn base(&self, item: &Item) -> Result<Object, NodeError> {
        match self.include {
            Include::None => Ok(Object::new()),
            Include::All => {
                let mut base = item.json().clone();
                self.field.remove(&mut base);
                Ok(base)
            }
            Include::Selected => {
                let mut base = Object::new();
                for path in &self.fields {
                    if let Some(value) = path.get(item.json()) {
                        path.set(&mut base, value.clone())?;
                    }
                }
                Ok(base)
            }
        }
    }

    fn make(&self, base: &Object, element: &Value) -> Result<Object, NodeError> {
        if self.include == Include::None && self.into.is_none() {
            return Ok(match element {
                Value::Object(object) => object.clone(),
                other => single(&self.field.last_key(), other.clone()),
            });
        }
        let into = self.into.as_ref().unwrap_or(&self.field);
        let mut object = base.clone();
        into.set(&mut object, element.clone())?;
        Ok(object)
    }
}
