use indexmap::IndexMap;
use jackfield_plugin_api::{NodeError, NodeOutput, NodeType, TypedCall};
use jackfield_types::{Item, NodeTypeMetadata, Object};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::declaration::{declare, example, tags};
use crate::items::Budget;
use crate::path::Path;

/// `transform`: changes the fields of its items.
pub(crate) struct Transform;

/// Parameters of `transform`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct TransformParams {
    /// The paths that are kept; everything else goes. Nothing goes if not given.
    keep: Option<Vec<Path>>,
    /// The paths that go.
    #[serde(default)]
    remove: Vec<Path>,
    /// New paths by the old ones.
    #[serde(default)]
    rename: IndexMap<Path, Path>,
    /// Values, mostly templates, by the path that they are put at.
    #[serde(default)]
    set: IndexMap<Path, Value>,
}

const DOCUMENTATION: &str = "\
Makes one item of each item, in four steps and in this order:

1. `keep`: only these paths stay. One that is not there is passed over.
2. `remove`: these paths go. One that is not there is passed over.
3. `rename`: a value moves from one path to another, and takes the place of what is there. One that is not there is \
passed over.
4. `set`: each value is put at its path. Templates see the item as it came in, before any of the steps. Objects are \
made on the way where nothing or `null` is; that a number, a text or a boolean is in the way is the error `WRONG_TYPE`.

Paths are written `a.b`, `lines[0].price`, `['a key with.points']`. `__proto__`, `constructor` and `prototype` are not \
written. Values nest at most 128 deep.";

impl NodeType for Transform {
    type Params = TransformParams;

    fn declaration(&self) -> NodeTypeMetadata {
        NodeTypeMetadata {
            documentation: DOCUMENTATION.to_owned(),
            tags: tags(&["set", "map", "edit", "fields", "rename"]),
            examples: vec![
                example(
                    "Set, rename and remove",
                    json!({
                        "set": {"customer.name": "{{ $json.name.trim() }}", "total": "{{ $json.price * 2 }}"},
                        "rename": {"sku": "article.number"},
                        "remove": ["name"]
                    }),
                    json!([[{"name": " Ada ", "price": 4, "sku": "x1"}]]),
                    json!([[{"price": 4, "article": {"number": "x1"}, "customer": {"name": "Ada"}, "total": 8}]]),
                ),
                example(
                    "Keep what is needed",
                    json!({"keep": ["id", "address.city"]}),
                    json!([[{"id": 1, "address": {"city": "Graz", "zip": "8010"}, "note": "x"}]]),
                    json!([[{"id": 1, "address": {"city": "Graz"}}]]),
                ),
            ],
            ..declare(
                "transform",
                super::CATEGORY,
                "Sets, renames, removes and keeps fields.",
            )
        }
    }

    async fn run(&self, call: TypedCall<'_, TransformParams>) -> Result<NodeOutput, NodeError> {
        let items = call.items();
        let params = call.params()?;
        let mut budget = Budget::default();
        if call.parameters.is_static() {
            return call.map_items(|params, item| {
                let set = params.set.iter().map(|(path, value)| (path, value.clone()));
                let object = params.apply(item, set)?;
                budget.spend(&object)?;
                Ok(object)
            });
        }
        // Templates are mostly in the values of `set`: the rest is read once, and not for each item.
        let shape = Shape::of(&params, &*call.parameters.resolve(0)?);
        let mut made = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let mut resolved = call.parameters.resolve(index)?.into_owned();
            let object = match shape.take_values(&mut resolved) {
                Some(values) => params.apply(item, params.set.keys().zip(values))?,
                None => {
                    let params = call.params_for(index)?;
                    let set = params.set.iter().map(|(path, value)| (path, value.clone()));
                    params.apply(item, set)?
                }
            };
            budget.spend(&object)?;
            made.push(Item::new(object).paired_with(index));
        }
        Ok(NodeOutput::items(made))
    }
}

impl TransformParams {
    fn apply<'p>(
        &self,
        item: &Item,
        set: impl Iterator<Item = (&'p Path, Value)>,
    ) -> Result<Object, NodeError> {
        let mut object = match &self.keep {
            None => item.json().clone(),
            Some(paths) => {
                let mut kept = Object::new();
                for path in paths {
                    if let Some(value) = path.get(item.json()) {
                        path.set(&mut kept, value.clone())?;
                    }
                }
                kept
            }
        };
        for path in &self.remove {
            path.remove(&mut object);
        }
        for (from, to) in &self.rename {
            if let Some(value) = from.remove(&mut object) {
                to.set(&mut object, value)?;
            }
        }
        for (path, value) in set {
            path.set(&mut object, value)?;
        }
        Ok(object)
    }
}

/// What stays the same from item to item, so that it need not be parsed again.
struct Shape {
    fixed: [Option<Value>; 3],
    set_keys: usize,
}

impl Shape {
    const FIXED: [&str; 3] = ["keep", "remove", "rename"];

    fn of(params: &TransformParams, resolved: &Value) -> Self {
        Self {
            fixed: Self::FIXED.map(|name| resolved.get(name).cloned()),
            set_keys: params.set.len(),
        }
    }

    /// The values of `set`, if everything else is as it was for the first item.
    fn take_values(&self, resolved: &mut Value) -> Option<impl Iterator<Item = Value> + use<>> {
        let is_same = Self::FIXED
            .iter()
            .zip(&self.fixed)
            .all(|(name, fixed)| resolved.get(*name) == fixed.as_ref());
        let set = match resolved.get_mut("set") {
            Some(Value::Object(set)) => std::mem::take(set),
            None => Object::new(),
            Some(_) => return None,
        };
        // The keys of an object are no templates, so that they stay the same and in order.
        (is_same && set.len() == self.set_keys).then(|| set.into_iter().map(|(_, value)| value))
    }
}
