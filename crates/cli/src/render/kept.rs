//! Executions that are kept, in words.

use comfy_table::Color;
use jackfield::StoredExecution;
use jackfield::store::ExecutionState;

use super::table::{colored, table, to_text};
use super::text::line;
use crate::terminal::Stream;

/// How an execution stands, on a line.
pub(crate) fn standing(execution: &StoredExecution) -> String {
    match &execution.state {
        ExecutionState::Running if execution.requests.cancel => "to be cancelled".to_owned(),
        ExecutionState::Running if execution.requests.pause => "to be paused".to_owned(),
        ExecutionState::Running => "running".to_owned(),
        ExecutionState::Parked(waiting) => match (waiting.until, waiting.signal_after) {
            (Some(until), None) => format!("waits until {until:.0}"),
            (Some(until), Some(_)) => format!("waits for a signal, until {until:.0}"),
            (None, Some(_)) => "waits for a signal".to_owned(),
            (None, None) => "waits".to_owned(),
        },
        ExecutionState::Paused => "paused".to_owned(),
        ExecutionState::Incomplete => {
            "incomplete: it is being made, or what made it was lost; then cancel it".to_owned()
        }
        ExecutionState::Stuck { reason } => format!("stuck: {}", line(reason, 400)),
        ExecutionState::Ended { status } => line(status, 80),
    }
}

/// Where an execution stands that this process has left, and how it goes on.
pub(crate) fn goes_on(execution: &StoredExecution) -> String {
    let id = execution.id;
    match &execution.state {
        ExecutionState::Running => format!(
            "execution {id} stopped here and is kept; `jackfield resume {id}` goes on with it"
        ),
        ExecutionState::Paused => {
            format!("execution {id} is paused; `jackfield resume {id}` goes on with it")
        }
        ExecutionState::Parked(_)
        | ExecutionState::Incomplete
        | ExecutionState::Stuck { .. }
        | ExecutionState::Ended { .. } => {
            format!("execution {id} is kept: {}", standing(execution))
        }
    }
}

/// Executions as a table, in their order.
pub(crate) fn executions(executions: &[StoredExecution], stream: Stream) -> String {
    if executions.is_empty() {
        return "there are no such executions\n".to_owned();
    }
    let columns = [
        "execution",
        "workflow",
        "made",
        "changed",
        "events",
        "stands",
    ];
    let mut all = table(&columns, stream);
    for execution in executions {
        let color = match &execution.state {
            ExecutionState::Running | ExecutionState::Parked(_) | ExecutionState::Paused => {
                Color::Yellow
            }
            ExecutionState::Ended { status } if status == "success" => Color::Green,
            ExecutionState::Ended { .. }
            | ExecutionState::Incomplete
            | ExecutionState::Stuck { .. } => Color::Red,
        };
        let workflow = &execution.workflow;
        all.add_row(vec![
            execution.id.to_string().into(),
            format!("{}@{}", line(&workflow.id, 60), workflow.version).into(),
            format!("{:.0}", execution.created_at).into(),
            format!("{:.0}", execution.changed_at).into(),
            execution.events.to_string().into(),
            colored(&line(&standing(execution), 100), color, stream),
        ]);
    }
    to_text(&all)
}

/// An execution in a few lines, after so many of its events. `ways` are what can be done about the
/// nodes that wait.
pub(crate) fn summary(execution: &StoredExecution, at: u64, ways: &[&str]) -> String {
    let workflow = &execution.workflow;
    let workflow = format!("{}@{}", line(&workflow.id, 200), workflow.version);
    let events = if at == execution.events {
        at.to_string()
    } else {
        format!("{at} of {}", execution.events)
    };
    let mut lines = vec![
        ("execution", execution.id.to_string()),
        ("workflow", workflow),
        ("stands", standing(execution)),
    ];
    if let Some(user) = &execution.user {
        lines.push(("user", line(user.as_str(), 80)));
    }
    if let Some(retry_of) = execution.retry_of {
        lines.push(("retry of", retry_of.to_string()));
    }
    if let Some(part_of) = execution.part_of {
        lines.push(("part of", part_of.to_string()));
    }
    lines.push(("made", format!("{:.0}", execution.created_at)));
    lines.push(("changed", format!("{:.0}", execution.changed_at)));
    lines.push(("events", events));
    lines.extend(ways.iter().map(|way| ("waits", (*way).to_owned())));
    let mut text = String::new();
    for (name, value) in lines {
        text.push_str(&format!("{name:<10} {value}\n"));
    }
    text
}
