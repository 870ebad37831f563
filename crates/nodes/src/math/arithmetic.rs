use std::cmp::Ordering;

use jackfield_plugin_api::NodeError;
use jackfield_types::ValidationIssue;
use serde_json::Value;

use crate::family::{Arguments, Number, number_error};
use crate::value::compare;

pub(super) fn add(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    arguments
        .number("a")?
        .add(arguments.number("b")?)?
        .into_value()
}

pub(super) fn subtract(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    arguments
        .number("a")?
        .subtract(arguments.number("b")?)?
        .into_value()
}

pub(super) fn multiply(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let (a, b) = (arguments.number("a")?, arguments.number("b")?);
    a.combine(b, i128::checked_mul, |a, b| a * b)?.into_value()
}

pub(super) fn divide(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    arguments
        .number("a")?
        .divide(arguments.number("b")?)?
        .into_value()
}

pub(super) fn modulo(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let (a, b) = (arguments.number("a")?, arguments.number("b")?);
    if b.to_f64() == 0.0 {
        return Err(number_error("division by zero"));
    }
    a.combine(b, i128::checked_rem, |a, b| a % b)?.into_value()
}

pub(super) fn power(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let (base, exponent) = (arguments.number("a")?, arguments.number("b")?);
    let is_exact = matches!((base, exponent), (Number::Integer(_), Number::Integer(0..)));
    if is_exact {
        return base.combine(exponent, exact_power, f64::powf)?.into_value();
    }
    Number::Float(base.to_f64().powf(exponent.to_f64())).into_value()
}

fn exact_power(base: i128, exponent: i128) -> Option<i128> {
    match base {
        // These never grow, however large the exponent is.
        0 | 1 => Some(if exponent == 0 { 1 } else { base }),
        -1 => Some(if exponent % 2 == 0 { 1 } else { -1 }),
        _ => base.checked_pow(u32::try_from(exponent).ok()?),
    }
}

pub(super) fn sqrt(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let number = arguments.number("value")?;
    if let Number::Integer(square @ 0..) = number {
        let root = square.isqrt();
        if root * root == square {
            return Number::Integer(root).into_value();
        }
    }
    if number.to_f64() < 0.0 {
        return Err(number_error("a negative number has no square root"));
    }
    Number::Float(number.to_f64().sqrt()).into_value()
}

pub(super) fn abs(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let absolute = match arguments.number("value")? {
        Number::Integer(integer) => Number::Integer(integer.saturating_abs()),
        Number::Float(float) => Number::Float(float.abs()),
    };
    absolute.into_value()
}

pub(super) fn clamp(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let (least, greatest) = (arguments.value("min"), arguments.value("max"));
    if compare(least, greatest) == Ordering::Greater {
        return Err(arguments.wrong("min", format!("{least} is greater than `max`, {greatest}")));
    }
    let value = arguments.value("value");
    let inside = if compare(value, least) == Ordering::Less {
        least
    } else if compare(value, greatest) == Ordering::Greater {
        greatest
    } else {
        value
    };
    Ok(inside.clone())
}

pub(super) fn min(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    extreme(arguments, Ordering::Less)
}

pub(super) fn max(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    extreme(arguments, Ordering::Greater)
}

fn extreme(arguments: &Arguments<'_>, wanted: Ordering) -> Result<Value, NodeError> {
    let best = arguments.list("values")?.iter().reduce(|best, next| {
        if compare(next, best) == wanted {
            next
        } else {
            best
        }
    });
    best.cloned().ok_or_else(|| no_numbers(arguments))
}

const NO_NUMBERS: &str = "expected at least one number, got an empty list";

fn no_numbers(arguments: &Arguments<'_>) -> NodeError {
    arguments.wrong("values", NO_NUMBERS)
}

/// The rule that there is at least one number.
pub(super) fn check_some(pointer: &str, values: &Value) -> Option<ValidationIssue> {
    let is_empty = values.as_array().is_some_and(Vec::is_empty);
    is_empty.then(|| ValidationIssue::parameter(pointer, NO_NUMBERS))
}

fn total(numbers: &[Number]) -> Result<Number, NodeError> {
    // Integers first and exactly, so that the order in which they come cannot overflow.
    let mut integers = 0_i128;
    let mut floats = None;
    for number in numbers {
        match number {
            Number::Integer(integer) => {
                integers = integers
                    .checked_add(*integer)
                    .ok_or_else(|| number_error("overflow of the sum"))?;
            }
            Number::Float(float) => *floats.get_or_insert(0.0) += float,
        }
    }
    Ok(match floats {
        None => Number::Integer(integers),
        Some(floats) => Number::Float(Number::Integer(integers).to_f64() + floats),
    })
}

pub(super) fn sum(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    total(&arguments.numbers("values")?)?.into_value()
}

pub(super) fn average(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let numbers = arguments.numbers("values")?;
    let count = i128::try_from(numbers.len()).unwrap_or(i128::MAX);
    if count == 0 {
        return Err(no_numbers(arguments));
    }
    total(&numbers)?
        .divide(Number::Integer(count))?
        .into_value()
}
