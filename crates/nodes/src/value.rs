//! What JSON values are worth beside one another: truth, equality, order, identity, size.
//!
//! Everything here is total and bounded: no value makes it panic, overflow the stack or lose a
//! digit of an integer.

use std::cmp::Ordering;
use std::fmt::Write;

use jackfield_types::Object;
use serde_json::{Number, Value};

/// Whether JavaScript takes a value for true: all but `false`, `null`, `0`, `NaN` and `""`.
pub(crate) fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(bool) => *bool,
        Value::Number(number) => number.as_f64().is_some_and(|n| n != 0.0 && !n.is_nan()),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

/// What kind of value it is, with its article, for messages.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Whether a value nests deeper than `limit`: a scalar is 0 deep, `[]` is 1 deep.
pub(crate) fn depth_exceeds(value: &Value, limit: usize) -> bool {
    match value {
        Value::Array(list) => {
            limit == 0 || list.iter().any(|element| depth_exceeds(element, limit - 1))
        }
        Value::Object(object) => {
            limit == 0
                || object
                    .values()
                    .any(|member| depth_exceeds(member, limit - 1))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Roughly how many bytes of memory an object takes.
pub(crate) fn size_of_object(object: &Object) -> usize {
    object.iter().fold(0, |size, (key, member)| {
        size + 32 + key.len() + size_of(member)
    })
}

fn size_of(value: &Value) -> usize {
    let held = match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len(),
        Value::Array(list) => list.iter().map(size_of).sum(),
        Value::Object(object) => size_of_object(object),
    };
    held + 32
}

/// Compares two numbers by their exact values.
pub(crate) fn compare_numbers(a: &Number, b: &Number) -> Ordering {
    match (integer(a), integer(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        (Some(a), None) => compare_mixed(a, float(b)),
        (None, Some(b)) => compare_mixed(b, float(a)).reverse(),
        // Adding zero makes one zero of the two.
        (None, None) => (float(a) + 0.0).total_cmp(&(float(b) + 0.0)),
    }
}

/// The number as an integer, if it is written as one.
pub(crate) fn integer(number: &Number) -> Option<i128> {
    number
        .as_i64()
        .map(i128::from)
        .or_else(|| number.as_u64().map(i128::from))
}

fn float(number: &Number) -> f64 {
    number.as_f64().unwrap_or(f64::NAN)
}

fn compare_mixed(integer: i128, float: f64) -> Ordering {
    // Integers of JSON have 64 bits: whatever is beyond 2^65 is beyond all of them.
    const BEYOND: f64 = 36_893_488_147_419_103_232.0;
    if float.is_nan() || float >= BEYOND {
        return Ordering::Less;
    }
    if float <= -BEYOND {
        return Ordering::Greater;
    }
    let whole = float.trunc();
    integer
        .cmp(&(whole as i128))
        .then_with(|| 0.0_f64.total_cmp(&(float - whole + 0.0)))
}

/// Compares any two values. Kinds come in the order null, booleans, numbers, texts, lists,
/// objects; texts by their characters, lists and objects element by element.
pub(crate) fn compare(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Number(a), Value::Number(b)) => compare_numbers(a, b),
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (Value::Array(a), Value::Array(b)) => {
            let unequal = a
                .iter()
                .zip(b)
                .map(|(a, b)| compare(a, b))
                .find(|order| order.is_ne());
            unequal.unwrap_or_else(|| a.len().cmp(&b.len()))
        }
        (Value::Object(a), Value::Object(b)) => {
            let unequal = a
                .iter()
                .zip(b)
                .map(|((a_key, a), (b_key, b))| a_key.cmp(b_key).then_with(|| compare(a, b)))
                .find(|order| order.is_ne());
            unequal.unwrap_or_else(|| a.len().cmp(&b.len()))
        }
        _ => rank(a).cmp(&rank(b)),
    }
}

fn rank(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) => 4,
        Value::Object(_) => 5,
    }
}

/// Whether two values are the same: `1` and `1.0` are, `1` and `"1"` are not, and the order of
/// keys doesn't matter.
pub(crate) fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => compare_numbers(a, b).is_eq(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, a)| b.get(key).is_some_and(|b| equal(a, b)))
        }
        _ => a == b,
    }
}

/// Appends a text that is the same for values that are [`equal`], and for no others.
pub(crate) fn write_identity(value: &Value, text: &mut String) {
    match value {
        Value::Null => text.push('n'),
        Value::Bool(bool) => text.push(if *bool { 't' } else { 'f' }),
        Value::Number(number) => write_number(number, text),
        Value::String(string) => write_text(string, text),
        Value::Array(list) => {
            text.push('[');
            for element in list {
                write_identity(element, text);
            }
            text.push(']');
        }
        Value::Object(object) => write_object_identity(object, text),
    }
}

/// The same as [`write_identity`], for an object.
pub(crate) fn write_object_identity(object: &Object, text: &mut String) {
    let mut members: Vec<_> = object.iter().collect();
    members.sort_unstable_by_key(|(key, _)| *key);
    text.push('{');
    for (key, member) in members {
        write_text(key, text);
        write_identity(member, text);
    }
    text.push('}');
}

fn write_text(string: &str, text: &mut String) {
    // The length comes first, so that no text can look like the end of itself.
    let _ = write!(text, "s{}:{string}", string.len());
}

fn write_number(number: &Number, text: &mut String) {
    const EXACT: f64 = 36_893_488_147_419_103_232.0;
    let float = float(number);
    let whole = integer(number)
        .or_else(|| (float.fract() == 0.0 && float.abs() < EXACT).then_some(float as i128));
    let _ = match whole {
        Some(whole) => write!(text, "i{whole};"),
        None => write!(text, "d{:x};", float.to_bits()),
    };
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn identity(value: &Value) -> String {
        let mut text = String::new();
        write_identity(value, &mut text);
        text
    }

    #[test]
    fn truth_is_javascript_s() {
        for value in [json!(null), json!(false), json!(0), json!(-0.0), json!("")] {
            assert!(!is_truthy(&value), "{value}");
        }
        for value in [json!(true), json!(0.1), json!("0"), json!([]), json!({})] {
            assert!(is_truthy(&value), "{value}");
        }
    }

    #[test]
    fn numbers_compare_exactly_beyond_what_floats_can_tell_apart() {
        let a = json!(9_007_199_254_740_993_u64);
        let b = json!(9_007_199_254_740_992_u64);
        assert_eq!(compare(&a, &b), Ordering::Greater);
        assert_eq!(
            compare(&a, &json!(9_007_199_254_740_992.0)),
            Ordering::Greater
        );
        assert_eq!(compare(&json!(1), &json!(1.5)), Ordering::Less);
        assert_eq!(compare(&json!(-1), &json!(-1.5)), Ordering::Greater);
        assert_eq!(compare(&json!(2), &json!(2.0)), Ordering::Equal);
        assert_eq!(compare(&json!(0), &json!(-0.0)), Ordering::Equal);
        assert_eq!(compare(&json!(u64::MAX), &json!(1e300)), Ordering::Less);
        assert_eq!(compare(&json!(i64::MIN), &json!(-1e300)), Ordering::Greater);
    }

    #[test]
    fn identity_agrees_with_equality() {
        let values = [
            json!(1),
            json!(1.0),
            json!("1"),
            json!(null),
            json!(false),
            json!([1]),
            json!([1.0]),
            json!(["1"]),
            json!({"a": 1, "b": 2}),
            json!({"b": 2.0, "a": 1}),
            json!(u64::MAX),
            json!(u64::MAX as f64),
            json!(0.1),
            json!(-0.0),
            json!(0),
            json!("s1:a"),
            json!(["a", "b"]),
            json!(["as1:b"]),
            json!({}),
            json!([]),
        ];
        for a in &values {
            for b in &values {
                assert_eq!(equal(a, b), identity(a) == identity(b), "{a} and {b}");
            }
        }
    }

    #[test]
    fn depth_is_counted_by_containers() {
        assert!(!depth_exceeds(&json!(1), 0));
        assert!(depth_exceeds(&json!([]), 0));
        assert!(!depth_exceeds(&json!([[1]]), 2));
        assert!(depth_exceeds(&json!([{"a": []}]), 2));
    }
}
