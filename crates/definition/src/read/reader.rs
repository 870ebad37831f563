//! What readers of both dialects share: typed fields, and findings where they are not as they
//! should be.

use std::fmt::Display;

use jackfield_types::{ErrorCode, Object, Span};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::present;
use crate::diagnostic::Diagnostic;
use crate::diagnostics::Findings;
use crate::nearest::nearest;
use crate::plan::MOST_ATTEMPTS;
use crate::pointer::Place;
use crate::workflow::Dialect;

/// How much of a node's name is kept for findings.
const LONGEST_NAME: usize = 200;

pub(super) struct Reader<'f> {
    pub(super) dialect: Dialect,
    pub(super) findings: &'f mut Findings,
    /// The node that is being read.
    node: Option<String>,
}

/// A value as it is spoken of.
pub(super) fn describe(value: &Value) -> String {
    const SHOWN: usize = 60;
    match value {
        Value::Null => "`null`".to_owned(),
        Value::Bool(_) | Value::Number(_) => format!("`{value}`"),
        Value::String(text) if text.len() <= SHOWN => format!("the text {text:?}"),
        Value::String(_) => "a long text".to_owned(),
        Value::Array(list) if list.is_empty() => "an empty list".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

impl<'f> Reader<'f> {
    pub(super) fn new(dialect: Dialect, findings: &'f mut Findings) -> Self {
        Self {
            dialect,
            findings,
            node: None,
        }
    }

    /// From here on findings are about this node, or about none.
    pub(super) fn enter_node(&mut self, name: Option<&str>) {
        self.node = name.map(|name| name.chars().take(LONGEST_NAME).collect());
    }

    pub(super) fn report(&mut self, mut finding: Diagnostic) {
        if finding.node.is_none() {
            finding.node.clone_from(&self.node);
        }
        self.findings.push(finding);
    }

    pub(super) fn invalid(&mut self, place: &Place<'_>, message: impl Into<String>) {
        self.report(Diagnostic::new(ErrorCode::INVALID_WORKFLOW, message).at(place.pointer()));
    }

    /// Reports that a field is not what it should be.
    pub(super) fn unexpected(
        &mut self,
        place: &Place<'_>,
        field: &str,
        value: &Value,
        expected: &str,
    ) {
        let message = format!("`{field}` cannot be {}", describe(value));
        self.report(
            Diagnostic::new(ErrorCode::INVALID_WORKFLOW, message)
                .at(place.key(field).pointer())
                .with_expected(expected),
        );
    }

    pub(super) fn text<'v>(
        &mut self,
        object: &'v Object,
        place: &Place<'_>,
        field: &str,
    ) -> Option<&'v str> {
        let value = present(object, field)?;
        if value.is_string() {
            return value.as_str();
        }
        self.unexpected(place, field, value, "a text");
        None
    }

    pub(super) fn bool(&mut self, object: &Object, place: &Place<'_>, field: &str) -> bool {
        match present(object, field) {
            None => false,
            Some(Value::Bool(value)) => *value,
            Some(other) => {
                self.unexpected(place, field, other, "`true` or `false`");
                false
            }
        }
    }

    pub(super) fn object<'v>(
        &mut self,
        object: &'v Object,
        place: &Place<'_>,
        field: &str,
    ) -> Option<&'v Object> {
        match present(object, field)? {
            Value::Object(inner) => Some(inner),
            other => {
                self.unexpected(place, field, other, "an object");
                None
            }
        }
    }

    pub(super) fn list<'v>(
        &mut self,
        object: &'v Object,
        place: &Place<'_>,
        field: &str,
    ) -> Option<&'v Vec<Value>> {
        match present(object, field)? {
            Value::Array(list) => Some(list),
            other => {
                self.unexpected(place, field, other, "a list");
                None
            }
        }
    }

    pub(super) fn span(&mut self, object: &Object, place: &Place<'_>, field: &str) -> Option<Span> {
        let value = present(object, field)?;
        let parsed = match value {
            Value::String(text) => text.parse().ok(),
            Value::Number(number) => number.as_u64().map(Span::from_millis),
            _ => None,
        };
        if parsed.is_none() {
            let expected =
                "milliseconds as a whole number, or a text such as `250ms`, `5s` or `1h 30m`";
            self.unexpected(place, field, value, expected);
        }
        parsed
    }

    /// A field whose type knows by itself what it takes.
    pub(super) fn typed<T: DeserializeOwned>(
        &mut self,
        object: &Object,
        place: &Place<'_>,
        field: &str,
    ) -> Option<T> {
        let value = present(object, field)?;
        match serde_json::from_value(value.clone()) {
            Ok(read) => Some(read),
            Err(error) => {
                self.rejected(place, field, &error);
                None
            }
        }
    }

    /// Reports what a type said about the value of a field.
    pub(super) fn rejected(&mut self, place: &Place<'_>, field: &str, error: &dyn Display) {
        let text = error.to_string();
        let (reason, expected) = match text.split_once(", expected ") {
            Some((reason, expected)) => (reason, Some(expected)),
            None => (&*text, None),
        };
        let unknown = reason.strip_prefix("unknown variant ");
        let message = match unknown {
            Some(value) => format!("`{field}` cannot be {value}"),
            None => format!("`{field}`: {reason}"),
        };
        let mut finding =
            Diagnostic::new(ErrorCode::INVALID_WORKFLOW, message).at(place.key(field).pointer());
        if let Some(expected) = expected {
            let names = expected.split('`').skip(1).step_by(2);
            let near = unknown.and_then(|value| nearest(value.trim_matches('`'), names));
            finding = finding.with_hint_if(near.map(|near| format!("did you mean `{near}`?")));
            finding = finding.with_expected(match expected {
                "a nonzero u32" => format!("a whole number from 1 to {MOST_ATTEMPTS}"),
                "u32" => format!("a whole number from 0 to {}", MOST_ATTEMPTS - 1),
                other => other.to_owned(),
            });
        }
        self.report(finding);
    }

    /// Reports fields that the native format does not have. The n8n dialect has many that mean
    /// nothing here.
    pub(super) fn refuse_unknown(
        &mut self,
        object: &Object,
        place: &Place<'_>,
        what: &str,
        known: &[&str],
    ) {
        if self.dialect == Dialect::N8n {
            return;
        }
        for field in object
            .keys()
            .filter(|field| !known.contains(&field.as_str()))
        {
            if self.findings.is_full() {
                self.findings
                    .push(Diagnostic::new(ErrorCode::UNKNOWN_FIELD, ""));
                continue;
            }
            let hint = match replacement(field) {
                Some(replacement) => Some(replacement.to_owned()),
                None => nearest(field, known.iter().copied())
                    .map(|near| format!("did you mean `{near}`?")),
            };
            let expected = match known.len() {
                0..=8 => Some(
                    known
                        .iter()
                        .map(|one| format!("`{one}`"))
                        .collect::<Vec<_>>(),
                ),
                _ => None,
            };
            let message = format!("{what} has no field `{field}`");
            let mut finding = Diagnostic::new(ErrorCode::UNKNOWN_FIELD, message)
                .at_key(place.key(field).pointer())
                .with_hint_if(hint);
            if let Some(expected) = expected {
                finding = finding.with_expected(format!("one of {}", expected.join(", ")));
            }
            self.report(finding);
        }
    }
}

/// What the native format has in place of a field of n8n's.
fn replacement(field: &str) -> Option<&'static str> {
    Some(match field {
        "retryOnFail" | "maxTries" | "waitBetweenTries" => {
            "the native format says it with `retryPolicy`"
        }
        "continueOnFail" => {
            "the native format says it with `\"onError\": \"continueRegularOutput\"`"
        }
        "executionTimeout" => "the native format says it with `timeout`",
        "executionOrder" => "the native format has just one execution order",
        "credentials" => "credentials are not kept in workflows",
        _ => return None,
    })
}
