//! What `jackfield audit` shows to people.

use std::collections::VecDeque;

use comfy_table::Color;
use jackfield::tenancy::AuditDecision;
use jackfield::{AuditRecord, format_duration};

use super::table::{colored, table, to_text};
use super::text::{count, line};
use crate::terminal::Stream;

/// Records as a table, the last one at the bottom; `before` are not shown.
pub(crate) fn records(shown: &VecDeque<AuditRecord>, before: u64, stream: Stream) -> String {
    let columns = [
        "#",
        "at",
        "user",
        "execution",
        "node",
        "node type",
        "action",
        "decision",
        "outcome",
        "duration",
        "rule",
    ];
    let mut all = table(&columns, stream);
    for record in shown {
        let (decision, color) = match record.decision {
            AuditDecision::Allowed => ("allowed", Color::Green),
            AuditDecision::Refused => ("refused", Color::Red),
        };
        let node_type = match (&record.node_type, &record.version) {
            (Some(node_type), Some(version)) => format!("{node_type}@{version}"),
            (Some(node_type), None) => node_type.to_string(),
            (None, _) => String::new(),
        };
        let outcome = match (&record.outcome, &record.error_code) {
            (Some(outcome), Some(code)) => format!("{} {code}", word(outcome)),
            (Some(outcome), None) => word(outcome),
            (None, Some(code)) => code.to_string(),
            (None, None) => String::new(),
        };
        let rule = record.rule.as_deref().or(record.note.as_deref());
        all.add_row(vec![
            record.sequence.to_string().into(),
            record.at.to_string().into(),
            text(record.user.as_ref()).into(),
            text(record.execution.as_ref()).into(),
            line(&text(record.node.as_ref()), 60).into(),
            node_type.into(),
            word(&record.action).into(),
            colored(decision, color, stream),
            outcome.into(),
            record
                .duration
                .map(format_duration)
                .unwrap_or_default()
                .into(),
            line(rule.unwrap_or_default(), 120).into(),
        ]);
    }
    let total = u64::try_from(shown.len()).unwrap_or(u64::MAX);
    let mut shown = to_text(&all);
    if before > 0 {
        let before = count(usize::try_from(before).unwrap_or(usize::MAX), "record");
        shown.push_str(&format!(
            "{before} before these are not shown: `--last` shows more\n"
        ));
    } else if total == 0 {
        shown.push_str("no such record\n");
    }
    shown
}

fn text<T: ToString>(value: Option<&T>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}

/// A word of the trail, as it is written there.
fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        // All of them are words.
        _ => String::new(),
    }
}
