use std::path::Path;

use jackfield::{ByteSize, MAX_DOCUMENT_SIZE};
use serde_json::Value;

use super::{InputError, describe};
use crate::error::CliError;
use crate::file::read_file;

const LIMIT: ByteSize = MAX_DOCUMENT_SIZE;

/// Reads parameters: a JSON object, or `@` and the path of a file with one.
pub(crate) fn read_parameters(argument: &str) -> Result<Value, CliError> {
    let parameters = match argument.strip_prefix('@') {
        Some(path) => {
            let bytes = read_file(Path::new(path), LIMIT)?;
            parse(path, &bytes)
        }
        None => parse("--params", argument.as_bytes()),
    };
    Ok(parameters?)
}

fn parse(name: &str, bytes: &[u8]) -> Result<Value, InputError> {
    let text = super::items::text_of(name, bytes)?;
    let value: Value =
        serde_json::from_str(text).map_err(|error| InputError::syntax(name, &error))?;
    if value.is_object() {
        Ok(value)
    } else {
        Err(InputError::Parameters {
            name: name.to_owned(),
            found: describe(&value),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_one_object() {
        assert!(read_parameters(r#"{"a": 1}"#).is_ok());
        for wrong in ["", "5", "[1]", "{\"a\"", "@/no/such/file"] {
            assert!(read_parameters(wrong).is_err(), "{wrong}");
        }
    }
}
