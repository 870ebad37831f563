//! Values of SQLite.

use jackfield_plugin_api::NodeError;
use jackfield_types::{ErrorCode, Object};
use sea_query::Value as Bound;
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteArguments, SqliteRow, SqliteValueRef};
use sqlx::{Column, Decode, Row, Sqlite, TypeInfo, ValueRef};

use super::bind::{BoxDynError, Values, add_all};
use super::{LONGEST_VALUE, Output};
use crate::dbal::kind::Kind;
use crate::dbal::text;

pub(super) const NAME: &str = "SQLite";

pub(super) fn arguments(values: Values) -> Result<SqliteArguments, BoxDynError> {
    let mut arguments = SqliteArguments::default();
    add_all!(arguments, values);
    Ok(arguments)
}

/// Reads the rows of one result.
pub(super) struct Reader {
    outputs: Vec<Output>,
}

impl Reader {
    pub(super) fn new(row: &SqliteRow, outputs: Option<&[Output]>) -> Self {
        let outputs = match outputs {
            Some(outputs) => outputs.to_vec(),
            None => row
                .columns()
                .iter()
                .map(|column| Output {
                    name: Some(column.name().to_owned()),
                    kind: None,
                })
                .collect(),
        };
        Self { outputs }
    }

    pub(super) fn read(&self, row: &SqliteRow) -> Result<(Object, Vec<Value>), NodeError> {
        let mut object = Object::with_capacity(self.outputs.len());
        let mut rest = Vec::new();
        for (place, output) in self.outputs.iter().take(row.len()).enumerate() {
            let value = row
                .try_get_raw(place)
                .map_err(|error| unreadable(output, place, &error.into()))?;
            let read = match output {
                Output {
                    name: None,
                    kind: None,
                } => as_it_is(value),
                Output { kind, .. } => read(value, kind.as_ref()),
            };
            let mut value = read.map_err(|error| unreadable(output, place, &error))?;
            if let Some(kind) = &output.kind {
                value = kind.settle(value);
            }
            match &output.name {
                Some(name) => {
                    object.insert(name.clone(), value);
                }
                None => rest.push(value),
            }
        }
        Ok((object, rest))
    }
}

pub(super) fn unreadable(output: &Output, place: usize, error: &BoxDynError) -> NodeError {
    let message = match &output.name {
        Some(name) => format!("column `{name}` cannot be read: {error}"),
        None => format!("column {place} cannot be read: {error}"),
    };
    let code = match error.is::<TooLong>() {
        true => ErrorCode::LIMIT_EXCEEDED,
        false => ErrorCode::WRONG_TYPE,
    };
    NodeError::permanent(code, message)
}

/// A value is longer than one may be.
#[derive(Debug, thiserror::Error)]
#[error("a value of {length} bytes, and one may have {LONGEST_VALUE}; take a part of it")]
pub(super) struct TooLong {
    length: usize,
}

/// Refuses a value before more is made of it.
pub(super) fn check_length(bytes: &[u8]) -> Result<&[u8], TooLong> {
    match bytes.len() {
        length if length > LONGEST_VALUE => Err(TooLong { length }),
        _ => Ok(bytes),
    }
}

fn read(value: SqliteValueRef<'_>, kind: Option<&Kind>) -> Result<Value, BoxDynError> {
    if value.is_null() {
        return Ok(Value::Null);
    }
    let name = value.type_info().name().to_owned();
    Ok(match name.as_str() {
        "REAL" => match <f64 as Decode<Sqlite>>::decode(value)? {
            number if number.is_finite() => number.into(),
            number if number > 0.0 => "Infinity".into(),
            _ => "-Infinity".into(),
        },
        // It keeps what it is given, whatever the column is declared as.
        "TEXT" if kind == Some(&Kind::Bytes) => {
            text::base64(<&str as Decode<Sqlite>>::decode(value)?.as_bytes())
        }
        "TEXT" => Value::String(<String as Decode<Sqlite>>::decode(value)?),
        "BLOB" => text::base64(<&[u8] as Decode<Sqlite>>::decode(value)?),
        _ => <i64 as Decode<Sqlite>>::decode(value)?.into(),
    })
}

/// A value that goes back to the database as it is: what JSON has nothing for is an object.
fn as_it_is(value: SqliteValueRef<'_>) -> Result<Value, BoxDynError> {
    let is_bytes = value.type_info().name() == "BLOB";
    let is_float = value.type_info().name() == "REAL";
    let read = read(value, None)?;
    Ok(match read {
        Value::String(bytes) if is_bytes => json!({ BYTES: bytes }),
        Value::String(infinity) if is_float => json!({ FLOAT: infinity }),
        other => other,
    })
}

const BYTES: &str = "bytes";
const FLOAT: &str = "float";

/// What [`as_it_is`] gave, to be sent back.
pub(in crate::dbal) fn bound(value: &Value) -> Option<Bound> {
    match value {
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Some(whole.into()),
            None => number.as_f64().map(Bound::from),
        },
        Value::String(text) => Some(text.as_str().into()),
        Value::Object(object) => match object.iter().next()? {
            (tag, Value::String(bytes)) if tag == BYTES => text::bytes(bytes).map(Bound::from),
            (tag, Value::String(sign)) if tag == FLOAT => match sign.as_str() {
                "Infinity" => Some(f64::INFINITY.into()),
                "-Infinity" => Some(f64::NEG_INFINITY.into()),
                _ => None,
            },
            _ => None,
        },
        Value::Null | Value::Bool(_) | Value::Array(_) => None,
    }
}
