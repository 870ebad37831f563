use std::sync::Arc;

use serde_json::Value;

use super::error::{EvaluationError, ExpressionError};
use super::options::{EvaluateOptions, Syntax};
use super::references::References;
use super::roots::Roots;
use super::template::{Code, Template};

/// An expression that a node evaluates itself, once for each element of what it works on.
///
/// It is written bare (`$item.price > 3`) or as a template (`{{ $item.price > 3 }}`), in both
/// cases with or without a leading `=`. Cloning one shares it.
#[derive(Debug, Clone)]
pub struct Expression {
    source: Arc<str>,
    form: Arc<Deferred>,
}

#[derive(Debug)]
enum Deferred {
    Bare(Box<Bare>),
    Template(Template),
}

#[derive(Debug)]
struct Bare {
    code: Code,
    references: References,
}

impl Expression {
    /// Compiles an expression.
    ///
    /// # Errors
    /// Those of [`Template::parse`].
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        Self::parse_with(text, &[])
    }

    /// Compiles an expression that may also use names that the caller will bind (see
    /// [`Roots::binding`]); they are given with their `$`.
    ///
    /// # Errors
    /// Those of [`Template::parse`].
    pub fn parse_with(text: &str, bindings: &[&str]) -> Result<Self, ExpressionError> {
        let body = text.strip_prefix('=').unwrap_or(text);
        let offset = text.len() - body.len();
        let form = if body.contains("{{") {
            // Spaces around the braces are no text here: what is meant is one expression.
            let trimmed = body.trim();
            let offset = offset + (body.len() - body.trim_start().len());
            let template = Template::parse_with(trimmed, Syntax::Native, bindings)
                .map_err(|error| error.moved_by(offset))?;
            Deferred::Template(template)
        } else {
            let (code, references) =
                Code::compile(body, bindings).map_err(|error| error.moved_by(offset))?;
            Deferred::Bare(Box::new(Bare { code, references }))
        };
        Ok(Self {
            source: text.into(),
            form: Arc::new(form),
        })
    }

    /// The expression, as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The texts between its expressions, if it is a text with expressions in it.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        let template = match &*self.form {
            Deferred::Bare(..) => None,
            Deferred::Template(template) => Some(template),
        };
        template.into_iter().flat_map(Template::texts)
    }

    /// What it reads.
    pub fn references(&self) -> &References {
        match &*self.form {
            Deferred::Bare(bare) => &bare.references,
            Deferred::Template(template) => template.references(),
        }
    }

    /// Gives the value.
    ///
    /// # Errors
    /// Those of [`Template::evaluate`].
    pub fn evaluate(
        &self,
        roots: &dyn Roots,
        options: &EvaluateOptions,
    ) -> Result<Value, EvaluationError> {
        match &*self.form {
            Deferred::Bare(bare) => bare.code.evaluate(roots, options),
            Deferred::Template(template) => template.evaluate(roots, options),
        }
    }

    /// Gives the value, and tells `learn` every text in it that was made of secrets, as
    /// [`Template::evaluate_tracing`] does.
    ///
    /// # Errors
    /// Those of [`Template::evaluate`].
    pub fn evaluate_tracing(
        &self,
        roots: &dyn Roots,
        options: &EvaluateOptions,
        learn: &mut dyn FnMut(&str),
    ) -> Result<Value, EvaluationError> {
        match &*self.form {
            Deferred::Bare(bare) => bare.code.evaluate_tracing(roots, options, learn),
            Deferred::Template(template) => template.evaluate_tracing(roots, options, learn),
        }
    }

    /// Judges the value as JavaScript does: `0`, `""`, `null`, `NaN` and what is missing are
    /// false.
    ///
    /// # Errors
    /// Those of [`Template::evaluate`], but that `NaN` is no error.
    pub fn evaluate_truthy(
        &self,
        roots: &dyn Roots,
        options: &EvaluateOptions,
    ) -> Result<bool, EvaluationError> {
        match &*self.form {
            Deferred::Bare(bare) => bare.code.evaluate_truthy(roots, options),
            Deferred::Template(template) => template.evaluate_truthy(roots, options),
        }
    }
}
