//! `jackfield executions events`: what happened in an execution.

use std::process;
use std::time::Duration;

use jackfield::store::PageRequest;
use jackfield::{StoredError, TenantEngine};
use serde_json::{Value, json};

use crate::args::{EventsArgs, PlainOutput};
use crate::commands::follow::INTERRUPTED;
use crate::commands::say;
use crate::commands::visit::Visit;
use crate::error::CliError;
use crate::exit::Exit;
use crate::kept_error::{stored_error, untold};
use crate::output::Output;
use crate::render;
use crate::render::findings;
use crate::signals::Interrupts;
use crate::terminal::Terminal;

/// How often it is looked for more.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// Prints events.
pub(super) fn events(
    args: &EventsArgs,
    terminal: Terminal,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let visit = Visit::unrecorded(&args.visit, &args.plugins, terminal)?;
    let engine = &visit.session.engine;
    let printed = visit.wait(async {
        if args.raw {
            return raw(engine, args, output).await.map(|()| Exit::Success);
        }
        match replayed(engine, args, output).await {
            Err(NotShown::Stored(error @ StoredError::Stuck { .. })) => {
                let error = untold(&error);
                let exit = error.exit();
                say(&findings::error(error, terminal.stderr));
                say("note: these are the records as they are written");
                raw(engine, args, output).await.map(|()| exit)
            }
            Err(NotShown::Stored(error)) => Err(stored_error(&error)),
            Err(NotShown::Otherwise(error)) => Err(error),
            Ok(exit) => Ok(exit),
        }
    });
    visit.end()?;
    printed
}

/// Why events were not shown.
enum NotShown {
    Stored(StoredError),
    Otherwise(CliError),
}

impl From<CliError> for NotShown {
    fn from(error: CliError) -> Self {
        Self::Otherwise(error)
    }
}

/// Prints events with the names of nodes, and goes on with what comes if that is wanted.
async fn replayed(
    engine: &TenantEngine,
    args: &EventsArgs,
    output: &mut Output,
) -> Result<Exit, NotShown> {
    let mut interrupts = Interrupts::listen()
        .map_err(|error| CliError::internal("signals cannot be listened to", &error))?;
    let mut next = args.from.max(1);
    loop {
        let history = engine.history(args.execution).await;
        let history = history.map_err(NotShown::Stored)?;
        let seen = usize::try_from(next - 1).unwrap_or(usize::MAX);
        for entry in history.entries().skip(seen) {
            match args.output {
                PlainOutput::Pretty => output.text_now(&render::event::line_of(&entry))?,
                PlainOutput::Json => output.json_line(&entry)?,
            }
            next = entry.sequence + 1;
        }
        let mut shown = history.execution().clone();
        drop(history);
        // What is there already has been read; only what changes is read again.
        while shown.events < next {
            if !args.follow || shown.state.has_ended() {
                return Ok(Exit::Success);
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_AGAIN) => {}
                // There is nothing to leave behind.
                () = interrupts.next() => process::exit(INTERRUPTED),
            }
            let found = engine.stored_execution(args.execution).await;
            shown = found.map_err(NotShown::Stored)?;
        }
    }
}

/// Prints records as they are written.
async fn raw(
    engine: &TenantEngine,
    args: &EventsArgs,
    output: &mut Output,
) -> Result<(), CliError> {
    let mut after = args.from.saturating_sub(1);
    loop {
        let records = engine
            .stored_records(args.execution, after, PageRequest::MOST)
            .await
            .map_err(|error| stored_error(&error))?;
        if records.is_empty() {
            return Ok(());
        }
        for record in records {
            after += 1;
            match args.output {
                PlainOutput::Pretty => {
                    output.text(&render::event::line_of_record(after, &record))?;
                }
                PlainOutput::Json => output.data_line(&numbered(after, &record))?,
            }
        }
    }
}

/// A record with its number.
fn numbered(sequence: u64, record: &Value) -> Value {
    json!({ "sequence": sequence, "record": record })
}
