//! All findings about a document, and how they are collected.

use std::fmt;
use std::sync::Arc;

use jackfield_types::{ErrorCode, Severity};
use serde::{Serialize, Serializer};

use crate::diagnostic::{Diagnostic, Location};
use crate::locate::locate;
use crate::source::{Anchor, SourceText};

/// How many errors, and how many warnings, are kept; the others are counted.
const MOST_FINDINGS: usize = 1_000;

/// All findings about a document, sorted by place.
#[derive(Debug, Clone, Default)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    file: Option<Arc<str>>,
    source: Option<SourceText>,
}

impl Diagnostics {
    /// Findings about a whole file, which has no text to point at.
    pub(crate) fn of_file(file: Arc<str>, finding: Diagnostic) -> Self {
        Self {
            file: Some(file),
            ..Findings::from(finding).locate(None)
        }
    }

    /// Findings about a document of any kind, with their places in its text when there is one.
    ///
    /// Places are looked for in JSON. In a text of another format every finding has to say its
    /// bytes with [`Diagnostic::at_span`].
    pub fn collect(
        findings: impl IntoIterator<Item = Diagnostic>,
        source: Option<&SourceText>,
    ) -> Self {
        let mut collected = Findings::default();
        for finding in findings {
            collected.push(finding);
        }
        collected.locate(source)
    }

    /// The findings.
    pub fn as_slice(&self) -> &[Diagnostic] {
        &self.list
    }

    /// The findings, one after the other.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.list.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether one of them is an error.
    pub fn has_errors(&self) -> bool {
        self.list
            .iter()
            .any(|finding| finding.severity == Severity::Error)
    }

    /// The name of the file that they are about.
    pub fn file(&self) -> Option<&str> {
        self.file.as_deref()
    }

    /// Both lists in one, sorted by place.
    #[must_use]
    pub fn merged(self, other: Self) -> Self {
        let source = self.source.clone().or_else(|| other.source.clone());
        let file = self.file.clone().or_else(|| other.file.clone());
        let mut list = self.list;
        list.extend(other.list);
        sort(&mut list);
        Self { list, file, source }
    }

    pub(crate) fn into_parts(self) -> (Vec<Diagnostic>, Option<Arc<str>>, Option<SourceText>) {
        (self.list, self.file, self.source)
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.iter()
    }
}

impl Serialize for Diagnostics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.list.serialize(serializer)
    }
}

impl fmt::Display for Diagnostics {
    /// One finding a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, finding) in self.list.iter().enumerate() {
            if place > 0 {
                f.write_str("\n")?;
            }
            finding.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

/// Findings while they are being collected.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    errors: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
    left_out: usize,
}

impl Findings {
    pub(crate) fn push(&mut self, finding: Diagnostic) {
        let list = match finding.severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        };
        if list.len() < MOST_FINDINGS {
            list.push(finding);
        } else {
            self.left_out += 1;
        }
    }

    /// Adds findings about what is written one step below the place that they name: those at
    /// `pointer` move to `below`.
    pub(crate) fn extend_below(&mut self, findings: Self, pointer: &str, below: &str) {
        self.left_out += findings.left_out;
        for mut finding in findings.errors.into_iter().chain(findings.warnings) {
            let rest = finding
                .path
                .as_deref()
                .and_then(|path| path.strip_prefix(pointer));
            if let Some(rest) = rest.filter(|rest| rest.is_empty() || rest.starts_with('/')) {
                finding.path = Some(format!("{below}{rest}"));
            }
            self.push(finding);
        }
    }

    /// Whether no more errors are kept, so that they need no hints.
    pub(crate) fn is_full(&self) -> bool {
        self.errors.len() >= MOST_FINDINGS
    }

    pub(crate) fn has_errors(&self) -> bool {
        !self.errors.is_empty()
    }

    /// Finds the places in the text and sorts by them.
    pub(crate) fn locate(self, source: Option<&SourceText>) -> Diagnostics {
        let mut list = self.errors;
        list.extend(self.warnings);
        if let Some(source) = source {
            fill_in_locations(&mut list, source);
        }
        sort(&mut list);
        if self.left_out > 0 {
            let message = format!("{} more findings are left out", self.left_out);
            list.push(Diagnostic::warning(ErrorCode::LIMIT_EXCEEDED, message));
        }
        let file = source.map(|source| Arc::clone(source.name()));
        Diagnostics {
            list,
            file,
            source: source.cloned(),
        }
    }
}

impl From<Diagnostic> for Findings {
    fn from(finding: Diagnostic) -> Self {
        let mut findings = Self::default();
        findings.push(finding);
        findings
    }
}

fn fill_in_locations(list: &mut [Diagnostic], source: &SourceText) {
    let anchors: Vec<(usize, Anchor)> = list
        .iter()
        .enumerate()
        .filter(|(_, finding)| finding.span.is_none())
        .filter_map(|(place, finding)| Some((place, finding.anchor()?)))
        .collect();
    if !anchors.is_empty() {
        let wanted: Vec<&Anchor> = anchors.iter().map(|(_, anchor)| anchor).collect();
        let spans = locate(source.text(), source.json_start(), &wanted);
        for ((place, _), span) in anchors.iter().zip(spans) {
            list[*place].span = span;
        }
    }
    let mut spanned: Vec<_> = list
        .iter_mut()
        .filter_map(|finding| Some((finding.span.clone()?, finding)))
        .collect();
    spanned.sort_by_key(|(span, _)| span.start);
    let mut cursor = source.cursor();
    for (span, finding) in spanned {
        let (line, column) = cursor.advance(span.start);
        finding.location = Some(Location {
            file: Arc::clone(source.name()),
            line,
            column,
            offset: span.start,
            length: span.len(),
        });
    }
}

/// By place; what has none comes last.
fn sort(list: &mut [Diagnostic]) {
    list.sort_by_key(|finding| {
        finding
            .location
            .as_ref()
            .map_or(usize::MAX, |location| location.offset)
    });
}
