//! Evaluates expression parameters with the expression language of workflows.

use jackfield_definition::expression::{EvaluateOptions, Expression, StaticRoots};
use jackfield_plugin_api::{Expr, NodeError};
use jackfield_types::{ErrorCode, Item, Object};
use serde_json::Value;

/// Evaluates an expression for one of the items.
pub(crate) fn evaluate(
    expression: &Expr,
    items: &[Item],
    item: usize,
    variables: &Object,
    bindings: &[(&str, &Value)],
) -> Result<Value, NodeError> {
    let compiled = Expression::parse(expression.source())
        .map_err(|error| NodeError::permanent(error.code.clone(), error.to_string()))?;
    let mut roots = StaticRoots::new(jiff::Timestamp::UNIX_EPOCH)
        .with_input(items.to_vec())
        .with_item_index(item)
        .with_variables(variables.clone());
    for (name, value) in bindings {
        roots = roots.with_binding(*name, (*value).clone());
    }
    compiled
        .evaluate(&roots, &EvaluateOptions::default())
        .map_err(|error| NodeError::permanent(ErrorCode::EXPRESSION_ERROR, error.to_string()))
}
