//! Units and lengths of time.

use jiff::Span;

use super::error::Stop;
use super::number;
use super::value::Val;

/// A unit of time, from the shortest to the longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unit {
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

impl Unit {
    const ALL: [(Self, &'static str, f64); 9] = [
        (Self::Year, "years", 365.0 * 86_400_000.0),
        (Self::Quarter, "quarters", 91.0 * 86_400_000.0),
        (Self::Month, "months", 30.0 * 86_400_000.0),
        (Self::Week, "weeks", 7.0 * 86_400_000.0),
        (Self::Day, "days", 86_400_000.0),
        (Self::Hour, "hours", 3_600_000.0),
        (Self::Minute, "minutes", 60_000.0),
        (Self::Second, "seconds", 1_000.0),
        (Self::Millisecond, "milliseconds", 1.0),
    ];

    /// Reads `day` or `days`.
    pub(super) fn parse(name: &str) -> Result<Self, Stop> {
        let lower = name.trim().to_ascii_lowercase();
        let plural = if lower.ends_with('s') {
            lower
        } else {
            format!("{lower}s")
        };
        Self::ALL
            .iter()
            .find(|(_, known, _)| *known == plural)
            .map(|(unit, _, _)| *unit)
            .ok_or_else(|| {
                Stop::invalid(format!(
                    "`{name}` is no unit of time; write `years`, `months`, `weeks`, `days`, \
                     `hours`, `minutes`, `seconds` or `milliseconds`"
                ))
            })
    }

    pub(super) fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(unit, _, _)| *unit == self)
            .map_or("", |(_, name, _)| name)
    }

    /// How long it takes; months and years as Luxon counts them where no date is at hand.
    pub(super) fn milliseconds(self) -> f64 {
        Self::ALL
            .iter()
            .find(|(unit, _, _)| *unit == self)
            .map_or(1.0, |(_, _, length)| *length)
    }

    /// So many of the unit, if dates reach that far.
    pub(super) fn span(self, count: i64) -> Option<Span> {
        let span = Span::new();
        match self {
            Self::Year => span.try_years(count),
            Self::Quarter => span.try_months(count.checked_mul(3)?),
            Self::Month => span.try_months(count),
            Self::Week => span.try_weeks(count),
            Self::Day => span.try_days(count),
            Self::Hour => span.try_hours(count),
            Self::Minute => span.try_minutes(count),
            Self::Second => span.try_seconds(count),
            Self::Millisecond => span.try_milliseconds(count),
        }
        .ok()
    }
}

/// A length of time, in the units in which it was given.
#[derive(Debug, Clone, Default)]
pub(super) struct Duration {
    pub(super) parts: Vec<(Unit, f64)>,
}

impl Duration {
    pub(super) fn milliseconds(&self) -> f64 {
        self.parts
            .iter()
            .map(|(unit, count)| unit.milliseconds() * count)
            .sum()
    }

    pub(super) fn property<'a>(&self, name: &str) -> Option<Val<'a>> {
        let unit = Unit::ALL.iter().find(|(_, known, _)| *known == name)?.0;
        let count = self
            .parts
            .iter()
            .find(|(part, _)| *part == unit)
            .map_or(0.0, |(_, count)| *count);
        Some(number::tidy(count))
    }

    /// ISO 8601, such as `P1DT2H`.
    pub(super) fn to_text(&self) -> String {
        let mut date = String::new();
        let mut time = String::new();
        for (unit, count) in &self.parts {
            let (into, count, letter) = match unit {
                Unit::Year => (&mut date, *count, "Y"),
                Unit::Quarter => (&mut date, count * 3.0, "M"),
                Unit::Month => (&mut date, *count, "M"),
                Unit::Week => (&mut date, *count, "W"),
                Unit::Day => (&mut date, *count, "D"),
                Unit::Hour => (&mut time, *count, "H"),
                Unit::Minute => (&mut time, *count, "M"),
                Unit::Second => (&mut time, *count, "S"),
                Unit::Millisecond => (&mut time, count / 1000.0, "S"),
            };
            if count != 0.0 {
                into.push_str(&number::float_text(count));
                into.push_str(letter);
            }
        }
        match (date.is_empty(), time.is_empty()) {
            (true, true) => "PT0S".to_owned(),
            (_, true) => format!("P{date}"),
            (_, false) => format!("P{date}T{time}"),
        }
    }
}
