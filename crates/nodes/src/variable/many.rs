use jackfield_plugin_api::NodeError;
use jackfield_types::Object;
use serde_json::Value;

use super::one;
use crate::family::{Arguments, Variables, check_key, check_variable_name, wrong_variable};

pub(super) fn list(_: &Arguments<'_>, variables: &Variables<'_>) -> Result<Value, NodeError> {
    Ok(variables.all().keys().map(String::as_str).collect())
}

pub(super) fn get_all(_: &Arguments<'_>, variables: &Variables<'_>) -> Result<Value, NodeError> {
    Ok(variables.all().clone().into())
}

pub(super) fn set_multiple(
    arguments: &Arguments<'_>,
    variables: &mut Variables<'_>,
) -> Result<Value, NodeError> {
    let values = arguments.object("values")?;
    check_names(arguments, "values", values)?;
    for (name, value) in values {
        variables.set(name, value.clone())?;
    }
    Ok(values.clone().into())
}

fn check_names(
    arguments: &Arguments<'_>,
    parameter: &str,
    values: &Object,
) -> Result<(), NodeError> {
    let mut names = values.keys();
    names
        .try_for_each(|name| check_variable_name(name))
        .map_err(|reason| arguments.wrong(parameter, reason))
}

pub(super) fn clear(_: &Arguments<'_>, variables: &mut Variables<'_>) -> Result<Value, NodeError> {
    let count = variables.all().len();
    variables.clear();
    Ok(count.into())
}

pub(super) fn merge(
    arguments: &Arguments<'_>,
    variables: &mut Variables<'_>,
) -> Result<Value, NodeError> {
    let object = arguments.object("object")?;
    if arguments.given("name").is_none() {
        check_names(arguments, "object", object)?;
        return merge_all(object, variables);
    }
    let name = one::name(arguments)?;
    object
        .keys()
        .try_for_each(|key| check_key(key))
        .map_err(|reason| arguments.wrong("object", reason))?;
    let merged = match variables.get(name) {
        None | Some(Value::Null) => object.clone(),
        Some(Value::Object(now)) => merged(now, object),
        Some(other) => return Err(wrong_variable(name, "an object", other)),
    };
    variables.set(name, merged.clone().into())?;
    Ok(merged.into())
}

/// Sets each variable that the object names; a variable that is an object keeps its other fields.
fn merge_all(object: &Object, variables: &mut Variables<'_>) -> Result<Value, NodeError> {
    let mut written = Object::with_capacity(object.len());
    for (name, value) in object {
        let next = match (variables.get(name), value) {
            (Some(Value::Object(now)), Value::Object(new)) => merged(now, new).into(),
            (_, value) => value.clone(),
        };
        variables.set(name, next.clone())?;
        written.insert(name.clone(), next);
    }
    Ok(written.into())
}

fn merged(now: &Object, new: &Object) -> Object {
    let mut merged = now.clone();
    merged.extend(new.iter().map(|(key, value)| (key.clone(), value.clone())));
    merged
}
