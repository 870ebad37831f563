//! `jackfield run`: a workflow file from its input to its last item.

use std::process;
use std::sync::Arc;

use jackfield::{
    ErrorCode, Events, ExecutionHandle, ExecutionStatus, Items, PinnedData, Report, StartError,
    StartOptions, TenantEngine, Workflow,
};
use tokio::time::MissedTickBehavior;

use super::{say, warn, warn_all};
use crate::args::{RunArgs, RunOutput};
use crate::error::CliError;
use crate::exit::Exit;
use crate::folder::input_file;
use crate::input::{read_item_file, read_items, variables};
use crate::output::Output;
use crate::progress::{self, Progress};
use crate::render;
use crate::session;
use crate::signals::Interrupts;
use crate::terminal::Terminal;
use crate::workflow_file::{self, Planned};

/// The code of a process that ended because Ctrl-C was pressed again.
const INTERRUPTED: i32 = 130;

/// Runs a workflow. Everything is checked before anything runs.
pub(crate) fn run(
    args: RunArgs,
    terminal: Terminal,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let session = session::running(
        &args.tenancy,
        &args.acting,
        &args.grants,
        &args.plugins,
        Some(&args.file),
    )?;
    let source = workflow_file::read_source(&args.file)?;
    let options = workflow_file::plan_options(&args.missing_fields);
    let planned = workflow_file::plan(&session.engine, &source, &options)?;
    let items = items(&args, &planned.workflow)?;
    warn_all(&session.warnings, terminal.stderr);
    warn(&planned.warnings, terminal.stderr);
    let start = StartOptions {
        items,
        variables: variables(args.variables),
        trigger: args.trigger,
        timeout: args.timeout,
        pinned_data: if args.no_pinned_data {
            PinnedData::Ignored
        } else {
            PinnedData::Used
        },
        ..StartOptions::default()
    };
    let shows_progress = args.output == RunOutput::Pretty && terminal.stderr.is_terminal;
    let mut watch = match args.output {
        RunOutput::Events => Watch::Events(&mut *output),
        RunOutput::Pretty if shows_progress => {
            Watch::Progress(Progress::start(planned.plan.nodes().len()))
        }
        RunOutput::Pretty | RunOutput::Json => Watch::Nothing,
    };
    let runtime = session::runtime()?;
    let finished = runtime.block_on(execute(&session.engine, &planned, start, &mut watch));
    watch.finish();
    let report = finished?;
    // What an executor left behind must not hold up the end.
    runtime.shutdown_background();
    session.finish()?;
    match args.output {
        RunOutput::Pretty => {
            let stream = output.stream();
            output.text(&render::report::report(&report, &planned.plan, stream))?;
        }
        RunOutput::Json => output.data(&report)?,
        RunOutput::Events => {}
    }
    // The table shows it; whoever hands JSON on to a program would not see it.
    if args.output != RunOutput::Pretty
        && let Some(failure) = &report.failure
    {
        say(&render::report::failure_line(failure));
    }
    Ok(exit_of(&report))
}

/// What the workflow is given: what the command line says, or else what the workflow says.
fn items(args: &RunArgs, workflow: &Workflow) -> Result<Items, CliError> {
    match (&args.input, &workflow.input) {
        (Some(argument), _) => read_items(argument),
        (None, Some(reference)) => read_item_file(&input_file(&args.file, reference)?),
        (None, None) => Ok(StartOptions::default().items),
    }
}

/// What is done with events as they happen.
enum Watch<'o> {
    Nothing,
    Progress(Progress),
    Events(&'o mut Output),
}

impl Watch<'_> {
    fn finish(self) {
        if let Self::Progress(progress) = self {
            progress.finish();
        }
    }
}

async fn execute(
    engine: &TenantEngine,
    planned: &Planned,
    options: StartOptions,
    watch: &mut Watch<'_>,
) -> Result<Report, CliError> {
    let mut interrupts = Interrupts::listen()
        .map_err(|error| CliError::internal("signals cannot be listened to", &error))?;
    let execution = engine
        .start(&Arc::clone(&planned.plan), options)
        .map_err(|error| start_error(&error))?;
    let mut events = execution.events();
    let seen = follow(&execution, &mut events, &mut interrupts, watch).await;
    if seen.is_err() {
        execution.cancel();
    }
    let report = execution
        .wait()
        .await
        .map_err(|error| start_error(&error))?;
    seen.map(|()| report)
}

/// Follows an execution to its end; cancels it at the first interrupt, and leaves at the second.
async fn follow(
    execution: &ExecutionHandle,
    events: &mut Events,
    interrupts: &mut Interrupts,
    watch: &mut Watch<'_>,
) -> Result<(), CliError> {
    let mut is_cancelled = false;
    let is_drawn = matches!(watch, Watch::Progress(_));
    let mut frames = tokio::time::interval(progress::PERIOD);
    frames.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            // Dropping it loses nothing: the next call gives the same event.
            entry = events.next() => {
                let Some(entry) = entry else { return Ok(()) };
                match watch {
                    Watch::Nothing => {}
                    Watch::Progress(progress) => progress.observe(&entry),
                    Watch::Events(output) => output.json_line(&entry)?,
                }
            }
            // Dropping it loses nothing but a moment.
            _ = frames.tick(), if is_drawn => {
                if let Watch::Progress(progress) = watch {
                    progress.draw();
                }
            }
            // Dropping it loses nothing: a signal is kept until it is asked for.
            () = interrupts.next() => {
                if is_cancelled {
                    process::exit(INTERRUPTED);
                }
                is_cancelled = true;
                execution.cancel();
                if let Watch::Progress(progress) = watch {
                    progress.cancelling();
                }
            }
        }
    }
}

fn start_error(error: &StartError) -> CliError {
    match error {
        StartError::Forbidden { .. } | StartError::UserForbidden { .. } => CliError::Refused {
            code: ErrorCode::TENANT_FORBIDDEN,
            message: error.to_string(),
        },
        StartError::QuotaExceeded(_) => CliError::Refused {
            code: ErrorCode::QUOTA_EXCEEDED,
            message: error.to_string(),
        },
        StartError::UnknownTrigger { .. } => CliError::Start {
            code: ErrorCode::INVALID_INPUT,
            message: error.to_string(),
            hint: Some("name one of them, or leave `--trigger` out".to_owned()),
        },
        _ => CliError::internal("the execution broke off", error),
    }
}

fn exit_of(report: &Report) -> Exit {
    let is_refused = report
        .failure
        .as_ref()
        .is_some_and(|failure| failure.code == ErrorCode::TENANT_FORBIDDEN);
    match report.status {
        ExecutionStatus::Success => Exit::Success,
        ExecutionStatus::Error if is_refused => Exit::Refused,
        ExecutionStatus::Error | ExecutionStatus::Cancelled | ExecutionStatus::TimedOut => {
            Exit::ExecutionFailed
        }
        // A report is given when the execution has ended.
        ExecutionStatus::Running => Exit::Internal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_not_the_fault_of_the_input() {
        let refused = start_error(&StartError::Forbidden {
            tenant: jackfield::TenantId::default_tenant(),
            node: "a".try_into().unwrap(),
            node_type: "http-request".try_into().unwrap(),
            rule: "denied".into(),
        });
        assert_eq!(refused.exit(), Exit::Refused);
        let unknown = StartError::UnknownTrigger {
            name: "b".to_owned(),
            triggers: Vec::new(),
        };
        assert_eq!(start_error(&unknown).exit(), Exit::InvalidInput);
        assert_eq!(start_error(&StartError::BrokenOff).exit(), Exit::Internal);
    }
}
