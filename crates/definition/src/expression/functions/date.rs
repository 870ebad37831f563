use std::rc::Rc;

use indexmap::IndexMap;
use jiff::Zoned;
use jiff::tz::TimeZone;

use super::{DurationFunction, Entry, GlobalEntry, MomentFunction, Outcome, argument, entry};
use crate::expression::error::Stop;
use crate::expression::machine::Machine;
use crate::expression::moment::{
    self, Duration, Kind, Moment, Unit, iso, iso_date, iso_time, offset_text,
};
use crate::expression::moment_text;
use crate::expression::number;
use crate::expression::value::{Text, Val};

fn val<'a>(moment: Moment) -> Val<'a> {
    Val::Moment(Rc::new(moment))
}

fn luxon<'a>(at: Zoned) -> Val<'a> {
    val(Moment::luxon(at))
}

fn plain<'a>(at: Zoned) -> Val<'a> {
    val(Moment {
        at,
        kind: Kind::Plain,
    })
}

fn utc(moment: &Moment) -> Zoned {
    moment.at.with_time_zone(TimeZone::UTC)
}

/// Methods of dates of both kinds.
pub(super) static MOMENTS: &[Entry<MomentFunction>] = &[
    entry("toISO", |_, date, _| Ok(Val::text(iso(&date.at)))),
    entry("toISODate", |_, date, _| Ok(Val::text(iso_date(&date.at)))),
    entry("toISOTime", |_, date, _| {
        Ok(Val::text(format!(
            "{}{}",
            iso_time(&date.at),
            offset_text(&date.at)
        )))
    }),
    entry("toISOString", |_, date, _| Ok(Val::text(iso(&utc(date))))),
    entry("toJSON", |_, date, _| Ok(Val::text(date.to_text()))),
    entry("toString", |_, date, _| Ok(Val::text(date.to_text()))),
    entry("toFormat", to_format),
    entry("format", to_format),
    entry("toMillis", |_, date, _| {
        Ok(Val::Int(date.milliseconds().into()))
    }),
    entry("toSeconds", |_, date, _| {
        Ok(number::tidy(date.milliseconds() as f64 / 1000.0))
    }),
    entry("toUnixInteger", |_, date, _| {
        Ok(Val::Int(date.at.timestamp().as_second().into()))
    }),
    entry("toUTC", |_, date, _| Ok(luxon(utc(date)))),
    entry("toJSDate", |_, date, _| Ok(plain(date.at.clone()))),
    entry("toDateTime", |_, date, _| Ok(luxon(date.at.clone()))),
    entry("toLocal", |machine, date, _| {
        Ok(val(date.at(date
            .at
            .with_time_zone(machine.roots.time_zone().clone()))))
    }),
    entry("setZone", |machine, date, args| {
        let name = machine.text_of(&argument(args, 0))?;
        let zone = moment_text::zone(&name, machine.roots.time_zone())?;
        Ok(val(date.at(date.at.with_time_zone(zone))))
    }),
    entry("plus", |machine, date, args| {
        let duration = duration(machine, args)?;
        Ok(val(date.at(moment::plus(&date.at, &duration, 1.0)?)))
    }),
    entry("minus", |machine, date, args| {
        let duration = duration(machine, args)?;
        Ok(val(date.at(moment::plus(&date.at, &duration, -1.0)?)))
    }),
    entry("startOf", |machine, date, args| {
        Ok(val(date.at(moment::start_of(
            &date.at,
            unit(machine, &argument(args, 0), Unit::Day)?,
        )?)))
    }),
    entry("endOf", |machine, date, args| {
        Ok(val(date.at(moment::end_of(
            &date.at,
            unit(machine, &argument(args, 0), Unit::Day)?,
        )?)))
    }),
    entry("diff", |machine, date, args| {
        let other = as_date(machine, &argument(args, 0))?;
        let units = units(machine, &argument(args, 1), Unit::Millisecond)?;
        let between = moment::between(&other, &date.at, &units)?;
        Ok(Val::Duration(Rc::new(between)))
    }),
    entry("diffTo", |machine, date, args| {
        let other = as_date(machine, &argument(args, 0))?;
        let unit = unit(machine, &argument(args, 1), Unit::Day)?;
        count(&moment::between(&date.at, &other, &[unit])?)
    }),
    entry("diffToNow", |machine, date, args| {
        let now = machine.roots.now().to_zoned(date.at.time_zone().clone());
        let unit = unit(machine, &argument(args, 0), Unit::Day)?;
        count(&moment::between(&date.at, &now, &[unit])?)
    }),
    entry("hasSame", |machine, date, args| {
        let other = as_date(machine, &argument(args, 0))?;
        let unit = unit(machine, &argument(args, 1), Unit::Day)?;
        let other = other.with_time_zone(date.at.time_zone().clone());
        Ok(Val::Bool(
            moment::start_of(&date.at, unit)? == moment::start_of(&other, unit)?,
        ))
    }),
    entry("isBetween", |machine, date, args| {
        let from = as_date(machine, &argument(args, 0))?;
        let to = as_date(machine, &argument(args, 1))?;
        Ok(Val::Bool(from < date.at && date.at < to))
    }),
    entry("isWeekend", |_, date, _| {
        Ok(Val::Bool(date.at.weekday().to_monday_one_offset() > 5))
    }),
    entry("valueOf", |_, date, _| {
        Ok(Val::Int(date.milliseconds().into()))
    }),
    entry("getTime", |_, date, _| {
        Ok(Val::Int(date.milliseconds().into()))
    }),
    entry("getFullYear", |_, date, _| {
        Ok(Val::Int(date.at.year().into()))
    }),
    entry("getMonth", |_, date, _| {
        Ok(Val::Int((date.at.month() - 1).into()))
    }),
    entry("getDate", |_, date, _| Ok(Val::Int(date.at.day().into()))),
    entry("getDay", |_, date, _| {
        Ok(Val::Int(date.at.weekday().to_sunday_zero_offset().into()))
    }),
    entry("getHours", |_, date, _| Ok(Val::Int(date.at.hour().into()))),
    entry("getMinutes", |_, date, _| {
        Ok(Val::Int(date.at.minute().into()))
    }),
    entry("getSeconds", |_, date, _| {
        Ok(Val::Int(date.at.second().into()))
    }),
    entry("getMilliseconds", |_, date, _| {
        Ok(Val::Int(date.at.millisecond().into()))
    }),
    entry("getTimezoneOffset", |_, date, _| {
        Ok(Val::Int((-date.at.offset().seconds() / 60).into()))
    }),
    entry("getUTCFullYear", |_, date, _| {
        Ok(Val::Int(utc(date).year().into()))
    }),
    entry("getUTCMonth", |_, date, _| {
        Ok(Val::Int((utc(date).month() - 1).into()))
    }),
    entry("getUTCDate", |_, date, _| {
        Ok(Val::Int(utc(date).day().into()))
    }),
    entry("getUTCDay", |_, date, _| {
        Ok(Val::Int(utc(date).weekday().to_sunday_zero_offset().into()))
    }),
    entry("getUTCHours", |_, date, _| {
        Ok(Val::Int(utc(date).hour().into()))
    }),
    entry("getUTCMinutes", |_, date, _| {
        Ok(Val::Int(utc(date).minute().into()))
    }),
    entry("getUTCSeconds", |_, date, _| {
        Ok(Val::Int(utc(date).second().into()))
    }),
    entry("isEmpty", |_, _, _| Ok(Val::Bool(false))),
    entry("isNotEmpty", |_, _, _| Ok(Val::Bool(true))),
];

/// Methods of what `diff` gives.
pub(super) static DURATIONS: &[Entry<DurationFunction>] = &[
    entry("as", |machine, duration, args| {
        let unit = unit(machine, &argument(args, 0), Unit::Millisecond)?;
        if let [(only, count)] = duration.parts.as_slice()
            && *only == unit
        {
            return Ok(number::tidy(*count));
        }
        Ok(number::tidy(duration.milliseconds() / unit.milliseconds()))
    }),
    entry("toMillis", |_, duration, _| {
        Ok(number::tidy(duration.milliseconds()))
    }),
    entry("toISO", |_, duration, _| Ok(Val::text(duration.to_text()))),
    entry("toString", |_, duration, _| {
        Ok(Val::text(duration.to_text()))
    }),
    entry("toObject", |machine, duration, _| {
        let parts = duration.parts.iter();
        machine.map(
            parts
                .map(|(unit, count)| (Text::Borrowed(unit.name()), number::tidy(*count)))
                .collect::<IndexMap<_, _>>(),
        )
    }),
];

/// Dates out of nothing, numbers and texts.
pub(super) static GLOBALS: &[GlobalEntry] = &[
    entry("new Date", new_date),
    entry("Date.now", |machine, _| {
        Ok(Val::Int(machine.roots.now().as_millisecond().into()))
    }),
    entry("Date.parse", |machine, args| {
        let date = new_date(machine, args)?;
        Ok(machine.number_of(&date)?.into_val())
    }),
    entry("Date.UTC", |machine, args| {
        let at = from_parts(machine, args, &TimeZone::UTC)?;
        Ok(Val::Int(at.timestamp().as_millisecond().into()))
    }),
    entry("DateTime.now", |machine, _| {
        Ok(luxon(
            machine
                .roots
                .now()
                .to_zoned(machine.roots.time_zone().clone()),
        ))
    }),
    entry("DateTime.local", |machine, args| {
        let zone = machine.roots.time_zone().clone();
        luxon_parts(machine, args, &zone)
    }),
    entry("DateTime.utc", |machine, args| {
        luxon_parts(machine, args, &TimeZone::UTC)
    }),
    entry("DateTime.fromISO", |machine, args| {
        let text = argument(args, 0);
        if text.is_nullish() && machine.lenient {
            return Ok(Val::Undefined);
        }
        let zone = option_zone(machine, &argument(args, 1))?;
        let text = machine.text_of(&text)?;
        moment_text::parse_iso(&text, &zone, &zone)
            .map(luxon)
            .ok_or_else(|| moment_text::no_date(&text))
    }),
    entry("DateTime.fromFormat", |machine, args| {
        let text = argument(args, 0);
        if text.is_nullish() && machine.lenient {
            return Ok(Val::Undefined);
        }
        let zone = option_zone(machine, &argument(args, 2))?;
        let (text, format) = (
            machine.text_of(&text)?,
            machine.text_of(&argument(args, 1))?,
        );
        machine.charge(text.len() + format.len())?;
        moment_text::parse_format(&text, &format, &zone).map(luxon)
    }),
    entry("DateTime.fromMillis", |machine, args| {
        let zone = option_zone(machine, &argument(args, 1))?;
        let milliseconds = machine.number_of(&argument(args, 0))?.as_f64();
        moment::from_milliseconds(milliseconds, &zone).map(luxon)
    }),
    entry("DateTime.fromSeconds", |machine, args| {
        let zone = option_zone(machine, &argument(args, 1))?;
        let seconds = machine.number_of(&argument(args, 0))?.as_f64();
        moment::from_milliseconds(seconds * 1000.0, &zone).map(luxon)
    }),
    entry("DateTime.fromJSDate", |machine, args| {
        as_date(machine, &argument(args, 0)).map(luxon)
    }),
];

fn to_format<'a>(machine: &mut Machine<'a>, date: &Rc<Moment>, args: &[Val<'a>]) -> Outcome<'a> {
    let format = match argument(args, 0) {
        Val::Undefined => Text::Borrowed("yyyy-MM-dd"),
        format => machine.text_of(&format)?,
    };
    // A token is written with up to some twenty letters.
    machine.charge_bytes(format.len().saturating_mul(24))?;
    machine.charge(format.len())?;
    machine.made_text(moment_text::format(&date.at, &format)?)
}

fn unit<'a>(machine: &mut Machine<'a>, value: &Val<'a>, otherwise: Unit) -> Result<Unit, Stop> {
    if value.is_nullish() {
        return Ok(otherwise);
    }
    let name = machine.text_of(value)?;
    Unit::parse(&name)
}

fn units<'a>(
    machine: &mut Machine<'a>,
    value: &Val<'a>,
    otherwise: Unit,
) -> Result<Vec<Unit>, Stop> {
    match value {
        Val::List(list) => {
            machine.charge(list.len())?;
            list.iter()
                .map(|value| unit(machine, &value, otherwise))
                .collect()
        }
        other => Ok(vec![unit(machine, other, otherwise)?]),
    }
}

/// `{days: 1}`, or `1, 'days'`, or what `diff` gave.
fn duration<'a>(machine: &mut Machine<'a>, args: &[Val<'a>]) -> Result<Duration, Stop> {
    match argument(args, 0) {
        Val::Duration(duration) => Ok((*duration).clone()),
        Val::Map(map) => {
            let mut parts = Vec::new();
            for (name, count) in map.iter() {
                machine.charge(1)?;
                parts.push((Unit::parse(&name)?, machine.number_of(&count)?.as_f64()));
            }
            parts.sort_by_key(|(unit, _)| std::cmp::Reverse(*unit));
            Ok(Duration { parts })
        }
        count => {
            let count = machine.number_of(&count)?.as_f64();
            let unit = unit(machine, &argument(args, 1), Unit::Millisecond)?;
            Ok(Duration {
                parts: vec![(unit, count)],
            })
        }
    }
}

fn count<'a>(duration: &Duration) -> Outcome<'a> {
    Ok(number::tidy(
        duration.parts.first().map_or(0.0, |(_, count)| *count),
    ))
}

/// A value as a date: a date, a number of milliseconds, or a text.
pub(super) fn as_date<'a>(machine: &mut Machine<'a>, value: &Val<'a>) -> Result<Zoned, Stop> {
    let zone = machine.roots.time_zone();
    match value {
        Val::Moment(moment) => Ok(moment.at.clone()),
        Val::Int(_) | Val::Float(_) => {
            let milliseconds = machine.number_of(value)?.as_f64();
            moment::from_milliseconds(milliseconds, zone)
        }
        Val::Text(text) => {
            machine.charge_bytes(text.len())?;
            moment_text::parse_any(text, zone, zone)
        }
        other => Err(Stop::wrong_type(format!(
            "a date is needed, not {}",
            other.kind()
        ))),
    }
}

fn option_zone<'a>(machine: &mut Machine<'a>, options: &Val<'a>) -> Result<TimeZone, Stop> {
    let local = machine.roots.time_zone();
    match options {
        Val::Map(map) => match map.get("zone") {
            Some(zone) => {
                let name = machine.text_of(&zone)?;
                moment_text::zone(&name, local)
            }
            None => Ok(local.clone()),
        },
        _ => Ok(local.clone()),
    }
}

fn new_date<'a>(machine: &mut Machine<'a>, args: &[Val<'a>]) -> Outcome<'a> {
    let zone = machine.roots.time_zone();
    match args {
        [] => Ok(plain(machine.roots.now().to_zoned(zone.clone()))),
        [Val::Undefined | Val::Null] if machine.lenient => Ok(Val::Undefined),
        [Val::Text(text)] => {
            machine.charge_bytes(text.len())?;
            // JavaScript takes a date without a time as UTC.
            moment_text::parse_any(text, zone, &TimeZone::UTC).map(plain)
        }
        [one] => as_date(machine, one).map(plain),
        parts => from_parts(machine, parts, zone).map(plain),
    }
}

/// Year, month from 0, day, hours, minutes, seconds, milliseconds; each may overflow.
fn from_parts<'a>(
    machine: &mut Machine<'a>,
    parts: &[Val<'a>],
    zone: &TimeZone,
) -> Result<Zoned, Stop> {
    let mut numbers = [0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0];
    for (number, part) in numbers.iter_mut().zip(parts) {
        *number = machine.number_of(part)?.as_f64();
    }
    const UNITS: [Unit; 6] = [
        Unit::Month,
        Unit::Day,
        Unit::Hour,
        Unit::Minute,
        Unit::Second,
        Unit::Millisecond,
    ];
    let [year, rest @ ..] = numbers;
    let whole = year as i64;
    let year = if (0..100).contains(&whole) {
        whole + 1900
    } else {
        whole
    };
    let year = i16::try_from(year).map_err(|_| moment::out_of_range())?;
    let start = jiff::civil::Date::new(year, 1, 1)
        .and_then(|date| date.to_zoned(zone.clone()))
        .map_err(|_| moment::out_of_range())?;
    let parts = UNITS
        .iter()
        .zip(rest)
        .map(|(unit, count)| {
            (
                *unit,
                if *unit == Unit::Day {
                    count - 1.0
                } else {
                    count
                },
            )
        })
        .collect();
    moment::plus(&start, &Duration { parts }, 1.0)
}

/// Luxon counts months from 1.
fn luxon_parts<'a>(machine: &mut Machine<'a>, args: &[Val<'a>], zone: &TimeZone) -> Outcome<'a> {
    if args.is_empty() {
        return Ok(luxon(machine.roots.now().to_zoned(zone.clone())));
    }
    let mut parts = args.to_vec();
    if let Some(month) = parts.get_mut(1) {
        let number = machine.number_of(month)?.as_f64();
        *month = Val::Float(number - 1.0);
    }
    from_parts(machine, &parts, zone).map(luxon)
}
