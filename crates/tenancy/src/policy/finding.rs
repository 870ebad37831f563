//! A finding about a policy before its place in the text is known.

use jackfield_definition::Diagnostic;
use jackfield_types::{ErrorCode, Severity};

/// Which part of a place is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Key,
    Value,
}

/// A finding, and the JSON Pointer that it is about.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    pub(crate) pointer: String,
    pub(crate) part: Part,
    diagnostic: Diagnostic,
}

impl Finding {
    pub(crate) fn new(diagnostic: Diagnostic, pointer: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            part: Part::Value,
            diagnostic,
        }
    }

    /// Something that is wrong.
    pub(crate) fn error(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Diagnostic::new(ErrorCode::INVALID_POLICY, message), pointer)
    }

    /// Something that is probably not meant so.
    pub(crate) fn warning(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(
            Diagnostic::warning(ErrorCode::LIKELY_MISTAKE, message),
            pointer,
        )
    }

    pub(crate) fn at_key(mut self) -> Self {
        self.part = Part::Key;
        self
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.diagnostic = self.diagnostic.with_hint(hint);
        self
    }

    pub(crate) fn with_hint_if(self, hint: Option<impl Into<String>>) -> Self {
        match hint {
            Some(hint) => self.with_hint(hint),
            None => self,
        }
    }

    pub(crate) fn with_expected(mut self, expected: impl Into<String>) -> Self {
        self.diagnostic = self.diagnostic.with_expected(expected);
        self
    }

    pub(crate) fn is_error(&self) -> bool {
        self.diagnostic.severity == Severity::Error
    }

    /// The finding, with its place as a JSON Pointer.
    pub(crate) fn into_diagnostic(self) -> Diagnostic {
        match self.part {
            Part::Key => self.diagnostic.at_key(self.pointer),
            Part::Value => self.diagnostic.at(self.pointer),
        }
    }
}
