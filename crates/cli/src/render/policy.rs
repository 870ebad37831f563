//! What `jackfield policy` shows to people.

use std::fmt::Write;

use comfy_table::Color;
use jackfield::plugin_api::Version;
use jackfield::tenancy::RuleSays;
use jackfield::{Explanation, NodeTypeId, TenantId};

use super::table::{colored, table, to_text};
use super::text::{count, line};
use crate::commands::policy::{CheckedPolicy, WorkflowVerdict};
use crate::terminal::Stream;

/// What a policy would do to workflows: a table of them, and each refusal on a line.
pub(crate) fn checked(checked: &CheckedPolicy, stream: Stream) -> String {
    let mut shown = table(&["workflow", "verdict", "refused"], stream);
    let mut details = String::new();
    for workflow in &checked.workflows {
        let file = line(&workflow.file, 200);
        let (verdict, color) = match workflow.verdict {
            WorkflowVerdict::Allowed => ("allowed", Color::Green),
            WorkflowVerdict::Refused => ("refused", Color::Red),
            WorkflowVerdict::Invalid => ("not valid", Color::Yellow),
        };
        let refused: Vec<String> = workflow
            .refusals
            .iter()
            .map(|refusal| refusal.node.clone().unwrap_or_default())
            .collect();
        shown.add_row(vec![
            line(&workflow.file, 80).into(),
            colored(verdict, color, stream),
            line(&refused.join(", "), 80).into(),
        ]);
        for finding in workflow.refusals.iter().chain(&workflow.errors) {
            let file = match finding.location {
                Some(_) => String::new(),
                None => format!("{file}: "),
            };
            // Writing to a string cannot fail.
            let _ = writeln!(details, "{file}{}", line(&finding.to_string(), 400));
        }
    }
    let refused = checked
        .workflows
        .iter()
        .filter(|one| one.verdict == WorkflowVerdict::Refused)
        .count();
    let total = count(checked.workflows.len(), "workflow");
    let summary = format!("{refused} of {total} would be refused\n");
    if details.is_empty() {
        format!("{}{summary}", to_text(&shown))
    } else {
        format!("{}\n{details}\n{summary}", to_text(&shown))
    }
}

/// Why a tenant may use a node type or not: the rules in the order in which they are asked.
pub(crate) fn explained(
    tenant: &TenantId,
    node_type: &NodeTypeId,
    version: Option<&Version>,
    explanation: &Explanation,
    stream: Stream,
) -> String {
    let mut shown = table(&["rule", "says", ""], stream);
    for step in &explanation.steps {
        let (says, color) = match step.says {
            RuleSays::Nothing => ("nothing about it", Color::DarkGrey),
            RuleSays::OtherVersion => ("other versions", Color::DarkGrey),
            RuleSays::SomeVersions => ("some versions", Color::Yellow),
            RuleSays::Allows => ("allows", Color::Green),
            RuleSays::Refuses => ("refuses", Color::Red),
        };
        shown.add_row(vec![
            line(&step.rule, 200).into(),
            colored(says, color, stream),
            if step.decides { "decides" } else { "" }.into(),
        ]);
    }
    let version = version
        .map(|version| format!(" {version}"))
        .unwrap_or_default();
    format!(
        "{}\ntenant `{tenant}`, node type `{node_type}`{version}: {} by {}\n",
        to_text(&shown),
        explanation.verdict.as_str(),
        line(&explanation.rule, 200)
    )
}
