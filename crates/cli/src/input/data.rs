use std::path::Path;

use jackfield::ByteSize;
use serde_json::Value;

use super::InputError;
use super::items::text_of;
use crate::error::CliError;
use crate::file::{read_file, read_stdin};

/// More than a signal may bring.
const LIMIT: ByteSize = ByteSize::mib(4);

/// Reads any JSON value: of standard input (`-`), of a file (`@` and its path), or of the argument
/// itself.
pub(crate) fn read_data(argument: &str) -> Result<Value, CliError> {
    let value = match (argument, argument.strip_prefix('@')) {
        ("-", _) => parse("standard input", &read_stdin(LIMIT)?),
        (_, Some(path)) => parse(path, &read_file(Path::new(path), LIMIT)?),
        (text, None) => parse("--data", text.as_bytes()),
    };
    Ok(value?)
}

fn parse(name: &str, bytes: &[u8]) -> Result<Value, InputError> {
    let text = text_of(name, bytes)?;
    serde_json::from_str(text).map_err(|error| InputError::syntax(name, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_any_json_value() {
        for right in ["null", "5", "\"text\"", "[1]", "{\"a\": 1}"] {
            assert!(read_data(right).is_ok(), "{right}");
        }
        for wrong in ["", "text", "{\"a\"", "@/no/such/file"] {
            assert!(read_data(wrong).is_err(), "{wrong}");
        }
    }
}
