use std::collections::BTreeSet;
use std::sync::Arc;

use jackfield_types::ErrorCode;
use serde_json::Value;

use super::compile;
use super::error::{EvaluationError, ExpressionError, Stop};
use super::ir::Node;
use super::machine::Machine;
use super::options::{EvaluateOptions, Syntax};
use super::references::References;
use super::roots::Roots;
use super::scan::{self, Scanned, Until};
use super::secrets::{Comparison, Disguised};

/// A string of a parameter, compiled: text, one expression, or text with expressions in it.
///
/// Cloning one shares it.
#[derive(Debug, Clone)]
pub struct Template(Arc<Compiled>);

#[derive(Debug)]
struct Compiled {
    form: Form,
    references: References,
}

#[derive(Debug)]
enum Form {
    Literal(String),
    /// One expression alone: its value keeps its type.
    Single(Code),
    Mixed(Vec<Part>),
}

#[derive(Debug)]
enum Part {
    Text(String),
    Code(Code),
}

/// An expression and what it was compiled from.
#[derive(Debug)]
pub(super) struct Code {
    source: String,
    node: Node,
    /// The secrets that it reads.
    secrets: BTreeSet<String>,
}

/// Is told the texts that were made of secrets.
type Learn<'l> = Option<&'l mut dyn FnMut(&str)>;

impl Template {
    /// Compiles a string.
    ///
    /// # Errors
    /// `EXPRESSION_ERROR` for what cannot be read, `UNSUPPORTED_EXPRESSION` for what is not
    /// evaluated natively, `LIMIT_EXCEEDED` for what is too long or nests too deeply.
    pub fn parse(text: &str, syntax: Syntax) -> Result<Self, ExpressionError> {
        Self::parse_with(text, syntax, &[])
    }

    /// Compiles a string whose expressions may also use names that the caller will bind (see
    /// [`Roots::binding`]); they are given with their `$`.
    ///
    /// # Errors
    /// Those of [`Template::parse`].
    pub fn parse_with(
        text: &str,
        syntax: Syntax,
        bindings: &[&str],
    ) -> Result<Self, ExpressionError> {
        let (body, offset) = match (syntax, text.strip_prefix('=')) {
            (Syntax::N8n, Some(body)) => (body, 1),
            (Syntax::N8n, None) => return Ok(Self::literal(text)),
            (Syntax::Native, _) => (text, 0),
        };
        let mut references = References::default();
        let parts = split(body, syntax, bindings, &mut references)
            .map_err(|error| error.moved_by(offset))?;
        let form = Form::from(parts);
        Ok(Self(Arc::new(Compiled { form, references })))
    }

    fn literal(text: &str) -> Self {
        let form = Form::Literal(text.to_owned());
        Self(Arc::new(Compiled {
            form,
            references: References::default(),
        }))
    }

    /// Whether there is no expression in it, so that its value is always the same text.
    pub fn is_literal(&self) -> bool {
        self.as_literal().is_some()
    }

    /// The text, if there is no expression in it.
    pub fn as_literal(&self) -> Option<&str> {
        match &self.0.form {
            Form::Literal(text) => Some(text),
            Form::Single(_) | Form::Mixed(_) => None,
        }
    }

    /// What its expressions read.
    pub fn references(&self) -> &References {
        &self.0.references
    }

    /// Whether there is more in it than one expression, so that it always gives a text.
    pub(super) fn is_text(&self) -> bool {
        !matches!(self.0.form, Form::Single(_))
    }

    /// The texts between its expressions.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        let parts = match &self.0.form {
            Form::Mixed(parts) => parts.as_slice(),
            Form::Literal(_) | Form::Single(_) => &[],
        };
        parts.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            Part::Code(_) => None,
        })
    }

    /// Gives the value.
    ///
    /// # Errors
    /// `MISSING_FIELD`, `EXPRESSION_REFERENCE`, `WRONG_TYPE`, `NUMBER_ERROR`, `LIMIT_EXCEEDED`,
    /// or `EXPRESSION_ERROR`, with the expression that is at fault.
    pub fn evaluate(
        &self,
        roots: &dyn Roots,
        options: &EvaluateOptions,
    ) -> Result<Value, EvaluationError> {
        match &self.0.form {
            Form::Literal(text) => Ok(Value::String(text.clone())),
            Form::Single(code) => code.evaluate(roots, options),
            Form::Mixed(parts) => mixed(parts, roots, options, None).map(Value::String),
        }
    }

    /// Gives the value, and tells `learn` every text in it that was made of secrets, so that the
    /// text can be masked: `{{ $secrets.KEY.toUpperCase() }}`, say. Secrets as they are, and what
    /// the workflow itself says, are not told.
    ///
    /// # Errors
    /// Those of [`Template::evaluate`].
    pub fn evaluate_tracing(
        &self,
        roots: &dyn Roots,
        options: &EvaluateOptions,
        learn: &mut dyn FnMut(&str),
    ) -> Result<Value, EvaluationError> {
        match &self.0.form {
            Form::Literal(text) => Ok(Value::String(text.clone())),
            Form::Single(code) => code.evaluate_tracing(roots, options, learn),
            Form::Mixed(parts) => mixed(parts, roots, options, Some(learn)).map(Value::String),
        }
    }

    /// Judges the value as JavaScript does.
    pub(super) fn evaluate_truthy(
        &self,
        roots: &dyn Roots,
        options: &EvaluateOptions,
    ) -> Result<bool, EvaluationError> {
        match &self.0.form {
            Form::Literal(text) => Ok(!text.is_empty()),
            Form::Single(code) => code.evaluate_truthy(roots, options),
            Form::Mixed(parts) => mixed(parts, roots, options, None).map(|text| !text.is_empty()),
        }
    }
}

impl From<Vec<Part>> for Form {
    fn from(mut parts: Vec<Part>) -> Self {
        match parts.pop() {
            None => Self::Literal(String::new()),
            Some(Part::Text(text)) if parts.is_empty() => Self::Literal(text),
            Some(Part::Code(code)) if parts.is_empty() => Self::Single(code),
            Some(last) => {
                parts.push(last);
                Self::Mixed(parts)
            }
        }
    }
}

/// Splits a template into its texts and expressions.
fn split(
    text: &str,
    syntax: Syntax,
    bindings: &[&str],
    references: &mut References,
) -> Result<Vec<Part>, ExpressionError> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut at = 0;
    while let Some(found) = text[at..].find("{{") {
        let open = at + found;
        // n8n writes braces that mean themselves as `\{{`.
        if let (Syntax::N8n, Some(before)) = (syntax, text[at..open].strip_suffix('\\')) {
            plain.push_str(before);
            plain.push_str("{{");
            at = open + 2;
            continue;
        }
        plain.push_str(&text[at..open]);
        match scan::expression(text, open + 2, Until::Braces)? {
            Scanned::Closed { code, next } => {
                let source = &text[code.clone()];
                let (node, read) = compile::compile(source, bindings)
                    .map_err(|error| error.moved_by(code.start))?;
                references.extend(&read);
                if !plain.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut plain)));
                }
                parts.push(Part::Code(Code {
                    source: source.to_owned(),
                    node,
                    secrets: read.secrets,
                }));
                at = next;
            }
            // n8n takes braces that are never closed as text.
            Scanned::Unclosed if syntax == Syntax::N8n => {
                plain.push_str(&text[open..]);
                at = text.len();
            }
            Scanned::Unclosed => {
                let error = ExpressionError::syntax(open..open + 2, "`{{` is never closed");
                return Err(error.with_hint(
                    "close it with `}}`, or write `{{ \"{{\" }}` for the braces themselves",
                ));
            }
        }
    }
    plain.push_str(&text[at..]);
    if !plain.is_empty() {
        parts.push(Part::Text(plain));
    }
    Ok(parts)
}

impl Code {
    pub(super) fn compile(
        source: &str,
        bindings: &[&str],
    ) -> Result<(Self, References), ExpressionError> {
        scan::expression(source, 0, Until::EndOfText)?;
        let (node, references) = compile::compile(source, bindings)?;
        Ok((
            Self {
                source: source.to_owned(),
                node,
                secrets: references.secrets.clone(),
            },
            references,
        ))
    }

    pub(super) fn evaluate(
        &self,
        roots: &dyn Roots,
        options: &EvaluateOptions,
    ) -> Result<Value, EvaluationError> {
        let mut machine = Machine::new(roots, &self.source, options);
        machine
            .eval(&self.node)
            .and_then(|value| machine.finish(&value))
            .map_err(|stop| stop.in_expression(&self.source))
    }

    pub(super) fn evaluate_tracing(
        &self,
        roots: &dyn Roots,
        options: &EvaluateOptions,
        learn: &mut dyn FnMut(&str),
    ) -> Result<Value, EvaluationError> {
        let value = self.evaluate(roots, options)?;
        if !self.secrets.is_empty() {
            let disguised = self.evaluate(&Disguised(roots), options).ok();
            self.comparison(roots)
                .report(&value, disguised.as_ref(), learn);
        }
        Ok(value)
    }

    fn comparison(&self, roots: &dyn Roots) -> Comparison<'_> {
        Comparison::new(&self.source, &self.secrets, roots)
    }

    /// What it would give as a part of a text, had its secrets other values.
    fn disguised_text(&self, roots: &dyn Roots, options: &EvaluateOptions) -> Option<String> {
        let roots = Disguised(roots);
        let mut machine = Machine::new(&roots, &self.source, options);
        let value = machine.eval(&self.node).ok()?;
        let text = machine.interpolate(&value).ok()?;
        Some((*text).to_owned())
    }

    pub(super) fn evaluate_truthy(
        &self,
        roots: &dyn Roots,
        options: &EvaluateOptions,
    ) -> Result<bool, EvaluationError> {
        let mut machine = Machine::new(roots, &self.source, options);
        machine
            .eval(&self.node)
            .map(|value| value.truthy())
            .map_err(|stop| stop.in_expression(&self.source))
    }
}

/// Interpolates; all expressions of a template share its limits.
fn mixed(
    parts: &[Part],
    roots: &dyn Roots,
    options: &EvaluateOptions,
    mut learn: Learn<'_>,
) -> Result<String, EvaluationError> {
    let mut machine = Machine::new(roots, "", options);
    let mut whole = String::new();
    for part in parts {
        match part {
            Part::Text(text) => whole.push_str(text),
            Part::Code(code) => {
                machine.turn_to(&code.source);
                let text = machine
                    .eval(&code.node)
                    .and_then(|value| machine.interpolate(&value))
                    .and_then(|text| {
                        machine.charge_more(whole.len(), text.len())?;
                        Ok(text)
                    })
                    .map_err(|stop: Stop| stop.in_expression(&code.source))?;
                if let Some(learn) = &mut learn
                    && !code.secrets.is_empty()
                {
                    let disguised = code.disguised_text(roots, options);
                    let comparison = code.comparison(roots);
                    comparison.report_text(&text, disguised.as_deref(), *learn);
                }
                whole.push_str(&text);
            }
        }
    }
    Ok(whole)
}

impl ExpressionError {
    /// Whether another engine for JavaScript could evaluate the expression.
    pub fn is_unsupported(&self) -> bool {
        self.code == ErrorCode::UNSUPPORTED_EXPRESSION
    }
}
