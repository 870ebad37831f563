use jackfield_plugin_api::NodeError;
use serde_json::Value;

use crate::family::{Arguments, check_list, slice_bounds};

pub(super) fn concat(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let lists = arguments.lists("arrays")?;
    check_list(
        lists
            .iter()
            .fold(0, |length, list| length.saturating_add(list.len())),
    )?;
    Ok(lists.concat().into())
}

pub(super) fn length(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    Ok(arguments.list("array")?.len().into())
}

pub(super) fn slice(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let list = arguments.list("array")?;
    let (start, end) = (
        arguments.optional_integer("start")?,
        arguments.optional_integer("end")?,
    );
    Ok(list[slice_bounds(list.len(), start, end)].to_vec().into())
}

pub(super) fn at(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let list = arguments.list("array")?;
    let index = arguments.integer("index")?;
    let distance = usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX);
    let place = if index < 0 {
        list.len().checked_sub(distance)
    } else {
        Some(distance)
    };
    Ok(place
        .and_then(|place| list.get(place))
        .cloned()
        .unwrap_or_default())
}

pub(super) fn first(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    Ok(arguments
        .list("array")?
        .first()
        .cloned()
        .unwrap_or_default())
}

pub(super) fn last(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    Ok(arguments.list("array")?.last().cloned().unwrap_or_default())
}

pub(super) fn reverse(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    Ok(arguments.list("array")?.iter().rev().cloned().collect())
}

pub(super) fn flatten(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let mut flat = Vec::new();
    flatten_into(
        &mut flat,
        arguments.list("array")?,
        arguments.integer("depth")?,
    )?;
    Ok(flat.into())
}

fn flatten_into(flat: &mut Vec<Value>, list: &[Value], depth: i64) -> Result<(), NodeError> {
    for element in list {
        match element {
            Value::Array(inner) if depth > 0 => flatten_into(flat, inner, depth - 1)?,
            other => {
                check_list(flat.len() + 1)?;
                flat.push(other.clone());
            }
        }
    }
    Ok(())
}
