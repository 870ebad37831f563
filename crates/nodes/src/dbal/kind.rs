use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::text;

/// What the values of a column are, whatever the database calls it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `true` or `false`.
    Boolean,
    /// Whole numbers of 64 bits.
    Integer,
    /// Floating-point numbers.
    Float,
    /// Exact numbers: text in JSON, because JSON's numbers are not exact.
    Decimal,
    /// Text.
    Text,
    /// Bytes: base64 in JSON.
    Bytes,
    /// Points in time: RFC 3339 in JSON.
    Timestamp,
    /// Dates with times, without a zone.
    DateTime,
    /// Dates.
    Date,
    /// Times of day.
    Time,
    /// JSON.
    Json,
    /// UUIDs.
    Uuid,
    /// Lists of values of one kind.
    Array(Box<Kind>),
    /// What only the database knows: text, as the database writes it.
    Other,
}

/// The kinds that entities are declared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ValueType {
    /// `true` or `false`.
    Boolean,
    /// Whole numbers of 64 bits.
    Integer,
    /// Floating-point numbers.
    Float,
    /// Exact numbers, written as text.
    Decimal,
    /// Text.
    Text,
    /// Bytes, written as base64.
    Bytes,
    /// Points in time, written as RFC 3339.
    Timestamp,
    /// Dates with times, without a zone.
    DateTime,
    /// Dates.
    Date,
    /// Times of day.
    Time,
    /// JSON.
    Json,
    /// UUIDs.
    Uuid,
}

impl From<ValueType> for Kind {
    fn from(value_type: ValueType) -> Self {
        match value_type {
            ValueType::Boolean => Self::Boolean,
            ValueType::Integer => Self::Integer,
            ValueType::Float => Self::Float,
            ValueType::Decimal => Self::Decimal,
            ValueType::Text => Self::Text,
            ValueType::Bytes => Self::Bytes,
            ValueType::Timestamp => Self::Timestamp,
            ValueType::DateTime => Self::DateTime,
            ValueType::Date => Self::Date,
            ValueType::Time => Self::Time,
            ValueType::Json => Self::Json,
            ValueType::Uuid => Self::Uuid,
        }
    }
}

impl Kind {
    /// Whether `like` can be asked of it.
    pub(super) fn is_textual(&self) -> bool {
        matches!(self, Self::Text | Self::Other | Self::Uuid)
    }

    /// Makes of what a driver gave for a value of this kind what JSON has for it. Databases that
    /// lack a type keep its values as another.
    pub(super) fn settle(&self, value: Value) -> Value {
        match (self, value) {
            (Self::Boolean, Value::Number(number)) => match number.as_i64() {
                Some(0) => Value::Bool(false),
                Some(1) => Value::Bool(true),
                _ => Value::Number(number),
            },
            (Self::Json | Self::Array(_), Value::String(text)) => {
                serde_json::from_str(&text).unwrap_or(Value::String(text))
            }
            (Self::Timestamp, Value::String(text)) => Value::String(text::as_timestamp(text)),
            (Self::DateTime, Value::String(text)) => Value::String(text::as_date_time(text)),
            (Self::Integer, Value::String(text)) => {
                text::integer(&text).map_or(Value::String(text), Value::Number)
            }
            (Self::Float, Value::String(text)) => match text.parse::<f64>() {
                Ok(number) if number.is_finite() => number.into(),
                _ => Value::String(text),
            },
            (Self::Decimal, Value::Number(number)) => Value::String(text::decimal(&number)),
            (_, value) => value,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean => f.write_str("`true` or `false`"),
            Self::Integer => f.write_str("a whole number of 64 bits"),
            Self::Float => f.write_str("a number"),
            Self::Decimal => f.write_str("a decimal such as \"12.50\""),
            Self::Text => f.write_str("a text"),
            Self::Bytes => f.write_str("bytes in base64"),
            Self::Timestamp => f.write_str("a point in time such as \"2026-01-31T12:00:00Z\""),
            Self::DateTime => f.write_str("a date and time such as \"2026-01-31T12:00:00\""),
            Self::Date => f.write_str("a date such as \"2026-01-31\""),
            Self::Time => f.write_str("a time such as \"12:00:00\""),
            Self::Json => f.write_str("JSON"),
            Self::Uuid => f.write_str("a UUID"),
            Self::Array(element) => write!(f, "a list of which each element is {element}"),
            Self::Other => f.write_str("a text that the database can read"),
        }
    }
}
