//! `Math`, and the numbers that have names.

use super::scalar::whole_by;
use super::{GlobalEntry, Outcome, argument, entry};
use crate::expression::error::Stop;
use crate::expression::machine::Machine;
use crate::expression::number::{self, Number, whole};
use crate::expression::value::{List, Val};

/// Numbers that stand by themselves.
pub(super) static CONSTANTS: &[(&str, f64)] = &[
    ("Math.PI", std::f64::consts::PI),
    ("Math.E", std::f64::consts::E),
    ("Math.LN2", std::f64::consts::LN_2),
    ("Math.LN10", std::f64::consts::LN_10),
    ("Math.LOG2E", std::f64::consts::LOG2_E),
    ("Math.LOG10E", std::f64::consts::LOG10_E),
    ("Math.SQRT2", std::f64::consts::SQRT_2),
    ("Math.SQRT1_2", std::f64::consts::FRAC_1_SQRT_2),
    ("Number.MAX_SAFE_INTEGER", 9_007_199_254_740_991.0),
    ("Number.MIN_SAFE_INTEGER", -9_007_199_254_740_991.0),
    ("Number.MAX_VALUE", f64::MAX),
    ("Number.MIN_VALUE", 5e-324),
    ("Number.EPSILON", f64::EPSILON),
    ("Number.POSITIVE_INFINITY", f64::INFINITY),
    ("Number.NEGATIVE_INFINITY", f64::NEG_INFINITY),
    ("Number.NaN", f64::NAN),
];

pub(super) static TABLE: &[GlobalEntry] = &[
    entry("Math.abs", |machine, args| {
        Ok(match machine.number_of(&argument(args, 0))? {
            Number::Int(number) => whole(number.abs()),
            Number::Float(number) => Val::Float(number.abs()),
        })
    }),
    entry("Math.ceil", |machine, args| {
        rounded(machine, args, f64::ceil)
    }),
    entry("Math.floor", |machine, args| {
        rounded(machine, args, f64::floor)
    }),
    entry("Math.trunc", |machine, args| {
        rounded(machine, args, f64::trunc)
    }),
    entry("Math.round", |machine, args| {
        rounded(machine, args, |number| number::round(number, 0))
    }),
    entry("Math.sign", |machine, args| {
        Ok(match machine.number_of(&argument(args, 0))? {
            Number::Int(number) => Val::Int(number.signum()),
            Number::Float(number) if number == 0.0 || number.is_nan() => Val::Float(number),
            Number::Float(number) => Val::Float(number.signum()),
        })
    }),
    entry("Math.max", |machine, args| {
        most(machine, args, |a, b| a > b, f64::NEG_INFINITY)
    }),
    entry("Math.min", |machine, args| {
        most(machine, args, |a, b| a < b, f64::INFINITY)
    }),
    entry("$max", |machine, args| {
        most(machine, args, |a, b| a > b, f64::NEG_INFINITY)
    }),
    entry("$min", |machine, args| {
        most(machine, args, |a, b| a < b, f64::INFINITY)
    }),
    entry("Math.pow", |machine, args| {
        let base = machine.number_of(&argument(args, 0))?;
        Ok(number::power(base, machine.number_of(&argument(args, 1))?))
    }),
    entry("Math.sqrt", |machine, args| float(machine, args, f64::sqrt)),
    entry("Math.cbrt", |machine, args| float(machine, args, f64::cbrt)),
    entry("Math.exp", |machine, args| float(machine, args, f64::exp)),
    entry("Math.log", |machine, args| float(machine, args, f64::ln)),
    entry("Math.log2", |machine, args| float(machine, args, f64::log2)),
    entry("Math.log10", |machine, args| {
        float(machine, args, f64::log10)
    }),
    entry("Math.sin", |machine, args| float(machine, args, f64::sin)),
    entry("Math.cos", |machine, args| float(machine, args, f64::cos)),
    entry("Math.tan", |machine, args| float(machine, args, f64::tan)),
    entry("Math.asin", |machine, args| float(machine, args, f64::asin)),
    entry("Math.acos", |machine, args| float(machine, args, f64::acos)),
    entry("Math.atan", |machine, args| float(machine, args, f64::atan)),
    entry("Math.atan2", |machine, args| {
        let y = machine.number_of(&argument(args, 0))?.as_f64();
        Ok(Val::Float(
            y.atan2(machine.number_of(&argument(args, 1))?.as_f64()),
        ))
    }),
    entry("Math.hypot", |machine, args| {
        let mut sum = 0.0_f64;
        for arg in args {
            sum = sum.hypot(machine.number_of(arg)?.as_f64());
        }
        Ok(Val::Float(sum))
    }),
];

fn float<'a>(machine: &mut Machine<'a>, args: &[Val<'a>], by: fn(f64) -> f64) -> Outcome<'a> {
    Ok(number::tidy(by(machine
        .number_of(&argument(args, 0))?
        .as_f64())))
}

fn rounded<'a>(machine: &mut Machine<'a>, args: &[Val<'a>], by: fn(f64) -> f64) -> Outcome<'a> {
    Ok(whole_by(machine.number_of(&argument(args, 0))?, by))
}

/// The number that wins against all others; none if one of them is no number.
fn most<'a>(
    machine: &mut Machine<'a>,
    args: &[Val<'a>],
    wins: fn(f64, f64) -> bool,
    otherwise: f64,
) -> Outcome<'a> {
    machine.charge(args.len())?;
    let mut best: Option<Number> = None;
    for arg in args {
        let number = machine.number_of(arg)?;
        if number.as_f64().is_nan() {
            return Ok(Val::Float(f64::NAN));
        }
        if best.is_none_or(|best| beats(number, best, wins)) {
            best = Some(number);
        }
    }
    Ok(best.map_or(Val::Float(otherwise), Number::into_val))
}

/// Compares exactly where both are whole: floats cannot tell large ones apart.
fn beats(a: Number, b: Number, wins: fn(f64, f64) -> bool) -> bool {
    match (a, b) {
        (Number::Int(a), Number::Int(b)) => wins(a.cmp(&b) as i8 as f64, 0.0),
        (a, b) => wins(a.as_f64(), b.as_f64()),
    }
}

/// The greatest or least element of a list.
pub(super) fn most_of<'a>(
    machine: &mut Machine<'a>,
    list: &List<'a>,
    wins: fn(f64, f64) -> bool,
) -> Outcome<'a> {
    machine.charge(list.len())?;
    let values: Vec<_> = list.iter().filter(|value| !value.is_nullish()).collect();
    if values.is_empty() {
        return Ok(Val::Undefined);
    }
    most(machine, &values, wins, 0.0)
}

/// The sum of a list. What is no number is an error, so that no total is silently wrong.
pub(super) fn sum<'a>(machine: &mut Machine<'a>, list: &List<'a>) -> Outcome<'a> {
    let mut total = Val::Int(0);
    for value in list.iter() {
        machine.charge(1)?;
        let number = machine.number_of(&value)?;
        if number.as_f64().is_nan() {
            return Err(Stop::number(format!(
                "{} among the elements is no number",
                value.kind()
            )));
        }
        let so_far = machine.number_of(&total)?;
        total = number::add(so_far, number);
    }
    Ok(total)
}
