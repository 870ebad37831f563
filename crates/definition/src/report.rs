//! Findings as miette shows them, each with its piece of the text.

use std::fmt;
use std::sync::Arc;

use jackfield_types::Severity;
use miette::{LabeledSpan, SourceCode, SourceSpan};

use crate::diagnostic::{Diagnostic, Location};
use crate::diagnostics::Diagnostics;
use crate::source::SourceText;

/// One finding as miette shows it: the message without place and way out, which have places of
/// their own in its report.
#[derive(Debug)]
struct Shown {
    finding: Diagnostic,
    source: Option<SourceText>,
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.finding.message)
    }
}

impl std::error::Error for Shown {}

impl miette::Diagnostic for Shown {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(&self.finding.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.finding.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let Diagnostic { expected, hint, .. } = &self.finding;
        match (expected, hint) {
            (Some(expected), Some(hint)) => Some(Box::new(format!("expected {expected}\n{hint}"))),
            (Some(expected), None) => Some(Box::new(format!("expected {expected}"))),
            (None, Some(hint)) => Some(Box::new(hint)),
            (None, None) => None,
        }
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.finding.location.as_ref()?;
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let Location { offset, length, .. } = *self.finding.location.as_ref()?;
        let label = match (&self.finding.node, &self.finding.parameter) {
            (Some(node), Some(parameter)) => format!("node `{node}`, parameter `{parameter}`"),
            (Some(node), None) => format!("node `{node}`"),
            (None, _) => "here".to_owned(),
        };
        let span = SourceSpan::new(offset.into(), length);
        Some(Box::new(std::iter::once(LabeledSpan::new_with_span(
            Some(label),
            span,
        ))))
    }
}

/// [`Diagnostics`] as miette shows them: a headline, and one report each.
#[derive(Debug)]
pub struct DiagnosticsReport {
    file: Option<Arc<str>>,
    errors: usize,
    warnings: usize,
    shown: Vec<Shown>,
}

impl fmt::Display for DiagnosticsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}: ")?;
        }
        let plural = |count| if count == 1 { "" } else { "s" };
        if self.errors > 0 {
            write!(f, "{} error{}", self.errors, plural(self.errors))?;
        }
        if self.errors > 0 && self.warnings > 0 {
            f.write_str(", ")?;
        }
        if self.warnings > 0 {
            write!(f, "{} warning{}", self.warnings, plural(self.warnings))?;
        }
        Ok(())
    }
}

impl std::error::Error for DiagnosticsReport {}

impl miette::Diagnostic for DiagnosticsReport {
    fn severity(&self) -> Option<miette::Severity> {
        Some(if self.errors > 0 {
            miette::Severity::Error
        } else {
            miette::Severity::Warning
        })
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn miette::Diagnostic> + 'a>> {
        Some(Box::new(
            self.shown
                .iter()
                .map(|shown| shown as &dyn miette::Diagnostic),
        ))
    }
}

impl Diagnostics {
    /// The findings as miette shows them: a headline, and each with its piece of the text.
    pub fn into_report(self) -> DiagnosticsReport {
        let errors = self
            .iter()
            .filter(|one| one.severity == Severity::Error)
            .count();
        let warnings = self.len() - errors;
        let (list, file, source) = self.into_parts();
        let shown = list
            .into_iter()
            .map(|finding| Shown {
                finding,
                source: source.clone(),
            })
            .collect();
        DiagnosticsReport {
            file,
            errors,
            warnings,
            shown,
        }
    }
}
