//! How long failures may be. They are kept in journals, shown, and copied into items.

use std::io::{self, Write};

use jackfield_types::{NodeFailure, ValidationIssue};
use serde_json::Value;

/// The most bytes of one text.
const LONGEST_TEXT: usize = 8 * 1024;

/// The most bytes of all findings together, and of the details as JSON.
const MOST_BYTES: usize = 64 * 1024;

/// A failure that is as long as failures may be; what is cut off or left out is marked.
pub(crate) fn shortened(mut failure: Box<NodeFailure>) -> Box<NodeFailure> {
    shorten(&mut failure.message);
    for item in &mut failure.failed_items {
        shorten(&mut item.message);
    }
    if failure.details.as_ref().is_some_and(is_too_long) {
        let note = format!("left out: longer than {} KiB", MOST_BYTES / 1024);
        failure.details = Some(Value::from(note));
    }
    shorten_issues(&mut failure.issues);
    failure
}

fn shorten(text: &mut String) {
    if text.len() > LONGEST_TEXT {
        text.truncate(text.floor_char_boundary(LONGEST_TEXT - '…'.len_utf8()));
        text.push('…');
        text.shrink_to_fit();
    }
}

fn shorten_issues(issues: &mut Vec<ValidationIssue>) {
    let mut left = MOST_BYTES;
    let mut fitting = 0;
    for issue in issues.iter_mut() {
        shorten(&mut issue.path);
        shorten(&mut issue.message);
        let hint = issue.hint.as_mut().map_or(0, |hint| {
            shorten(hint);
            hint.len()
        });
        let Some(rest) = left.checked_sub(issue.path.len() + issue.message.len() + hint) else {
            break;
        };
        left = rest;
        fitting += 1;
    }
    let more = issues.len() - fitting;
    if more > 0 {
        issues.truncate(fitting);
        let message = format!("{more} more findings are left out");
        issues.push(ValidationIssue::parameter("", message));
    }
}

fn is_too_long(value: &Value) -> bool {
    // JSON values have text keys only: what ends this early is the counter.
    serde_json::to_writer(Counter(MOST_BYTES), value).is_err()
}

/// Counts down what is written to it.
struct Counter(usize);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let left = self.0.checked_sub(bytes.len());
        self.0 = left.ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use jackfield_types::{ErrorCode, FailureClass};

    use super::*;

    fn failure(message: &str) -> Box<NodeFailure> {
        let (class, code) = (FailureClass::Permanent, ErrorCode::EXECUTION_ERROR);
        Box::new(NodeFailure::new(class, code, message))
    }

    #[test]
    fn what_is_short_stays_as_it_is() {
        let mut short = failure(&"ä".repeat(LONGEST_TEXT / 2));
        short.details = Some(Value::from("x".repeat(MOST_BYTES - 2)));
        short.issues = vec![ValidationIssue::parameter("/a", "wrong"); 1_000];
        assert_eq!(shortened(short.clone()), short);
    }

    #[test]
    fn texts_are_cut_between_characters() {
        let long = shortened(failure(&"ä".repeat(LONGEST_TEXT)));
        assert!(long.message.len() <= LONGEST_TEXT && long.message.len() > LONGEST_TEXT - 4);
        assert!(long.message.ends_with("ä…"));
    }

    #[test]
    fn what_is_left_out_is_noted() {
        let mut long = failure("no");
        long.details = Some(Value::from("x".repeat(MOST_BYTES)));
        let issue = ValidationIssue::parameter("", "x".repeat(MOST_BYTES));
        long.issues = vec![issue; 20];
        let short = shortened(long);
        assert_eq!(
            short.details,
            Some(Value::from("left out: longer than 64 KiB"))
        );
        assert_eq!(short.issues.len(), 9);
        assert_eq!(short.issues[8].message, "12 more findings are left out");
    }
}
