use jackfield_plugin_api::NodeError;
use serde_json::Value;

use crate::family::{Arguments, BoundedText, check_list, display_text, slice_bounds};

/// Puts texts together. Serves `concat` and `join`, which differ in the separator.
pub(super) fn join(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let separator = arguments.text("separator")?;
    let mut joined = BoundedText::default();
    for (place, value) in arguments.list("values")?.iter().enumerate() {
        if place > 0 {
            joined.push_str(separator)?;
        }
        joined.push_str(&display_text(value))?;
    }
    Ok(joined.into())
}

pub(super) fn split(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let text = arguments.text("value")?;
    let separator = arguments.text("separator")?;
    let limit = arguments.optional_integer("limit")?;
    let limit = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(0));
    if separator.is_empty() {
        collect(
            text.chars()
                .map(|character| character.to_string())
                .take(limit),
        )
    } else {
        collect(text.split(separator).map(str::to_owned).take(limit))
    }
}

fn collect(pieces: impl Iterator<Item = String>) -> Result<Value, NodeError> {
    let mut list = Vec::new();
    for piece in pieces {
        check_list(list.len() + 1)?;
        list.push(Value::String(piece));
    }
    Ok(list.into())
}

pub(super) fn substring(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let text = arguments.text("value")?;
    let (start, end) = (
        arguments.optional_integer("start")?,
        arguments.optional_integer("end")?,
    );
    let places = slice_bounds(text.chars().count(), start, end);
    Ok(text
        .chars()
        .skip(places.start)
        .take(places.len())
        .collect::<String>()
        .into())
}
