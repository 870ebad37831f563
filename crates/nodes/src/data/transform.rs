use std::sync::Arc;

use indexmap::IndexMap;
use jackfield_plugin_api::{NodeError, NodeOutput, NodeType, TypedCall};
use jackfield_types::{Item, NodeTypeMetadata, Object, ValidationIssue};
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
        let mut budget = Budget::default();
        let mut results = call.results();
        let mut shape = None;
        for index in 0..call.items().len() {
            let made = make(&call, index, &mut shape)
                .and_then(|object| budget.spend(&object).map(|()| object));
            match made {
                Ok(object) => results.put(Item::new(object).paired_with(index)),
                Err(error) if budget.is_spent() => return Err(results.stop(index, error)),
                Err(error) => results.fail(index, error)?,
            }
        }
        results.finish()
    }

    fn check(&self, params: &TransformParams) -> Vec<ValidationIssue> {
        params.check()
    }
}

/// Makes the object of one item.
fn make(
    call: &TypedCall<'_, TransformParams>,
    index: usize,
    shape: &mut Option<Shape>,
) -> Result<Object, NodeError> {
    let item = &call.items()[index];
    if call.parameters.is_static() {
        return call.params_for(index)?.apply_to(item);
    }
    // Templates are mostly in the values of `set`: the rest is read once, and not for each item.
    let mut resolved = call.parameters.resolve(index)?.into_owned();
    if let Some(shape) = shape {
        let Some(values) = shape.take_values(&mut resolved) else {
            return call.params_for(index)?.apply_to(item);
        };
        let params = &shape.params;
        return params.apply(item, params.set.keys().zip(values));
    }
    let params = call.params_for(index)?;
    let object = params.apply_to(item)?;
    *shape = Some(Shape::of(params, &resolved));
    Ok(object)
}

impl TransformParams {
    /// What can be told to go wrong with each item.
    fn check(&self) -> Vec<ValidationIssue> {
        let kept = self.keep.iter().flatten().enumerate();
        let kept = kept.map(|(place, path)| (format!("/keep/{place}"), path));
        let renamed = self
            .rename
            .iter()
            .map(|(from, to)| (format!("/rename/{}", step(from)), to));
        let set = self
            .set
            .keys()
            .map(|path| (format!("/set/{}", step(path)), path));
        kept.chain(renamed)
            .chain(set)
            .filter_map(|(place, path)| {
                let error = path.check_keys().err()?;
                Some(ValidationIssue::parameter(place, error.to_string()))
            })
            .collect()
    }

    /// Makes the object of an item, with the values of `set` as they are.
    fn apply_to(&self, item: &Item) -> Result<Object, NodeError> {
        let set = self.set.iter().map(|(path, value)| (path, value.clone()));
        self.apply(item, set)
    }

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

/// A path as a step of a JSON Pointer.
fn step(path: &Path) -> String {
    path.as_str().replace('~', "~0").replace('/', "~1")
}

/// What stays the same from item to item, so that it need not be parsed again.
struct Shape {
    params: Arc<TransformParams>,
    fixed: [Option<Value>; 3],
}

impl Shape {
    const FIXED: [&str; 3] = ["keep", "remove", "rename"];

    fn of(params: Arc<TransformParams>, resolved: &Value) -> Self {
        Self {
            params,
            fixed: Self::FIXED.map(|name| resolved.get(name).cloned()),
        }
    }

    /// The values of `set`, if everything else is as it was for the item that gave the shape.
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
        (is_same && set.len() == self.params.set.len())
            .then(|| set.into_iter().map(|(_, value)| value))
    }
}
