use std::slice;

use jackfield_plugin_api::NodeError;
use serde_json::Value;

use crate::family::{Arguments, type_name};
use crate::value::is_truthy;

pub(super) fn and(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    Ok(operands(arguments)?
        .into_iter()
        .flatten()
        .all(is_truthy)
        .into())
}

pub(super) fn or(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    Ok(operands(arguments)?
        .into_iter()
        .flatten()
        .any(is_truthy)
        .into())
}

pub(super) fn xor(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let count = operands(arguments)?
        .into_iter()
        .flatten()
        .filter(|value| is_truthy(value))
        .count();
    Ok((count % 2 == 1).into())
}

/// The elements of `values`, or else `a` and `b`.
fn operands<'a>(arguments: &Arguments<'a>) -> Result<[&'a [Value]; 2], NodeError> {
    if arguments.given("values").is_some() {
        return Ok([arguments.list("values")?, &[]]);
    }
    Ok(["a", "b"].map(|name| slice::from_ref(arguments.value(name))))
}

pub(super) fn not(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    Ok((!is_truthy(arguments.value("value"))).into())
}

pub(super) fn is_null(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    Ok(arguments.value("value").is_null().into())
}

pub(super) fn is_empty(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let is_empty = match arguments.value("value") {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(object) => object.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    };
    Ok(is_empty.into())
}

pub(super) fn type_of(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    Ok(type_name(arguments.value("value")).into())
}

pub(super) fn ternary(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let branch = if is_truthy(arguments.value("condition")) {
        "then"
    } else {
        "else"
    };
    Ok(arguments.value(branch).clone())
}

pub(super) fn coalesce(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let first = arguments
        .list("values")?
        .iter()
        .find(|value| !value.is_null());
    Ok(first.cloned().unwrap_or_default())
}
