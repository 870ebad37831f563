//! JavaScript's conversions and operators.

use std::cmp::Ordering;

use super::error::Stop;
use super::functions::Outcome;
use super::ir::Binary;
use super::machine::Machine;
use super::number::{self, Number};
use super::text;
use super::value::{List, Text, Val, View};

impl<'a> Machine<'a> {
    /// What `String(value)` gives.
    pub(super) fn text_of(&mut self, value: &Val<'a>) -> Result<Text<'a>, Stop> {
        self.text_within(value, 0)
    }

    fn text_within(&mut self, value: &Val<'a>, depth: usize) -> Result<Text<'a>, Stop> {
        Ok(match value {
            Val::Undefined => Text::Borrowed("undefined"),
            Val::Null => Text::Borrowed("null"),
            Val::Bool(true) => Text::Borrowed("true"),
            Val::Bool(false) => Text::Borrowed("false"),
            Val::Int(number) => Text::from(number.to_string()),
            Val::Float(number) => Text::from(number::float_text(*number)),
            Val::Text(text) => text.clone(),
            Val::List(list) => Text::from(self.join(list, ",", depth)?),
            Val::Map(_) => Text::Borrowed("[object Object]"),
            Val::Moment(moment) => Text::from(moment.to_text()),
            Val::Duration(duration) => Text::from(duration.to_text()),
            Val::View(_) => return Err(no_value(value)),
            Val::Function(_) => return Err(Stop::wrong_type("a function is no text")),
        })
    }

    /// The elements of a list as one text; missing ones are empty.
    pub(super) fn join(
        &mut self,
        list: &List<'a>,
        separator: &str,
        depth: usize,
    ) -> Result<String, Stop> {
        if depth >= self.deepest {
            return Err(self.too_deep());
        }
        let mut whole = String::new();
        for (index, value) in list.iter().enumerate() {
            self.charge(1)?;
            let text = if value.is_nullish() {
                Text::Borrowed("")
            } else {
                self.text_within(&value, depth + 1)?
            };
            let separator = if index > 0 { separator } else { "" };
            self.charge_more(whole.len(), separator.len() + text.len())?;
            whole.push_str(separator);
            whole.push_str(&text);
        }
        Ok(whole)
    }

    /// Counts what is about to be added to a text that is being made.
    pub(super) fn charge_more(&mut self, length: usize, more: usize) -> Result<(), Stop> {
        if length.saturating_add(more) > self.output {
            // Says so in the usual words.
            return self.charge_bytes(usize::MAX);
        }
        self.charge_bytes(more)
    }

    /// What `Number(value)` gives.
    pub(super) fn number_of(&mut self, value: &Val<'a>) -> Result<Number, Stop> {
        Ok(match value {
            Val::Int(number) => Number::Int(*number),
            Val::Float(number) => Number::Float(*number),
            Val::Null | Val::Bool(false) => Number::Int(0),
            Val::Bool(true) => Number::Int(1),
            Val::Text(text) => {
                self.charge_bytes(text.len())?;
                number::parse(text)
            }
            Val::List(_) => {
                let text = self.text_of(value)?;
                number::parse(&text)
            }
            Val::Moment(moment) => Number::Int(moment.milliseconds().into()),
            Val::Duration(duration) => Number::Float(duration.milliseconds()),
            Val::View(_) => return Err(no_value(value)),
            Val::Undefined | Val::Map(_) | Val::Function(_) => Number::Float(f64::NAN),
        })
    }

    /// An object as what `+` and `==` see of it; everything else as it is.
    fn primitive(&mut self, value: &Val<'a>) -> Outcome<'a> {
        match value {
            Val::List(_) | Val::Map(_) | Val::Moment(_) | Val::Duration(_) => {
                Ok(Val::Text(self.text_of(value)?))
            }
            Val::View(_) => Err(no_value(value)),
            other => Ok(other.clone()),
        }
    }

    pub(super) fn binary(&mut self, operator: Binary, a: &Val<'a>, b: &Val<'a>) -> Outcome<'a> {
        Ok(match operator {
            Binary::Add => return self.add(a, b),
            Binary::Subtract => number::subtract(self.number_of(a)?, self.number_of(b)?),
            Binary::Multiply => number::multiply(self.number_of(a)?, self.number_of(b)?),
            Binary::Divide => number::divide(self.number_of(a)?, self.number_of(b)?),
            Binary::Remainder => number::remainder(self.number_of(a)?, self.number_of(b)?),
            Binary::Power => number::power(self.number_of(a)?, self.number_of(b)?),
            Binary::Same => Val::Bool(self.same(a, b)?),
            Binary::NotSame => Val::Bool(!self.same(a, b)?),
            Binary::Equal => Val::Bool(self.equal(a, b)?),
            Binary::NotEqual => Val::Bool(!self.equal(a, b)?),
            Binary::Less => Val::Bool(self.compare(a, b)?.is_some_and(Ordering::is_lt)),
            Binary::LessEqual => Val::Bool(self.compare(a, b)?.is_some_and(Ordering::is_le)),
            Binary::Greater => Val::Bool(self.compare(a, b)?.is_some_and(Ordering::is_gt)),
            Binary::GreaterEqual => Val::Bool(self.compare(a, b)?.is_some_and(Ordering::is_ge)),
            Binary::ShiftLeft => {
                let by = self.shift(b)?;
                Val::Int(self.number_of(a)?.to_i32().wrapping_shl(by).into())
            }
            Binary::ShiftRight => {
                let by = self.shift(b)?;
                Val::Int(self.number_of(a)?.to_i32().wrapping_shr(by).into())
            }
            Binary::ShiftRightUnsigned => {
                let by = self.shift(b)?;
                Val::Int((self.number_of(a)?.to_i32() as u32).wrapping_shr(by).into())
            }
            Binary::BitAnd => {
                Val::Int((self.number_of(a)?.to_i32() & self.number_of(b)?.to_i32()).into())
            }
            Binary::BitOr => {
                Val::Int((self.number_of(a)?.to_i32() | self.number_of(b)?.to_i32()).into())
            }
            Binary::BitXor => {
                Val::Int((self.number_of(a)?.to_i32() ^ self.number_of(b)?.to_i32()).into())
            }
            Binary::In => return self.is_in(a, b),
        })
    }

    fn shift(&mut self, by: &Val<'a>) -> Result<u32, Stop> {
        Ok(self.number_of(by)?.to_i32() as u32 & 31)
    }

    fn add(&mut self, a: &Val<'a>, b: &Val<'a>) -> Outcome<'a> {
        if let (Some(a), Some(b)) = (a.as_number(), b.as_number()) {
            return Ok(number::add(a, b));
        }
        let (a, b) = (self.primitive(a)?, self.primitive(b)?);
        if matches!(a, Val::Text(_)) || matches!(b, Val::Text(_)) {
            let (a, b) = (self.text_of(&a)?, self.text_of(&b)?);
            self.charge_bytes(a.len().saturating_add(b.len()))?;
            return Ok(Val::text([&*a, &*b].concat()));
        }
        Ok(number::add(self.number_of(&a)?, self.number_of(&b)?))
    }

    fn is_in(&mut self, a: &Val<'a>, b: &Val<'a>) -> Outcome<'a> {
        match b {
            Val::Map(_) | Val::List(_) => {
                let name = self.text_of(a)?;
                Ok(Val::Bool(self.member(b, &name)?.is_some()))
            }
            Val::Undefined | Val::Null if self.lenient => Ok(Val::Bool(false)),
            other => {
                let message = format!(
                    "`in` looks into an object or array, not into {}",
                    other.kind()
                );
                Err(Stop::wrong_type(message))
            }
        }
    }

    /// `===`, with the length of texts counted.
    pub(super) fn same(&mut self, a: &Val<'a>, b: &Val<'a>) -> Result<bool, Stop> {
        if let (Val::Text(a), Val::Text(b)) = (a, b) {
            self.charge_bytes(a.len().min(b.len()))?;
        }
        Ok(a.same(b))
    }

    /// `==`.
    pub(super) fn equal(&mut self, a: &Val<'a>, b: &Val<'a>) -> Result<bool, Stop> {
        let object = |value: &Val<'_>| {
            matches!(
                value,
                Val::List(_) | Val::Map(_) | Val::Moment(_) | Val::Duration(_)
            )
        };
        if a.is_nullish() || b.is_nullish() {
            return Ok(a.is_nullish() && b.is_nullish());
        }
        if object(a) == object(b) && a.type_of() == b.type_of() {
            return self.same(a, b);
        }
        let (a, b) = (self.primitive(a)?, self.primitive(b)?);
        if let (Val::Text(_), Val::Text(_)) = (&a, &b) {
            return self.same(&a, &b);
        }
        let (a, b) = (
            self.number_of(&a)?.into_val(),
            self.number_of(&b)?.into_val(),
        );
        Ok(a.same(&b))
    }

    /// The order of two values; nothing if one is no number.
    pub(super) fn compare(&mut self, a: &Val<'a>, b: &Val<'a>) -> Result<Option<Ordering>, Stop> {
        let ordered = |value: &Val<'_>| matches!(value, Val::Moment(_) | Val::Duration(_));
        let a = if ordered(a) {
            self.number_of(a)?.into_val()
        } else {
            self.primitive(a)?
        };
        let b = if ordered(b) {
            self.number_of(b)?.into_val()
        } else {
            self.primitive(b)?
        };
        if let (Val::Text(a), Val::Text(b)) = (&a, &b) {
            self.charge_bytes(a.len().min(b.len()))?;
            return Ok(Some(text::compare(a, b)));
        }
        Ok(match (self.number_of(&a)?, self.number_of(&b)?) {
            (Number::Int(a), Number::Int(b)) => Some(a.cmp(&b)),
            (a, b) => a.as_f64().partial_cmp(&b.as_f64()),
        })
    }
}

/// The error for something that only leads to values.
pub(super) fn no_value(value: &Val<'_>) -> Stop {
    let hint = match value {
        Val::View(View::Input) => "write `$input.all()`, `$input.first()` or `$json`",
        Val::View(View::Step(_)) => "write `.output`, `.items` or `.status` behind it",
        _ => "write `.first().json`, `.item.json` or `.all()` behind it",
    };
    Stop::wrong_type(format!("{} is no value by itself; {hint}", value.kind()))
}
