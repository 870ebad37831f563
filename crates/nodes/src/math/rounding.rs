use jackfield_plugin_api::NodeError;
use serde_json::Value;

use crate::family::{Arguments, Number};

pub(super) fn floor(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    whole(arguments.number("value")?, f64::floor)
}

pub(super) fn ceil(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    whole(arguments.number("value")?, f64::ceil)
}

fn whole(number: Number, round: fn(f64) -> f64) -> Result<Value, NodeError> {
    match number {
        Number::Integer(_) => number.into_value(),
        Number::Float(float) => Number::Float(round(float)).simplified().into_value(),
    }
}

pub(super) fn round(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let decimals = arguments.integer("decimals")?;
    match arguments.number("value")? {
        Number::Integer(integer) => Number::Integer(round_integer(integer, decimals)).into_value(),
        Number::Float(float) => {
            let rounded = Number::Float(round_float(float, decimals));
            if decimals > 0 {
                rounded.into_value()
            } else {
                rounded.simplified().into_value()
            }
        }
    }
}

fn round_integer(integer: i128, decimals: i64) -> i128 {
    if decimals >= 0 {
        return integer;
    }
    let step = u32::try_from(decimals.unsigned_abs())
        .ok()
        .and_then(|d| 10_i128.checked_pow(d));
    // An integer of 64 bits is less than half of a step that large.
    let Some(step) = step else { return 0 };
    let rest = integer % step;
    let down = integer - rest;
    if rest.abs() * 2 < step {
        down
    } else {
        down.saturating_add(step * rest.signum())
    }
}

/// Rounds the shortest decimal that stands for the number, half away from zero.
fn round_float(float: f64, decimals: i64) -> f64 {
    // `1.2345e2`: the digits, and where the point is.
    let scientific = format!("{:e}", float.abs());
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return float;
    };
    let Ok(exponent) = exponent.parse::<i64>() else {
        return float;
    };
    let mut digits: Vec<u8> = mantissa
        .bytes()
        .filter(u8::is_ascii_digit)
        .map(|digit| digit - b'0')
        .collect();
    // How many digits stay: those before the point, and `decimals` behind it.
    let Ok(kept) = usize::try_from(exponent.saturating_add(1).saturating_add(decimals)) else {
        return 0.0;
    };
    let Some(&next) = digits.get(kept) else {
        return float;
    };
    digits.truncate(kept);
    digits.insert(0, 0);
    if next >= 5 {
        for digit in digits.iter_mut().rev() {
            if *digit < 9 {
                *digit += 1;
                break;
            }
            *digit = 0;
        }
    }
    let text: String = digits
        .iter()
        .map(|digit| char::from(b'0' + digit))
        .collect();
    let rounded = format!("{text}e{}", decimals.saturating_neg())
        .parse::<f64>()
        .unwrap_or(float);
    rounded.copysign(float)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_go_away_from_zero_as_they_are_written() {
        for (float, decimals, expected) in [
            (1.005, 2, 1.01),
            (2.5, 0, 3.0),
            (-2.5, 0, -3.0),
            (0.5, 0, 1.0),
            (0.05, 0, 0.0),
            (9.99, 1, 10.0),
            (1234.5, -2, 1200.0),
            (1250.0, -2, 1300.0),
            (60.5, -2, 100.0),
            (50.0, -2, 100.0),
            (49.9, -2, 0.0),
            (5.0, -3, 0.0),
            (1.5, 400, 1.5),
            (1e300, -400, 0.0),
            (f64::MAX, 0, f64::MAX),
            (5e-324, 3, 0.0),
        ] {
            let rounded = round_float(float, decimals);
            assert_eq!(rounded, expected, "{float} to {decimals}");
        }
    }

    #[test]
    fn integers_round_exactly() {
        assert_eq!(
            round_integer(9_007_199_254_740_993, -1),
            9_007_199_254_740_990
        );
        assert_eq!(round_integer(-15, -1), -20);
        assert_eq!(round_integer(14, -1), 10);
        assert_eq!(round_integer(i128::from(u64::MAX), -30), 0);
        assert_eq!(round_integer(7, -400), 0);
        assert_eq!(round_integer(7, 3), 7);
    }
}
