//! TOML as the same values that JSON has, with the place of each in the text.

use std::collections::HashMap;
use std::ops::Range;

use jackfield_definition::{Diagnostic, SourceText};
use jackfield_types::{ErrorCode, Object};
use serde_json::{Number, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::finding::{Finding, Part};
use super::shape::{index, key};
use super::toml_nesting::is_too_deep;

/// Where things stand in the text, by JSON Pointer.
#[derive(Debug, Default)]
pub(super) struct Places {
    found: HashMap<String, Place>,
}

#[derive(Debug)]
struct Place {
    key: Option<Range<usize>>,
    value: Range<usize>,
}

impl Places {
    /// The bytes of a place, or of the nearest thing around it.
    pub(super) fn span(&self, pointer: &str, part: Part) -> Range<usize> {
        if let Some(place) = self.found.get(pointer) {
            return match (part, &place.key) {
                (Part::Key, Some(key)) => key.clone(),
                (Part::Key, None) | (Part::Value, _) => place.value.clone(),
            };
        }
        let mut around = pointer;
        while let Some(end) = around.rfind('/') {
            around = &around[..end];
            if let Some(place) = self.found.get(around) {
                return place.key.as_ref().unwrap_or(&place.value).clone();
            }
        }
        0..0
    }
}

/// Reads TOML. What has no place in JSON, such as a date, is found wrong and left out.
pub(super) fn parse(source: &SourceText) -> Result<(Value, Places, Vec<Finding>), Vec<Diagnostic>> {
    let text = source.text();
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let start = text.len() - body.len();
    if is_too_deep(body) {
        let message = "the document nests deeper than any policy";
        let finding = Diagnostic::new(ErrorCode::INVALID_SYNTAX, message).at_span(0..0);
        return Err(vec![finding]);
    }
    let (document, errors) = DeTable::parse_recoverable(body);
    if !errors.is_empty() {
        let finding = |error: &toml::de::Error| {
            let message = format!("not valid TOML: {}", error.message());
            let end = text.len();
            let span = error.span().map_or(end..end, |span| {
                (span.start + start).min(end)..(span.end + start).min(end)
            });
            Diagnostic::new(ErrorCode::INVALID_SYNTAX, message).at_span(span)
        };
        return Err(errors.iter().map(finding).collect());
    }
    let mut reading = Reading {
        start,
        places: Places::default(),
        findings: Vec::new(),
    };
    reading.place("", None, 0..0);
    let value = reading.table(document.get_ref(), "");
    Ok((value, reading.places, reading.findings))
}

struct Reading {
    /// Where the TOML begins in the text.
    start: usize,
    places: Places,
    findings: Vec<Finding>,
}

impl Reading {
    fn place(&mut self, pointer: &str, key: Option<Range<usize>>, value: Range<usize>) {
        let moved = |span: Range<usize>| span.start + self.start..span.end + self.start;
        let place = Place {
            key: key.map(moved),
            value: moved(value),
        };
        self.places.found.insert(pointer.to_owned(), place);
    }

    fn table(&mut self, table: &DeTable<'_>, pointer: &str) -> Value {
        let mut object = Object::new();
        for (name, value) in table {
            let pointer = key(pointer, name.get_ref());
            self.place(&pointer, Some(name.span()), value.span());
            if let Some(value) = self.value(value, &pointer) {
                object.insert(name.get_ref().clone().into_owned(), value);
            }
        }
        Value::Object(object)
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>, pointer: &str) -> Option<Value> {
        match value.get_ref() {
            DeValue::String(text) => Some(Value::String(text.clone().into_owned())),
            DeValue::Boolean(value) => Some(Value::Bool(*value)),
            DeValue::Integer(integer) => {
                let read = i128::from_str_radix(integer.as_str(), integer.radix()).ok();
                let number = read.and_then(Number::from_i128);
                self.number(number, &integer.to_string(), pointer)
            }
            DeValue::Float(float) => {
                let read = float.as_str().parse().ok();
                let number = read.and_then(Number::from_f64);
                self.number(number, float.as_str(), pointer)
            }
            DeValue::Datetime(date) => {
                let message = format!("the date `{date}` means nothing here");
                self.findings.push(Finding::error(pointer, message));
                None
            }
            DeValue::Array(list) => {
                let mut values = Vec::with_capacity(list.len());
                for (place, element) in list.iter().enumerate() {
                    let pointer = index(pointer, place);
                    self.place(&pointer, None, element.span());
                    // A value that could not be read keeps its place in the list.
                    values.push(self.value(element, &pointer).unwrap_or(Value::Null));
                }
                Some(Value::Array(values))
            }
            DeValue::Table(table) => Some(self.table(table, pointer)),
        }
    }

    fn number(&mut self, number: Option<Number>, text: &str, pointer: &str) -> Option<Value> {
        if number.is_none() {
            let message = format!("`{text}` is not a number that can be reckoned with");
            self.findings.push(Finding::error(pointer, message));
        }
        number.map(Value::Number)
    }
}
