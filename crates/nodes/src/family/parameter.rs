use jackfield_plugin_api::Expr;
use jackfield_types::{Object, ValidationIssue};
use serde_json::{Value, json};

use super::describe;
use crate::path::Path;

/// A parameter of a function.
#[derive(Debug, Clone)]
pub(crate) struct Parameter {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) presence: Presence,
    pub(super) description: &'static str,
    rule: Option<Rule>,
}

/// What is wrong with a value of the right kind, at this place.
pub(crate) type Rule = fn(&str, &Value) -> Option<ValidationIssue>;

/// Whether a parameter must be given, and what it is when it is not.
#[derive(Debug, Clone)]
pub(super) enum Presence {
    Required,
    Optional,
    Defaulted(Value),
}

/// What a parameter takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Anything, null included.
    Any,
    /// A text.
    Text,
    /// A text of at least one character.
    NonEmptyText,
    /// A number.
    Number,
    /// A number without fraction, between these two.
    Integer(i64, i64),
    /// True or false.
    Boolean,
    /// A list.
    List,
    /// An object.
    Object,
    /// A list of numbers.
    Numbers,
    /// A list of texts.
    Texts,
    /// A list of lists.
    Lists,
    /// A list of objects.
    Objects,
    /// A list or an object.
    ListOrObject,
    /// A text or a number: a point in time.
    Time,
    /// One of these texts.
    Choice(&'static [&'static str]),
    /// The place of a value inside of another: `customer.tags[0]`.
    Path,
    /// An expression that the function evaluates itself.
    Expression,
}

impl Kind {
    /// Any integer.
    pub(crate) const INTEGER: Self = Self::Integer(i64::MIN, i64::MAX);
}

/// A parameter that must be given.
pub(crate) fn required(name: &'static str, kind: Kind, description: &'static str) -> Parameter {
    Parameter {
        name,
        kind,
        presence: Presence::Required,
        description,
        rule: None,
    }
}

/// A parameter that may be left out.
pub(crate) fn optional(name: &'static str, kind: Kind, description: &'static str) -> Parameter {
    Parameter {
        name,
        kind,
        presence: Presence::Optional,
        description,
        rule: None,
    }
}

/// A parameter that has a value when it is left out.
pub(crate) fn defaulted(
    name: &'static str,
    kind: Kind,
    default: impl Into<Value>,
    description: &'static str,
) -> Parameter {
    Parameter {
        name,
        kind,
        presence: Presence::Defaulted(default.into()),
        description,
        rule: None,
    }
}

impl Parameter {
    /// Adds what has to hold of it beyond its kind, so that it is known when a workflow is planned.
    pub(crate) fn which(mut self, rule: Rule) -> Self {
        self.rule = Some(rule);
        self
    }

    pub(super) fn is_required(&self) -> bool {
        matches!(self.presence, Presence::Required)
    }

    /// What was given, or else what it is when nothing is given. Null is nothing, but for a
    /// parameter that takes anything.
    pub(super) fn value<'a>(&'a self, given: &'a Object) -> Option<&'a Value> {
        match given.get(self.name) {
            Some(value) if self.kind == Kind::Any || !value.is_null() => Some(value),
            _ => match &self.presence {
                Presence::Defaulted(value) => Some(value),
                Presence::Required | Presence::Optional => None,
            },
        }
    }

    /// Its JSON Schema.
    pub(super) fn schema(&self) -> Value {
        let types = |names: &[&str]| json!({ "type": names });
        let list = |of: &str| json!({ "type": ["array"], "items": { "type": of } });
        let mut schema = match self.kind {
            Kind::Any => json!({}),
            Kind::Text => types(&["string"]),
            Kind::NonEmptyText | Kind::Path => json!({ "type": ["string"], "minLength": 1 }),
            Kind::Number => types(&["number"]),
            Kind::Integer(least, greatest) => {
                let mut schema = types(&["integer"]);
                if least > i64::MIN {
                    schema["minimum"] = least.into();
                }
                if greatest < i64::MAX {
                    schema["maximum"] = greatest.into();
                }
                schema
            }
            Kind::Boolean => types(&["boolean"]),
            Kind::List => types(&["array"]),
            Kind::Object => types(&["object"]),
            Kind::Numbers => list("number"),
            Kind::Texts => list("string"),
            Kind::Lists => list("array"),
            Kind::Objects => list("object"),
            Kind::ListOrObject => types(&["array", "object"]),
            Kind::Time => types(&["string", "number"]),
            Kind::Choice(choices) => json!({ "type": ["string"], "enum": choices }),
            Kind::Expression => {
                json!({ "type": ["string", "boolean", "number"], "format": Expr::FORMAT })
            }
        };
        self.finish_types(&mut schema);
        schema["description"] = self.description.into();
        if let Presence::Defaulted(value) = &self.presence {
            schema["default"] = value.clone();
        }
        schema
    }

    fn finish_types(&self, schema: &mut Value) {
        if !self.is_required()
            && let Some(Value::Array(choices)) = schema.get_mut("enum")
        {
            choices.push(Value::Null);
        }
        if let Some(Value::Array(types)) = schema.get_mut("type") {
            if !self.is_required() {
                types.push("null".into());
            }
            if types.len() == 1 {
                let only = types.swap_remove(0);
                schema["type"] = only;
            }
        }
    }

    /// What is wrong with what was given for it.
    pub(super) fn check(&self, given: &Object, issues: &mut Vec<ValidationIssue>) {
        match self.value(given) {
            None if self.is_required() => {
                let found = if given.contains_key(self.name) {
                    "null"
                } else {
                    "nothing"
                };
                issues.push(ValidationIssue::parameter(
                    format!("/{}", self.name),
                    format!("expected {}, got {found}", self.kind.expected()),
                ));
            }
            None => {}
            Some(value) => {
                let (pointer, known) = (format!("/{}", self.name), issues.len());
                self.kind.check(&pointer, value, issues);
                if let Some(rule) = self.rule
                    && issues.len() == known
                    && given.contains_key(self.name)
                {
                    issues.extend(rule(&pointer, value));
                }
            }
        }
    }
}

impl Kind {
    /// What it takes, for an error.
    pub(super) fn expected(self) -> String {
        match self {
            Self::Any => "a value".to_owned(),
            Self::Text => "a text".to_owned(),
            Self::NonEmptyText => "a text that is not empty".to_owned(),
            Self::Number => "a number".to_owned(),
            Self::Integer(i64::MIN, _) => "a number without fraction".to_owned(),
            Self::Integer(least, i64::MAX) => {
                format!("a number without fraction that is at least {least}")
            }
            Self::Integer(least, greatest) => {
                format!("a number without fraction from {least} to {greatest}")
            }
            Self::Boolean => "a boolean".to_owned(),
            Self::List => "a list".to_owned(),
            Self::Object => "an object".to_owned(),
            Self::Numbers => "a list of numbers".to_owned(),
            Self::Texts => "a list of texts".to_owned(),
            Self::Lists => "a list of lists".to_owned(),
            Self::Objects => "a list of objects".to_owned(),
            Self::ListOrObject => "a list or an object".to_owned(),
            Self::Time => "a text or a number".to_owned(),
            Self::Choice(choices) => format!("one of `{}`", choices.join("`, `")),
            Self::Path => "the path of a value, such as `customer.tags[0]`".to_owned(),
            Self::Expression => "an expression".to_owned(),
        }
    }

    fn check(self, pointer: &str, value: &Value, issues: &mut Vec<ValidationIssue>) {
        if let (Some(kind), Value::Array(list)) = (self.of_elements(), value) {
            let wrong = list.iter().position(|element| !kind.takes(element));
            if let Some(place) = wrong {
                kind.check(&format!("{pointer}/{place}"), &list[place], issues);
            }
            return;
        }
        if !self.takes(value) {
            issues.push(self.mismatch(pointer, value));
        } else if let (Self::Path, Value::String(text)) = (self, value)
            && let Err(error) = Path::parse(text).and_then(|path| path.check_keys())
        {
            issues.push(ValidationIssue::parameter(pointer, error.to_string()));
        }
    }

    /// What a list of this kind has as elements.
    fn of_elements(self) -> Option<Self> {
        Some(match self {
            Self::Numbers => Self::Number,
            Self::Texts => Self::Text,
            Self::Lists => Self::List,
            Self::Objects => Self::Object,
            Self::Any
            | Self::Text
            | Self::NonEmptyText
            | Self::Number
            | Self::Integer(..)
            | Self::Boolean
            | Self::List
            | Self::Object
            | Self::ListOrObject
            | Self::Time
            | Self::Choice(_)
            | Self::Path
            | Self::Expression => return None,
        })
    }

    fn takes(self, value: &Value) -> bool {
        match self {
            Self::Any => true,
            Self::Text => value.is_string(),
            Self::NonEmptyText | Self::Path => value.as_str().is_some_and(|text| !text.is_empty()),
            Self::Number => value.is_number(),
            Self::Integer(least, greatest) => {
                integer(value).is_some_and(|number| (least..=greatest).contains(&number))
            }
            Self::Boolean => value.is_boolean(),
            Self::List | Self::Numbers | Self::Texts | Self::Lists | Self::Objects => {
                value.is_array()
            }
            Self::Object => value.is_object(),
            Self::ListOrObject => value.is_array() || value.is_object(),
            Self::Time => value.is_string() || value.is_number(),
            Self::Choice(choices) => value.as_str().is_some_and(|text| choices.contains(&text)),
            Self::Expression => value.is_string() || value.is_boolean() || value.is_number(),
        }
    }

    /// A value that is not what this takes.
    pub(super) fn mismatch(self, pointer: &str, value: &Value) -> ValidationIssue {
        let message = format!("expected {}, got {}", self.expected(), describe(value));
        let issue = ValidationIssue::parameter(pointer, message);
        let hint = match (self, value) {
            (Self::Number | Self::Integer(..), Value::String(_)) => {
                "turn a text into a number with `convert.toNumber`"
            }
            (Self::Text | Self::NonEmptyText, Value::Array(_) | Value::Object(_)) => {
                "turn it into a text with `convert.toJson`"
            }
            (Self::Text | Self::NonEmptyText, Value::Number(_) | Value::Bool(_)) => {
                "turn it into a text with `convert.toString`"
            }
            (Self::Boolean, Value::String(_) | Value::Number(_)) => {
                "turn it into a boolean with `convert.toBoolean`"
            }
            (Self::List | Self::Numbers | Self::Texts, Value::String(_)) => {
                "cut a text into a list with `string.split`, or read JSON with `convert.parseJson`"
            }
            (Self::Object, Value::String(_)) => "read JSON with `convert.parseJson`",
            (Self::Object, Value::Array(_)) => "make an object of a list with `dict.fromEntries`",
            (Self::List, Value::Object(_)) => "make a list of an object with `dict.values`",
            _ => return issue,
        };
        issue.with_hint(hint)
    }
}

/// The number without fraction that a value is.
pub(super) fn integer(value: &Value) -> Option<i64> {
    let Value::Number(number) = value else {
        return None;
    };
    super::Number::from(number)
        .without_fraction()
        .and_then(|number| number.try_into().ok())
}
