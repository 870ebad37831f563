use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::NodeError;

/// A place in which the typed form of parameters without expressions is kept, so that it is made
/// once and not at each call.
pub type Prepared = OnceLock<Arc<dyn Any + Send + Sync>>;

/// The parameters of a node, as a call sees them. Implemented by hosts.
pub trait Parameters: Send + Sync {
    /// The parameters as they are written, templates and all.
    fn source(&self) -> &Value;

    /// Whether they are the same for every item: no template is in them.
    fn is_static(&self) -> bool;

    /// The parameters for one item of the first input: templates evaluated, checked against the
    /// node type's schema. An item that is not there makes `$json` an empty object.
    ///
    /// # Errors
    /// [`NodeError::Params`] or [`NodeError::Permanent`] with the place that could not be
    /// evaluated or is not what the schema takes.
    fn resolve(&self, item: usize) -> Result<Cow<'_, Value>, NodeError>;

    /// Evaluates an expression parameter for one item, with names of the node's own bound.
    ///
    /// # Errors
    /// [`NodeError::Permanent`] with the expression that could not be evaluated.
    fn evaluate(
        &self,
        expression: &Expr,
        item: usize,
        bindings: &[(&str, &Value)],
    ) -> Result<Value, NodeError>;

    /// Where the typed form is kept; used only if [`is_static`](Self::is_static).
    fn prepared(&self) -> &Prepared;
}

/// A parameter that the node itself evaluates, as often as it likes and with names of its own
/// bound, such as the `condition` of a filter.
///
/// Written as a bare expression (`$item.price > 3`) or as a template (`{{ $item.price > 3 }}`).
/// It is compiled when the workflow is planned.
#[derive(Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Expr(Arc<str>);

impl Expr {
    /// The `format` by which a schema marks such a parameter.
    pub const FORMAT: &'static str = "expression";

    /// Wraps the text of an expression.
    pub fn new(source: &str) -> Self {
        Self(source.into())
    }

    /// The text.
    pub fn source(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Expr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(Self(text.into())),
            constant @ (Value::Bool(_) | Value::Number(_)) => Ok(Self(constant.to_string().into())),
            _ => Err(serde::de::Error::custom(
                "expected the text of an expression",
            )),
        }
    }
}

impl fmt::Debug for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl JsonSchema for Expr {
    fn schema_name() -> Cow<'static, str> {
        "Expression".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "boolean", "number"], "format": Self::FORMAT })
    }
}
