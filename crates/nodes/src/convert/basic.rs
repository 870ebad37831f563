use jackfield_plugin_api::NodeError;
use jackfield_types::{ErrorCode, Object};
use serde_json::Value;

use super::json::read_json;
use crate::dict::from_entries;
use crate::family::{Arguments, Number, describe, display_text, number_error};

/// A value that cannot be converted.
pub(super) fn inconvertible(message: impl Into<String>) -> NodeError {
    NodeError::permanent(ErrorCode::INVALID_INPUT, message)
}

pub(super) fn to_string(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    Ok(display_text(arguments.value("value")).into_owned().into())
}

pub(super) fn to_number(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    number(arguments.value("value"))?.into_value()
}

pub(super) fn to_float(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let value = arguments.value("value");
    let float = match value {
        // Read as such, because it may be too large for an integer.
        Value::String(text) if is_integer(text.trim()) => text.trim().parse().unwrap_or(f64::NAN),
        other => number(other)?.to_f64(),
    };
    Number::Float(float).into_value()
}

fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit())
}

fn number(value: &Value) -> Result<Number, NodeError> {
    match value {
        Value::Number(number) => Ok(number.into()),
        Value::String(text) => Number::parse(text),
        Value::Bool(flag) => Ok(Number::Integer((*flag).into())),
        Value::Null | Value::Array(_) | Value::Object(_) => Err(inconvertible(format!(
            "{} is no number: expected a number, a text or a boolean",
            describe(value)
        ))),
    }
}

pub(super) fn to_integer(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let radix = u32::try_from(arguments.integer("radix")?).unwrap_or(10);
    let number = match arguments.value("value") {
        Value::String(text) if radix != 10 => {
            return in_radix(text.trim(), radix)?.into_value();
        }
        value => number(value)?,
    };
    match number {
        Number::Integer(_) => number.into_value(),
        Number::Float(float) => match Number::Float(float.trunc()).without_fraction() {
            Some(integer) => Number::Integer(integer).into_value(),
            None => Err(number_error(format!(
                "overflow: {float} is too large for an integer"
            ))),
        },
    }
}

fn in_radix(text: &str, radix: u32) -> Result<Number, NodeError> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_number = !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix));
    if !is_number {
        let found = describe(&Value::from(text));
        return Err(inconvertible(format!(
            "{found} is no integer in base {radix}"
        )));
    }
    i128::from_str_radix(text, radix)
        .map(Number::Integer)
        .map_err(|_| number_error("overflow: the integer is too large"))
}

pub(super) fn to_boolean(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let value = arguments.value("value");
    let flag = match value {
        Value::Bool(flag) => Some(*flag),
        Value::Number(_) | Value::String(_) => {
            match display_text(value).trim().to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "1" | "1.0" => Some(true),
                "false" | "no" | "off" | "0" | "0.0" => Some(false),
                _ => None,
            }
        }
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    flag.map(Value::from).ok_or_else(|| {
        inconvertible(format!(
            "{} is no boolean: expected true or false, yes or no, on or off, 1 or 0",
            describe(value)
        ))
    })
}

pub(super) fn to_array(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    Ok(match arguments.value("value") {
        Value::Array(list) => list.clone().into(),
        Value::Null => Value::Array(Vec::new()),
        other => vec![other.clone()].into(),
    })
}

pub(super) fn to_object(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let object: Object = match arguments.value("value") {
        Value::Object(object) => object.clone(),
        Value::Array(entries) => from_entries(entries)
            .map_err(|(place, reason)| NodeError::parameter(format!("/value/{place}"), reason))?,
        Value::String(text) => match read_json(text)? {
            Value::Object(object) => object,
            other => {
                let found = describe(&other);
                return Err(inconvertible(format!(
                    "the JSON text holds {found}, not an object"
                )));
            }
        },
        other => {
            return Err(inconvertible(format!(
                "{} is no object: expected an object, a list of entries or a JSON text",
                describe(other)
            )));
        }
    };
    Ok(object.into())
}
