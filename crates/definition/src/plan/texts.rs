//! Walks through the parameters of a node.

use serde_json::Value;

use crate::pointer;

/// How long the JSON Pointer of a parameter may be.
pub(super) const LONGEST_POINTER: usize = 4_096;

/// Visits all texts in parameters, with their JSON Pointers. The parameters have been compiled, so
/// their depth is bounded.
pub(super) fn each_text(parameters: &Value, visit: &mut dyn FnMut(&str, &str)) {
    each_text_below(parameters, &mut String::new(), visit);
}

fn each_text_below(value: &Value, path: &mut String, visit: &mut dyn FnMut(&str, &str)) {
    let length = path.len();
    match value {
        Value::String(text) => visit(path, text),
        Value::Array(list) => {
            for (at, inner) in list.iter().enumerate() {
                pointer::push_index(path, at);
                each_text_below(inner, path, visit);
                path.truncate(length);
            }
        }
        Value::Object(fields) => {
            for (key, inner) in fields {
                pointer::push_key(path, key);
                each_text_below(inner, path, visit);
                path.truncate(length);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whether the JSON Pointer of every value is short enough to be worked with, looked at without
/// recursion.
pub(super) fn has_short_pointers(parameters: &Value) -> bool {
    let mut open = vec![(parameters, 0_usize)];
    while let Some((value, length)) = open.pop() {
        if length > LONGEST_POINTER {
            return false;
        }
        match value {
            Value::Array(list) => open.extend(list.iter().map(|inner| (inner, length + 8))),
            Value::Object(fields) => {
                open.extend(
                    fields
                        .iter()
                        .map(|(key, inner)| (inner, length + 1 + key.len())),
                );
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    true
}
