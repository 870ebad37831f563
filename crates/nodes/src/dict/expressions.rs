use jackfield_plugin_api::{Expr, NodeError};
use jackfield_types::Object;
use serde_json::Value;

use crate::family::{Arguments, check_key, measure};
use crate::value::is_truthy;

/// Evaluates an expression for one field.
fn evaluate(
    arguments: &Arguments<'_>,
    expression: &Expr,
    (index, (key, value)): (usize, (&String, &Value)),
) -> Result<Value, NodeError> {
    check_key(key).map_err(|reason| arguments.wrong("object", reason))?;
    let (key, index) = (Value::from(key.as_str()), Value::from(index));
    arguments.evaluate(
        expression,
        &[
            ("$item", value),
            ("$value", value),
            ("$key", &key),
            ("$index", &index),
        ],
    )
}

pub(super) fn map_values(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let transform = arguments.expression("transform")?;
    let object = arguments.object("object")?;
    let mut mapped = Object::with_capacity(object.len());
    let mut bytes = 0;
    for place in object.iter().enumerate() {
        let value = evaluate(arguments, &transform, place)?;
        measure(&value, &mut bytes)?;
        mapped.insert(place.1.0.clone(), value);
    }
    Ok(mapped.into())
}

pub(super) fn filter_entries(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let condition = arguments.expression("condition")?;
    let mut kept = Object::new();
    for place in arguments.object("object")?.iter().enumerate() {
        if is_truthy(&evaluate(arguments, &condition, place)?) {
            let (key, value) = place.1;
            kept.insert(key.clone(), value.clone());
        }
    }
    Ok(kept.into())
}
