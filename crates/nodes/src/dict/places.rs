use jackfield_plugin_api::NodeError;
use jackfield_types::Object;
use serde_json::Value;

use crate::family::{Arguments, check_key, path_error};

pub(super) fn get(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let path = arguments.path("path")?;
    let found = path.get(arguments.object("object")?);
    Ok(found.unwrap_or_else(|| arguments.value("default")).clone())
}

pub(super) fn has(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let path = arguments.path("path")?;
    Ok(path.get(arguments.object("object")?).is_some().into())
}

pub(super) fn set(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let path = arguments.path("path")?;
    let mut object = arguments.object("object")?.clone();
    path.set(&mut object, arguments.value("value").clone())
        .map_err(|error| path_error("/path", &error))?;
    Ok(object.into())
}

pub(super) fn delete(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let path = arguments.path("path")?;
    let mut object = arguments.object("object")?.clone();
    path.remove(&mut object);
    Ok(object.into())
}

pub(super) fn pick(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let object = arguments.object("object")?;
    let mut picked = Object::new();
    for key in keys(arguments)? {
        if let Some(value) = object.get(key) {
            picked.insert(key.to_owned(), value.clone());
        }
    }
    Ok(picked.into())
}

pub(super) fn omit(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let omitted: std::collections::HashSet<&str> = keys(arguments)?.into_iter().collect();
    let kept = arguments
        .object("object")?
        .iter()
        .filter(|(key, _)| !omitted.contains(key.as_str()));
    Ok(kept
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect::<Object>()
        .into())
}

fn keys<'a>(arguments: &Arguments<'a>) -> Result<Vec<&'a str>, NodeError> {
    let keys = arguments.texts("keys")?;
    keys.iter()
        .try_for_each(|key| check_key(key))
        .map_err(|reason| arguments.wrong("keys", reason))?;
    Ok(keys)
}
