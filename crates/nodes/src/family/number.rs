use jackfield_plugin_api::NodeError;
use jackfield_types::ErrorCode;
use serde_json::Value;

/// A JSON number, integers exact.
///
/// An integer of a parameter is between the least `i64` and the greatest `u64`; what is computed
/// from such has room in an `i128`, and [`into_value`](Self::into_value) says whether it came back
/// into range.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Number {
    /// A number without fraction, exact.
    Integer(i128),
    /// Any other, which is finite when it comes from JSON.
    Float(f64),
}

/// Arithmetic that has no number for a result.
pub(crate) fn number_error(message: impl Into<String>) -> NodeError {
    NodeError::permanent(ErrorCode::NUMBER_ERROR, message)
}

fn overflow() -> NodeError {
    number_error(
        "overflow: integers go from -9223372036854775808 to 18446744073709551615; write one of \
         the numbers with a fraction, such as `2.0`, to compute with floating-point numbers",
    )
}

impl From<&serde_json::Number> for Number {
    fn from(number: &serde_json::Number) -> Self {
        if let Some(integer) = number.as_i64() {
            Self::Integer(integer.into())
        } else if let Some(integer) = number.as_u64() {
            Self::Integer(integer.into())
        } else {
            Self::Float(number.as_f64().unwrap_or(f64::NAN))
        }
    }
}

impl Number {
    /// Reads a decimal number: digits, with an optional sign, fraction and exponent.
    pub(crate) fn parse(text: &str) -> Result<Self, NodeError> {
        let text = text.trim();
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (
                mantissa,
                Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)),
            ),
            None => (unsigned, None),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (mantissa, None),
        };
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !fraction.is_none_or(digits) || !exponent.is_none_or(digits) {
            return Err(NodeError::permanent(
                ErrorCode::INVALID_INPUT,
                format!(
                    "{} is no number: write digits, with a sign, a fraction after a point, and an \
                     exponent if need be, such as `-12.5` or `3e8`",
                    super::describe(&Value::from(text))
                ),
            ));
        }
        if fraction.is_none() && exponent.is_none() {
            let integer = text
                .strip_prefix('+')
                .unwrap_or(text)
                .parse()
                .map_err(|_| overflow())?;
            return Self::Integer(integer).in_range();
        }
        let float: f64 = text.parse().map_err(|_| number_error("no number"))?;
        Self::Float(float).in_range()
    }

    /// The number itself, if JSON has it.
    pub(crate) fn in_range(self) -> Result<Self, NodeError> {
        match self {
            Self::Integer(integer) => {
                let fits = i64::try_from(integer).is_ok() || u64::try_from(integer).is_ok();
                if fits { Ok(self) } else { Err(overflow()) }
            }
            Self::Float(float) if float.is_nan() => Err(number_error("the result is not a number")),
            Self::Float(float) if float.is_infinite() => Err(number_error(
                "overflow: the result is larger than any floating-point number",
            )),
            Self::Float(_) => Ok(self),
        }
    }

    /// The number as JSON.
    pub(crate) fn into_value(self) -> Result<Value, NodeError> {
        match self.in_range()? {
            Self::Integer(integer) => match i64::try_from(integer) {
                Ok(integer) => Ok(integer.into()),
                Err(_) => u64::try_from(integer)
                    .map(Value::from)
                    .map_err(|_| overflow()),
            },
            Self::Float(float) => Ok(float.into()),
        }
    }

    /// The nearest floating-point number.
    pub(crate) fn to_f64(self) -> f64 {
        match self {
            Self::Integer(integer) => integer as f64,
            Self::Float(float) => float,
        }
    }

    /// The integer that this is, if it has no fraction and is not too large.
    pub(crate) fn without_fraction(self) -> Option<i128> {
        match self {
            Self::Integer(integer) => Some(integer),
            // Beyond this a float is far out of the range of JSON's integers anyway.
            Self::Float(float) if float.fract() == 0.0 && float.abs() < 1e30 => Some(float as i128),
            Self::Float(_) => None,
        }
    }

    /// A float without fraction as the integer that it is, if that is in range; others as they are.
    pub(crate) fn simplified(self) -> Self {
        match self
            .without_fraction()
            .map(Self::Integer)
            .map(Self::in_range)
        {
            Some(Ok(integer)) => integer,
            Some(Err(_)) | None => self,
        }
    }

    /// Computes with integers exactly, if both are, and with floating-point numbers otherwise.
    pub(crate) fn combine(
        self,
        other: Self,
        integers: fn(i128, i128) -> Option<i128>,
        floats: fn(f64, f64) -> f64,
    ) -> Result<Self, NodeError> {
        let combined = match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => {
                Self::Integer(integers(a, b).ok_or_else(overflow)?)
            }
            (a, b) => Self::Float(floats(a.to_f64(), b.to_f64())),
        };
        combined.in_range()
    }

    /// The sum.
    pub(crate) fn add(self, other: Self) -> Result<Self, NodeError> {
        self.combine(other, i128::checked_add, |a, b| a + b)
    }

    /// The difference.
    pub(crate) fn subtract(self, other: Self) -> Result<Self, NodeError> {
        self.combine(other, i128::checked_sub, |a, b| a - b)
    }

    /// The quotient: an integer if both are and nothing is left over.
    pub(crate) fn divide(self, other: Self) -> Result<Self, NodeError> {
        if other.to_f64() == 0.0 {
            return Err(number_error("division by zero"));
        }
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) if a.checked_rem(b) == Some(0) => {
                Self::Integer(a / b).in_range()
            }
            (a, b) => Self::Float(a.to_f64() / b.to_f64()).in_range(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_strictly() {
        for text in [
            "12",
            " -7 ",
            "+5",
            "1.50",
            "3e8",
            "2E-3",
            "18446744073709551615",
        ] {
            assert!(Number::parse(text).is_ok(), "{text}");
        }
        for text in [
            "", " ", "1,234", "0x10", "12px", ".5", "5.", "1e", "NaN", "inf", "--1", "1e999",
        ] {
            assert!(Number::parse(text).is_err(), "{text}");
        }
        let exact = Number::parse("9007199254740993")
            .unwrap()
            .into_value()
            .unwrap();
        assert_eq!(exact.to_string(), "9007199254740993");
        assert!(Number::parse("18446744073709551616").is_err());
    }
}
