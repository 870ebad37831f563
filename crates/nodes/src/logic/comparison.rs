use std::cmp::Ordering;

use jackfield_plugin_api::NodeError;
use serde_json::Value;

use crate::family::{Arguments, Number, check_key, describe};
use crate::value::{compare_numbers, equal};

pub(super) fn equals(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    Ok(are_equal(arguments)?.into())
}

pub(super) fn not_equals(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    Ok((!are_equal(arguments)?).into())
}

fn are_equal(arguments: &Arguments<'_>) -> Result<bool, NodeError> {
    let (a, b) = (arguments.value("a"), arguments.value("b"));
    Ok(if arguments.flag("strict")? {
        equal(a, b)
    } else {
        loosely_equal(a, b)
    })
}

/// Like [`equal`], but a text that is a number equals that number.
fn loosely_equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::String(text), Value::Number(number))
        | (Value::Number(number), Value::String(text)) => Number::parse(text)
            .and_then(Number::into_value)
            .is_ok_and(|value| equal(&value, &Value::Number(number.clone()))),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| loosely_equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, a)| b.get(key).is_some_and(|b| loosely_equal(a, b)))
        }
        (a, b) => equal(a, b),
    }
}

pub(super) fn gt(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    Ok(order(arguments, "a", "b")?.is_gt().into())
}

pub(super) fn gte(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    Ok(order(arguments, "a", "b")?.is_ge().into())
}

pub(super) fn lt(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    Ok(order(arguments, "a", "b")?.is_lt().into())
}

pub(super) fn lte(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    Ok(order(arguments, "a", "b")?.is_le().into())
}

pub(super) fn between(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let from_least = order(arguments, "value", "min")?;
    let from_greatest = order(arguments, "value", "max")?;
    let is_between = if arguments.flag("inclusive")? {
        from_least.is_ge() && from_greatest.is_le()
    } else {
        from_least.is_gt() && from_greatest.is_lt()
    };
    Ok(is_between.into())
}

/// How two parameters compare: two numbers, or two texts.
fn order(arguments: &Arguments<'_>, a: &str, b: &str) -> Result<Ordering, NodeError> {
    match (arguments.value(a), arguments.value(b)) {
        (Value::Number(a), Value::Number(b)) => Ok(compare_numbers(a, b)),
        (Value::String(a), Value::String(b)) => Ok(a.cmp(b)),
        (Value::Number(_), other) => Err(arguments.wrong_with_hint(
            b,
            format!("expected a number, as `{a}` is, got {}", describe(other)),
            "turn a text into a number with `convert.toNumber`",
        )),
        (Value::String(_), other) => Err(arguments.wrong_with_hint(
            b,
            format!("expected a text, as `{a}` is, got {}", describe(other)),
            "turn both into numbers with `convert.toNumber`, or into texts with `convert.toString`",
        )),
        (other, _) => Err(arguments.wrong(
            a,
            format!("expected a number or a text, got {}", describe(other)),
        )),
    }
}

/// Whether a value is in a list, a key in an object, or a text in a text.
pub(super) fn is_in(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let value = arguments.value("value");
    let text = || {
        value.as_str().ok_or_else(|| {
            arguments.wrong("value", format!("expected a text, got {}", describe(value)))
        })
    };
    let is_in = if arguments.given("array").is_some() {
        let list = arguments.list("array")?;
        list.iter().any(|element| equal(element, value))
    } else if arguments.given("object").is_some() {
        let key = text()?;
        check_key(key).map_err(|reason| arguments.wrong("value", reason))?;
        arguments.object("object")?.contains_key(key)
    } else {
        arguments.text("text")?.contains(text()?)
    };
    Ok(is_in.into())
}
