//! Items that a node gives in place of running.

use std::sync::Arc;

use jackfield_types::{Item, Items, Object};
use serde_json::Value;

use super::reader::Reader;
use crate::pointer::Place;

/// The fields of an item as n8n exports it.
const ENVELOPE: &[&str] = &["json", "binary", "pairedItem", "error", "index", "metadata"];

/// Reads a list of items. Each one is an object, or an object in n8n's envelope `{"json": …}`.
pub(super) fn items(value: &Value, place: &Place<'_>, reader: &mut Reader<'_>) -> Option<Items> {
    let Value::Array(list) = value else {
        reader.invalid(place, "pinned data is a list of objects");
        return None;
    };
    let mut items = Vec::with_capacity(list.len());
    for (index, value) in list.iter().enumerate() {
        match value {
            Value::Object(object) => items.push(Item::new(unwrapped(object).clone())),
            _ => reader.invalid(&place.index(index), "a pinned item is an object"),
        }
    }
    Some(Arc::new(items))
}

fn unwrapped(object: &Object) -> &Object {
    match object.get("json") {
        Some(Value::Object(json)) if object.keys().all(|key| ENVELOPE.contains(&key.as_str())) => {
            json
        }
        _ => object,
    }
}
