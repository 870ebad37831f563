//! Documents of plugins as TOML: every mistake of a document is found in one go, each with its place.
//!
//! Places are looked up only when there is something to report, so that reading thousands of
//! documents that are right costs nothing for them.

mod fields;
mod nesting;

use std::ops::Range;

use jackfield_definition::{Diagnostic, Diagnostics, SourceText};
use jackfield_types::{ErrorCode, Object};
use serde_json::{Number, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub(super) use fields::{Fields, describe};

/// Which part of a place is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Key,
    Value,
}

/// Something that is wrong, and the JSON Pointer that it is about.
#[derive(Debug)]
pub(super) struct Finding {
    pointer: String,
    part: Part,
    diagnostic: Diagnostic,
}

impl Finding {
    pub(super) fn error(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self::coded(ErrorCode::INVALID_PACKAGE, pointer, message)
    }

    pub(super) fn coded(
        code: ErrorCode,
        pointer: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            pointer: pointer.into(),
            part: Part::Value,
            diagnostic: Diagnostic::new(code, message),
        }
    }

    pub(super) fn at_key(mut self) -> Self {
        self.part = Part::Key;
        self
    }

    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.diagnostic = self.diagnostic.with_hint(hint);
        self
    }

    pub(super) fn with_hint_if(mut self, hint: Option<String>) -> Self {
        self.diagnostic = self.diagnostic.with_hint_if(hint);
        self
    }

    pub(super) fn with_expected(mut self, expected: impl Into<String>) -> Self {
        self.diagnostic = self.diagnostic.with_expected(expected);
        self
    }

    /// Moves what is said about a place of one value to the same place of a value around it.
    pub(super) fn below(mut self, pointer: &str) -> Self {
        self.pointer.insert_str(0, pointer);
        self
    }

    /// The finding with its place as a JSON Pointer, for documents that are JSON.
    pub(super) fn into_diagnostic(self) -> Diagnostic {
        match self.part {
            Part::Key => self.diagnostic.at_key(self.pointer),
            Part::Value => self.diagnostic.at(self.pointer),
        }
    }
}

/// The pointer of an element of a list.
pub(super) fn index(pointer: &str, place: usize) -> String {
    format!("{pointer}/{place}")
}

/// The pointer of a field.
pub(super) fn key(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// A document that was parsed.
pub(super) struct Document<'a> {
    source: &'a SourceText,
    /// Where the TOML begins in the text.
    start: usize,
    table: DeTable<'a>,
}

impl<'a> Document<'a> {
    /// Parses the TOML, whose nesting is bounded before any recursive parser sees it.
    pub(super) fn parse(source: &'a SourceText) -> Result<Self, Diagnostics> {
        let text = source.text();
        let body = text.strip_prefix('\u{feff}').unwrap_or(text);
        let start = text.len() - body.len();
        if let Some(offset) = nesting::too_deep(body) {
            let message = format!("nested more than {} deep", nesting::DEEPEST);
            let at = (start + offset).min(text.len());
            let finding = Diagnostic::new(ErrorCode::LIMIT_EXCEEDED, message).at_span(at..at);
            return Err(Diagnostics::collect([finding], Some(source)));
        }
        let (table, errors) = DeTable::parse_recoverable(body);
        if !errors.is_empty() {
            let findings = errors.iter().map(|error| {
                let message = format!("not valid TOML: {}", error.message());
                let span = error.span().unwrap_or(body.len()..body.len());
                Diagnostic::new(ErrorCode::INVALID_SYNTAX, message).at_span(moved(
                    &span,
                    start,
                    text.len(),
                ))
            });
            return Err(Diagnostics::collect(findings, Some(source)));
        }
        Ok(Self {
            source,
            start,
            table: table.into_inner(),
        })
    }

    /// The same document as JSON has it. What has no place in JSON is found wrong and left out.
    pub(super) fn value(&self, findings: &mut Vec<Finding>) -> Object {
        object(&self.table, "", findings)
    }

    /// Gives findings their places in the text.
    pub(super) fn locate(&self, findings: Vec<Finding>) -> Diagnostics {
        let placed = findings.into_iter().map(|finding| {
            let span = self.span(&finding.pointer, finding.part);
            finding.into_diagnostic().at_span(span)
        });
        Diagnostics::collect(placed, Some(self.source))
    }

    /// The bytes of a place, or of the nearest thing around it.
    fn span(&self, pointer: &str, part: Part) -> Range<usize> {
        let mut span = 0..0;
        let mut table = Some(&self.table);
        let mut list = None;
        for step in pointer.split('/').skip(1) {
            let name = step.replace("~1", "/").replace("~0", "~");
            let (key, value): (Option<Range<usize>>, &Spanned<DeValue<'_>>) =
                if let Some((key, value)) =
                    table.and_then(|table: &DeTable<'_>| table.get_key_value(name.as_str()))
                {
                    (Some(key.span()), value)
                } else if let Some(value) = list
                    .zip(name.parse::<usize>().ok())
                    .and_then(|(list, place): (&[Spanned<DeValue<'_>>], usize)| list.get(place))
                {
                    (None, value)
                } else {
                    break;
                };
            // A table that is written in several parts has no span worth showing.
            let is_table = matches!(value.get_ref(), DeValue::Table(_));
            span = match (part, key) {
                (Part::Key, Some(key)) => key,
                (Part::Value, Some(key)) if is_table => key,
                (Part::Key | Part::Value, _) => value.span(),
            };
            (table, list) = match value.get_ref() {
                DeValue::Table(inner) => (Some(inner), None),
                DeValue::Array(inner) => (None, Some(&inner[..])),
                DeValue::String(_)
                | DeValue::Integer(_)
                | DeValue::Float(_)
                | DeValue::Boolean(_)
                | DeValue::Datetime(_) => (None, None),
            };
        }
        moved(&span, self.start, self.source.text().len())
    }
}

fn moved(span: &Range<usize>, start: usize, end: usize) -> Range<usize> {
    (span.start + start).min(end)..(span.end + start).min(end)
}

fn object(table: &DeTable<'_>, pointer: &str, findings: &mut Vec<Finding>) -> Object {
    let mut object = Object::new();
    for (name, value) in table {
        let name = name.get_ref();
        if let Some(value) = value_of(value.get_ref(), &|| key(pointer, name), findings) {
            object.insert(name.clone().into_owned(), value);
        }
    }
    object
}

fn value_of(
    value: &DeValue<'_>,
    pointer: &dyn Fn() -> String,
    findings: &mut Vec<Finding>,
) -> Option<Value> {
    let number = |number: Option<Number>, text: &str, findings: &mut Vec<Finding>| {
        if number.is_none() {
            let message = format!("`{text}` is not a number that can be reckoned with");
            findings.push(Finding::error(pointer(), message));
        }
        number.map(Value::Number)
    };
    match value {
        DeValue::String(text) => Some(Value::String(text.clone().into_owned())),
        DeValue::Boolean(value) => Some(Value::Bool(*value)),
        DeValue::Integer(integer) => {
            let read = i128::from_str_radix(integer.as_str(), integer.radix()).ok();
            number(
                read.and_then(Number::from_i128),
                &integer.to_string(),
                findings,
            )
        }
        DeValue::Float(float) => {
            let read = float.as_str().parse().ok();
            number(read.and_then(Number::from_f64), float.as_str(), findings)
        }
        DeValue::Datetime(date) => {
            let message = format!("the date `{date}` means nothing here");
            findings.push(Finding::error(pointer(), message).with_hint("put it in quotes"));
            None
        }
        DeValue::Array(list) => {
            let mut values = Vec::with_capacity(list.len());
            for (place, element) in list.iter().enumerate() {
                let read = value_of(element.get_ref(), &|| index(&pointer(), place), findings);
                // A value that could not be read keeps its place in the list.
                values.push(read.unwrap_or(Value::Null));
            }
            Some(Value::Array(values))
        }
        DeValue::Table(table) => Some(Value::Object(object(table, &pointer(), findings))),
    }
}
