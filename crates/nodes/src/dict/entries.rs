use jackfield_plugin_api::NodeError;
use jackfield_types::{ErrorCode, Object};
use serde_json::{Value, json};

use crate::family::{Arguments, check_key, describe};

pub(super) fn keys(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    Ok(arguments
        .object("object")?
        .keys()
        .map(String::as_str)
        .collect())
}

pub(super) fn values(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    Ok(arguments.object("object")?.values().cloned().collect())
}

pub(super) fn size(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    Ok(arguments.object("object")?.len().into())
}

pub(super) fn entries(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    Ok(arguments
        .object("object")?
        .iter()
        .map(|(key, value)| json!([key, value]))
        .collect())
}

pub(super) fn from_entries_of(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    from_entries(arguments.list("entries")?)
        .map(Value::Object)
        .map_err(|(place, reason)| NodeError::parameter(format!("/entries/{place}"), reason))
}

/// Makes an object of a list of entries, each `[key, value]` or `{"key": …, "value": …}`.
///
/// # Errors
/// The place of the entry that is none, and what is wrong with it.
pub(crate) fn from_entries(entries: &[Value]) -> Result<Object, (usize, String)> {
    let mut object = Object::with_capacity(entries.len());
    for (place, entry) in entries.iter().enumerate() {
        let (key, value) = match entry {
            Value::Array(pair) if pair.len() == 2 => (&pair[0], &pair[1]),
            Value::Object(fields) => match (fields.get("key"), fields.get("value")) {
                (Some(key), Some(value)) => (key, value),
                _ => return Err((place, expected(entry))),
            },
            _ => return Err((place, expected(entry))),
        };
        let key = key_text(key).ok_or_else(|| {
            let found = describe(key);
            (
                place,
                format!("expected a text, a number or a boolean as the key, got {found}"),
            )
        })?;
        check_key(&key).map_err(|reason| (place, reason))?;
        object.insert(key, value.clone());
    }
    Ok(object)
}

fn expected(entry: &Value) -> String {
    let found = describe(entry);
    format!("expected an entry, `[key, value]` or an object with `key` and `value`, got {found}")
}

/// What a value is as a key.
fn key_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

pub(super) fn invert(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let mut inverted = Object::new();
    for (key, value) in arguments.object("object")? {
        let new_key = key_text(value).ok_or_else(|| {
            let found = describe(value);
            NodeError::permanent(
                ErrorCode::WRONG_TYPE,
                format!("the field `{key}` is {found}, which cannot become a key"),
            )
        })?;
        check_key(&new_key).map_err(|reason| arguments.wrong("object", reason))?;
        inverted.insert(new_key, key.as_str().into());
    }
    Ok(inverted.into())
}
