//! Methods of numbers and booleans.

use std::rc::Rc;

use super::{BoolFunction, Entry, NumberFunction, argument, entry};
use crate::expression::error::Stop;
use crate::expression::moment::{self, Moment};
use crate::expression::number::{self, Number, whole};
use crate::expression::value::Val;

/// The most decimals that `toFixed` writes.
const MAX_DIGITS: usize = 100;

pub(super) static NUMBERS: &[Entry<NumberFunction>] = &[
    entry("toFixed", |machine, this, args| {
        let digits = machine.number_of(&argument(args, 0))?.to_count();
        if digits > MAX_DIGITS {
            return Err(Stop::invalid(format!(
                "`toFixed` takes 0 to {MAX_DIGITS} digits"
            )));
        }
        Ok(Val::text(match this {
            // Exact, where a float would lose the last digits.
            Number::Int(number) if digits == 0 => number.to_string(),
            Number::Int(number) => format!("{number}.{}", "0".repeat(digits)),
            Number::Float(number) if number.is_finite() && number.abs() < 1e21 => {
                number::fixed(number, digits)
            }
            Number::Float(number) => number::float_text(number),
        }))
    }),
    entry("toString", |machine, this, args| {
        let radix = match argument(args, 0) {
            Val::Undefined => 10,
            radix => machine.number_of(&radix)?.to_integer(),
        };
        match u32::try_from(radix) {
            Ok(radix @ 2..=36) => Ok(Val::text(number::in_radix(this, radix))),
            _ => Err(Stop::invalid("`toString` takes a radix from 2 to 36")),
        }
    }),
    entry("toPrecision", |machine, this, args| {
        let number = this.as_f64();
        let digits = match argument(args, 0) {
            Val::Undefined => return Ok(Val::text(this.to_text())),
            digits => machine.number_of(&digits)?.to_count(),
        };
        if !(1..=MAX_DIGITS).contains(&digits) {
            return Err(Stop::invalid(format!(
                "`toPrecision` takes 1 to {MAX_DIGITS} digits"
            )));
        }
        if !number.is_finite() {
            return Ok(Val::text(this.to_text()));
        }
        let text = format!("{number:.*e}", digits - 1);
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        let most = i32::try_from(digits).unwrap_or(i32::MAX);
        if (-6..most).contains(&exponent) {
            let decimals = usize::try_from(most - 1 - exponent).unwrap_or(0);
            return Ok(Val::text(format!("{number:.decimals$}")));
        }
        let sign = if exponent < 0 { '-' } else { '+' };
        Ok(Val::text(format!("{mantissa}e{sign}{}", exponent.abs())))
    }),
    entry("toLocaleString", |_, this, _| {
        let text = match this {
            Number::Int(number) => number.to_string(),
            Number::Float(number) if number.is_finite() => {
                let text = number::fixed(number, 3);
                text.trim_end_matches('0').trim_end_matches('.').to_owned()
            }
            Number::Float(_) => return Ok(Val::text(this.to_text())),
        };
        let (sign, digits) = text
            .strip_prefix('-')
            .map_or(("", text.as_str()), |rest| ("-", rest));
        let (integer, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let mut grouped = String::new();
        for (index, digit) in integer.chars().enumerate() {
            if index > 0 && (integer.len() - index) % 3 == 0 {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        let point = if fraction.is_empty() { "" } else { "." };
        Ok(Val::text(format!("{sign}{grouped}{point}{fraction}")))
    }),
    entry("valueOf", |_, this, _| Ok(this.into_val())),
    entry("round", |machine, this, args| {
        let decimals = machine
            .number_of(&argument(args, 0))?
            .to_integer()
            .clamp(-400, 400);
        Ok(match this {
            Number::Int(number) if decimals >= 0 => whole(number),
            _ => number::tidy(number::round(this.as_f64(), decimals as i32)),
        })
    }),
    entry("floor", |_, this, _| Ok(whole_by(this, f64::floor))),
    entry("ceil", |_, this, _| Ok(whole_by(this, f64::ceil))),
    entry("abs", |_, this, _| {
        Ok(match this {
            Number::Int(number) => whole(number.abs()),
            Number::Float(number) => Val::Float(number.abs()),
        })
    }),
    entry("isEven", |_, this, _| {
        Ok(Val::Bool(parity(this) == Some(0)))
    }),
    entry("isOdd", |_, this, _| Ok(Val::Bool(parity(this) == Some(1)))),
    entry("isInteger", |_, this, _| {
        Ok(Val::Bool(parity(this).is_some()))
    }),
    entry("isEmpty", |_, _, _| Ok(Val::Bool(false))),
    entry("isNotEmpty", |_, _, _| Ok(Val::Bool(true))),
    entry("toBoolean", |_, this, _| {
        Ok(Val::Bool(!this.is_zero_or_nan()))
    }),
    entry("toNumber", |_, this, _| Ok(this.into_val())),
    entry("toInt", |_, this, _| Ok(whole_by(this, f64::trunc))),
    entry("toFloat", |_, this, _| Ok(this.into_val())),
    entry("toDateTime", |machine, this, args| {
        let unit = match argument(args, 0) {
            Val::Undefined => "ms".into(),
            unit => machine.text_of(&unit)?.to_string(),
        };
        let factor = match unit.as_str() {
            "ms" => 1.0,
            "s" => 1000.0,
            "us" => 0.001,
            _ => {
                return Err(Stop::invalid(
                    "`toDateTime` takes the unit `ms`, `s` or `us`",
                ));
            }
        };
        let at = moment::from_milliseconds(this.as_f64() * factor, machine.roots.time_zone())?;
        Ok(Val::Moment(Rc::new(Moment::luxon(at))))
    }),
];

pub(super) static BOOLS: &[Entry<BoolFunction>] = &[
    entry("toString", |_, this, _| {
        Ok(Val::constant(if this { "true" } else { "false" }))
    }),
    entry("valueOf", |_, this, _| Ok(Val::Bool(this))),
    entry("toBoolean", |_, this, _| Ok(Val::Bool(this))),
    entry("toNumber", |_, this, _| Ok(Val::Int(this.into()))),
    entry("toInt", |_, this, _| Ok(Val::Int(this.into()))),
    entry("isEmpty", |_, _, _| Ok(Val::Bool(false))),
    entry("isNotEmpty", |_, _, _| Ok(Val::Bool(true))),
];

/// Whole numbers as they are, others by a function.
pub(super) fn whole_by<'a>(number: Number, by: fn(f64) -> f64) -> Val<'a> {
    match number {
        Number::Int(number) => whole(number),
        Number::Float(number) => number::tidy(by(number)),
    }
}

fn parity(number: Number) -> Option<i128> {
    match number {
        Number::Int(number) => Some(number.rem_euclid(2)),
        Number::Float(number) if number.is_finite() && number.fract() == 0.0 => {
            Some(i128::from(number.rem_euclid(2.0) != 0.0))
        }
        Number::Float(_) => None,
    }
}
