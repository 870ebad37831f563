//! Numbers: whole ones exact up to 64 bits, all others as JavaScript has them.

use super::value::Val;

/// What is neither below `i64::MIN` nor above `u64::MAX` stays whole.
pub(super) fn whole<'a>(number: i128) -> Val<'a> {
    if (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&number) {
        Val::Int(number)
    } else {
        Val::Float(number as f64)
    }
}

/// A float, as a whole number if it is one that floats hold exactly.
pub(super) fn tidy<'a>(number: f64) -> Val<'a> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= EXACT {
        Val::Int(number as i128)
    } else {
        Val::Float(number)
    }
}

/// A number of either kind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    Int(i128),
    Float(f64),
}

impl Number {
    pub(super) fn as_f64(self) -> f64 {
        match self {
            Self::Int(number) => number as f64,
            Self::Float(number) => number,
        }
    }

    pub(super) fn is_zero_or_nan(self) -> bool {
        match self {
            Self::Int(number) => number == 0,
            Self::Float(number) => number == 0.0 || number.is_nan(),
        }
    }

    pub(super) fn to_text(self) -> String {
        match self {
            Self::Int(number) => number.to_string(),
            Self::Float(number) => float_text(number),
        }
    }

    /// Whole numbers toward zero, others cut; `NaN` is 0.
    pub(super) fn to_integer(self) -> i128 {
        match self {
            Self::Int(number) => number,
            Self::Float(number) => number as i128,
        }
    }

    /// What bit operators work on.
    pub(super) fn to_i32(self) -> i32 {
        match self {
            Self::Int(number) => number as i32,
            Self::Float(number) if number.is_finite() => {
                (number.trunc() % 4_294_967_296.0) as i64 as i32
            }
            Self::Float(_) => 0,
        }
    }

    pub(super) fn into_val<'a>(self) -> Val<'a> {
        match self {
            Self::Int(number) => whole(number),
            Self::Float(number) => Val::Float(number),
        }
    }
}

pub(super) fn add<'a>(a: Number, b: Number) -> Val<'a> {
    match (a, b) {
        (Number::Int(a), Number::Int(b)) => whole(a.saturating_add(b)),
        _ => Val::Float(a.as_f64() + b.as_f64()),
    }
}

pub(super) fn subtract<'a>(a: Number, b: Number) -> Val<'a> {
    match (a, b) {
        (Number::Int(a), Number::Int(b)) => whole(a.saturating_sub(b)),
        _ => Val::Float(a.as_f64() - b.as_f64()),
    }
}

pub(super) fn multiply<'a>(a: Number, b: Number) -> Val<'a> {
    if let (Number::Int(a), Number::Int(b)) = (a, b)
        && let Some(product) = a.checked_mul(b)
    {
        return whole(product);
    }
    Val::Float(a.as_f64() * b.as_f64())
}

pub(super) fn divide<'a>(a: Number, b: Number) -> Val<'a> {
    match (a, b) {
        (Number::Int(a), Number::Int(b)) if b != 0 && a % b == 0 => whole(a / b),
        _ => Val::Float(a.as_f64() / b.as_f64()),
    }
}

pub(super) fn remainder<'a>(a: Number, b: Number) -> Val<'a> {
    match (a, b) {
        (Number::Int(a), Number::Int(b)) if b != 0 => whole(a % b),
        _ => Val::Float(a.as_f64() % b.as_f64()),
    }
}

pub(super) fn power<'a>(a: Number, b: Number) -> Val<'a> {
    if let (Number::Int(base), Number::Int(exponent)) = (a, b)
        && let Ok(exponent) = u32::try_from(exponent)
        && let Some(result) = base.checked_pow(exponent)
    {
        return whole(result);
    }
    let (base, exponent) = (a.as_f64(), b.as_f64());
    // JavaScript has no answer where C says 1.
    if exponent.is_nan() || (base.abs() == 1.0 && exponent.is_infinite()) {
        return Val::Float(f64::NAN);
    }
    Val::Float(base.powf(exponent))
}

/// A float as JavaScript prints it.
pub(super) fn float_text(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        }
        .to_owned();
    }
    if number == 0.0 {
        return "0".to_owned();
    }
    let exponential = format!("{:e}", number.abs());
    let (mantissa, exponent) = exponential.split_once('e').unwrap_or((&exponential, "0"));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let point = exponent.parse::<i32>().unwrap_or(0) + 1;
    let count = i32::try_from(digits.len()).unwrap_or(0);
    let sign = if number < 0.0 { "-" } else { "" };
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or(0));
    let split = usize::try_from(point).unwrap_or(0).min(digits.len());
    if count <= point && point <= 21 {
        format!("{sign}{digits}{}", zeros(point - count))
    } else if 0 < point && point <= 21 {
        format!("{sign}{}.{}", &digits[..split], &digits[split..])
    } else if -6 < point && point <= 0 {
        format!("{sign}0.{}{digits}", zeros(-point))
    } else {
        let rest = if count > 1 {
            format!(".{}", &digits[1..])
        } else {
            String::new()
        };
        format!(
            "{sign}{}{rest}e{}{}",
            &digits[..1],
            if point > 0 { "+" } else { "-" },
            (point - 1).abs()
        )
    }
}

/// A text as a number, as `Number(text)` reads it.
pub(super) fn parse(text: &str) -> Number {
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    if text.is_empty() {
        return Number::Int(0);
    }
    for (prefix, radix) in [
        ("0x", 16),
        ("0X", 16),
        ("0o", 8),
        ("0O", 8),
        ("0b", 2),
        ("0B", 2),
    ] {
        if let Some(digits) = text.strip_prefix(prefix) {
            return if digits.chars().all(|c| c.is_digit(radix)) {
                parse_digits(digits, radix)
            } else {
                Number::Float(f64::NAN)
            };
        }
    }
    decimal(text).unwrap_or(Number::Float(f64::NAN))
}

fn decimal(text: &str) -> Option<Number> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if unsigned == "Infinity" {
        let infinity = if text.starts_with('-') {
            f64::NEG_INFINITY
        } else {
            f64::INFINITY
        };
        return Some(Number::Float(infinity));
    }
    // Rust would read `inf` and `nan` as well.
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    if unsigned.bytes().all(|byte| byte.is_ascii_digit())
        && let Ok(exact) = text.parse::<i128>()
        && (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&exact)
    {
        return Some(Number::Int(exact));
    }
    text.parse().ok().map(Number::Float)
}

/// Digits of a radix; none are `NaN`.
pub(super) fn parse_digits(digits: &str, radix: u32) -> Number {
    if digits.is_empty() {
        return Number::Float(f64::NAN);
    }
    match i128::from_str_radix(digits, radix) {
        Ok(number) => match whole(number) {
            Val::Int(number) => Number::Int(number),
            _ => Number::Float(number as f64),
        },
        Err(_) => Number::Float(digits.chars().fold(0.0, |sum, digit| {
            sum * f64::from(radix) + f64::from(digit.to_digit(radix).unwrap_or(0))
        })),
    }
}

/// The number that a text begins with, as `parseFloat` reads it.
pub(super) fn parse_prefix(text: &str) -> Number {
    let text = text.trim_start();
    let bytes = text.as_bytes();
    let mut at = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    if text[at..].starts_with("Infinity") {
        return decimal(&text[..at + 8]).unwrap_or(Number::Float(f64::NAN));
    }
    let digits = |at: &mut usize| {
        let from = *at;
        while bytes.get(*at).is_some_and(u8::is_ascii_digit) {
            *at += 1;
        }
        *at > from
    };
    let mut found = digits(&mut at);
    if bytes.get(at) == Some(&b'.') {
        let mut behind = at + 1;
        if digits(&mut behind) {
            (at, found) = (behind, true);
        }
    }
    if !found {
        return Number::Float(f64::NAN);
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let mut behind = at + 1;
        if matches!(bytes.get(behind), Some(b'+' | b'-')) {
            behind += 1;
        }
        if digits(&mut behind) {
            at = behind;
        }
    }
    decimal(&text[..at]).unwrap_or(Number::Float(f64::NAN))
}

/// A number with `digits` decimals; halves go away from zero, as in JavaScript's `toFixed`.
pub(super) fn fixed(number: f64, digits: usize) -> String {
    // More digits than a float of this size can tell apart, so that the cut is exact.
    let long = format!("{:.*}", digits + 30, number.abs());
    let point = long.find('.').unwrap_or(long.len());
    let cut = if digits == 0 {
        point
    } else {
        point + 1 + digits
    };
    let mut kept: Vec<u8> = long.as_bytes()[..cut].to_vec();
    let next = long
        .as_bytes()
        .get(if digits == 0 { point + 1 } else { cut });
    if next.is_some_and(|digit| *digit >= b'5') {
        increment(&mut kept);
    }
    let text: String = kept.iter().map(|byte| char::from(*byte)).collect();
    let zero = text.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    if number < 0.0 && !zero {
        format!("-{text}")
    } else {
        text
    }
}

/// Adds one to the last digit of a decimal text.
fn increment(text: &mut Vec<u8>) {
    for byte in text.iter_mut().rev() {
        match byte {
            b'.' => {}
            b'9' => *byte = b'0',
            _ => {
                *byte += 1;
                return;
            }
        }
    }
    text.insert(0, b'1');
}

/// A number in a radix from 2 to 36.
pub(super) fn in_radix(number: Number, radix: u32) -> String {
    if radix == 10 || !number.as_f64().is_finite() {
        return number.to_text();
    }
    let magnitude = number.as_f64().abs();
    let (mut whole, mut fraction) = match number {
        Number::Int(number) => (number.unsigned_abs(), 0.0),
        Number::Float(_) => (magnitude.trunc() as u128, magnitude.fract()),
    };
    let digit = |value: u32| char::from_digit(value, radix).unwrap_or('0');
    let mut digits = Vec::new();
    while whole > 0 || digits.is_empty() {
        digits.push(digit((whole % u128::from(radix)) as u32));
        whole /= u128::from(radix);
    }
    if number.as_f64() < 0.0 {
        digits.push('-');
    }
    let mut text: String = digits.iter().rev().collect();
    if fraction > 0.0 {
        text.push('.');
        for _ in 0..52 {
            fraction *= f64::from(radix);
            text.push(digit(fraction as u32));
            fraction = fraction.fract();
            if fraction == 0.0 {
                break;
            }
        }
    }
    text
}

/// Rounds halves up, as `Math.round` does, at so many decimals.
pub(super) fn round(number: f64, decimals: i32) -> f64 {
    let shift = |number: f64, by: i32| {
        let text = format!("{number:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let exponent = exponent.parse::<i32>().unwrap_or(0).saturating_add(by);
        format!("{mantissa}e{exponent}")
            .parse::<f64>()
            .unwrap_or(number)
    };
    if !number.is_finite() {
        return number;
    }
    // Shifting the decimal text is exact where multiplying by a power of ten is not.
    let shifted = if decimals == 0 {
        number
    } else {
        shift(number, decimals)
    };
    let floor = shifted.floor();
    let rounded = if shifted - floor >= 0.5 {
        floor + 1.0
    } else {
        floor
    };
    if decimals == 0 || !rounded.is_finite() {
        rounded
    } else {
        shift(rounded, -decimals)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_print_as_in_javascript() {
        for (number, text) in [
            (0.1 + 0.2, "0.30000000000000004"),
            (1e21, "1e+21"),
            (1.5e300, "1.5e+300"),
            (123_456_789.125, "123456789.125"),
            (1e-7, "1e-7"),
            (1.25e-6, "0.00000125"),
            (-0.0, "0"),
            (1e20, "100000000000000000000"),
        ] {
            assert_eq!(float_text(number), text);
        }
    }

    #[test]
    fn fixed_rounds_halves_away_from_zero() {
        for (number, digits, text) in [
            (2.5, 0, "3"),
            (-2.5, 0, "-3"),
            (1.005, 2, "1.00"),
            (0.0, 2, "0.00"),
            (9.995, 1, "10.0"),
            (-0.001, 2, "0.00"),
        ] {
            assert_eq!(fixed(number, digits), text);
        }
    }

    #[test]
    fn rounding_works_on_the_decimal_text() {
        assert_eq!(round(1.005, 2), 1.01);
        assert_eq!(round(-2.5, 0), -2.0);
        assert_eq!(round(0.499_999_999_999_999_94, 0), 0.0);
        assert_eq!(round(1234.0, -2), 1200.0);
    }
}
