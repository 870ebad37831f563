use jackfield_plugin_api::NodeError;
use jackfield_types::ValidationIssue;
use jiff::civil::DateTime;
use jiff::fmt::strtime::{self, BrokenDownTime};
use jiff::fmt::{rfc2822, temporal};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde_json::Value;

use super::basic::inconvertible;
use crate::family::{Arguments, Number, describe};

/// The longest texts that are read as a date, a format or a time zone, in bytes.
const LONGEST: usize = 256;
/// From here on a number is taken for milliseconds: as seconds it would be in the year 5138.
const MILLISECONDS: f64 = 1e11;

pub(super) fn parse_date(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let format = bounded(arguments, "format")?;
    Ok(instant(arguments, format, &zone(arguments)?)?
        .to_string()
        .into())
}

pub(super) fn format_date(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let zone = zone(arguments)?;
    let instant: Zoned = instant(arguments, None, &zone)?.to_zoned(zone);
    let format = bounded(arguments, "format")?.unwrap_or_default();
    strtime::format(format, &instant)
        .map(Value::from)
        .map_err(|error| NodeError::Params(vec![no_format("/format", &error)]))
}

fn no_format(pointer: &str, error: &jiff::Error) -> ValidationIssue {
    ValidationIssue::parameter(pointer, format!("no format of a date: {error}"))
        .with_hint("it is made of directives such as `%Y-%m-%d %H:%M`")
}

/// The rule that a text is a format in which a date can be written.
pub(super) fn check_format(pointer: &str, format: &Value) -> Option<ValidationIssue> {
    let format = format.as_str().filter(|format| format.len() <= LONGEST)?;
    let any = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
    let error = strtime::format(format, &any).err()?;
    Some(no_format(pointer, &error))
}

fn bounded<'a>(arguments: &Arguments<'a>, name: &str) -> Result<Option<&'a str>, NodeError> {
    let text = arguments.optional_text(name)?;
    match text {
        Some(text) if text.len() > LONGEST => {
            Err(arguments.wrong(name, format!("expected at most {LONGEST} bytes")))
        }
        text => Ok(text),
    }
}

fn zone(arguments: &Arguments<'_>) -> Result<TimeZone, NodeError> {
    let name = bounded(arguments, "timezone")?.unwrap_or("UTC");
    find_zone(name).ok_or_else(|| NodeError::Params(vec![no_zone("/timezone", name)]))
}

fn find_zone(name: &str) -> Option<TimeZone> {
    if name.eq_ignore_ascii_case("UTC") || name == "Z" {
        return Some(TimeZone::UTC);
    }
    temporal::DateTimeParser::new().parse_time_zone(name).ok()
}

fn no_zone(pointer: &str, name: &str) -> ValidationIssue {
    let found = describe(&Value::from(name));
    ValidationIssue::parameter(pointer, format!("{found} is no time zone"))
        .with_hint("write a name such as `Europe/Berlin`, an offset such as `+02:00`, or `UTC`")
}

/// The rule that a text is a time zone.
pub(super) fn check_zone(pointer: &str, name: &Value) -> Option<ValidationIssue> {
    let name = name.as_str().filter(|name| name.len() <= LONGEST)?;
    find_zone(name).is_none().then(|| no_zone(pointer, name))
}

/// The point in time that `value` says; the zone is for texts that name none.
fn instant(
    arguments: &Arguments<'_>,
    format: Option<&str>,
    zone: &TimeZone,
) -> Result<Timestamp, NodeError> {
    let value = arguments.value("value");
    match value {
        Value::Number(number) => of_number(number.into(), arguments.text("unit")?),
        _ => {
            let text = arguments.text("value")?.trim();
            let found = match format {
                _ if text.len() > LONGEST => None,
                Some(format) => return of_format(arguments, format, text, zone),
                None => of_text(text, zone),
            };
            found.ok_or_else(|| {
                inconvertible(format!(
                    "{} is no date: expected ISO 8601, such as `2025-03-01T09:30:00Z`, RFC 2822, \
                     or a number of seconds; give a `format` for anything else",
                    describe(value)
                ))
            })
        }
    }
}

fn of_number(number: Number, unit: &str) -> Result<Timestamp, NodeError> {
    let is_milliseconds = match unit {
        "seconds" => false,
        "milliseconds" => true,
        _ => number.to_f64().abs() >= MILLISECONDS,
    };
    let to_nanoseconds: i128 = if is_milliseconds {
        1_000_000
    } else {
        1_000_000_000
    };
    let nanoseconds = match number {
        Number::Integer(integer) => integer.checked_mul(to_nanoseconds),
        Number::Float(float) => {
            // Far more than there are, so that the cast below is in range.
            (float.abs() < 1e20).then_some((float * to_nanoseconds as f64).round() as i128)
        }
    };
    nanoseconds
        .and_then(|nanoseconds| Timestamp::from_nanosecond(nanoseconds).ok())
        .ok_or_else(|| {
            inconvertible("the number is no date: expected one between the years -9999 and 9999")
        })
}

fn of_text(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Some(timestamp);
    }
    if let Ok(civil) = text.parse::<DateTime>() {
        return civil
            .to_zoned(zone.clone())
            .ok()
            .map(|zoned| zoned.timestamp());
    }
    rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

fn of_format(
    arguments: &Arguments<'_>,
    format: &str,
    text: &str,
    zone: &TimeZone,
) -> Result<Timestamp, NodeError> {
    let no_date = |error: jiff::Error| {
        let found = describe(arguments.value("value"));
        inconvertible(format!(
            "{found} is no date in the format `{format}`: {error}"
        ))
    };
    let parts: BrokenDownTime = strtime::parse(format, text).map_err(no_date)?;
    if parts.offset().is_some() || parts.iana_time_zone().is_some() || parts.timestamp().is_some() {
        return parts
            .to_zoned()
            .map(|zoned| zoned.timestamp())
            .map_err(no_date);
    }
    let date = parts.to_date().map_err(no_date)?;
    // A format without a time of day means its beginning.
    let time = if parts.hour().is_some() {
        parts.to_time().map_err(no_date)?
    } else {
        jiff::civil::Time::MIN
    };
    DateTime::from_parts(date, time)
        .to_zoned(zone.clone())
        .map(|zoned| zoned.timestamp())
        .map_err(no_date)
}
