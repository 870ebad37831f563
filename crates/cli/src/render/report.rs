use std::fmt::Write;

use comfy_table::{Cell, Color};
use jackfield::definition::PlanNode;
use jackfield::{
    ExecutionStatus, NodeResult, NodeStatus, Plan, Report, ReportFailure, format_duration,
};

use super::table::{colored, node_color, status, table, to_text};
use super::text::{count, harmless, line};
use super::{items, page_of, ports};
use crate::terminal::Stream;

const LONGEST_NAME: usize = 40;
const LONGEST_ERROR: usize = 60;
/// How many failed nodes are explained below the table.
const MOST_FAILURES: usize = 20;
/// How many nodes the table has.
const MOST_ROWS: usize = 500;

/// What became of an execution: a line, a table of its nodes, what failed, and the first items.
pub(crate) fn report(report: &Report, stream: Stream) -> String {
    let plan = report.journal.plan();
    let took = match report.status {
        ExecutionStatus::Running => String::new(),
        ExecutionStatus::Success
        | ExecutionStatus::Error
        | ExecutionStatus::Cancelled
        | ExecutionStatus::TimedOut => format!(" in {}", format_duration(report.duration)),
    };
    let mut shown = format!(
        "{}: {}{took} ({})\n\n",
        line(&report.workflow, 80),
        status(report.status, stream),
        report.execution_id,
    );
    shown.push_str(&nodes(report, plan, stream));
    shown.push_str(&failures(report));
    shown.push_str(&undone(report, stream));
    let leaves = plan.leaves().len();
    // Writing to a string cannot fail.
    let _ = writeln!(
        shown,
        "\nOutput: {} of {}",
        count(report.output.len(), "item"),
        count(leaves, "leaf node")
    );
    shown.push_str(&items::excerpt(
        &report.output,
        "`--output json` prints all of them",
    ));
    shown
}

fn nodes(report: &Report, plan: &Plan, stream: Stream) -> String {
    let columns = [
        "node",
        "type",
        "status",
        "items out",
        "attempts",
        "duration",
        "error",
    ];
    let mut table = table(&columns, stream);
    for (name, result) in report.nodes().take(MOST_ROWS) {
        let result = &result;
        let node = plan.node_index(name.as_str()).map(|index| plan.node(index));
        table.add_row(vec![
            Cell::new(line(name.as_str(), LONGEST_NAME)),
            Cell::new(node.map_or("", |node| node.node_type.as_str())),
            colored(&status_text(result), node_color(result.status), stream),
            Cell::new(ports::item_counts(&result.output, node)),
            Cell::new(attempts(result)),
            Cell::new(duration(result)),
            error_cell(result, node, stream),
        ]);
    }
    let mut text = to_text(&table);
    let more = report.nodes().len().saturating_sub(MOST_ROWS);
    if more > 0 {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "… and {}; `--output json` shows all of them",
            count(more, "more node")
        );
    }
    text
}

/// What was undone because the execution failed, in the order in which it was.
fn undone(report: &Report, stream: Stream) -> String {
    let columns = ["undone", "by", "status", "attempts", "duration", "error"];
    let mut table = table(&columns, stream);
    for compensation in report.compensations().take(MOST_ROWS) {
        let result = &compensation.result;
        table.add_row(vec![
            Cell::new(line(compensation.node.as_str(), LONGEST_NAME)),
            Cell::new(compensation.node_type.as_str()),
            colored(&status_text(result), node_color(result.status), stream),
            Cell::new(attempts(result)),
            Cell::new(duration(result)),
            error_cell(result, None, stream),
        ]);
    }
    if table.row_count() == 0 {
        return String::new();
    }
    format!("\n{}", to_text(&table))
}

/// The status, and which recovery led to it.
fn status_text(result: &NodeResult) -> String {
    use jackfield::types::RecoveryApplied;
    let status = result.status.as_str();
    match (result.recovery_applied, &result.fallback_node_type) {
        (Some(RecoveryApplied::Fallback), Some(node_type)) => format!("{status} by {node_type}"),
        (Some(RecoveryApplied::Fallback), None) => format!("{status} by fallback"),
        (Some(RecoveryApplied::Retry), _) => format!("{status} after retry"),
        (Some(RecoveryApplied::Skip), _) => format!("{status} after error"),
        (Some(RecoveryApplied::Continue), _) => format!("{status}, continued"),
        (None, _) => status.to_owned(),
    }
}

fn attempts(result: &NodeResult) -> String {
    if result.runs == 0 {
        return String::new();
    }
    result.runs.saturating_add(result.retries).to_string()
}

fn duration(result: &NodeResult) -> String {
    if result.runs == 0 {
        String::new()
    } else {
        format_duration(result.duration)
    }
}

fn error_cell(result: &NodeResult, node: Option<&PlanNode>, stream: Stream) -> Cell {
    match (&result.error_code, &result.error) {
        (Some(code), _) => colored(code.as_str(), Color::Red, stream),
        (None, Some(error)) => colored(&line(error, LONGEST_ERROR), Color::Red, stream),
        (None, None) if node.is_some_and(|node| node.disabled) => Cell::new("disabled"),
        (None, None) => Cell::new(""),
    }
}

/// Every failure in full, with its code and the page that explains it.
fn failures(report: &Report) -> String {
    let mut shown = String::new();
    if let Some(failure) = report
        .failure
        .as_ref()
        .filter(|failure| failure.node.is_none())
    {
        shown.push_str(&explained(None, &failure.code, &failure.message));
    }
    let is_failed = |result: &(_, NodeResult)| {
        result.1.error.is_some() && result.1.status != NodeStatus::Blocked
    };
    let failed: Vec<_> = report.nodes().filter(is_failed).collect();
    for (name, result) in failed.iter().take(MOST_FAILURES) {
        let code = result
            .error_code
            .clone()
            .unwrap_or(jackfield::ErrorCode::EXECUTION_ERROR);
        let message = result.error.as_deref().unwrap_or_default();
        shown.push_str(&explained(Some(name.as_str()), &code, message));
        for issue in &result.validation_errors {
            // Writing to a string cannot fail.
            let _ = writeln!(shown, "  - {}", line(&issue.to_string(), 400));
            if let Some(hint) = &issue.hint {
                let _ = writeln!(shown, "    hint: {}", line(hint, 400));
            }
        }
    }
    let more = failed.len().saturating_sub(MOST_FAILURES);
    if more > 0 {
        let _ = writeln!(shown, "\n… and {}", count(more, "more failed node"));
    }
    shown
}

fn explained(node: Option<&str>, code: &jackfield::ErrorCode, message: &str) -> String {
    let place = node
        .map(|node| format!(" at node `{}`", line(node, 80)))
        .unwrap_or_default();
    let page = page_of(code)
        .map(|page| format!(" (see {page})"))
        .unwrap_or_default();
    let message = harmless(message).replace('\n', "\n  ");
    format!("\nerror[{code}]{place}{page}\n  {message}\n")
}

/// What stopped an execution, on a line.
pub(crate) fn failure_line(failure: &ReportFailure) -> String {
    let place = failure
        .node
        .as_ref()
        .map(|node| format!(" at node `{}`", line(node.as_str(), 80)));
    let message = line(&failure.message, 1_000);
    format!(
        "error[{}]{}: {message}",
        failure.code,
        place.unwrap_or_default()
    )
}
