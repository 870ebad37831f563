use std::slice;

use jackfield_plugin_api::NodeError;
use jackfield_types::Object;
use serde_json::Value;

use crate::family::{Arguments, check_list};
use crate::value::equal;

pub(super) fn push(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    joined([arguments.list("array")?, added(arguments)?])
}

pub(super) fn unshift(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    joined([added(arguments)?, arguments.list("array")?])
}

fn joined(lists: [&[Value]; 2]) -> Result<Value, NodeError> {
    check_list(lists[0].len().saturating_add(lists[1].len()))?;
    Ok(lists.concat().into())
}

/// `value`, or else the elements of `values`.
fn added<'a>(arguments: &Arguments<'a>) -> Result<&'a [Value], NodeError> {
    match arguments.given("value") {
        Some(value) => Ok(slice::from_ref(value)),
        None => arguments.list("values"),
    }
}

pub(super) fn pop(arguments: &Arguments<'_>) -> Result<Object, NodeError> {
    let list = arguments.list("array")?;
    Ok(taken(list.split_last()))
}

pub(super) fn shift(arguments: &Arguments<'_>) -> Result<Object, NodeError> {
    let list = arguments.list("array")?;
    Ok(taken(list.split_first()))
}

fn taken(split: Option<(&Value, &[Value])>) -> Object {
    let (element, rest) = split.unwrap_or((&Value::Null, &[]));
    let mut fields = Object::new();
    fields.insert("result".to_owned(), element.clone());
    fields.insert("array".to_owned(), rest.to_vec().into());
    fields
}

pub(super) fn includes(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    Ok(place(arguments)?.is_some().into())
}

pub(super) fn index_of(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    Ok(place(arguments)?.map_or_else(|| Value::from(-1), Value::from))
}

fn place(arguments: &Arguments<'_>) -> Result<Option<usize>, NodeError> {
    let value = arguments.value("value");
    Ok(arguments
        .list("array")?
        .iter()
        .position(|element| equal(element, value)))
}
