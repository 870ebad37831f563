//! Values out to JSON, and JSON in.

use indexmap::IndexMap;
use serde_json::Value;

use super::convert::no_value;
use super::error::Stop;
use super::functions::Outcome;
use super::machine::Machine;
use super::number::{self, Number};
use super::value::{List, Map, Text, Val, number_val};

/// What a value costs of the output beside its text.
const OVERHEAD: usize = 8;

impl<'a> Machine<'a> {
    /// The final value. `undefined` becomes `null`; what is no number is an error.
    pub(super) fn finish(&mut self, value: &Val<'a>) -> Result<Value, Stop> {
        let mut left = self.output;
        self.json_of(value, 0, &mut left)
    }

    fn spend(&self, bytes: usize, left: &mut usize) -> Result<(), Stop> {
        match left.checked_sub(bytes + OVERHEAD) {
            Some(rest) => {
                *left = rest;
                Ok(())
            }
            None => Err(Stop::limit(format!(
                "the expression gives more than {} bytes",
                self.output
            ))),
        }
    }

    fn json_of(&mut self, value: &Val<'a>, depth: usize, left: &mut usize) -> Result<Value, Stop> {
        if depth > self.deepest {
            return Err(self.too_deep());
        }
        self.spend(0, left)?;
        Ok(match value {
            Val::Undefined | Val::Null => Value::Null,
            Val::Bool(value) => Value::Bool(*value),
            Val::Int(number) => integer(*number),
            Val::Float(number) => float(*number)?,
            Val::Text(text) => {
                self.spend(text.len(), left)?;
                Value::String((**text).to_owned())
            }
            Val::List(List::Json(values)) => self.copy_list(values, depth, left)?,
            Val::List(list) => {
                let mut made = Vec::with_capacity(list.len().min(*left / OVERHEAD));
                for value in list.iter() {
                    self.charge(1)?;
                    made.push(self.json_of(&value, depth + 1, left)?);
                }
                Value::Array(made)
            }
            Val::Map(map) => {
                let mut made = serde_json::Map::new();
                for (name, value) in map.iter() {
                    self.charge(1)?;
                    // As in `JSON.stringify`, a field that is `undefined` is left out.
                    if matches!(value, Val::Undefined) {
                        continue;
                    }
                    self.spend(name.len(), left)?;
                    made.insert((*name).to_owned(), self.json_of(&value, depth + 1, left)?);
                }
                Value::Object(made)
            }
            Val::Moment(moment) => Value::String(moment.to_text()),
            Val::Duration(duration) => Value::String(duration.to_text()),
            Val::View(_) => return Err(no_value(value)),
            Val::Function(_) => return Err(Stop::wrong_type("a function is no value")),
        })
    }

    fn copy_list(
        &mut self,
        values: &'a [Value],
        depth: usize,
        left: &mut usize,
    ) -> Result<Value, Stop> {
        let mut made = Vec::with_capacity(values.len().min(*left / OVERHEAD));
        for value in values {
            self.charge(1)?;
            made.push(self.json_of(&Val::from(value), depth + 1, left)?);
        }
        Ok(Value::Array(made))
    }

    /// What `JSON.stringify` gives; nothing for `undefined`.
    pub(super) fn stringify(
        &mut self,
        value: &Val<'a>,
        indent: &str,
    ) -> Result<Option<String>, Stop> {
        if matches!(value, Val::Undefined | Val::Function(_)) {
            return Ok(None);
        }
        let mut text = String::new();
        self.write(value, indent, 0, &mut text)?;
        Ok(Some(text))
    }

    fn write(
        &mut self,
        value: &Val<'a>,
        indent: &str,
        depth: usize,
        out: &mut String,
    ) -> Result<(), Stop> {
        if depth > self.deepest {
            return Err(self.too_deep());
        }
        match value {
            Val::Undefined | Val::Null => self.push(out, "null"),
            Val::Bool(true) => self.push(out, "true"),
            Val::Bool(false) => self.push(out, "false"),
            Val::Int(number) => self.push(out, &number.to_string()),
            Val::Float(number) if number.is_finite() => {
                self.push(out, &number::float_text(*number))
            }
            Val::Float(_) => self.push(out, "null"),
            Val::Text(text) => self.quote(out, text),
            Val::Moment(moment) => self.quote(out, &moment.to_text()),
            Val::Duration(duration) => self.quote(out, &duration.to_text()),
            Val::List(list) => {
                self.push(out, "[")?;
                for (index, value) in list.iter().enumerate() {
                    self.charge(1)?;
                    self.push(out, if index > 0 { "," } else { "" })?;
                    self.line(out, indent, depth + 1)?;
                    self.write(&value, indent, depth + 1, out)?;
                }
                if list.len() > 0 {
                    self.line(out, indent, depth)?;
                }
                self.push(out, "]")
            }
            Val::Map(map) => {
                self.push(out, "{")?;
                let mut any = false;
                for (name, value) in map.iter() {
                    self.charge(1)?;
                    if matches!(value, Val::Undefined) {
                        continue;
                    }
                    self.push(out, if any { "," } else { "" })?;
                    any = true;
                    self.line(out, indent, depth + 1)?;
                    self.quote(out, &name)?;
                    self.push(out, if indent.is_empty() { ":" } else { ": " })?;
                    self.write(&value, indent, depth + 1, out)?;
                }
                if any {
                    self.line(out, indent, depth)?;
                }
                self.push(out, "}")
            }
            Val::View(_) => Err(no_value(value)),
            Val::Function(_) => Err(Stop::wrong_type("a function is no value")),
        }
    }

    fn push(&mut self, out: &mut String, text: &str) -> Result<(), Stop> {
        self.charge_more(out.len(), text.len())?;
        out.push_str(text);
        Ok(())
    }

    fn line(&mut self, out: &mut String, indent: &str, depth: usize) -> Result<(), Stop> {
        if indent.is_empty() {
            return Ok(());
        }
        self.push(out, "\n")?;
        self.charge_more(out.len(), indent.len() * depth)?;
        for _ in 0..depth {
            out.push_str(indent);
        }
        Ok(())
    }

    fn quote(&mut self, out: &mut String, text: &str) -> Result<(), Stop> {
        self.charge_more(out.len(), text.len() + 2)?;
        out.push('"');
        for letter in text.chars() {
            match letter {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                control if control < ' ' => {
                    out.push_str(&format!("\\u{:04x}", u32::from(control)));
                }
                other => out.push(other),
            }
        }
        out.push('"');
        self.charge_more(out.len(), 0)
    }

    /// What `JSON.parse` gives.
    pub(super) fn parse_json(&mut self, text: &str) -> Outcome<'a> {
        self.charge_bytes(text.len())?;
        // Counted before it is read, since every value takes far more room than its text.
        let values = text
            .bytes()
            .filter(|byte| matches!(byte, b',' | b'[' | b'{' | b':'))
            .count();
        self.charge(values)?;
        let value: Value = serde_json::from_str(text)
            .map_err(|error| Stop::invalid(format!("the text is not valid JSON: {error}")))?;
        self.adopt(value)
    }

    /// Takes over a value that was made during the evaluation.
    pub(super) fn adopt(&mut self, value: Value) -> Outcome<'a> {
        match value {
            Value::Null => Ok(Val::Null),
            Value::Bool(value) => Ok(Val::Bool(value)),
            Value::Number(number) => Ok(number_val(&number)),
            Value::String(text) => Ok(Val::text(text)),
            Value::Array(values) => {
                let values: Result<Vec<_>, _> =
                    values.into_iter().map(|value| self.adopt(value)).collect();
                self.list(values?)
            }
            Value::Object(object) => {
                let mut fields = IndexMap::with_capacity(object.len());
                for (name, value) in object {
                    fields.insert(Text::from(name), self.adopt(value)?);
                }
                self.map(fields)
            }
        }
    }

    /// A value as it appears inside a text that is not one expression alone.
    pub(super) fn interpolate(&mut self, value: &Val<'a>) -> Result<Text<'a>, Stop> {
        match value {
            Val::Undefined | Val::Null => Ok(Text::Borrowed("")),
            Val::Float(number) => Ok(Text::from(finite(*number)?.to_text())),
            Val::List(_) | Val::Map(Map::Json(_) | Map::Item(_) | Map::Made(_)) => {
                Ok(Text::from(self.stringify(value, "")?.unwrap_or_default()))
            }
            other => self.text_of(other),
        }
    }
}

fn finite(number: f64) -> Result<Number, Stop> {
    if number.is_finite() {
        return Ok(Number::Float(number));
    }
    let text = number::float_text(number);
    let message = format!("the result is `{text}`, which is no number that can be passed on");
    Err(Stop::number(message))
}

fn integer(number: i128) -> Value {
    if let Ok(number) = i64::try_from(number) {
        Value::from(number)
    } else if let Ok(number) = u64::try_from(number) {
        Value::from(number)
    } else {
        Value::from(number as f64)
    }
}

fn float(number: f64) -> Result<Value, Stop> {
    let number = finite(number)?.as_f64();
    Ok(match number::tidy(number) {
        Val::Int(number) => integer(number),
        _ => Value::from(number),
    })
}
