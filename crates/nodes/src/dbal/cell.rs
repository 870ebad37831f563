//! Values on their way into a statement: checked against the kind of their column, and bound.

use sea_query::{Alias, Expr, ExprTrait, Func, Value as Bound};
use serde_json::{Number, Value};

use super::catalog::Column;
use super::dialect::Dialect;
use super::kind::Kind;
use super::text;

/// What a value is not.
#[derive(Debug, thiserror::Error)]
#[error("expected {expected}, not {found}")]
pub(super) struct WrongValue {
    expected: String,
    found: String,
}

/// What becomes of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// It is kept in a column.
    Stored,
    /// A column is compared with it.
    Compared,
}

/// A value for a column, as part of a statement. `null` is only stored.
pub(super) fn bound(
    dialect: Dialect,
    column: &Column,
    value: &Value,
    purpose: Use,
) -> Result<Expr, WrongValue> {
    if value.is_null() && purpose == Use::Stored {
        return Ok(Expr::null());
    }
    if purpose == Use::Stored {
        check_digits(dialect, column, &column.kind, value)?;
    }
    let sent = to_bound(dialect, &column.kind, value)?;
    let is_short = matches!(sent, Bound::Double(Some(float)) if float.abs() <= f64::from(f32::MAX));
    let value = Expr::val(sent);
    let cast = |type_name: &str| Func::cast_as(value.clone(), Alias::new(type_name)).into();
    Ok(match (dialect, &column.kind, purpose) {
        (
            Dialect::Postgres,
            Kind::Decimal
            | Kind::Timestamp
            | Kind::DateTime
            | Kind::Date
            | Kind::Time
            | Kind::Json
            | Kind::Uuid
            | Kind::Array(_)
            | Kind::Other,
            _,
        ) => cast(&column.type_name),
        // Padded texts, and those without regard to case, have comparisons of their own.
        (Dialect::Postgres, Kind::Text, Use::Compared)
            if !matches!(
                column.type_name.as_str(),
                "text" | "character varying" | "name"
            ) =>
        {
            cast(&column.type_name)
        }
        // A number of 32 bits is another one when it is compared as one of 64.
        (Dialect::Postgres, Kind::Float, Use::Compared)
            if column.type_name == "real" && is_short =>
        {
            cast("real")
        }
        (Dialect::MySql, Kind::Float, Use::Compared) if column.type_name == "float" && is_short => {
            cast("FLOAT")
        }
        // As text it would be compared as a floating-point number.
        (Dialect::MySql, Kind::Decimal, Use::Compared) => cast("DECIMAL(65, 30)"),
        (Dialect::Sqlite, Kind::Decimal, Use::Compared) => cast("NUMERIC"),
        _ => value,
    })
}

/// The digits of a number that SQLite keeps exactly.
const SQLITE_DIGITS: i64 = 15;

/// Checks that a column keeps all digits of a decimal: databases round off what is too much, and say
/// nothing.
fn check_digits(
    dialect: Dialect,
    column: &Column,
    kind: &Kind,
    value: &Value,
) -> Result<(), WrongValue> {
    let digits = match (kind, value) {
        (Kind::Array(element), Value::Array(values)) => {
            let mut values = values.iter();
            return values.try_for_each(|value| match value {
                Value::Array(_) => check_digits(dialect, column, kind, value),
                value => check_digits(dialect, column, element, value),
            });
        }
        (Kind::Decimal, Value::String(text)) => text::decimal_digits(text),
        (Kind::Decimal, Value::Number(number)) => text::decimal_digits(&number.to_string()),
        _ => None,
    };
    let Some((behind, count)) = digits else {
        return Ok(());
    };
    let too_many = |expected: String| {
        let found = shown(value);
        Err(WrongValue { expected, found })
    };
    match column.scale {
        Some(scale) if behind > scale => too_many(format!(
            "at most {} digits behind the point, which is what the column keeps, and nothing is \
             rounded off",
            Ord::max(scale, 0)
        )),
        _ if dialect == Dialect::Sqlite
            && count > SQLITE_DIGITS
            && column.is_numeric_to_sqlite() =>
        {
            too_many(format!(
                "at most {SQLITE_DIGITS} digits, which is what SQLite keeps of a number in this \
                 column; a column of text keeps all"
            ))
        }
        _ => Ok(()),
    }
}

/// A column, as it is compared and sorted by.
pub(super) fn operand(dialect: Dialect, column: &Column) -> Expr {
    let name = Expr::col(Alias::new(&column.name));
    match (dialect, &column.kind) {
        // It may be kept as text, which is what keeps it exact.
        (Dialect::Sqlite, Kind::Decimal) => name.cast_as(Alias::new("NUMERIC")),
        _ => name,
    }
}

/// A value of a column, as text: the same for values that are sent as the same.
pub(super) fn text_to_send(dialect: Dialect, kind: &Kind, value: &Value) -> Option<String> {
    let sent = to_bound(dialect, kind, value).ok()?;
    Some(format!("{sent:?}"))
}

fn to_bound(dialect: Dialect, kind: &Kind, value: &Value) -> Result<Bound, WrongValue> {
    let wrong = || WrongValue {
        expected: kind.to_string(),
        found: shown(value),
    };
    let made = match (kind, value) {
        (Kind::Boolean, Value::Bool(value)) => Some((*value).into()),
        (Kind::Integer, Value::Number(number)) => whole(dialect, number),
        (Kind::Integer, Value::String(digits)) => {
            text::integer(digits).and_then(|number| whole(dialect, &number))
        }
        (Kind::Float, Value::Number(number)) => number.as_f64().map(Bound::from),
        (Kind::Float, Value::String(text)) => special_float(dialect, text).map(Bound::from),
        (Kind::Json, value) => Some(value.to_string().into()),
        (Kind::Array(element), Value::Array(values)) => {
            Some(list(dialect, element, values)?.into())
        }
        (kind, value) => written(dialect, kind, value),
    };
    match made {
        // No database of these takes them in a text.
        Some(Bound::String(Some(text))) if dialect == Dialect::Postgres && text.contains('\0') => {
            Err(WrongValue {
                expected: "a text without zero characters, which PostgreSQL cannot keep".to_owned(),
                found: shown(value),
            })
        }
        Some(made) => Ok(made),
        None => Err(wrong()),
    }
}

/// A value of a kind that is sent as text or bytes.
fn written(dialect: Dialect, kind: &Kind, value: &Value) -> Option<Bound> {
    if let (Kind::Decimal | Kind::Other, Value::Number(number)) = (kind, value) {
        return Some(number.to_string().into());
    }
    let written = value.as_str()?;
    let checked = match kind {
        Kind::Text | Kind::Other => Some(written.to_owned()),
        Kind::Decimal
            if dialect == Dialect::Postgres
                && matches!(written, "NaN" | "Infinity" | "-Infinity") =>
        {
            Some(written.to_owned())
        }
        Kind::Decimal => text::is_decimal(written).then(|| written.to_owned()),
        Kind::Bytes => return text::bytes(written).map(Bound::from),
        Kind::Timestamp | Kind::DateTime | Kind::Date
            if dialect == Dialect::Postgres && matches!(written, "infinity" | "-infinity") =>
        {
            Some(written.to_owned())
        }
        Kind::Timestamp if dialect == Dialect::MySql => text::utc_date_time(written),
        Kind::Timestamp => text::timestamp(written),
        Kind::DateTime => text::date_time(written),
        Kind::Date => text::date(written),
        // It holds spans of time, too.
        Kind::Time if dialect == Dialect::MySql => {
            text::time(written).or_else(|| text::is_hours(written).then(|| written.to_owned()))
        }
        Kind::Time if dialect == Dialect::Postgres && written == "24:00:00" => {
            Some(written.to_owned())
        }
        Kind::Time => text::time(written),
        Kind::Uuid => text::is_uuid(written).then(|| written.to_ascii_lowercase()),
        Kind::Boolean | Kind::Integer | Kind::Float | Kind::Json | Kind::Array(_) => None,
    };
    checked.map(Bound::from)
}

fn whole(dialect: Dialect, number: &Number) -> Option<Bound> {
    if let Some(signed) = number.as_i64() {
        return Some(signed.into());
    }
    if let Some(unsigned) = number.as_u64() {
        return (dialect == Dialect::MySql).then(|| unsigned.into());
    }
    // 5.0 is written for 5 by programs that know no whole numbers; beyond this they are not exact.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let float = number.as_f64()?;
    let is_whole = float.fract() == 0.0 && float.abs() <= EXACT;
    is_whole.then(|| (float as i64).into())
}

/// What JSON has no number for, and PostgreSQL has.
fn special_float(dialect: Dialect, text: &str) -> Option<f64> {
    if dialect != Dialect::Postgres {
        return None;
    }
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

/// A list: PostgreSQL's own notation, and JSON for those that have no lists.
fn list(dialect: Dialect, element: &Kind, values: &[Value]) -> Result<String, WrongValue> {
    for value in values {
        match value {
            Value::Null => {}
            Value::Array(inner) if *element != Kind::Json => {
                list(dialect, element, inner)?;
            }
            value => {
                to_bound(dialect, element, value)?;
            }
        }
    }
    if dialect != Dialect::Postgres {
        return Ok(Value::Array(values.to_vec()).to_string());
    }
    let mut literal = String::from("{");
    for (place, value) in values.iter().enumerate() {
        if place > 0 {
            literal.push(',');
        }
        match value {
            Value::Null => literal.push_str("NULL"),
            Value::Array(inner) if *element != Kind::Json => {
                literal.push_str(&list(dialect, element, inner)?);
            }
            value => quote(&mut literal, &element_text(dialect, element, value)?),
        }
    }
    literal.push('}');
    Ok(literal)
}

fn element_text(dialect: Dialect, kind: &Kind, value: &Value) -> Result<String, WrongValue> {
    use std::fmt::Write;
    Ok(match to_bound(dialect, kind, value)? {
        Bound::Bool(Some(value)) => value.to_string(),
        Bound::BigInt(Some(value)) => value.to_string(),
        Bound::Double(Some(value)) => value.to_string(),
        Bound::Bytes(Some(bytes)) => {
            let mut hex = String::from("\\x");
            for byte in bytes {
                // Writing to a string cannot fail.
                let _ = write!(hex, "{byte:02x}");
            }
            hex
        }
        Bound::String(Some(text)) => text,
        // There are no others for elements of PostgreSQL's lists.
        _ => String::new(),
    })
}

fn quote(literal: &mut String, text: &str) {
    literal.push('"');
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            literal.push('\\');
        }
        literal.push(character);
    }
    literal.push('"');
}

/// A value, as messages show it: short, and never the whole of something long.
pub(super) fn shown(value: &Value) -> String {
    const LONGEST: usize = 60;
    match value {
        Value::Null => "`null`".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        scalar => {
            let text = scalar.to_string();
            if text.len() <= LONGEST {
                return format!("`{text}`");
            }
            let end = text.floor_char_boundary(LONGEST);
            format!("`{}…`", &text[..end])
        }
    }
}
