//! Values of MySQL and MariaDB.

use jackfield_plugin_api::NodeError;
use jackfield_types::Object;
use sea_query::Value as Bound;
use serde_json::Value;
use sqlx::mysql::{MySqlArguments, MySqlRow, MySqlTypeInfo, MySqlValueRef};
use sqlx::{Arguments, Column, Decode, MySql, Row, Type, TypeInfo, ValueRef};

use super::Output;
use super::bind::{BoxDynError, Values};
use super::sqlite::{check_length, unreadable};
use crate::dbal::kind::Kind;
use crate::dbal::text;

pub(super) const NAME: &str = "MySQL";

pub(super) fn arguments(values: Values) -> Result<MySqlArguments, BoxDynError> {
    let mut arguments = MySqlArguments::default();
    for value in values {
        match value {
            Bound::Bool(value) => arguments.add(value)?,
            Bound::BigInt(value) => arguments.add(value)?,
            Bound::BigUnsigned(value) => arguments.add(value)?,
            Bound::Double(value) => arguments.add(value)?,
            Bound::String(value) => arguments.add(value)?,
            Bound::Bytes(value) => arguments.add(value)?,
            other => return Err(format!("{other:?} is no value of a statement").into()),
        }
    }
    Ok(arguments)
}

/// How a value is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Bool,
    Signed,
    Unsigned,
    Float,
    Double,
    Text,
    Bytes,
    Json,
    Date,
    Time,
    DateTime,
    Timestamp,
    Null,
}

/// Reads the rows of one result.
pub(super) struct Reader {
    columns: Vec<(Output, Form)>,
}

impl Reader {
    pub(super) fn new(row: &MySqlRow, outputs: Option<&[Output]>) -> Self {
        let columns = row.columns().iter().enumerate().map(|(place, column)| {
            let output = match outputs {
                Some(outputs) => outputs[place].clone(),
                None => Output {
                    name: Some(column.name().to_owned()),
                    kind: None,
                },
            };
            (output, form(column.type_info()))
        });
        Self {
            columns: columns.collect(),
        }
    }

    pub(super) fn read(&self, row: &MySqlRow) -> Result<(Object, Vec<Value>), NodeError> {
        let mut object = Object::with_capacity(self.columns.len());
        let mut rest = Vec::new();
        for (place, (output, form)) in self.columns.iter().enumerate() {
            let value = row
                .try_get_raw(place)
                .map_err(|error| unreadable(output, place, &error.into()))?;
            let mut value =
                read(value, *form).map_err(|error| unreadable(output, place, &error))?;
            if let Some(kind) = &output.kind {
                value = settled(*form, kind, value);
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

/// What JSON has for a value of a kind. JSON itself was read already: a text in it may look like JSON
/// and is a text all the same.
fn settled(form: Form, kind: &Kind, value: Value) -> Value {
    match form {
        Form::Json => value,
        _ => kind.settle(value),
    }
}

fn form(type_info: &MySqlTypeInfo) -> Form {
    // Texts that are compared byte by byte are called binary, and are texts all the same.
    let is_text = <str as Type<MySql>>::compatible(type_info);
    match type_info.name() {
        "BOOLEAN" => Form::Bool,
        "BIT" | "YEAR" => Form::Unsigned,
        "FLOAT" => Form::Float,
        "DOUBLE" => Form::Double,
        "DATE" => Form::Date,
        "TIME" => Form::Time,
        "DATETIME" => Form::DateTime,
        "TIMESTAMP" => Form::Timestamp,
        "JSON" => Form::Json,
        "NULL" => Form::Null,
        "TINYINT" | "SMALLINT" | "MEDIUMINT" | "INT" | "BIGINT" => Form::Signed,
        name if name.ends_with("UNSIGNED") => Form::Unsigned,
        _ if is_text => Form::Text,
        name if name.ends_with("BLOB") || name.ends_with("BINARY") || name == "GEOMETRY" => {
            Form::Bytes
        }
        _ => Form::Text,
    }
}

fn read(value: MySqlValueRef<'_>, form: Form) -> Result<Value, BoxDynError> {
    if value.is_null() {
        return Ok(Value::Null);
    }
    let bytes = |value| {
        let bytes = <&[u8] as Decode<MySql>>::decode(value)?;
        check_length(bytes).map_err(BoxDynError::from)
    };
    Ok(match form {
        Form::Bool => match <i64 as Decode<MySql>>::decode(value)? {
            0 => false.into(),
            1 => true.into(),
            // It is a number that happens to be this small.
            other => other.into(),
        },
        Form::Signed => <i64 as Decode<MySql>>::decode(value)?.into(),
        Form::Unsigned => <u64 as Decode<MySql>>::decode(value)?.into(),
        Form::Float => {
            let number = <f32 as Decode<MySql>>::decode(value)?;
            number
                .to_string()
                .parse()
                .unwrap_or(f64::from(number))
                .into()
        }
        Form::Double => <f64 as Decode<MySql>>::decode(value)?.into(),
        Form::Text => std::str::from_utf8(bytes(value)?)?.into(),
        Form::Bytes => text::base64(bytes(value)?),
        Form::Json => serde_json::from_slice(bytes(value)?)?,
        Form::Date => Value::String(date(bytes(value)?)?),
        Form::Time => Value::String(time(bytes(value)?)?),
        Form::DateTime => Value::String(date_time(bytes(value)?)?),
        Form::Timestamp => Value::String(text::as_timestamp(date_time(bytes(value)?)?)),
        Form::Null => Value::Null,
    })
}

/// The parts of a date in its binary form, of which what is zero is left out at the end.
fn parts(bytes: &[u8]) -> Result<[u8; 11], BoxDynError> {
    let (&length, rest) = bytes.split_first().ok_or("it is empty")?;
    let given = rest.get(..usize::from(length)).ok_or("it ends too early")?;
    let mut parts = [0; 11];
    parts
        .get_mut(..given.len())
        .ok_or("it is too long")?
        .copy_from_slice(given);
    Ok(parts)
}

fn date(bytes: &[u8]) -> Result<String, BoxDynError> {
    let [low, high, month, day, ..] = parts(bytes)?;
    let year = u16::from_le_bytes([low, high]);
    Ok(format!("{year:04}-{month:02}-{day:02}"))
}

fn date_time(bytes: &[u8]) -> Result<String, BoxDynError> {
    let [_, _, _, _, hour, minute, second, micros @ ..] = parts(bytes)?;
    let day = date(bytes)?;
    let fraction = fraction(u32::from_le_bytes(micros));
    Ok(format!("{day}T{hour:02}:{minute:02}:{second:02}{fraction}"))
}

/// A time, which may be negative and longer than a day.
fn time(bytes: &[u8]) -> Result<String, BoxDynError> {
    let (&length, rest) = bytes.split_first().ok_or("it is empty")?;
    if length == 0 {
        return Ok("00:00:00".to_owned());
    }
    let [sign, days @ .., hour, minute, second] =
        *rest.first_chunk::<8>().ok_or("it ends too early")?;
    let micros = match length {
        12 => *rest[8..].first_chunk::<4>().ok_or("it ends too early")?,
        _ => [0; 4],
    };
    let hours = u64::from(u32::from_le_bytes(days)) * 24 + u64::from(hour);
    let sign = if sign == 0 { "" } else { "-" };
    let fraction = fraction(u32::from_le_bytes(micros));
    Ok(format!(
        "{sign}{hours:02}:{minute:02}:{second:02}{fraction}"
    ))
}

fn fraction(micros: u32) -> String {
    if micros == 0 {
        return String::new();
    }
    let text = format!(".{micros:06}");
    text.trim_end_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_read_once() {
        let looks_like_json = Value::String("[1]".to_owned());
        let read = settled(Form::Json, &Kind::Json, looks_like_json.clone());
        assert_eq!(read, looks_like_json);
        // MariaDB has no JSON of its own: there it comes as text.
        let read = settled(Form::Text, &Kind::Json, Value::String("\"[1]\"".to_owned()));
        assert_eq!(read, looks_like_json);
    }

    #[test]
    fn dates_and_times_are_read_and_what_is_cut_off_is_an_error() {
        let full = [11, 0xEA, 0x07, 1, 31, 12, 30, 5, 0x20, 0xA1, 0x07, 0];
        assert_eq!(date_time(&full).unwrap(), "2026-01-31T12:30:05.5");
        assert_eq!(
            date(
                &full[..5]
                    .iter()
                    .map(|&b| if b == 11 { 4 } else { b })
                    .collect::<Vec<_>>()
            )
            .unwrap(),
            "2026-01-31"
        );
        assert_eq!(date_time(&[0]).unwrap(), "0000-00-00T00:00:00");
        assert_eq!(time(&[8, 1, 1, 0, 0, 0, 2, 3, 4]).unwrap(), "-26:03:04");
        for length in 0..full.len() {
            assert!(date_time(&full[..length]).is_err());
        }
        assert!(time(&[12, 0, 0, 0, 0, 0, 1, 1, 1]).is_err());
    }
}
