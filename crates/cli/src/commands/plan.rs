//! `jackfield plan`: what would run, and in which order.

use comfy_table::Cell;
use jackfield::Plan;
use jackfield::kernel::{NodeIndex, Output as Port};

use super::{warn, warn_all};
use crate::args::{PlanArgs, PlanOutput};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;
use crate::render::picture;
use crate::render::ports::output_name;
use crate::render::table::{table, to_text};
use crate::render::text::{count, line};
use crate::session;
use crate::terminal::{Stream, Terminal};
use crate::workflow_file;

/// How many connections that lead to a node are named.
const MOST_SOURCES: usize = 6;

/// Plans a workflow and prints the plan.
pub(crate) fn plan(
    args: &PlanArgs,
    terminal: Terminal,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let session = session::planning(&args.tenancy, &args.plugins, &args.store)?;
    warn_all(&session.warnings, terminal.stderr);
    let source = workflow_file::read_source(&args.file)?;
    let options = workflow_file::plan_options(&args.missing_fields);
    let planned = workflow_file::plan(&session.engine, &source, &options)?;
    warn(&planned.warnings, terminal.stderr);
    let plan = &planned.plan;
    match args.output {
        PlanOutput::Pretty => output.text(&shown(plan, output.stream()))?,
        PlanOutput::Json => output.document(&plan.to_json())?,
        PlanOutput::Mermaid => output.text(&plan.to_mermaid())?,
        PlanOutput::Dot => output.text(&plan.to_dot())?,
        PlanOutput::Svg => output.text(&picture::svg(plan)?)?,
    }
    Ok(Exit::Success)
}

fn shown(plan: &Plan, stream: Stream) -> String {
    let mut table = table(&["#", "node", "type", "version", "after", "notes"], stream);
    for (place, &index) in plan.graph().order().iter().enumerate() {
        let node = plan.node(index);
        let version = node.version.as_ref().map(ToString::to_string);
        table.add_row(vec![
            Cell::new(place + 1),
            Cell::new(line(node.name.as_str(), 40)),
            Cell::new(&node.node_type),
            Cell::new(version.unwrap_or_else(|| "unknown".to_owned())),
            Cell::new(after(plan, index)),
            Cell::new(notes(plan, index)),
        ]);
    }
    let mut text = format!(
        "{}: {}, {}\n\n{}",
        line(plan.name(), 80),
        count(plan.nodes().len(), "node"),
        count(plan.connections().len(), "connection"),
        to_text(&table)
    );
    for origin in plan.plugins() {
        let signer = origin.signer.as_deref().unwrap_or("nobody who is trusted");
        text.push_str(&format!(
            "plugin {origin}, {}, signed by {signer}\n",
            origin.digest
        ));
    }
    text
}

/// What delivers to a node: `source`, `check (true)`.
fn after(plan: &Plan, index: NodeIndex) -> String {
    let incoming = plan.graph().incoming(index);
    let mut names: Vec<String> = incoming
        .iter()
        .take(MOST_SOURCES)
        .map(|&connection| {
            let connection = plan.connection(connection);
            let from = plan.node(connection.from);
            let name = line(from.name.as_str(), 30);
            let port = match connection.output {
                Port::Error => Some("error".to_owned()),
                Port::Main(port) => output_name(from, usize::from(port)),
            };
            port.map_or(name.clone(), |port| format!("{name} ({port})"))
        })
        .collect();
    if incoming.len() > MOST_SOURCES {
        names.push(format!("and {} more", incoming.len() - MOST_SOURCES));
    }
    names.join(", ")
}

fn notes(plan: &Plan, index: NodeIndex) -> String {
    use jackfield::types::OnError;
    let node = plan.node(index);
    let mut notes = Vec::new();
    if node.disabled {
        notes.push("disabled".to_owned());
    }
    if plan.default_trigger() == Some(index) {
        notes.push("starts it".to_owned());
    }
    if node.pinned.is_some() {
        notes.push("pinned data".to_owned());
    }
    if let Some(fallback) = &node.fallback {
        notes.push(format!("falls back to {}", fallback.node_type));
    }
    if let Some(compensation) = plan.graph().compensation(index) {
        let node_type = &plan.node(compensation).node_type;
        notes.push(format!("undone by {node_type}"));
    }
    match node.on_error {
        OnError::StopWorkflow => {}
        OnError::ContinueErrorOutput => notes.push("errors leave by `error`".to_owned()),
        OnError::ContinueRegularOutput => notes.push("goes on after errors".to_owned()),
    }
    if let Some(timeout) = node.timeout {
        notes.push(format!("timeout {timeout}"));
    }
    notes.join(", ")
}
