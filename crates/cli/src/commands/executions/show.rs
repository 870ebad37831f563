//! `jackfield executions show`: how an execution stands, or stood after some of its events.

use jackfield::types::{AwaitedSignal, SignalReply};
use jackfield::{History, Report, StoredError, StoredExecution};
use jiff::Timestamp;
use serde::Serialize;

use crate::args::{PlainOutput, ShowArgs};
use crate::commands::say;
use crate::commands::visit::Visit;
use crate::error::CliError;
use crate::exit::Exit;
use crate::kept_error::{stored_error, untold};
use crate::output::Output;
use crate::render;
use crate::render::findings;
use crate::terminal::Terminal;
use crate::waits::{Waits, way_on};

/// How an execution stands, for programs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    execution: &'a StoredExecution,
    /// After how many events this is how it stood.
    at: u64,
    /// The nodes that wait.
    waits: Vec<Waiting>,
    /// Nothing when what it runs is not there.
    report: Option<&'a Report>,
}

/// A node that waits.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Waiting {
    node: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
    #[serde(flatten)]
    signal: Option<Awaited>,
    #[serde(skip)]
    way_on: Option<String>,
}

#[derive(Serialize)]
struct Awaited {
    signal: String,
    reply: SignalReply,
}

impl From<&AwaitedSignal> for Awaited {
    fn from(awaited: &AwaitedSignal) -> Self {
        Self {
            signal: awaited.name.to_string(),
            reply: awaited.reply,
        }
    }
}

/// Shows an execution. One that cannot be replayed is shown as far as the store knows it.
pub(super) fn show(
    args: &ShowArgs,
    terminal: Terminal,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let visit = Visit::unrecorded(&args.visit, &args.plugins, terminal)?;
    let engine = &visit.session.engine;
    let history = visit.wait(engine.history(args.execution));
    let found = match history {
        Ok(history) => Ok((history.execution().clone(), Ok(history))),
        Err(error @ StoredError::Stuck { .. }) => visit
            .wait(engine.stored_execution(args.execution))
            .map(|execution| (execution, Err(error))),
        Err(error) => Err(error),
    };
    visit.end()?;
    let (execution, history) = found.map_err(|error| stored_error(&error))?;
    let at = args.at.unwrap_or(execution.events);
    let (history, not_replayed) = match history {
        Ok(history) => (Some(history), None),
        Err(error) => (None, Some(untold(&error))),
    };
    let report = match &history {
        Some(history) => Some(
            history
                .report_at(at)
                .map_err(|error| stored_error(&error))?,
        ),
        None => None,
    };
    let waits = history
        .map(|history| waiting(&history, at))
        .unwrap_or_default();
    match args.output {
        PlainOutput::Pretty => {
            let ways: Vec<&str> = waits
                .iter()
                .filter_map(|one| one.way_on.as_deref())
                .collect();
            output.text(&render::kept::summary(&execution, at, &ways))?;
            if let Some(report) = &report {
                let stream = output.stream();
                output.text(&format!("\n{}", render::report::report(report, stream)))?;
            }
        }
        PlainOutput::Json => output.data(&Shown {
            execution: &execution,
            at,
            waits,
            report: report.as_ref(),
        })?,
    }
    Ok(match not_replayed {
        Some(error) => {
            let exit = error.exit();
            say(&findings::error(error, terminal.stderr));
            exit
        }
        None => Exit::Success,
    })
}

/// The nodes that waited after so many events.
fn waiting(history: &History, at: u64) -> Vec<Waiting> {
    let mut waits = Waits::default();
    let mut names = std::collections::BTreeMap::new();
    let id = history.execution().id;
    for entry in history.entries().take_while(|entry| entry.sequence <= at) {
        waits.apply(&entry.event);
        if let (Some(node), Some(name)) = (entry.event.kind.node(), entry.node_name) {
            names.insert(node, name);
        }
    }
    let waiting = waits.iter().filter_map(|(node, wait)| {
        let name = names.get(&node)?;
        Some(Waiting {
            node: name.to_string(),
            until: wait.until,
            signal: wait.signal.as_ref().map(Awaited::from),
            way_on: way_on(id, name.as_str(), wait),
        })
    });
    waiting.collect()
}
