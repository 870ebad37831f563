//! Values as text: how dates, times and numbers are written in JSON and towards the databases.

use std::ops::RangeInclusive;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use serde_json::{Number, Value};

/// The fraction of a second, to the microsecond; empty when it is zero.
fn fraction(nanoseconds: i32) -> String {
    let micros = nanoseconds / 1_000;
    if micros == 0 {
        return String::new();
    }
    let text = format!(".{micros:06}");
    text.trim_end_matches('0').to_owned()
}

/// Bytes as JSON has them.
pub(super) fn base64(bytes: &[u8]) -> Value {
    Value::String(STANDARD.encode(bytes))
}

/// The bytes that a text stands for.
pub(super) fn bytes(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// A whole number that was written as a decimal, if JSON can have it.
pub(super) fn integer(text: &str) -> Option<Number> {
    let whole = match text.split_once('.') {
        Some((whole, rest)) if rest.bytes().all(|digit| digit == b'0') => whole,
        Some(_) => return None,
        None => text,
    };
    let signed = whole.parse::<i64>().map(Number::from);
    signed
        .or_else(|_| whole.parse::<u64>().map(Number::from))
        .ok()
}

/// A number as a decimal, as short as it can be written.
pub(super) fn decimal(number: &Number) -> String {
    match (number.is_f64(), number.as_f64()) {
        (true, Some(float)) => float.to_string(),
        _ => number.to_string(),
    }
}

/// Whether a text is a decimal number that every database reads.
pub(super) fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (digits, None),
    };
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_mantissa = !(whole.is_empty() && fraction.is_empty())
        && all_digits(whole)
        && all_digits(fraction)
        && digits.len() <= 1_000;
    let is_exponent = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !digits.is_empty() && digits.len() <= 4 && all_digits(digits)
    });
    is_mantissa && is_exponent
}

/// How many digits of a decimal stand behind the point, and how many digits it has: zeros that say
/// nothing are not counted. Nothing for what is no decimal.
pub(super) fn decimal_digits(text: &str) -> Option<(i64, i64)> {
    if !is_decimal(text) {
        return None;
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = digits.split_once(['e', 'E']).unwrap_or((digits, "0"));
    let exponent: i64 = exponent.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let said = digits.trim_end_matches('0');
    if said.is_empty() {
        return Some((0, 0));
    }
    let zeros = digits.len() - said.len();
    let behind = i64::try_from(fraction.len()).ok()? - i64::try_from(zeros).ok()? - exponent;
    let count = i64::try_from(said.trim_start_matches('0').len()).ok()?;
    Some((behind.max(0), count))
}

/// A point in time, as it is sent: always of the same length, so that texts sort as times do.
pub(super) fn timestamp(text: &str) -> Option<String> {
    let time: Timestamp = text.parse().ok()?;
    let civil = time.to_zoned(jiff::tz::TimeZone::UTC).datetime();
    let micros = civil.subsec_nanosecond() / 1_000;
    let (date, time) = (civil.date(), clock(civil.time()));
    Some(format!("{date}T{time}.{micros:06}Z"))
}

/// A point in time without the mark of its zone, which is UTC.
pub(super) fn utc_date_time(text: &str) -> Option<String> {
    let sent = timestamp(text)?;
    Some(sent.trim_end_matches('Z').replacen('T', " ", 1))
}

fn clock(time: Time) -> String {
    format!(
        "{:02}:{:02}:{:02}",
        time.hour(),
        time.minute(),
        time.second()
    )
}

/// A date and time without a zone, as it is sent.
pub(super) fn date_time(text: &str) -> Option<String> {
    // With a zone it would be another kind of value.
    if text.ends_with(['Z', 'z']) {
        return None;
    }
    let civil: DateTime = text.parse().ok()?;
    let (date, time) = (civil.date(), clock(civil.time()));
    Some(format!(
        "{date} {time}{}",
        fraction(civil.subsec_nanosecond())
    ))
}

/// A date, as it is sent.
pub(super) fn date(text: &str) -> Option<String> {
    text.parse::<Date>().ok().map(|date| date.to_string())
}

/// A time of day, as it is sent.
pub(super) fn time(text: &str) -> Option<String> {
    let time: Time = text.parse().ok()?;
    Some(format!(
        "{}{}",
        clock(time),
        fraction(time.subsec_nanosecond())
    ))
}

/// Whether a text is a number of hours, minutes and seconds, as MySQL keeps them.
pub(super) fn is_hours(text: &str) -> bool {
    let digits = |part: &str, lengths: RangeInclusive<usize>| {
        lengths.contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let mut parts = whole.split(':');
    let is_next = |part: Option<&str>, lengths| part.is_some_and(|part| digits(part, lengths));
    is_next(parts.next(), 1..=3)
        && is_next(parts.next(), 2..=2)
        && is_next(parts.next(), 2..=2)
        && parts.next().is_none()
        && digits(fraction, 1..=6)
}

/// Whether a text is a UUID in its usual form.
pub(super) fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// What a database without zones gave for a point in time, as JSON has it. What is no date stays.
pub(super) fn as_timestamp(text: String) -> String {
    if let Ok(time) = text.parse::<Timestamp>() {
        return time.to_string();
    }
    match text.parse::<DateTime>() {
        Ok(civil) => format!("{}Z", json_date_time(civil)),
        Err(_) => text,
    }
}

/// What a database gave for a date and time, as JSON has it. What is no date stays.
pub(super) fn as_date_time(text: String) -> String {
    if text.ends_with(['Z', 'z']) {
        return text;
    }
    match text.parse::<DateTime>() {
        Ok(civil) => json_date_time(civil),
        Err(_) => text,
    }
}

pub(super) fn json_date_time(civil: DateTime) -> String {
    let (date, time) = (civil.date(), clock(civil.time()));
    format!("{date}T{time}{}", fraction(civil.subsec_nanosecond()))
}

/// A time of day of so many microseconds, as JSON has it.
pub(super) fn time_of_micros(micros: i64) -> Option<String> {
    let (seconds, rest) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    // A day may end with 24:00:00.
    if !(0..=86_400).contains(&seconds) {
        return None;
    }
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let nanoseconds = i32::try_from(rest * 1_000).ok()?;
    Some(format!(
        "{hours:02}:{minutes:02}:{seconds:02}{}",
        fraction(nanoseconds)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_in_time_are_sent_in_utc_and_always_of_one_length() {
        assert_eq!(
            timestamp("2026-01-31T12:00:00+02:00").unwrap(),
            "2026-01-31T10:00:00.000000Z"
        );
        assert_eq!(
            utc_date_time("2026-01-31T12:00:00.25Z").unwrap(),
            "2026-01-31 12:00:00.250000"
        );
        assert_eq!(timestamp("2026-01-31T12:00:00"), None);
    }

    #[test]
    fn dates_and_times_keep_what_was_written() {
        assert_eq!(
            date_time("2026-01-31T12:00:00.5").unwrap(),
            "2026-01-31 12:00:00.5"
        );
        assert_eq!(date_time("2026-01-31T12:00:00Z"), None);
        assert_eq!(
            as_date_time("2026-01-31 12:00:00.500000".into()),
            "2026-01-31T12:00:00.5"
        );
        assert_eq!(
            as_timestamp("2026-01-31 12:00:00".into()),
            "2026-01-31T12:00:00Z"
        );
        assert_eq!(time("12:30").unwrap(), "12:30:00");
        assert_eq!(time_of_micros(86_400_000_000).unwrap(), "24:00:00");
        assert_eq!(time_of_micros(-1), None);
    }

    #[test]
    fn spans_of_time_are_hours_minutes_and_seconds() {
        for text in ["838:59:59", "-01:02:03", "1:00:00", "100:00:00.25"] {
            assert!(is_hours(text), "{text}");
        }
        for text in [
            "",
            "1:2:3",
            "12:00",
            "1000:00:00",
            "1:00:00:00",
            "1:00:00.",
            "--1:00:00",
        ] {
            assert!(!is_hours(text), "{text}");
        }
    }

    #[test]
    fn the_digits_of_decimals_are_counted_without_zeros_that_say_nothing() {
        for (text, counted) in [
            ("12.50", (1, 3)),
            ("-0.001", (3, 1)),
            ("100", (0, 1)),
            ("1e-3", (3, 1)),
            ("+1.25E2", (0, 3)),
            ("1.25e1", (1, 3)),
            (".5", (1, 1)),
            ("0.00", (0, 0)),
            ("1234567890.123456789", (9, 19)),
        ] {
            assert_eq!(decimal_digits(text), Some(counted), "{text}");
        }
        assert_eq!(decimal_digits("NaN"), None);
    }

    #[test]
    fn decimals_are_digits_with_at_most_one_point() {
        for text in ["1", "-1.50", ".5", "5.", "1e10", "+2E-3"] {
            assert!(is_decimal(text), "{text}");
        }
        for text in [
            "", ".", "-", "1.2.3", "1e", "1e99999", "NaN", "1; drop", "0x1",
        ] {
            assert!(!is_decimal(text), "{text}");
        }
    }
}
