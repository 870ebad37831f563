//! `jackfield replay`: an exported execution, folded again from what happened in it.

use jackfield::{ReplayDifference, ReplayOutcome};

use super::executions::LARGEST;
use super::warn_all;
use crate::args::{ActingArgs, PlainOutput, ReplayArgs};
use crate::contents::Contents;
use crate::error::CliError;
use crate::exit::Exit;
use crate::file::read_file_or_stdin;
use crate::kept_error::untold;
use crate::output::Output;
use crate::render::text::{count, line};
use crate::session;
use crate::terminal::Terminal;

/// Replays an execution. Nothing is run, and nothing is written.
pub(crate) fn replay(
    args: &ReplayArgs,
    terminal: Terminal,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let exported = read_file_or_stdin(&args.file, LARGEST)?;
    let acting = ActingArgs::default();
    let runtime = session::runtime()?;
    let contents = Contents::none(&runtime);
    let session = session::visiting(&args.tenancy, &acting, &args.plugins, &contents)?;
    warn_all(&session.warnings, terminal.stderr);
    let outcome = runtime.block_on(session.engine.replay(&exported));
    let outcome = outcome.map_err(|error| untold(&error))?;
    match args.output {
        PlainOutput::Pretty => output.text(&described(&outcome))?,
        PlainOutput::Json => output.document(&outcome)?,
    }
    session.finish()?;
    Ok(match outcome.difference {
        None => Exit::Success,
        Some(_) => Exit::Differs,
    })
}

fn described(outcome: &ReplayOutcome) -> String {
    let events = count(
        usize::try_from(outcome.events).unwrap_or(usize::MAX),
        "event",
    );
    let id = outcome.execution;
    let Some(difference) = &outcome.difference else {
        return format!("{id}: {events} replayed, and what comes of them is what is recorded");
    };
    let ReplayDifference {
        sequence,
        place,
        recorded,
        now,
        ..
    } = difference;
    let place = match (sequence, place) {
        (Some(sequence), _) => format!("event {sequence} does not fit"),
        (None, Some(place)) => format!("the report differs at `{}`", line(place, 400)),
        (None, None) => "the report differs".to_owned(),
    };
    format!(
        "{id}: {events} replayed; {place}\n  recorded: {}\n  now:      {}",
        line(recorded, 1_000),
        line(now, 1_000)
    )
}
