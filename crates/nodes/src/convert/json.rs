use std::io;

use jackfield_plugin_api::NodeError;
use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{PrettyFormatter, Serializer};

use super::basic::inconvertible;
use crate::family::{Arguments, MAX_LIST, MAX_TEXT, check_text, describe, exceeded};

pub(super) fn parse_json(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    read_json(arguments.text("value")?)
}

/// Reads JSON, bounded in length, depth and number of values.
pub(super) fn read_json(text: &str) -> Result<Value, NodeError> {
    check_text(text.len())?;
    if separators(text) > MAX_LIST {
        return Err(exceeded(format!(
            "the JSON text holds more than {MAX_LIST} values"
        )));
    }
    serde_json::from_str(text).map_err(|error| {
        let found = describe(&Value::from(text));
        inconvertible(format!("{found} is no JSON: {error}"))
    })
}

/// How many values there are at most, counted before any memory is taken for them.
fn separators(text: &str) -> usize {
    let mut count = 0;
    let mut is_text = false;
    let mut is_escaped = false;
    for byte in text.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            b',' | b'[' | b'{' if !is_text => count += 1,
            _ => {}
        }
    }
    count
}

pub(super) fn to_json(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let value = arguments.value("value");
    let indent = usize::try_from(arguments.integer("indent")?).unwrap_or(0);
    let mut bytes = BoundedBytes(Vec::new());
    let written = if indent == 0 {
        serde_json::to_writer(&mut bytes, value)
    } else {
        let spaces = vec![b' '; indent];
        let formatter = PrettyFormatter::with_indent(&spaces);
        value.serialize(&mut Serializer::with_formatter(&mut bytes, formatter))
    };
    // Nothing but the bound can go wrong when a value is written to memory.
    written.map_err(|_| exceeded("the JSON text would be longer than 16 MiB"))?;
    String::from_utf8(bytes.0)
        .map(Value::from)
        .map_err(|error| inconvertible(error.to_string()))
}

/// Bytes that grow up to the length of the longest text.
struct BoundedBytes(Vec<u8>);

impl io::Write for BoundedBytes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len().saturating_add(bytes.len()) > MAX_TEXT {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
