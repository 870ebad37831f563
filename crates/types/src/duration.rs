use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::SpanRelativeTo;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A text or number that is no length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no length of time: write milliseconds as a number, or a text such as `250ms`, `5s` or `1h 30m`"
)]
pub struct DurationParseError {
    /// What was given.
    pub text: String,
}

/// A length of time in a document: a whole number of milliseconds, or a text such as `250ms`,
/// `5s`, `1h 30m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(Duration);

impl Span {
    /// So many milliseconds.
    pub const fn from_millis(milliseconds: u64) -> Self {
        Self(Duration::from_millis(milliseconds))
    }

    /// The length of time.
    pub const fn as_duration(self) -> Duration {
        self.0
    }
}

impl From<Duration> for Span {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

impl From<Span> for Duration {
    fn from(span: Span) -> Self {
        span.0
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format_duration(self.0))
    }
}

impl FromStr for Span {
    type Err = DurationParseError;

    fn from_str(text: &str) -> Result<Self, DurationParseError> {
        parse_duration(text).map(Self)
    }
}

/// Reads a length of time: a bare number is milliseconds, else number and unit pairs. A day has 24
/// hours.
///
/// # Errors
/// [`DurationParseError`] when it is neither, or is negative.
pub fn parse_duration(text: &str) -> Result<Duration, DurationParseError> {
    let error = || DurationParseError {
        text: text.to_owned(),
    };
    let trimmed = text.trim();
    if let Ok(milliseconds) = trimmed.parse::<u64>() {
        return Ok(Duration::from_millis(milliseconds));
    }
    let parsed: jiff::Span = trimmed.parse().map_err(|_| error())?;
    let days = SpanRelativeTo::days_are_24_hours();
    let parsed = parsed.to_duration(days).map_err(|_| error())?;
    Duration::try_from(parsed).map_err(|_| error())
}

/// Writes a length of time for people: `850 µs`, `12.3 ms`, `2.50 s`, `3 min 5 s`.
pub fn format_duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 1e-3 {
        format!("{} µs", duration.as_micros())
    } else if seconds < 1.0 {
        format!("{:.1} ms", seconds * 1e3)
    } else if seconds < 60.0 {
        format!("{seconds:.2} s")
    } else {
        format!(
            "{} min {} s",
            duration.as_secs() / 60,
            duration.as_secs() % 60
        )
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let milliseconds = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        serializer.serialize_u64(milliseconds)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Span;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("milliseconds or a text such as `5s`")
            }

            fn visit_u64<E: serde::de::Error>(self, milliseconds: u64) -> Result<Span, E> {
                Ok(Span::from_millis(milliseconds))
            }

            fn visit_i64<E: serde::de::Error>(self, milliseconds: i64) -> Result<Span, E> {
                u64::try_from(milliseconds)
                    .map(Span::from_millis)
                    .map_err(|_| {
                        E::custom(DurationParseError {
                            text: milliseconds.to_string(),
                        })
                    })
            }

            fn visit_f64<E: serde::de::Error>(self, milliseconds: f64) -> Result<Span, E> {
                Duration::try_from_secs_f64(milliseconds / 1e3)
                    .map(Span)
                    .map_err(|_| {
                        E::custom(DurationParseError {
                            text: milliseconds.to_string(),
                        })
                    })
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Span, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["integer", "number", "string"],
            "minimum": 0,
            "description": "milliseconds, or a text such as `250ms`, `5s`, `1h 30m`"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_milliseconds_or_text() {
        assert_eq!(
            serde_json::from_str::<Span>("1500").unwrap(),
            Span::from_millis(1500)
        );
        assert_eq!(
            serde_json::from_str::<Span>("\"1m 5s\"").unwrap(),
            Span::from_millis(65_000)
        );
        assert_eq!(
            serde_json::from_str::<Span>("\"2d\"").unwrap(),
            Span::from_millis(172_800_000)
        );
        for bad in ["-1", "\"soon\"", "\"-5s\"", "1e300", "null"] {
            assert!(serde_json::from_str::<Span>(bad).is_err(), "{bad}");
        }
    }
}
