use jackfield_plugin_api::{Expr, NodeCall, NodeError};
use jackfield_types::{Object, ValidationIssue};
use serde_json::Value;

use super::parameter::{self, Kind, Parameter};
use super::{Number, path_error};
use crate::path::Path;

/// What a function is called with: its parameters for one item.
///
/// A parameter that was left out is what its declaration says. The kinds have been checked; asking
/// for a parameter as something else than it was declared is an error like any other.
pub(crate) struct Arguments<'a> {
    parameters: &'a [Parameter],
    given: &'a Object,
    call: NodeCall<'a>,
    item: usize,
}

impl<'a> Arguments<'a> {
    pub(super) fn new(
        parameters: &'a [Parameter],
        given: &'a Object,
        call: NodeCall<'a>,
        item: usize,
    ) -> Self {
        Self {
            parameters,
            given,
            call,
            item,
        }
    }

    /// A parameter that may have been left out.
    pub(crate) fn given(&self, name: &str) -> Option<&'a Value> {
        let declared = self
            .parameters
            .iter()
            .find(|parameter| parameter.name == name);
        debug_assert!(declared.is_some(), "the parameter {name} is not declared");
        declared?.value(self.given)
    }

    /// A parameter of any type; null when it was left out.
    pub(crate) fn value(&self, name: &str) -> &'a Value {
        self.given(name).unwrap_or(&Value::Null)
    }

    fn typed<T>(
        &self,
        name: &str,
        kind: Kind,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<T, NodeError> {
        let value = self.value(name);
        read(value).ok_or_else(|| NodeError::Params(vec![kind.mismatch(&pointer(name), value)]))
    }

    /// A text.
    pub(crate) fn text(&self, name: &str) -> Result<&'a str, NodeError> {
        self.typed(name, Kind::Text, Value::as_str)
    }

    /// A text that may have been left out.
    pub(crate) fn optional_text(&self, name: &str) -> Result<Option<&'a str>, NodeError> {
        self.given(name).map(|_| self.text(name)).transpose()
    }

    /// A number.
    pub(crate) fn number(&self, name: &str) -> Result<Number, NodeError> {
        self.typed(name, Kind::Number, number)
    }

    /// A number without fraction.
    pub(crate) fn integer(&self, name: &str) -> Result<i64, NodeError> {
        self.typed(name, Kind::INTEGER, parameter::integer)
    }

    /// A number without fraction that may have been left out.
    pub(crate) fn optional_integer(&self, name: &str) -> Result<Option<i64>, NodeError> {
        self.given(name).map(|_| self.integer(name)).transpose()
    }

    /// True or false.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, NodeError> {
        self.typed(name, Kind::Boolean, Value::as_bool)
    }

    /// A list.
    pub(crate) fn list(&self, name: &str) -> Result<&'a [Value], NodeError> {
        self.typed(name, Kind::List, |value| {
            value.as_array().map(Vec::as_slice)
        })
    }

    /// An object.
    pub(crate) fn object(&self, name: &str) -> Result<&'a Object, NodeError> {
        self.typed(name, Kind::Object, Value::as_object)
    }

    /// A list of numbers.
    pub(crate) fn numbers(&self, name: &str) -> Result<Vec<Number>, NodeError> {
        self.elements(name, Kind::Number, number)
    }

    /// A list of texts.
    pub(crate) fn texts(&self, name: &str) -> Result<Vec<&'a str>, NodeError> {
        self.elements(name, Kind::Text, Value::as_str)
    }

    /// A list of lists.
    pub(crate) fn lists(&self, name: &str) -> Result<Vec<&'a [Value]>, NodeError> {
        self.elements(name, Kind::List, |value| {
            value.as_array().map(Vec::as_slice)
        })
    }

    /// A list of objects.
    pub(crate) fn objects(&self, name: &str) -> Result<Vec<&'a Object>, NodeError> {
        self.elements(name, Kind::Object, Value::as_object)
    }

    fn elements<T>(
        &self,
        name: &str,
        kind: Kind,
        read: fn(&'a Value) -> Option<T>,
    ) -> Result<Vec<T>, NodeError> {
        let element = |(place, value)| {
            read(value).ok_or_else(|| {
                let pointer = format!("{}/{place}", pointer(name));
                NodeError::Params(vec![kind.mismatch(&pointer, value)])
            })
        };
        self.list(name)?.iter().enumerate().map(element).collect()
    }

    /// The path of a value.
    pub(crate) fn path(&self, name: &str) -> Result<Path, NodeError> {
        let path = Path::parse(self.text(name)?);
        path.and_then(|path| path.check_keys().map(|()| path))
            .map_err(|error| path_error(&pointer(name), &error))
    }

    /// The path of a value, which may have been left out.
    pub(crate) fn optional_path(&self, name: &str) -> Result<Option<Path>, NodeError> {
        self.given(name).map(|_| self.path(name)).transpose()
    }

    /// An expression, to be given to [`evaluate`](Self::evaluate).
    pub(crate) fn expression(&self, name: &str) -> Result<Expr, NodeError> {
        self.typed(name, Kind::Expression, |value| match value {
            Value::String(text) => Some(Expr::new(text)),
            Value::Bool(_) | Value::Number(_) => Some(Expr::new(&value.to_string())),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        })
    }

    /// Evaluates an expression, with names bound.
    pub(crate) fn evaluate(
        &self,
        expression: &Expr,
        bindings: &[(&str, &Value)],
    ) -> Result<Value, NodeError> {
        self.check_cancelled()?;
        self.call
            .parameters
            .evaluate(expression, self.item, bindings)
    }

    /// Breaks off when nobody wants the result any more.
    pub(crate) fn check_cancelled(&self) -> Result<(), NodeError> {
        if self.call.context.cancellation.is_cancelled() {
            return Err(NodeError::Cancelled);
        }
        Ok(())
    }

    /// A parameter whose type is right and whose value is not.
    pub(crate) fn wrong(&self, name: &str, message: impl Into<String>) -> NodeError {
        NodeError::parameter(pointer(name), message)
    }

    /// A parameter whose value is not right, and the way out.
    pub(crate) fn wrong_with_hint(
        &self,
        name: &str,
        message: impl Into<String>,
        hint: &str,
    ) -> NodeError {
        let issue = ValidationIssue::parameter(pointer(name), message);
        NodeError::Params(vec![issue.with_hint(hint)])
    }
}

fn pointer(name: &str) -> String {
    format!("/{name}")
}

fn number(value: &Value) -> Option<Number> {
    match value {
        Value::Number(number) => Some(number.into()),
        _ => None,
    }
}
