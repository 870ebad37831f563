//! Dates: JavaScript's `Date` and the part of Luxon's `DateTime` that workflows use.

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Zoned};

pub(super) use super::duration::{Duration, Unit};
use super::error::Stop;
use super::functions::Entry;
use super::value::Val;

/// Which of the two kinds of dates it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `DateTime`, as in `$now`.
    Luxon,
    /// `Date`, as in `new Date()`.
    Plain,
}

/// A point in time, in a time zone.
#[derive(Debug, Clone)]
pub(super) struct Moment {
    pub(super) at: Zoned,
    pub(super) kind: Kind,
}

type Property = fn(&Zoned) -> Val<'static>;

const fn entry(name: &'static str, run: Property) -> Entry<Property> {
    Entry { name, run }
}

/// What can be read of a `DateTime`.
pub(super) static PROPERTIES: &[Entry<Property>] = &[
    entry("year", |at| Val::Int(at.year().into())),
    entry("quarter", |at| Val::Int(((at.month() - 1) / 3 + 1).into())),
    entry("month", |at| Val::Int(at.month().into())),
    entry("day", |at| Val::Int(at.day().into())),
    entry("hour", |at| Val::Int(at.hour().into())),
    entry("minute", |at| Val::Int(at.minute().into())),
    entry("second", |at| Val::Int(at.second().into())),
    entry("millisecond", |at| Val::Int(at.millisecond().into())),
    entry("weekday", |at| {
        Val::Int(at.weekday().to_monday_one_offset().into())
    }),
    entry("weekNumber", |at| {
        Val::Int(at.date().iso_week_date().week().into())
    }),
    entry("weekYear", |at| {
        Val::Int(at.date().iso_week_date().year().into())
    }),
    entry("ordinal", |at| Val::Int(at.day_of_year().into())),
    entry("daysInMonth", |at| Val::Int(at.days_in_month().into())),
    entry("daysInYear", |at| Val::Int(at.days_in_year().into())),
    entry("isInLeapYear", |at| Val::Bool(at.in_leap_year())),
    entry("isValid", |_| Val::Bool(true)),
    entry("offset", |at| Val::Int((at.offset().seconds() / 60).into())),
    entry("zoneName", |at| Val::text(zone_name(at))),
    entry("monthLong", |at| Val::constant(month_name(at))),
    entry("monthShort", |at| Val::constant(&month_name(at)[..3])),
    entry("weekdayLong", |at| Val::constant(weekday_name(at))),
    entry("weekdayShort", |at| Val::constant(&weekday_name(at)[..3])),
    entry("ts", |at| Val::Int(at.timestamp().as_millisecond().into())),
];

impl Moment {
    pub(super) fn luxon(at: Zoned) -> Self {
        Self {
            at,
            kind: Kind::Luxon,
        }
    }

    /// The same kind of date at another time.
    pub(super) fn at(&self, at: Zoned) -> Self {
        Self {
            at,
            kind: self.kind,
        }
    }

    pub(super) fn milliseconds(&self) -> i64 {
        self.at.timestamp().as_millisecond()
    }

    pub(super) fn property<'a>(&self, name: &str) -> Option<Val<'a>> {
        let property = PROPERTIES.iter().find(|entry| entry.name == name)?;
        (self.kind == Kind::Luxon).then(|| (property.run)(&self.at))
    }

    /// The date as it appears in texts and results: ISO 8601.
    pub(super) fn to_text(&self) -> String {
        match self.kind {
            Kind::Luxon => iso(&self.at),
            Kind::Plain => iso(&self.at.with_time_zone(TimeZone::UTC)),
        }
    }
}

pub(super) fn out_of_range() -> Stop {
    Stop::number("the date is out of range: years go from -9999 to 9999")
}

/// A date so much later; fractions of units are taken as milliseconds.
pub(super) fn plus(at: &Zoned, duration: &Duration, sign: f64) -> Result<Zoned, Stop> {
    let mut at = at.clone();
    let mut rest = 0.0;
    for (unit, count) in &duration.parts {
        let count = count * sign;
        if !count.is_finite() {
            return Err(out_of_range());
        }
        let span = unit.span(count.trunc() as i64).ok_or_else(out_of_range)?;
        at = at.checked_add(span).map_err(|_| out_of_range())?;
        rest += count.fract() * unit.milliseconds();
    }
    let rest = Unit::Millisecond
        .span(rest.round() as i64)
        .ok_or_else(out_of_range)?;
    at.checked_add(rest).map_err(|_| out_of_range())
}

pub(super) fn start_of(at: &Zoned, unit: Unit) -> Result<Zoned, Stop> {
    let midnight = |at: &Zoned| at.start_of_day();
    let result = match unit {
        Unit::Year => at.first_of_year().and_then(|at| midnight(&at)),
        Unit::Quarter => at
            .with()
            .month((at.month() - 1) / 3 * 3 + 1)
            .day(1)
            .build()
            .and_then(|at| midnight(&at)),
        Unit::Month => at.first_of_month().and_then(|at| midnight(&at)),
        Unit::Week => at
            .checked_sub(Span::new().days(at.weekday().to_monday_zero_offset()))
            .and_then(|at| midnight(&at)),
        Unit::Day => midnight(at),
        Unit::Hour => at.with().minute(0).second(0).subsec_nanosecond(0).build(),
        Unit::Minute => at.with().second(0).subsec_nanosecond(0).build(),
        Unit::Second => at.with().subsec_nanosecond(0).build(),
        Unit::Millisecond => {
            let whole = i32::from(at.millisecond()) * 1_000_000;
            at.with().subsec_nanosecond(whole).build()
        }
    };
    result.map_err(|_| out_of_range())
}

pub(super) fn end_of(at: &Zoned, unit: Unit) -> Result<Zoned, Stop> {
    let one = |unit, count| Duration {
        parts: vec![(unit, count)],
    };
    let next = plus(&start_of(at, unit)?, &one(unit, 1.0), 1.0)?;
    plus(&next, &one(Unit::Millisecond, -1.0), 1.0)
}

/// From `earlier` to `later`: whole numbers of all units but the smallest, which has the rest.
pub(super) fn between(earlier: &Zoned, later: &Zoned, units: &[Unit]) -> Result<Duration, Stop> {
    let sign = if earlier > later { -1.0 } else { 1.0 };
    let (mut from, to) = if earlier > later {
        (later.clone(), earlier)
    } else {
        (earlier.clone(), later)
    };
    let mut units = units.to_vec();
    units.sort_unstable_by(|a, b| b.cmp(a));
    units.dedup();
    let mut parts = Vec::new();
    for (index, unit) in units.iter().copied().enumerate() {
        let left = milliseconds_between(&from, to);
        if unit < Unit::Day {
            let count = left / unit.milliseconds();
            let last = index + 1 == units.len();
            let count = if last { count } else { count.trunc() };
            let span = Duration {
                parts: vec![(unit, count.trunc())],
            };
            from = plus(&from, &span, 1.0)?;
            parts.push((unit, count * sign));
            continue;
        }
        // An estimate that is too high at most by a little, then down to what fits.
        let shortest = match unit {
            Unit::Year => 365.0,
            Unit::Quarter => 90.0,
            Unit::Month => 28.0,
            Unit::Week => 6.9,
            _ => 0.95,
        } * 86_400_000.0;
        let (mut low, mut high) = (0_i64, (left / shortest) as i64 + 1);
        let step = |count: i64| {
            plus(
                &from,
                &Duration {
                    parts: vec![(unit, count as f64)],
                },
                1.0,
            )
        };
        while low < high {
            let middle = low + (high - low + 1) / 2;
            if step(middle).is_ok_and(|reached| reached <= *to) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        let reached = step(low)?;
        let mut count = low as f64;
        if index + 1 == units.len()
            && let Ok(next) = step(low + 1)
        {
            let whole = milliseconds_between(&reached, &next);
            count += milliseconds_between(&reached, to) / whole.max(1.0);
        }
        from = reached;
        parts.push((unit, count * sign));
    }
    Ok(Duration { parts })
}

fn milliseconds_between(from: &Zoned, to: &Zoned) -> f64 {
    (to.timestamp().as_millisecond() - from.timestamp().as_millisecond()) as f64
}

/// A date at so many milliseconds since 1970.
pub(super) fn from_milliseconds(milliseconds: f64, zone: &TimeZone) -> Result<Zoned, Stop> {
    if !milliseconds.is_finite() {
        return Err(Stop::wrong_type(
            "the date is invalid: its time is no number",
        ));
    }
    Timestamp::from_millisecond(milliseconds as i64)
        .map(|at| at.to_zoned(zone.clone()))
        .map_err(|_| out_of_range())
}

pub(super) fn month_name(at: &Zoned) -> &'static str {
    const NAMES: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    NAMES[(at.month() as usize).saturating_sub(1) % 12]
}

pub(super) fn weekday_name(at: &Zoned) -> &'static str {
    match at.weekday() {
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
        Weekday::Sunday => "Sunday",
    }
}

pub(super) fn zone_name(at: &Zoned) -> String {
    at.time_zone()
        .iana_name()
        .map_or_else(|| format!("UTC{}", at.offset()), str::to_owned)
}

/// An offset such as `+01:00`, or `Z` in UTC.
pub(super) fn offset_text(at: &Zoned) -> String {
    let seconds = at.offset().seconds();
    if seconds == 0 && matches!(at.time_zone().iana_name(), Some("UTC" | "Etc/UTC")) {
        return "Z".to_owned();
    }
    offset_digits(seconds, ":")
}

pub(super) fn offset_digits(seconds: i32, separator: &str) -> String {
    let minutes = seconds.unsigned_abs() / 60;
    let sign = if seconds < 0 { '-' } else { '+' };
    format!("{sign}{:02}{separator}{:02}", minutes / 60, minutes % 60)
}

pub(super) fn iso_date(at: &Zoned) -> String {
    let year = at.year();
    let year = if year < 0 {
        format!("-{:06}", year.unsigned_abs())
    } else {
        format!("{year:04}")
    };
    format!("{year}-{:02}-{:02}", at.month(), at.day())
}

pub(super) fn iso_time(at: &Zoned) -> String {
    format!(
        "{:02}:{:02}:{:02}.{:03}",
        at.hour(),
        at.minute(),
        at.second(),
        at.millisecond()
    )
}

pub(super) fn iso(at: &Zoned) -> String {
    format!("{}T{}{}", iso_date(at), iso_time(at), offset_text(at))
}
