use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::Range;

use serde_json::Value;

use crate::value::compare_numbers;

/// The longest excerpt of a value that an error shows, in characters.
const EXCERPT: usize = 40;

/// The JSON name of a value's type.
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// What a value is, for an error: ``the text `abc` ``, `a list of 3`.
pub(crate) fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => format!("the boolean `{flag}`"),
        Value::Number(number) => format!("the number `{number}`"),
        Value::String(text) => format!("the text `{}`", excerpt(text)),
        Value::Array(list) if list.is_empty() => "an empty list".to_owned(),
        Value::Array(list) => format!("a list of {}", list.len()),
        Value::Object(object) if object.is_empty() => "an empty object".to_owned(),
        Value::Object(object) => {
            let key = object.keys().next().map_or("", String::as_str);
            format!("an object with the field `{}`", excerpt(key))
        }
    }
}

fn excerpt(text: &str) -> String {
    let mut short: String = text
        .chars()
        .take(EXCERPT)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(EXCERPT).is_some() {
        short.push('…');
    }
    short
}

/// The order in which values of any types are sorted: numbers, texts, booleans, and then lists
/// and objects, which are left in the order in which they are. Null has no place; it goes last
/// whichever way is sorted.
pub(crate) fn collation(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => compare_numbers(a, b),
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (a, b) => rank(a).cmp(&rank(b)),
    }
}

fn rank(value: &Value) -> u8 {
    match value {
        Value::Number(_) => 0,
        Value::String(_) => 1,
        Value::Bool(_) => 2,
        Value::Array(_) | Value::Object(_) => 3,
        Value::Null => 4,
    }
}

/// A value as it reads in a text: nothing for null, JSON for lists and objects.
pub(crate) fn display_text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Null => Cow::Borrowed(""),
        Value::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    }
}

/// The part of a list or text of this length that `start` and `end` say; negative ones count from
/// the end, and what is out of range is cut off.
pub(crate) fn slice_bounds(length: usize, start: Option<i64>, end: Option<i64>) -> Range<usize> {
    let place = |at: i64| {
        let distance = usize::try_from(at.unsigned_abs()).unwrap_or(usize::MAX);
        if at < 0 {
            length.saturating_sub(distance)
        } else {
            distance.min(length)
        }
    };
    let start = start.map_or(0, place);
    let end = end.map_or(length, place);
    start..end.max(start)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn slices_stay_inside() {
        assert_eq!(slice_bounds(5, Some(-2), None), 3..5);
        assert_eq!(slice_bounds(5, Some(4), Some(2)), 4..4);
        assert_eq!(slice_bounds(5, Some(i64::MIN), Some(i64::MAX)), 0..5);
    }

    #[test]
    fn an_excerpt_is_bounded() {
        assert_eq!(describe(&json!("a\nb")), "the text `a\\nb`");
        assert!(describe(&json!("👍".repeat(1000))).chars().count() < 60);
    }
}
