use std::fmt::{self, Write};

use jackfield::Diagnostics;
use jackfield::tenancy::PolicyFolderError;
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};

use super::text;
use crate::error::CliError;
use crate::terminal::Stream;

/// How much is drawn for a terminal, and how long a line of it may be. A workflow may well be one
/// line of many megabytes, and a piece of it is its whole lines.
const MOST_DRAWN: usize = 1 << 20;
const LONGEST_LINE: usize = 2_000;

/// An error as it is shown: with its piece of the text on a terminal, else on a line.
pub(crate) fn error(error: CliError, stream: Stream) -> String {
    match error {
        CliError::Workflow(findings) => self::findings(findings, stream),
        CliError::Manifest { .. } => {
            let head = drawn(&error, stream).unwrap_or_else(|| error_on_a_line(&error));
            match error {
                CliError::Manifest { findings, .. } => {
                    format!("{}\n{}", head.trim_end(), self::findings(findings, stream))
                }
                _ => head,
            }
        }
        CliError::Policies(PolicyFolderError::Invalid { documents, .. }) => {
            let shown = documents.into_iter().map(|one| findings(one, stream));
            shown.collect::<Vec<_>>().join("\n")
        }
        other => drawn(&other, stream).unwrap_or_else(|| error_on_a_line(&other)),
    }
}

fn error_on_a_line(error: &CliError) -> String {
    let mut shown = "error".to_owned();
    // Writing to a string cannot fail.
    if let Some(code) = error.code() {
        let _ = write!(shown, "[{code}]");
    }
    let _ = write!(shown, " {error}");
    if let Some(hint) = error.help() {
        let _ = write!(shown, "; hint: {hint}");
    }
    text::harmless(&shown).into_owned()
}

/// Findings about a workflow as they are shown: each with its piece of the text on a terminal,
/// else one a line.
pub(crate) fn findings(findings: Diagnostics, stream: Stream) -> String {
    let lines: Vec<String> = findings
        .iter()
        .map(|one| on_a_line(one, findings.file()))
        .collect();
    drawn(&findings.into_report(), stream).unwrap_or_else(|| lines.join("\n"))
}

/// A finding on a line, with the name of the file in any case.
fn on_a_line(finding: &jackfield::Diagnostic, file: Option<&str>) -> String {
    let mut shown = finding.to_string();
    if let (None, Some(file), Some(place)) = (&finding.location, file, shown.find("] ")) {
        shown.insert_str(place + 2, &format!("{file}: "));
    }
    text::harmless(&shown).replace('\n', " ")
}

/// The findings as miette draws them; `None` where nobody would see the drawing, or where it
/// would be too large.
fn drawn(diagnostic: &dyn Diagnostic, stream: Stream) -> Option<String> {
    if !stream.is_terminal {
        return None;
    }
    let theme = if stream.is_colored {
        GraphicalTheme::unicode()
    } else {
        GraphicalTheme::unicode_nocolor()
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_links(false)
        .with_width(usize::from(stream.width.min(120)));
    let mut drawing = Drawing::default();
    handler.render_report(&mut drawing, diagnostic).ok()?;
    Some(text::keep_colors(&drawing.text))
}

/// A text that refuses to become too large.
#[derive(Default)]
struct Drawing {
    text: String,
    line: usize,
}

impl Write for Drawing {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let mut lines = part.split('\n');
        let first = lines.next().map_or(0, str::len);
        let longest = lines
            .clone()
            .map(str::len)
            .max()
            .unwrap_or(0)
            .max(self.line + first);
        if longest > LONGEST_LINE || self.text.len() + part.len() > MOST_DRAWN {
            return Err(fmt::Error);
        }
        self.line = lines.next_back().map_or(self.line + first, str::len);
        self.text.push_str(part);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use jackfield::{SourceText, read_workflow};

    use super::*;

    const STREAM: Stream = Stream {
        is_terminal: true,
        is_colored: false,
        width: 80,
    };

    fn broken() -> Diagnostics {
        let document = "{\n  \"name\": \"x\",\n  \"nods\": []\n}";
        read_workflow(&SourceText::new("flow.json", document)).unwrap_err()
    }

    #[test]
    fn a_terminal_is_shown_the_place_in_the_text() {
        insta::assert_snapshot!(findings(broken(), STREAM));
    }

    #[test]
    fn elsewhere_each_finding_is_a_line() {
        let shown = findings(
            broken(),
            Stream {
                is_terminal: false,
                ..STREAM
            },
        );
        insta::assert_snapshot!(shown);
    }

    #[test]
    fn a_file_of_one_long_line_is_not_drawn() {
        let document = format!("{{\"name\": \"{}\", \"nods\": []}}", "x".repeat(100_000));
        let findings = read_workflow(&SourceText::new("flow.json", document)).unwrap_err();
        let shown = super::findings(findings, STREAM);
        assert!(
            shown.starts_with("error[UNKNOWN_FIELD] flow.json:1:"),
            "{}",
            shown.len()
        );
        assert_eq!(shown.lines().count(), 1);
    }
}
