use jackfield_plugin_api::{Expr, NodeError};
use serde_json::Value;

use crate::family::{Arguments, measure};
use crate::value::is_truthy;

/// Evaluates an expression for one element.
fn evaluate(
    arguments: &Arguments<'_>,
    expression: &Expr,
    (index, element): (usize, &Value),
) -> Result<Value, NodeError> {
    arguments.evaluate(expression, &[("$item", element), ("$index", &index.into())])
}

/// The first element for which the condition says `wanted`.
fn search<'a>(
    arguments: &Arguments<'a>,
    wanted: bool,
) -> Result<Option<(usize, &'a Value)>, NodeError> {
    let condition = arguments.expression("condition")?;
    for place in arguments.list("array")?.iter().enumerate() {
        if is_truthy(&evaluate(arguments, &condition, place)?) == wanted {
            return Ok(Some(place));
        }
    }
    Ok(None)
}

pub(super) fn find(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    Ok(search(arguments, true)?
        .map(|(_, element)| element.clone())
        .unwrap_or_default())
}

pub(super) fn find_index(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    Ok(search(arguments, true)?.map_or_else(|| Value::from(-1), |(index, _)| index.into()))
}

pub(super) fn some(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    Ok(search(arguments, true)?.is_some().into())
}

pub(super) fn every(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    Ok(search(arguments, false)?.is_none().into())
}

pub(super) fn filter(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let condition = arguments.expression("condition")?;
    let mut kept = Vec::new();
    for place in arguments.list("array")?.iter().enumerate() {
        if is_truthy(&evaluate(arguments, &condition, place)?) {
            kept.push(place.1.clone());
        }
    }
    Ok(kept.into())
}

pub(super) fn map(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let transform = arguments.expression("transform")?;
    let list = arguments.list("array")?;
    let mut mapped = Vec::with_capacity(list.len());
    let mut bytes = 0;
    for place in list.iter().enumerate() {
        let value = evaluate(arguments, &transform, place)?;
        measure(&value, &mut bytes)?;
        mapped.push(value);
    }
    Ok(mapped.into())
}

pub(super) fn reduce(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let transform = arguments.expression("transform")?;
    let mut elements = arguments.list("array")?.iter().enumerate();
    let initial = arguments
        .given("initial")
        .or_else(|| elements.next().map(|(_, first)| first));
    let mut accumulated = initial.cloned().ok_or_else(|| {
        arguments.wrong(
            "initial",
            "expected a value to begin with, because the list is empty",
        )
    })?;
    for (index, element) in elements {
        let bindings = [
            ("$item", element),
            ("$index", &Value::from(index)),
            ("$acc", &accumulated),
        ];
        accumulated = arguments.evaluate(&transform, &bindings)?;
        measure(&accumulated, &mut 0)?;
    }
    Ok(accumulated)
}
