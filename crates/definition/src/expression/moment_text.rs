//! Dates from texts and to texts.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};

use super::error::Stop;
use super::moment::{month_name, offset_digits, out_of_range, weekday_name, zone_name};

/// Reads a date as ISO 8601. Without an offset it is in `zone`; a date alone is in `days`.
pub(super) fn parse_iso(text: &str, zone: &TimeZone, days: &TimeZone) -> Option<Zoned> {
    let text = text.trim();
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at.to_zoned(zone.clone()));
    }
    if let Ok(at) = text.parse::<Zoned>() {
        return Some(at.with_time_zone(zone.clone()));
    }
    let bare = text.len() <= 10;
    let civil = if bare {
        let months = if text.len() == 7 {
            format!("{text}-01")
        } else {
            text.to_owned()
        };
        months.parse::<Date>().map(DateTime::from)
    } else {
        text.parse::<DateTime>()
    };
    let zone_of_text = if bare { days } else { zone };
    let at = civil.ok()?.to_zoned(zone_of_text.clone()).ok()?;
    Some(at.with_time_zone(zone.clone()))
}

/// Reads a date in ISO 8601, RFC 2822 or a few common ways of writing it.
pub(super) fn parse_any(text: &str, zone: &TimeZone, days: &TimeZone) -> Result<Zoned, Stop> {
    const FORMATS: &[&str] = &[
        "%Y/%m/%d",
        "%m/%d/%Y",
        "%b %d, %Y",
        "%B %d, %Y",
        "%d %b %Y",
        "%d %B %Y",
        "%Y/%m/%d %H:%M:%S",
        "%m/%d/%Y %H:%M:%S",
        "%Y/%m/%d %H:%M",
        "%m/%d/%Y %H:%M",
    ];
    if let Some(at) = parse_iso(text, zone, days) {
        return Ok(at);
    }
    let trimmed = text.trim();
    if let Ok(at) = jiff::fmt::rfc2822::parse(trimmed) {
        return Ok(at.with_time_zone(zone.clone()));
    }
    for format in FORMATS {
        let civil = DateTime::strptime(format, trimmed)
            .or_else(|_| Date::strptime(format, trimmed).map(DateTime::from));
        if let Ok(civil) = civil {
            return civil.to_zoned(zone.clone()).map_err(|_| out_of_range());
        }
    }
    Err(no_date(text))
}

pub(super) fn no_date(text: &str) -> Stop {
    let shown: String = text.chars().take(60).collect();
    Stop::wrong_type(format!(
        "`{shown}` is no date; write one like `2024-12-31T23:59:00Z`"
    ))
}

/// Finds a time zone by its name, `utc`, `local`, or an offset such as `UTC+2`.
pub(super) fn zone(name: &str, local: &TimeZone) -> Result<TimeZone, Stop> {
    let lower = name.to_ascii_lowercase();
    if matches!(lower.as_str(), "local" | "system" | "default") {
        return Ok(local.clone());
    }
    if matches!(lower.as_str(), "utc" | "gmt" | "z") {
        return Ok(TimeZone::UTC);
    }
    let unknown = || {
        let shown: String = name.chars().take(60).collect();
        Stop::invalid(format!(
            "`{shown}` is no time zone; write one like `Europe/Berlin` or `UTC+2`"
        ))
    };
    if let Some(offset) = lower.strip_prefix("utc") {
        let (hours, minutes) = offset.split_once(':').unwrap_or((offset, "0"));
        let negative = hours.starts_with('-');
        let hours: i32 = hours.parse().map_err(|_| unknown())?;
        let minutes: i32 = minutes.parse().map_err(|_| unknown())?;
        if hours.abs() > 24 || !(0..60).contains(&minutes) {
            return Err(unknown());
        }
        let seconds = hours * 3600 + if negative { -minutes } else { minutes } * 60;
        return Offset::from_seconds(seconds)
            .map(TimeZone::fixed)
            .map_err(|_| unknown());
    }
    TimeZone::get(name).map_err(|_| unknown())
}

/// One token of Luxon's formats, or text.
enum Piece<'f> {
    Token(&'f str),
    Text(&'f str),
}

/// Splits a format such as `dd LLL 'at' HH:mm`.
fn pieces(format: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = format;
    while let Some(first) = rest.chars().next() {
        let length = if first == '\'' {
            let end = rest[1..].find('\'').map_or(rest.len(), |end| end + 1);
            pieces.push(Piece::Text(&rest[1..end]));
            (end + 1).min(rest.len())
        } else if first.is_ascii_alphabetic() {
            let end = rest.find(|c| c != first).unwrap_or(rest.len());
            pieces.push(Piece::Token(&rest[..end]));
            end
        } else {
            pieces.push(Piece::Text(&rest[..first.len_utf8()]));
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    pieces
}

fn unknown_token(token: &str) -> Stop {
    let shown: String = token.chars().take(20).collect();
    Stop::invalid(format!(
        "`{shown}` is no known part of a date format; put plain text in single quotes"
    ))
}

/// Writes a date in one of Luxon's formats.
pub(super) fn format(at: &Zoned, format: &str) -> Result<String, Stop> {
    let mut text = String::new();
    for piece in pieces(format) {
        match piece {
            Piece::Text(plain) => text.push_str(plain),
            Piece::Token(token) => text.push_str(&written(at, token)?),
        }
    }
    Ok(text)
}

fn written(at: &Zoned, token: &str) -> Result<String, Stop> {
    let hour12 = (at.hour() + 11) % 12 + 1;
    let week = at.date().iso_week_date();
    let seconds = at.offset().seconds();
    Ok(match token {
        "y" => at.year().to_string(),
        "yy" => format!("{:02}", at.year().rem_euclid(100)),
        "yyyy" => format!("{:04}", at.year()),
        "q" => ((at.month() - 1) / 3 + 1).to_string(),
        "M" | "L" => at.month().to_string(),
        "MM" | "LL" => format!("{:02}", at.month()),
        "MMM" | "LLL" => month_name(at)[..3].to_owned(),
        "MMMM" | "LLLL" => month_name(at).to_owned(),
        "d" => at.day().to_string(),
        "dd" => format!("{:02}", at.day()),
        "o" => at.day_of_year().to_string(),
        "ooo" => format!("{:03}", at.day_of_year()),
        "E" | "c" => at.weekday().to_monday_one_offset().to_string(),
        "EEE" | "ccc" => weekday_name(at)[..3].to_owned(),
        "EEEE" | "cccc" => weekday_name(at).to_owned(),
        "W" => week.week().to_string(),
        "WW" => format!("{:02}", week.week()),
        "kkkk" => format!("{:04}", week.year()),
        "H" => at.hour().to_string(),
        "HH" => format!("{:02}", at.hour()),
        "h" => hour12.to_string(),
        "hh" => format!("{hour12:02}"),
        "a" => if at.hour() < 12 { "AM" } else { "PM" }.to_owned(),
        "m" => at.minute().to_string(),
        "mm" => format!("{:02}", at.minute()),
        "s" => at.second().to_string(),
        "ss" => format!("{:02}", at.second()),
        "S" => at.millisecond().to_string(),
        "SSS" => format!("{:03}", at.millisecond()),
        "Z" => offset_digits(seconds, ":")
            .replace(":00", "")
            .replace("+0", "+")
            .replace("-0", "-"),
        "ZZ" => offset_digits(seconds, ":"),
        "ZZZ" => offset_digits(seconds, ""),
        "z" => zone_name(at),
        "X" => at.timestamp().as_second().to_string(),
        "x" => at.timestamp().as_millisecond().to_string(),
        // What others write for the same thing.
        "YYYY" => format!("{:04}", at.year()),
        "YY" => format!("{:02}", at.year().rem_euclid(100)),
        "DD" => format!("{:02}", at.day()),
        other => return Err(unknown_token(other)),
    })
}

/// Reads a date in one of Luxon's formats.
pub(super) fn parse_format(text: &str, format: &str, zone: &TimeZone) -> Result<Zoned, Stop> {
    let wrong = || {
        let shown: String = text.chars().take(60).collect();
        Stop::wrong_type(format!("`{shown}` is no date of the format `{format}`"))
    };
    let mut fields = Fields::default();
    let mut rest = text;
    for piece in pieces(format) {
        match piece {
            Piece::Text(plain) => rest = rest.strip_prefix(plain).ok_or_else(wrong)?,
            Piece::Token(token) => rest = fields.read(token, rest)?.ok_or_else(wrong)?,
        }
    }
    if !rest.is_empty() {
        return Err(wrong());
    }
    fields.zoned(zone).ok_or_else(wrong)
}

#[derive(Default)]
struct Fields {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    millisecond: i64,
    afternoon: Option<bool>,
    offset: Option<i32>,
    seconds: Option<i64>,
    milliseconds: Option<i64>,
}

impl Fields {
    /// Reads one token; gives what is left, or nothing if the text does not fit.
    fn read<'t>(&mut self, token: &str, text: &'t str) -> Result<Option<&'t str>, Stop> {
        let digits = |most: usize| {
            let end = text
                .bytes()
                .take(most)
                .take_while(u8::is_ascii_digit)
                .count();
            Some((text[..end].parse::<i64>().ok()?, &text[end..]))
        };
        let signed = || {
            let sign = usize::from(text.starts_with('-'));
            let end = sign
                + text[sign..]
                    .bytes()
                    .take(15)
                    .take_while(u8::is_ascii_digit)
                    .count();
            Some((text[..end].parse::<i64>().ok()?, &text[end..]))
        };
        let letters = || {
            let end = text
                .find(|c: char| !c.is_ascii_alphabetic())
                .unwrap_or(text.len());
            (text[..end].to_ascii_lowercase(), &text[end..])
        };
        macro_rules! number {
            ($read:expr, $field:expr) => {
                Ok($read.map(|(number, rest)| {
                    $field = number.into();
                    rest
                }))
            };
        }
        match token {
            "y" | "yyyy" | "YYYY" => number!(digits(4), self.year),
            "yy" | "YY" => Ok(digits(2).map(|(year, rest)| {
                self.year = Some(if year > 60 { 1900 + year } else { 2000 + year });
                rest
            })),
            "M" | "MM" | "L" | "LL" => number!(digits(2), self.month),
            "d" | "dd" | "DD" => number!(digits(2), self.day),
            "H" | "HH" | "h" | "hh" => number!(digits(2), self.hour),
            "m" | "mm" => number!(digits(2), self.minute),
            "s" | "ss" => number!(digits(2), self.second),
            "S" | "SSS" => number!(digits(3), self.millisecond),
            "X" => number!(signed(), self.seconds),
            "x" => number!(signed(), self.milliseconds),
            "MMM" | "MMMM" | "LLL" | "LLLL" => {
                const SHORT: [&str; 12] = [
                    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov",
                    "dec",
                ];
                let (word, rest) = letters();
                let month = SHORT.iter().position(|short| word.starts_with(short));
                Ok(month.map(|month| {
                    self.month = i64::try_from(month + 1).ok();
                    rest
                }))
            }
            "EEE" | "EEEE" | "ccc" | "cccc" => Ok(Some(letters().1)),
            "a" => {
                let (word, rest) = letters();
                self.afternoon = match word.as_str() {
                    "am" => Some(false),
                    "pm" => Some(true),
                    _ => return Ok(None),
                };
                Ok(Some(rest))
            }
            "Z" | "ZZ" | "ZZZ" => {
                if let Some(rest) = text.strip_prefix(['Z', 'z']) {
                    self.offset = Some(0);
                    return Ok(Some(rest));
                }
                let sign = match text.bytes().next() {
                    Some(b'+') => 1,
                    Some(b'-') => -1,
                    _ => return Ok(None),
                };
                let body = &text[1..];
                let end = body
                    .bytes()
                    .take_while(|b| b.is_ascii_digit() || *b == b':')
                    .count();
                let digits = body[..end].replace(':', "");
                let Ok(number) = digits
                    .get(..digits.len().min(4))
                    .unwrap_or("")
                    .parse::<i32>()
                else {
                    return Ok(None);
                };
                let (hours, minutes) = if digits.len() > 2 {
                    (number / 100, number % 100)
                } else {
                    (number, 0)
                };
                self.offset = Some(sign * (hours * 3600 + minutes * 60));
                Ok(Some(&body[end..]))
            }
            other => Err(unknown_token(other)),
        }
    }

    fn zoned(&self, zone: &TimeZone) -> Option<Zoned> {
        if let Some(seconds) = self.seconds {
            return Some(Timestamp::from_second(seconds).ok()?.to_zoned(zone.clone()));
        }
        if let Some(milliseconds) = self.milliseconds {
            return Some(
                Timestamp::from_millisecond(milliseconds)
                    .ok()?
                    .to_zoned(zone.clone()),
            );
        }
        let hour = match self.afternoon {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            Some(_) | None => self.hour,
        };
        let small = |number: i64| i8::try_from(number).ok();
        let date = Date::new(
            i16::try_from(self.year.unwrap_or(1970)).ok()?,
            small(self.month.unwrap_or(1))?,
            small(self.day.unwrap_or(1))?,
        );
        let time = Time::new(
            small(hour)?,
            small(self.minute)?,
            small(self.second)?,
            i32::try_from(self.millisecond)
                .ok()?
                .checked_mul(1_000_000)?,
        );
        let civil = date.ok()?.to_datetime(time.ok()?);
        let own = match self.offset {
            Some(seconds) => TimeZone::fixed(Offset::from_seconds(seconds).ok()?),
            None => zone.clone(),
        };
        Some(civil.to_zoned(own).ok()?.with_time_zone(zone.clone()))
    }
}
