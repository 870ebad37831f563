use std::fmt::Write;

use jackfield::Diagnostics;
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};

use super::text;
use crate::error::CliError;
use crate::terminal::Stream;

/// An error as it is shown: with its piece of the text on a terminal, else on a line.
pub(crate) fn error(error: CliError, stream: Stream) -> String {
    match error {
        CliError::Workflow(findings) => self::findings(findings, stream),
        other if stream.is_terminal => graphical(&other, stream),
        other => {
            let mut shown = "error".to_owned();
            // Writing to a string cannot fail.
            if let Some(code) = other.code() {
                let _ = write!(shown, "[{code}]");
            }
            let _ = write!(shown, " {other}");
            if let Some(hint) = other.help() {
                let _ = write!(shown, "; hint: {hint}");
            }
            text::harmless(&shown).into_owned()
        }
    }
}

/// Findings about a workflow as they are shown: each with its piece of the text on a terminal,
/// else one a line.
pub(crate) fn findings(findings: Diagnostics, stream: Stream) -> String {
    if stream.is_terminal {
        graphical(&findings.into_report(), stream)
    } else {
        let lines: Vec<String> = findings
            .iter()
            .map(|one| on_a_line(one, findings.file()))
            .collect();
        lines.join("\n")
    }
}

/// A finding on a line, with the name of the file in any case.
fn on_a_line(finding: &jackfield::Diagnostic, file: Option<&str>) -> String {
    let mut shown = finding.to_string();
    if let (None, Some(file), Some(place)) = (&finding.location, file, shown.find("] ")) {
        shown.insert_str(place + 2, &format!("{file}: "));
    }
    text::harmless(&shown).replace('\n', " ")
}

fn graphical(diagnostic: &dyn Diagnostic, stream: Stream) -> String {
    let theme = if stream.is_colored {
        GraphicalTheme::unicode()
    } else {
        GraphicalTheme::unicode_nocolor()
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_links(false)
        .with_width(usize::from(stream.width.min(120)));
    let mut shown = String::new();
    match handler.render_report(&mut shown, diagnostic) {
        Ok(()) => text::keep_colors(&shown),
        // A span that does not fit its text: the message at least is always there.
        Err(_) => text::harmless(&diagnostic.to_string()).into_owned(),
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
}
