//! Values of PostgreSQL, of which every type has a binary form of its own.

use jackfield_plugin_api::NodeError;
use jackfield_types::Object;
use jiff::Timestamp;
use jiff::civil::date;
use jiff::{SignedDuration, Span};
use sea_query::Value as Bound;
use serde_json::Value;
use sqlx::postgres::{PgArguments, PgRow, PgTypeInfo, PgTypeKind, PgValueFormat, PgValueRef};
use sqlx::{Column, Row, TypeInfo, ValueRef};

use super::Output;
use super::bind::{BoxDynError, Values, add_all};
use super::numeric::{numeric, take};
use super::sqlite::{check_length, unreadable};
use crate::dbal::text;

pub(super) const NAME: &str = "PostgreSQL";

/// Where PostgreSQL's clock begins, 2000-01-01, in microseconds of Unix time.
const EPOCH_MICROS: i64 = 946_684_800_000_000;

/// How deep lists nest.
const MAX_DIMENSIONS: usize = 6;

pub(super) fn arguments(values: Values) -> Result<PgArguments, BoxDynError> {
    let mut arguments = PgArguments::default();
    add_all!(arguments, values);
    Ok(arguments)
}

/// How a value is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Bool,
    Int2,
    Int4,
    Int8,
    Oid,
    Float4,
    Float8,
    Numeric,
    Text,
    Bytes,
    TimestampTz,
    Timestamp,
    Date,
    Time,
    Json,
    Jsonb,
    Uuid,
    Void,
    /// A list, of which each value says what its elements are.
    Array,
    /// A list of what is sent as text, by types that have no fixed number.
    TextArray,
    Unknown,
}

/// Reads the rows of one result.
pub(super) struct Reader {
    columns: Vec<(Output, Form)>,
}

impl Reader {
    pub(super) fn new(row: &PgRow, outputs: Option<&[Output]>) -> Self {
        let columns = row.columns().iter().enumerate().map(|(place, column)| {
            let output = match outputs {
                Some(outputs) => outputs[place].clone(),
                None => Output {
                    name: Some(column.name().to_owned()),
                    kind: None,
                },
            };
            let form = form(column.type_info());
            let kind = output.kind.filter(|_| form == Form::Numeric);
            // Every other type comes as it is.
            (Output { kind, ..output }, form)
        });
        Self {
            columns: columns.collect(),
        }
    }

    pub(super) fn read(&self, row: &PgRow) -> Result<(Object, Vec<Value>), NodeError> {
        let mut object = Object::with_capacity(self.columns.len());
        let mut rest = Vec::new();
        for (place, (output, form)) in self.columns.iter().enumerate() {
            let value = row
                .try_get_raw(place)
                .map_err(|error| unreadable(output, place, &error.into()))?;
            let mut value =
                read(&value, *form).map_err(|error| unreadable(output, place, &error))?;
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

fn form(type_info: &PgTypeInfo) -> Form {
    match type_info.kind() {
        PgTypeKind::Enum(_) => return Form::Text,
        PgTypeKind::Domain(inner) => return form(inner),
        PgTypeKind::Array(element) if form(element) == Form::Text => return Form::TextArray,
        PgTypeKind::Array(_) => return Form::Array,
        _ => {}
    }
    let name = type_info.name();
    let by_oid = type_info
        .oid()
        .map_or(Form::Unknown, |oid| form_of_oid(oid.0));
    match (by_oid, name) {
        (Form::Unknown, "citext") => Form::Text,
        (Form::Unknown, name) => form_of_name(name),
        (form, _) => form,
    }
}

/// The types that have a fixed number.
fn form_of_oid(oid: u32) -> Form {
    match oid {
        16 => Form::Bool,
        17 => Form::Bytes,
        20 => Form::Int8,
        21 => Form::Int2,
        23 => Form::Int4,
        26 => Form::Oid,
        18 | 19 | 25 | 142 | 705 | 1042 | 1043 => Form::Text,
        114 => Form::Json,
        700 => Form::Float4,
        701 => Form::Float8,
        1082 => Form::Date,
        1083 => Form::Time,
        1114 => Form::Timestamp,
        1184 => Form::TimestampTz,
        1700 => Form::Numeric,
        2278 => Form::Void,
        2950 => Form::Uuid,
        3802 => Form::Jsonb,
        _ => Form::Unknown,
    }
}

/// The same by name, as far as the driver knows a type by its name only.
fn form_of_name(name: &str) -> Form {
    match name {
        "BOOL" => Form::Bool,
        "BYTEA" => Form::Bytes,
        "INT2" => Form::Int2,
        "INT4" => Form::Int4,
        "INT8" => Form::Int8,
        "OID" => Form::Oid,
        "\"CHAR\"" | "NAME" | "TEXT" | "CHAR" | "VARCHAR" | "UNKNOWN" => Form::Text,
        "JSON" => Form::Json,
        "JSONB" => Form::Jsonb,
        "FLOAT4" => Form::Float4,
        "FLOAT8" => Form::Float8,
        "DATE" => Form::Date,
        "TIME" => Form::Time,
        "TIMESTAMP" => Form::Timestamp,
        "TIMESTAMPTZ" => Form::TimestampTz,
        "NUMERIC" => Form::Numeric,
        "VOID" => Form::Void,
        "UUID" => Form::Uuid,
        _ => Form::Unknown,
    }
}

fn read(value: &PgValueRef<'_>, form: Form) -> Result<Value, BoxDynError> {
    if value.is_null() {
        return Ok(Value::Null);
    }
    let bytes = check_length(value.as_bytes()?)?;
    if value.format() == PgValueFormat::Text {
        return Ok(value.as_str()?.into());
    }
    if form == Form::Unknown {
        let name = value.type_info().name().to_owned();
        return Err(format!("it is of type {name}; cast it to text").into());
    }
    binary(bytes, form)
}

fn binary(bytes: &[u8], form: Form) -> Result<Value, BoxDynError> {
    Ok(match form {
        Form::Bool => (fixed::<1>(bytes)?[0] != 0).into(),
        Form::Int2 => i16::from_be_bytes(fixed(bytes)?).into(),
        Form::Int4 => i32::from_be_bytes(fixed(bytes)?).into(),
        Form::Int8 => i64::from_be_bytes(fixed(bytes)?).into(),
        Form::Oid => u32::from_be_bytes(fixed(bytes)?).into(),
        Form::Float4 => {
            // Its shortest text is what people wrote; as the wider type it would grow digits.
            let number = f32::from_be_bytes(fixed(bytes)?);
            float(number.to_string().parse().unwrap_or(f64::from(number)))
        }
        Form::Float8 => float(f64::from_be_bytes(fixed(bytes)?)),
        Form::Numeric => Value::String(numeric(bytes)?),
        Form::Text => std::str::from_utf8(bytes)?.into(),
        Form::Bytes => text::base64(bytes),
        Form::TimestampTz => match i64::from_be_bytes(fixed(bytes)?) {
            i64::MAX => "infinity".into(),
            i64::MIN => "-infinity".into(),
            micros => {
                let micros = micros.checked_add(EPOCH_MICROS).ok_or(OUT_OF_RANGE)?;
                let time = Timestamp::from_microsecond(micros).map_err(|_| OUT_OF_RANGE)?;
                time.to_string().into()
            }
        },
        Form::Timestamp => match i64::from_be_bytes(fixed(bytes)?) {
            i64::MAX => "infinity".into(),
            i64::MIN => "-infinity".into(),
            micros => {
                let civil = date(2000, 1, 1)
                    .at(0, 0, 0, 0)
                    .checked_add(SignedDuration::from_micros(micros))
                    .map_err(|_| OUT_OF_RANGE)?;
                text::json_date_time(civil).into()
            }
        },
        Form::Date => match i32::from_be_bytes(fixed(bytes)?) {
            i32::MAX => "infinity".into(),
            i32::MIN => "-infinity".into(),
            days => {
                let days = Span::new().try_days(days).map_err(|_| OUT_OF_RANGE)?;
                let day = date(2000, 1, 1)
                    .checked_add(days)
                    .map_err(|_| OUT_OF_RANGE)?;
                day.to_string().into()
            }
        },
        Form::Time => text::time_of_micros(i64::from_be_bytes(fixed(bytes)?))
            .ok_or(OUT_OF_RANGE)?
            .into(),
        Form::Json => serde_json::from_slice(bytes)?,
        Form::Jsonb => match bytes {
            [1, json @ ..] => serde_json::from_slice(json)?,
            _ => return Err("it has an unknown form of JSON".into()),
        },
        Form::Uuid => Value::String(uuid(fixed(bytes)?)),
        Form::Void => Value::Null,
        Form::Array => array(bytes, Form::Unknown)?,
        Form::TextArray => array(bytes, Form::Text)?,
        Form::Unknown => return Err("its type is not known; cast it to text".into()),
    })
}

const OUT_OF_RANGE: &str = "it is out of the range of dates; cast it to text";

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], BoxDynError> {
    bytes
        .try_into()
        .map_err(|_| format!("it has {} bytes and not {N}", bytes.len()).into())
}

fn float(number: f64) -> Value {
    match number {
        number if number.is_finite() => number.into(),
        number if number.is_nan() => "NaN".into(),
        number if number > 0.0 => "Infinity".into(),
        _ => "-Infinity".into(),
    }
}

fn uuid(bytes: [u8; 16]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(36);
    for (place, byte) in bytes.iter().enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// A list of elements of a type that has a fixed number, or else of a form that is known otherwise.
fn array(mut bytes: &[u8], otherwise: Form) -> Result<Value, BoxDynError> {
    let bytes = &mut bytes;
    let dimensions = usize::try_from(i32::from_be_bytes(*take(bytes)?))?;
    let _has_nulls = take::<4>(bytes)?;
    let element = u32::from_be_bytes(*take(bytes)?);
    if dimensions > MAX_DIMENSIONS {
        return Err("its lists nest too deep".into());
    }
    let mut lengths = Vec::with_capacity(dimensions);
    for _ in 0..dimensions {
        lengths.push(usize::try_from(i32::from_be_bytes(*take(bytes)?))?);
        let _first_index = take::<4>(bytes)?;
    }
    if lengths.is_empty() {
        return Ok(Value::Array(Vec::new()));
    }
    let form = match form_of_oid(element) {
        Form::Unknown => otherwise,
        form => form,
    };
    elements(bytes, &lengths, form)
}

fn elements(bytes: &mut &[u8], lengths: &[usize], form: Form) -> Result<Value, BoxDynError> {
    let Some((&length, inner)) = lengths.split_first() else {
        let length = i32::from_be_bytes(*take(bytes)?);
        if length < 0 {
            return Ok(Value::Null);
        }
        let (value, rest) = bytes
            .split_at_checked(usize::try_from(length)?)
            .ok_or("it ends too early")?;
        *bytes = rest;
        return binary(value, form);
    };
    let list: Result<Vec<Value>, BoxDynError> =
        (0..length).map(|_| elements(bytes, inner, form)).collect();
    list.map(Value::Array)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_off_is_an_error_and_no_panic() {
        for form in [
            Form::Bool,
            Form::Int8,
            Form::Uuid,
            Form::Date,
            Form::Array,
            Form::Jsonb,
        ] {
            assert!(binary(&[], form).is_err(), "{form:?}");
        }
    }
}
