use jackfield_plugin_api::NodeError;
use rand::Rng;
use serde_json::Value;

use crate::family::{Arguments, Number, number_error};

pub(super) fn random(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    if arguments.flag("integer")? {
        return integer(arguments);
    }
    let (least, end) = (
        arguments.number("min")?.to_f64(),
        arguments.number("max")?.to_f64(),
    );
    if least > end {
        return Err(reversed(arguments));
    }
    let span = end - least;
    if !span.is_finite() {
        return Err(number_error(
            "overflow: `min` and `max` are too far from one another",
        ));
    }
    let number = least + span * rand::rng().random::<f64>();
    // Rounding may reach the end, which does not belong to the range.
    Number::Float(if number < end { number } else { least }).into_value()
}

fn integer(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let bound = |name: &str| {
        arguments.number(name)?.without_fraction().ok_or_else(|| {
            arguments.wrong(
                name,
                "expected a number without fraction, because `integer` is true",
            )
        })
    };
    let (least, greatest) = (bound("min")?, bound("max")?);
    if least > greatest {
        return Err(reversed(arguments));
    }
    Number::Integer(rand::rng().random_range(least..=greatest)).into_value()
}

fn reversed(arguments: &Arguments<'_>) -> NodeError {
    let (least, greatest) = (arguments.value("min"), arguments.value("max"));
    arguments.wrong("min", format!("{least} is greater than `max`, {greatest}"))
}
