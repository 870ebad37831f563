//! `jackfield signal`, `approve` and `reject`: what an execution is told from outside.

use jackfield::store::PageRequest;
use jackfield::types::SignalReply;
use jackfield::{Event, ExecutionId, SignalName, StoredError, TenantEngine};
use serde::Serialize;
use serde_json::{Map, Value};

use super::visit::Visit;
use crate::args::{DecisionArgs, PlainOutput, PluginArgs, SignalArgs, VisitArgs};
use crate::error::CliError;
use crate::exit::Exit;
use crate::input::read_data;
use crate::kept_error::stored_error;
use crate::output::Output;
use crate::render::text::line;
use crate::terminal::Terminal;
use crate::waits::Waits;

/// Which way a decision goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    Approved,
    Rejected,
}

/// A signal that was sent, for programs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Sent<'a> {
    execution_id: ExecutionId,
    name: &'a SignalName,
    number: u64,
}

/// Sends a signal.
pub(crate) fn signal(
    args: &SignalArgs,
    terminal: Terminal,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let data = read_data(&args.data)?;
    let visit = begin(&args.visit, terminal)?;
    let sent = send(&visit, args.execution, &args.name, data);
    let number = ended(visit, sent)?;
    let what = format!("signal `{}`", line(args.name.as_str(), 80));
    tell(
        args.execution,
        &args.name,
        number,
        &what,
        args.output,
        output,
    )
}

/// Sends a decision.
pub(crate) fn decide(
    args: &DecisionArgs,
    decision: Decision,
    terminal: Terminal,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let is_approved = decision == Decision::Approved;
    let mut data = Map::new();
    data.insert("approved".to_owned(), Value::Bool(is_approved));
    let said = [("by", args.decider()), ("comment", args.comment.as_deref())];
    for (name, value) in said {
        if let Some(value) = value {
            data.insert(name.to_owned(), Value::from(value));
        }
    }
    let visit = begin(&args.visit, terminal)?;
    let decided = (|| {
        let name = match &args.name {
            Some(name) => name.clone(),
            None => visit.wait(only_decision(&visit.session.engine, args.execution))?,
        };
        let number = send(&visit, args.execution, &name, Value::Object(data))?;
        Ok((name, number))
    })();
    let (name, number) = ended(visit, decided)?;
    let what = format!(
        "decision `{}` ({})",
        line(name.as_str(), 80),
        if is_approved { "approved" } else { "rejected" }
    );
    tell(args.execution, &name, number, &what, args.output, output)
}

fn begin(args: &VisitArgs, terminal: Terminal) -> Result<Visit, CliError> {
    Visit::unrecorded(args, &PluginArgs::default(), terminal)
}

fn ended<T>(visit: Visit, result: Result<T, CliError>) -> Result<T, CliError> {
    let end = visit.end();
    result.and_then(|done| end.map(|()| done))
}

fn send(
    visit: &Visit,
    execution: ExecutionId,
    name: &SignalName,
    data: Value,
) -> Result<u64, CliError> {
    let sent = visit.session.engine.signal(execution, name, data);
    visit.wait(sent).map_err(|error| stored_error(&error))
}

fn tell(
    execution_id: ExecutionId,
    name: &SignalName,
    number: u64,
    what: &str,
    format: PlainOutput,
    output: &mut Output,
) -> Result<Exit, CliError> {
    match format {
        PlainOutput::Pretty => output.text(&format!(
            "{what} is kept for {execution_id}; it goes on where a worker runs it, or by \
             `jackfield resume {execution_id}`"
        ))?,
        PlainOutput::Json => output.document(&Sent {
            execution_id,
            name,
            number,
        })?,
    }
    Ok(Exit::Success)
}

/// The name of the decision that an execution waits for, if it is just one.
async fn only_decision(
    engine: &TenantEngine,
    execution: ExecutionId,
) -> Result<SignalName, CliError> {
    let found = engine.stored_execution(execution).await;
    let found = found.map_err(|error| stored_error(&error))?;
    if found.state.has_ended() {
        return Err(stored_error(&StoredError::Ended { execution }));
    }
    let mut names = decisions(engine, execution).await?;
    let first = names.pop();
    match (first, names.is_empty()) {
        (Some(name), true) => Ok(name),
        (Some(name), false) => {
            names.push(name);
            let names = names
                .iter()
                .map(|name| format!("`{}`", line(name.as_str(), 80)));
            let names: Vec<_> = names.collect();
            Err(CliError::usage(
                format!(
                    "execution `{execution}` waits for several decisions: {}",
                    names.join(", ")
                ),
                "name the one that is meant",
            ))
        }
        (None, _) => Err(CliError::usage(
            format!("execution `{execution}` waits for no decision now"),
            "name the decision to send it beforehand: it is kept until a node waits for it",
        )),
    }
}

/// The names of all decisions that nodes of an execution wait for. The records say it by
/// themselves, so that no plugin is needed.
async fn decisions(
    engine: &TenantEngine,
    execution: ExecutionId,
) -> Result<Vec<SignalName>, CliError> {
    let mut waits = Waits::default();
    let mut after = 0;
    loop {
        let records = engine
            .stored_records(execution, after, PageRequest::MOST)
            .await
            .map_err(|error| stored_error(&error))?;
        if records.is_empty() {
            break;
        }
        after += records.len() as u64;
        for record in records {
            // What a newer program wrote may be something else.
            if let Ok(event) = serde_json::from_value::<Event>(record) {
                waits.apply(&event);
            }
        }
    }
    let awaited = waits.iter().filter_map(|(_, wait)| wait.signal.clone());
    let decisions = awaited.filter(|signal| signal.reply == SignalReply::Approval);
    let mut names: Vec<_> = decisions.map(|signal| signal.name).collect();
    names.sort();
    names.dedup();
    Ok(names)
}
