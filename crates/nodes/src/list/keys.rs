use std::cmp::Ordering;
use std::collections::HashSet;

use jackfield_plugin_api::NodeError;
use jackfield_types::{ErrorCode, Object};
use serde_json::Value;

use crate::family::{Arguments, check_key, collation, describe};
use crate::path::Path;
use crate::value::write_identity;

/// What an element is sorted, told apart or grouped by.
fn key_of<'a>(path: Option<&Path>, element: &'a Value) -> &'a Value {
    match path {
        Some(path) => path.get_in(element).unwrap_or(&Value::Null),
        None => element,
    }
}

pub(super) fn sort(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let path = arguments.optional_path("key")?;
    let is_descending = arguments.text("order")? == "desc";
    let mut keyed: Vec<(&Value, &Value)> = arguments
        .list("array")?
        .iter()
        .map(|element| (key_of(path.as_ref(), element), element))
        .collect();
    keyed.sort_by(|(a, _), (b, _)| match (a.is_null(), b.is_null()) {
        (false, false) if is_descending => collation(b, a),
        (false, false) => collation(a, b),
        (true, true) => Ordering::Equal,
        // Null goes last whichever way is sorted.
        (a_is_null, _) => {
            if a_is_null {
                Ordering::Greater
            } else {
                Ordering::Less
            }
        }
    });
    Ok(keyed
        .into_iter()
        .map(|(_, element)| element.clone())
        .collect())
}

pub(super) fn unique(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let path = arguments.optional_path("key")?;
    let mut seen = HashSet::new();
    let is_new = |element: &&Value| {
        let mut identity = String::new();
        write_identity(key_of(path.as_ref(), element), &mut identity);
        seen.insert(identity)
    };
    Ok(arguments
        .list("array")?
        .iter()
        .filter(is_new)
        .cloned()
        .collect())
}

pub(super) fn group_by(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let path = arguments.path("key")?;
    let mut groups = Object::new();
    for (index, element) in arguments.list("array")?.iter().enumerate() {
        let name = match path.get_in(element).unwrap_or(&Value::Null) {
            Value::String(text) => text.clone(),
            key @ (Value::Null | Value::Bool(_) | Value::Number(_)) => key.to_string(),
            other => {
                let found = describe(other);
                return Err(NodeError::permanent(
                    ErrorCode::WRONG_TYPE,
                    format!(
                        "element {index} cannot be grouped by {found}: expected a text, a number, a boolean or null"
                    ),
                ));
            }
        };
        check_key(&name).map_err(|reason| {
            let message = format!("element {index} cannot be grouped: {reason}");
            NodeError::permanent(ErrorCode::INVALID_INPUT, message)
        })?;
        match groups.get_mut(&name) {
            Some(Value::Array(group)) => group.push(element.clone()),
            _ => {
                groups.insert(name, vec![element.clone()].into());
            }
        }
    }
    Ok(groups.into())
}
