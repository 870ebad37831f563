use jackfield_plugin_api::NodeError;
use jackfield_types::{ByteSize, ErrorCode};
use serde_json::Value;

/// The longest text that a function makes, in bytes.
pub(crate) const MAX_TEXT: usize = 16 << 20;
/// The longest list that a function makes longer than what it was given.
pub(crate) const MAX_LIST: usize = 1_000_000;
/// How deep the results of functions are nested at most. Readers of JSON give up at 128, and a
/// result travels inside of other objects.
pub(crate) const MAX_DEPTH: usize = 100;
/// How many bytes the results of one call may take together.
pub(crate) const MAX_CALL: usize = 256 << 20;

/// What each value takes besides its text.
const VALUE_BYTES: usize = size_of::<Value>();

/// A bound that was passed.
pub(crate) fn exceeded(message: impl Into<String>) -> NodeError {
    NodeError::permanent(ErrorCode::LIMIT_EXCEEDED, message)
}

fn size(bytes: usize) -> ByteSize {
    ByteSize::bytes(u64::try_from(bytes).unwrap_or(u64::MAX))
}

/// Says whether a text of so many bytes may be made.
pub(crate) fn check_text(bytes: usize) -> Result<(), NodeError> {
    if bytes > MAX_TEXT {
        return Err(exceeded(format!(
            "the result would be longer than {}",
            size(MAX_TEXT)
        )));
    }
    Ok(())
}

/// Says whether a list of so many elements may be made.
pub(crate) fn check_list(length: usize) -> Result<(), NodeError> {
    if length > MAX_LIST {
        return Err(exceeded(format!(
            "the result would be a list of more than {MAX_LIST} elements"
        )));
    }
    Ok(())
}

/// Counts roughly the bytes of a value onto `total`.
///
/// # Errors
/// [`NodeError::Permanent`] when it is nested too deep, or when the total is too large.
pub(crate) fn measure(value: &Value, total: &mut usize) -> Result<(), NodeError> {
    add(value, total, MAX_DEPTH)
}

fn add(value: &Value, total: &mut usize, depth: usize) -> Result<(), NodeError> {
    let Some(below) = depth.checked_sub(1) else {
        return Err(exceeded(format!(
            "the result is nested more than {MAX_DEPTH} levels deep"
        )));
    };
    *total = total.saturating_add(VALUE_BYTES);
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
        Value::String(text) => *total = total.saturating_add(text.len()),
        Value::Array(list) => list.iter().try_for_each(|value| add(value, total, below))?,
        Value::Object(object) => object.iter().try_for_each(|(key, value)| {
            *total = total.saturating_add(key.len());
            add(value, total, below)
        })?,
    }
    check_call(*total)
}

/// Says whether the results of one call may take so many bytes together.
pub(crate) fn check_call(bytes: usize) -> Result<(), NodeError> {
    if bytes > MAX_CALL {
        return Err(exceeded(format!(
            "the results would take more than {} of memory; give the node fewer items at a time",
            size(MAX_CALL)
        )));
    }
    Ok(())
}

/// A text that grows up to [`MAX_TEXT`].
#[derive(Default)]
pub(crate) struct BoundedText(String);

impl BoundedText {
    /// Adds to the end.
    pub(crate) fn push_str(&mut self, text: &str) -> Result<(), NodeError> {
        check_text(self.0.len().saturating_add(text.len()))?;
        self.0.push_str(text);
        Ok(())
    }

    /// Adds one character to the end.
    pub(crate) fn push(&mut self, character: char) -> Result<(), NodeError> {
        self.push_str(character.encode_utf8(&mut [0; 4]))
    }
}

impl From<BoundedText> for Value {
    fn from(text: BoundedText) -> Self {
        Self::String(text.0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn depth_and_size_are_bounded() {
        let nested = |levels| (0..levels).fold(json!(1), |inner, _| json!([inner]));
        assert!(measure(&nested(MAX_DEPTH - 1), &mut 0).is_ok());
        assert!(measure(&nested(MAX_DEPTH), &mut 0).is_err());
        let mut total = MAX_CALL - VALUE_BYTES;
        assert!(measure(&json!(null), &mut total).is_ok());
        assert!(measure(&json!(null), &mut total).is_err());
    }
}
