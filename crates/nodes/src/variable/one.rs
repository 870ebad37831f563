use jackfield_plugin_api::NodeError;
use jackfield_types::ValidationIssue;
use serde_json::Value;

use crate::family::{
    Arguments, BoundedText, Number, Variables, check_list, check_text, check_variable_name,
    display_text, measure, wrong_variable,
};

/// The name of the variable that is meant.
pub(super) fn name<'a>(arguments: &Arguments<'a>) -> Result<&'a str, NodeError> {
    let name = arguments.text("name")?;
    check_variable_name(name).map_err(|reason| arguments.wrong("name", reason))?;
    Ok(name)
}

/// The rule that a variable may have this name.
pub(super) fn check_name(pointer: &str, name: &Value) -> Option<ValidationIssue> {
    let reason = check_variable_name(name.as_str()?).err()?;
    Some(ValidationIssue::parameter(pointer, reason))
}

pub(super) fn get(
    arguments: &Arguments<'_>,
    variables: &Variables<'_>,
) -> Result<Value, NodeError> {
    let found = variables.get(name(arguments)?);
    Ok(found.unwrap_or_else(|| arguments.value("default")).clone())
}

pub(super) fn exists(
    arguments: &Arguments<'_>,
    variables: &Variables<'_>,
) -> Result<Value, NodeError> {
    Ok(variables.get(name(arguments)?).is_some().into())
}

pub(super) fn set(
    arguments: &Arguments<'_>,
    variables: &mut Variables<'_>,
) -> Result<Value, NodeError> {
    let value = arguments.value("value");
    variables.set(name(arguments)?, value.clone())?;
    Ok(value.clone())
}

pub(super) fn delete(
    arguments: &Arguments<'_>,
    variables: &mut Variables<'_>,
) -> Result<Value, NodeError> {
    Ok(variables.delete(name(arguments)?).into())
}

pub(super) fn increment(
    arguments: &Arguments<'_>,
    variables: &mut Variables<'_>,
) -> Result<Value, NodeError> {
    count(arguments, variables, Number::add)
}

pub(super) fn decrement(
    arguments: &Arguments<'_>,
    variables: &mut Variables<'_>,
) -> Result<Value, NodeError> {
    count(arguments, variables, Number::subtract)
}

fn count(
    arguments: &Arguments<'_>,
    variables: &mut Variables<'_>,
    step: fn(Number, Number) -> Result<Number, NodeError>,
) -> Result<Value, NodeError> {
    let name = name(arguments)?;
    let now = match variables.get(name) {
        None | Some(Value::Null) => Number::Integer(0),
        Some(Value::Number(number)) => number.into(),
        Some(other) => return Err(wrong_variable(name, "a number", other)),
    };
    let next = step(now, arguments.number("by")?)?.into_value()?;
    variables.set(name, next.clone())?;
    Ok(next)
}

pub(super) fn toggle(
    arguments: &Arguments<'_>,
    variables: &mut Variables<'_>,
) -> Result<Value, NodeError> {
    let name = name(arguments)?;
    let next = match variables.get(name) {
        None | Some(Value::Null) => true,
        Some(Value::Bool(flag)) => !flag,
        Some(other) => return Err(wrong_variable(name, "a boolean", other)),
    };
    variables.set(name, next.into())?;
    Ok(next.into())
}

pub(super) fn append(
    arguments: &Arguments<'_>,
    variables: &mut Variables<'_>,
) -> Result<Value, NodeError> {
    let value = arguments.value("value");
    add_to(name(arguments)?, variables, std::slice::from_ref(value))
}

pub(super) fn concat(
    arguments: &Arguments<'_>,
    variables: &mut Variables<'_>,
) -> Result<Value, NodeError> {
    add_to(name(arguments)?, variables, arguments.list("values")?)
}

/// Adds values to the end of a list or a text, and gives its new length.
fn add_to(name: &str, variables: &mut Variables<'_>, values: &[Value]) -> Result<Value, NodeError> {
    let mut bytes = 0;
    values
        .iter()
        .try_for_each(|value| measure(value, &mut bytes))?;
    variables.update(name, |variable| {
        if variable.is_null() {
            *variable = Value::Array(Vec::new());
        }
        match variable {
            Value::Array(list) => {
                check_list(list.len().saturating_add(values.len()))?;
                list.extend_from_slice(values);
                Ok(list.len().into())
            }
            Value::String(text) => {
                let mut added = BoundedText::default();
                values
                    .iter()
                    .try_for_each(|value| added.push_str(&display_text(value)))?;
                let added: Value = added.into();
                let added = added.as_str().unwrap_or_default();
                check_text(text.len().saturating_add(added.len()))?;
                text.push_str(added);
                Ok(text.chars().count().into())
            }
            other => Err(wrong_variable(name, "a list or a text", other)),
        }
    })
}
