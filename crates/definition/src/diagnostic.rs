//! A finding about a document: what is wrong, where, what was expected, and the way out.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use jackfield_types::{ErrorCode, Severity};
use serde::Serialize;

use crate::source::{Anchor, Part};

/// How much of one text is shown.
const LONGEST_TEXT: usize = 400;

/// Where in a file a finding is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Location {
    /// The name of the file.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// The first byte.
    pub offset: usize,
    /// The number of bytes.
    pub length: usize,
}

/// One finding about a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Diagnostic {
    /// What it is.
    pub code: ErrorCode,
    /// How bad it is.
    pub severity: Severity,
    /// What it is, for people.
    pub message: String,
    /// The name of the node that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// The place in the document: a JSON Pointer (RFC 6901).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The place in the node's parameters: a JSON Pointer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// What would have been right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// The way out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The place in the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    #[serde(skip)]
    pub(crate) part: Option<Part>,
    #[serde(skip)]
    pub(crate) span: Option<Range<usize>>,
}

impl Diagnostic {
    /// An error.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: shortened(message.into()),
            node: None,
            path: None,
            parameter: None,
            expected: None,
            hint: None,
            location: None,
            part: None,
            span: None,
        }
    }

    /// A warning.
    pub fn warning(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::new(code, message)
        }
    }

    /// Says which node it is about.
    #[must_use]
    pub fn with_node(mut self, node: impl Into<String>) -> Self {
        self.node = Some(shortened(node.into()));
        self
    }

    /// Says what would have been right.
    #[must_use]
    pub fn with_expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(shortened(expected.into()));
        self
    }

    /// Says the way out.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(shortened(hint.into()));
        self
    }

    /// Says the way out, if there is one to tell.
    #[must_use]
    pub fn with_hint_if(mut self, hint: Option<String>) -> Self {
        if let Some(hint) = hint {
            self.hint = Some(shortened(hint));
        }
        self
    }

    /// Says where in the document it is: a JSON Pointer.
    #[must_use]
    pub fn at(mut self, pointer: impl Into<String>) -> Self {
        self.path = Some(pointer.into());
        self
    }

    /// Says where in the document it is, and means the key and not its value.
    #[must_use]
    pub fn at_key(mut self, pointer: impl Into<String>) -> Self {
        self.part = Some(Part::Key);
        self.at(pointer)
    }

    /// Points at the first of these fields that the place has, or else at the place.
    #[must_use]
    pub(crate) fn at_field(
        mut self,
        pointer: impl Into<String>,
        fields: &'static [&'static str],
    ) -> Self {
        self.part = Some(Part::Field(fields));
        self.at(pointer)
    }

    #[must_use]
    pub(crate) fn within(mut self, bytes: Range<usize>) -> Self {
        self.part = Some(Part::Within(bytes));
        self
    }

    /// Says which bytes of the document it is about, whatever its JSON Pointer leads to.
    #[must_use]
    pub fn at_span(mut self, span: Range<usize>) -> Self {
        self.span = Some(span);
        self
    }

    pub(crate) fn anchor(&self) -> Option<Anchor> {
        let pointer = self.path.clone()?;
        Some(Anchor {
            pointer,
            part: self.part.clone().unwrap_or(Part::Value),
        })
    }
}

/// Cuts a text that quotes too much of a document.
fn shortened(mut text: String) -> String {
    if text.len() > LONGEST_TEXT {
        let end = (0..=LONGEST_TEXT)
            .rev()
            .find(|&end| text.is_char_boundary(end))
            .unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}

impl fmt::Display for Diagnostic {
    /// `error[CODE] file:3:7: message (node …, parameter …); expected …; hint: …`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{severity}[{}] ", self.code)?;
        if let Some(Location {
            file, line, column, ..
        }) = &self.location
        {
            write!(f, "{file}:{line}:{column}: ")?;
        }
        f.write_str(&self.message)?;
        match (&self.node, &self.parameter) {
            (Some(node), Some(parameter)) => {
                write!(f, " (node `{node}`, parameter `{parameter}`)")?;
            }
            (Some(node), None) => write!(f, " (node `{node}`)")?,
            (None, _) => {}
        }
        if let Some(expected) = &self.expected {
            write!(f, "; expected {expected}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "; hint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostic {}
