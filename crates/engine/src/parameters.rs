use std::borrow::Cow;
use std::sync::Arc;

use jackfield_definition::expression::{EvaluationError, Expression, ParameterTemplate};
use jackfield_kernel::{NodeIndex, RunWith};
use jackfield_plugin_api::{Expr, NodeError, Parameters, Prepared};
use jackfield_registry::Registration;
use jackfield_types::{ErrorCode, Severity, ValidationIssue};
use serde_json::Value;

use crate::scope::Scope;

/// The parameters of one call: compiled templates, and what they are evaluated over.
pub(crate) struct CallParameters<'a> {
    pub(crate) scope: &'a Scope,
    pub(crate) node: NodeIndex,
    pub(crate) with: RunWith,
    /// What values that templates give are checked against.
    pub(crate) registration: &'a Arc<Registration>,
}

impl CallParameters<'_> {
    fn template(&self) -> &ParameterTemplate {
        &self.scope.plan().node(self.node).parameters
    }
}

impl Parameters for CallParameters<'_> {
    fn source(&self) -> &Value {
        self.template().source()
    }

    fn is_static(&self) -> bool {
        self.template().is_static()
    }

    fn resolve(&self, item: usize) -> Result<Cow<'_, Value>, NodeError> {
        let template = self.template();
        if let Some(value) = template.static_value() {
            return Ok(Cow::Borrowed(value));
        }
        let at = self.scope.at(item, &[]);
        let redactor = &self.scope.running.nested.redactor;
        let value = template
            .evaluate_tracing(&at, &self.scope.options(), &mut |text| {
                redactor.learn_derived(text);
            })
            .map_err(|placed| {
                let error = placed.error;
                let about_secrets = template.reads_secrets() && may_read_secrets(&error.expression);
                let told = told(&error, about_secrets);
                failed(
                    error.code,
                    format!("parameter `{}`: {told}", placed.pointer),
                )
            })?;
        let errors: Vec<ValidationIssue> = self
            .registration
            .check(&value, &[])
            .into_iter()
            .filter(|issue| issue.severity == Severity::Error)
            .collect();
        if errors.is_empty() {
            Ok(Cow::Owned(value))
        } else {
            Err(NodeError::Params(errors))
        }
    }

    fn evaluate(
        &self,
        expression: &Expr,
        item: usize,
        bindings: &[(&str, &Value)],
    ) -> Result<Value, NodeError> {
        let at = self.scope.at(item, bindings);
        let options = self.scope.options();
        let redactor = &self.scope.running.nested.redactor;
        let mut about_secrets = false;
        let value = match self.template().deferred(expression.source()) {
            Some(compiled) => {
                about_secrets = !compiled.references().secrets.is_empty();
                compiled.evaluate_tracing(&at, &options, &mut |text| redactor.learn_derived(text))
            }
            // One that a template made is compiled here and now.
            None => {
                let names: Vec<_> = bindings.iter().map(|(name, _)| *name).collect();
                let compiled = Expression::parse_with(expression.source(), &names)
                    .map_err(|error| NodeError::permanent(error.code.clone(), error.message))?;
                check_references(&compiled)?;
                compiled.evaluate(&at, &options)
            }
        };
        value.map_err(|error| {
            let told = told(&error, about_secrets);
            failed(error.code, told)
        })
    }

    fn prepared(&self) -> &Prepared {
        self.scope.plan().prepared(self.node).parameters(self.with)
    }
}

/// Whether an expression that failed may be one that reads a secret. A `\\` may hide any name.
fn may_read_secrets(expression: &str) -> bool {
    expression.contains("secrets") || expression.contains('\\')
}

/// What is told of an error. What one says of a value may show a part of a secret, which nothing
/// else would mask.
pub(crate) fn told(error: &EvaluationError, about_secrets: bool) -> String {
    let EvaluationError {
        message,
        expression,
        ..
    } = error;
    let says_why = [
        ErrorCode::TENANT_FORBIDDEN,
        ErrorCode::CREDENTIAL_MISSING,
        ErrorCode::CREDENTIAL_UNREADABLE,
    ];
    if about_secrets && !says_why.contains(&error.code) {
        let hidden = "what is wrong is not shown, because the expression reads a secret";
        return format!("{hidden}, in `{expression}`");
    }
    format!("{message}, in `{expression}`")
}

/// What the tenant may not read no recovery strategy may get round.
fn failed(code: ErrorCode, message: String) -> NodeError {
    if code == ErrorCode::TENANT_FORBIDDEN {
        NodeError::refused(code, message)
    } else {
        NodeError::permanent(code, message)
    }
}

/// An expression that a template made was not there when the plan was checked, so it may not read
/// what the order of nodes depends on, nor secrets, which the tenant's policy was asked about then.
fn check_references(expression: &Expression) -> Result<(), NodeError> {
    let references = expression.references();
    if !references.variables
        && references.nodes.is_empty()
        && references.steps.is_empty()
        && references.secrets.is_empty()
        && !references.computed_node
    {
        return Ok(());
    }
    let message = format!(
        "`{}` was made by a template, so it may read its item, and neither variables, secrets nor other nodes",
        expression.source()
    );
    Err(NodeError::permanent(
        ErrorCode::EXPRESSION_REFERENCE,
        message,
    ))
}
