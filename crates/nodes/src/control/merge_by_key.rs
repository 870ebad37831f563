use jackfield_plugin_api::{NodeError, NodeOutput};
use jackfield_types::{Item, ItemSource, Items, Object};
use rustc_hash::FxHashMap;

use super::merge::{Join, MergeParams, source};
use crate::items::Budget;
use crate::path::Path;
use crate::value::write_identity;

/// What is being joined: an object, its key's identity, and the item that it began with.
struct Row {
    object: Object,
    key: Option<String>,
    source: Option<ItemSource>,
}

/// Joins the inputs by a value of their items, from the first to the last.
pub(super) fn by_key(params: &MergeParams, inputs: &[Items]) -> Result<NodeOutput, NodeError> {
    let mut paths = Vec::with_capacity(inputs.len());
    for input in 0..inputs.len() {
        let Some(path) = params.key.as_ref().or_else(|| params.keys.get(input)) else {
            let message = format!(
                "{} inputs are connected, and there is no key for input {input}",
                inputs.len()
            );
            return Err(NodeError::parameter("/keys", message));
        };
        paths.push(path);
    }
    let Some((first, others)) = inputs.split_first() else {
        return Ok(NodeOutput::default());
    };
    let mut rows: Vec<Row> = first
        .iter()
        .enumerate()
        .map(|(place, item)| Row {
            object: item.json().clone(),
            key: identity(paths[0], item),
            source: source(0, place),
        })
        .collect();
    for (items, input) in others.iter().zip(1..) {
        rows = join(params, rows, items, paths[input], input)?;
    }
    let made = rows
        .into_iter()
        .map(|row| Item::new(row.object).with_source(row.source));
    Ok(NodeOutput::items(made.collect::<Vec<_>>()))
}

fn join(
    params: &MergeParams,
    left: Vec<Row>,
    right: &Items,
    path: &Path,
    input: usize,
) -> Result<Vec<Row>, NodeError> {
    let mut places: FxHashMap<String, Vec<usize>> = FxHashMap::default();
    for (place, item) in right.iter().enumerate() {
        if let Some(key) = identity(path, item) {
            places.entry(key).or_default().push(place);
        }
    }
    let mut budget = Budget::default();
    let mut met = vec![false; right.len()];
    let mut joined = Vec::new();
    for row in left {
        let counterparts = row.key.as_ref().and_then(|key| places.get(key));
        let Some(counterparts) = counterparts else {
            if params.join != Join::Inner {
                budget.spend(&row.object)?;
                joined.push(row);
            }
            continue;
        };
        for &place in counterparts {
            met[place] = true;
            let mut object = row.object.clone();
            params.put(&mut object, right[place].json(), input);
            budget.spend(&object)?;
            joined.push(Row {
                object,
                key: row.key.clone(),
                source: row.source,
            });
        }
    }
    if params.join == Join::Outer {
        for (place, item) in right.iter().enumerate().filter(|(place, _)| !met[*place]) {
            budget.spend(item.json())?;
            joined.push(Row {
                object: item.json().clone(),
                key: identity(path, item),
                source: source(input, place),
            });
        }
    }
    Ok(joined)
}

/// What the value at a path is known by; nothing if there is none.
fn identity(path: &Path, item: &Item) -> Option<String> {
    let value = path.get(item.json()).filter(|value| !value.is_null())?;
    let mut text = String::new();
    write_identity(value, &mut text);
    Some(text)
}
