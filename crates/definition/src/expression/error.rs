use std::ops::Range;

use jackfield_types::ErrorCode;

/// Why a template or an expression cannot be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct ExpressionError {
    /// `EXPRESSION_ERROR`, `UNSUPPORTED_EXPRESSION` or `LIMIT_EXCEEDED`.
    pub code: ErrorCode,
    /// What is wrong, for people.
    pub message: String,
    /// Where it is wrong: bytes of the parameter string.
    pub span: Range<usize>,
    /// The construct of JavaScript that is not evaluated natively.
    pub construct: Option<&'static str>,
    /// The way out.
    pub hint: Option<String>,
}

impl ExpressionError {
    pub(super) fn syntax(span: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            code: ErrorCode::EXPRESSION_ERROR,
            message: message.into(),
            span,
            construct: None,
            hint: None,
        }
    }

    pub(super) fn unsupported(span: Range<usize>, construct: &'static str) -> Self {
        Self {
            code: ErrorCode::UNSUPPORTED_EXPRESSION,
            message: format!("{construct} cannot be evaluated natively"),
            span,
            construct: Some(construct),
            hint: None,
        }
    }

    pub(super) fn limit(span: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            code: ErrorCode::LIMIT_EXCEEDED,
            ..Self::syntax(span, message)
        }
    }

    #[must_use]
    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub(super) fn moved_by(mut self, bytes: usize) -> Self {
        self.span = self.span.start + bytes..self.span.end + bytes;
        self
    }
}

/// Why an expression has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}, in `{expression}`")]
#[non_exhaustive]
pub struct EvaluationError {
    /// What kind of error it is, such as `MISSING_FIELD` or `WRONG_TYPE`.
    pub code: ErrorCode,
    /// What is wrong, for people.
    pub message: String,
    /// The expression, as it was written.
    pub expression: String,
}

/// Why a parameter has no value, and which parameter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{pointer}`: {error}")]
#[non_exhaustive]
pub struct PlacedEvaluationError {
    /// The parameter: a JSON Pointer (RFC 6901).
    pub pointer: String,
    /// What is wrong with it.
    pub error: EvaluationError,
}

/// Why evaluation stopped. Boxed, so that results of evaluation stay small.
#[derive(Debug)]
pub(super) struct Stop(Box<(ErrorCode, String)>);

impl Stop {
    pub(super) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self(Box::new((code, message.into())))
    }

    pub(super) fn wrong_type(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::WRONG_TYPE, message)
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::EXPRESSION_ERROR, message)
    }

    pub(super) fn limit(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::LIMIT_EXCEEDED, message)
    }

    pub(super) fn number(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::NUMBER_ERROR, message)
    }

    pub(super) fn in_expression(self, source: &str) -> EvaluationError {
        const SHOWN: usize = 200;
        let mut expression: String = source.trim().chars().take(SHOWN).collect();
        if expression.len() < source.trim().len() {
            expression.push('…');
        }
        let (code, message) = *self.0;
        EvaluationError {
            code,
            message,
            expression,
        }
    }
}
