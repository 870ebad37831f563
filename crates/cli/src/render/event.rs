//! Events of executions, a line each.

use jackfield::types::Outputs;
use jackfield::{EventKind, JournalEntry, format_duration};
use serde_json::Value;

use super::text::{count, line};

/// An event with its number, time, kind, node, and the least that tells it from others.
pub(crate) fn line_of(entry: &JournalEntry) -> String {
    let node = entry.node_name.as_ref().map(|node| line(node.as_str(), 60));
    head(
        entry.sequence,
        &format!("{:.3}", entry.event.at),
        entry.event.kind.name(),
        &[node.unwrap_or_default(), details(&entry.event.kind)],
    )
}

/// A record that is not read any further, in the same form.
pub(crate) fn line_of_record(sequence: u64, record: &Value) -> String {
    let text = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or("?");
    let node = record.get("node").and_then(Value::as_u64);
    let node = node.map(|node| format!("node {node}")).unwrap_or_default();
    head(
        sequence,
        &line(text("at"), 40),
        &line(text("event"), 40),
        &[node],
    )
}

fn head(sequence: u64, at: &str, kind: &str, rest: &[String]) -> String {
    let mut text = format!("{sequence:>6}  {at:<24}  {kind:<18}");
    for part in rest.iter().filter(|part| !part.is_empty()) {
        text.push_str("  ");
        text.push_str(part);
    }
    text.trim_end().to_owned()
}

fn details(kind: &EventKind) -> String {
    match kind {
        EventKind::ExecutionStarted { input, .. } => format!("with {}", count(input.len(), "item")),
        EventKind::AttemptStarted { run, attempt, .. } => turn(*run, *attempt),
        EventKind::AttemptSucceeded {
            outputs, effects, ..
        } => {
            let effects = effects.as_deref();
            let signal = effects.and_then(|effects| effects.signal.as_ref());
            let wait = effects.and_then(|effects| effects.wait);
            match (signal, wait) {
                (Some(signal), None) => format!("waits for `{}`", line(signal.name.as_str(), 60)),
                (Some(signal), Some(wait)) => format!(
                    "waits for `{}`, at most {}",
                    line(signal.name.as_str(), 60),
                    format_duration(wait)
                ),
                (None, Some(wait)) => format!("waits {}", format_duration(wait)),
                (None, None) => given(outputs),
            }
        }
        EventKind::AttemptFailed {
            attempt, failure, ..
        } => format!(
            "attempt {attempt}: error[{}]: {}",
            failure.code,
            line(&failure.message, 200)
        ),
        EventKind::SignalReceived {
            signal, outputs, ..
        } => format!("signal {signal}: {}", given(outputs)),
        EventKind::InputReplaced { inputs, .. } => {
            let items = inputs.iter().map(|items| items.len()).sum();
            format!("by {}", count(items, "item"))
        }
        EventKind::ExecutionFinished { status } => status.as_str().to_owned(),
        EventKind::NodeSkipped { .. }
        | EventKind::TimerFired { .. }
        | EventKind::ExecutionResumed
        | EventKind::CancelRequested
        | EventKind::DeadlinePassed => String::new(),
    }
}

fn turn(run: u32, attempt: u32) -> String {
    match (run, attempt) {
        (0, 1) => String::new(),
        (0, attempt) => format!("attempt {attempt}"),
        (run, 1) => format!("run {}", run.saturating_add(1)),
        (run, attempt) => format!("run {}, attempt {attempt}", run.saturating_add(1)),
    }
}

fn given(outputs: &Outputs) -> String {
    let items = outputs.main.iter().chain(&outputs.error);
    count(items.map(|items| items.len()).sum(), "item")
}
