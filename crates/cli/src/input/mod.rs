//! What a command is fed: items, variables and parameters, checked before anything runs.

mod assignment;
mod data;
mod error;
mod items;
mod parameters;

pub(crate) use assignment::{Assignment, variables};
pub(crate) use data::read_data;
pub(crate) use error::InputError;
pub(crate) use items::{read_item_file, read_items};
pub(crate) use parameters::read_parameters;

use serde_json::Value;

/// What a value is called in messages.
fn describe(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
