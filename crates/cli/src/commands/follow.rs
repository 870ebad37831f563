//! Following one execution from its start to its end, or to where this process leaves it.

use std::pin::pin;
use std::process;
use std::time::Duration;

use jackfield::{
    ErrorCode, Event, ExecutionHandle, ExecutionStatus, JournalEntry, Report, StartError,
    StoredExecution, TenantEngine, WorkerOptions,
};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::say;
use crate::args::RunOutput;
use crate::error::CliError;
use crate::exit::Exit;
use crate::kept_error::{start_error, stored_error};
use crate::output::Output;
use crate::progress::{self, Progress, Stop};
use crate::render;
use crate::signals::Interrupts;
use crate::terminal::Terminal;
use crate::waits::{Waits, way_on};

/// The code of a process that ended because Ctrl-C was pressed again.
pub(super) const INTERRUPTED: i32 = 130;
/// How long what runs may run on when an execution is left.
pub(super) const DRAIN: Duration = Duration::from_secs(5);

/// How an execution came to an end in this process.
pub(super) enum Finish {
    Ended(Report),
    /// It is kept, and goes on when somebody takes it up.
    Left(Box<StoredExecution>, Report),
}

/// What is done with events as they happen.
pub(super) enum Watch<'o> {
    Nothing,
    Progress(Progress),
    Events(&'o mut Output),
}

impl<'o> Watch<'o> {
    pub(super) fn new(
        output: RunOutput,
        nodes: usize,
        terminal: Terminal,
        writer: &'o mut Output,
    ) -> Self {
        match output {
            RunOutput::Events => Self::Events(writer),
            RunOutput::Pretty if terminal.stderr.is_terminal => {
                Self::Progress(Progress::start(nodes))
            }
            RunOutput::Pretty | RunOutput::Json => Self::Nothing,
        }
    }

    pub(super) fn finish(self) {
        if let Self::Progress(progress) = self {
            progress.finish();
        }
    }

    fn observe(&mut self, entry: &JournalEntry) -> Result<(), CliError> {
        match self {
            Self::Nothing => Ok(()),
            Self::Progress(progress) => {
                progress.observe(entry);
                Ok(())
            }
            Self::Events(output) => output.json_line(entry),
        }
    }

    /// Says something to people, above the progress.
    pub(super) fn say(&self, text: &str) {
        match self {
            Self::Progress(progress) => progress.suspended(|| say(text)),
            Self::Nothing | Self::Events(_) => say(text),
        }
    }
}

/// Whether what happens is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeping {
    Nowhere,
    InStore,
}

/// Follows an execution to its end. At the first interrupt one that is kept is left as it is, and
/// another one is cancelled; at the second one the process ends.
pub(super) async fn follow(
    engine: &TenantEngine,
    execution: ExecutionHandle,
    keeping: Keeping,
    interrupts: &mut Interrupts,
    watch: &mut Watch<'_>,
) -> Result<Finish, CliError> {
    let (id, cancellation) = (execution.id(), execution.cancellation());
    let mut announcer = (keeping == Keeping::InStore).then(|| Announcer {
        known: execution.journal().len() as u64,
        waits: Waits::default(),
    });
    let mut events = execution.events();
    let leave = CancellationToken::new();
    let (comes_of_it, stop) = match keeping {
        Keeping::InStore => (Stop::Leaves, &leave),
        Keeping::Nowhere => (Stop::Cancels, &cancellation),
    };
    let mut frames = tokio::time::interval(progress::PERIOD);
    frames.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let is_drawn = matches!(watch, Watch::Progress(_));
    let mut is_stopping = false;
    let mut seen = Ok(());
    let mut result: Option<Result<Option<Report>, StartError>> = None;
    let plan = std::sync::Arc::clone(execution.journal().plan());
    let mut running = pin!(execution.wait_here(leave.clone(), DRAIN));
    loop {
        tokio::select! {
            // Dropping it loses nothing: the next call gives the same event.
            entry = events.next() => {
                // The journal is closed when nothing runs here any more.
                let Some(entry) = entry else { break };
                if let Some(announcer) = &mut announcer {
                    let name = |node| plan.node(node).name.to_string();
                    for text in announcer.observe(&entry, name) {
                        watch.say(&text);
                    }
                }
                if seen.is_ok() {
                    seen = watch.observe(&entry);
                    if seen.is_err() {
                        stop.cancel();
                    }
                }
            }
            // It is polled for as long as it has not ended.
            ended = &mut running, if result.is_none() => result = Some(ended),
            // Dropping it loses nothing but a moment.
            _ = frames.tick(), if is_drawn => {
                if let Watch::Progress(progress) = watch {
                    progress.draw();
                }
            }
            // Dropping it loses nothing: a signal is kept until it is asked for.
            () = interrupts.next() => {
                if is_stopping {
                    process::exit(INTERRUPTED);
                }
                is_stopping = true;
                stop.cancel();
                if let Watch::Progress(progress) = watch {
                    progress.stopping(comes_of_it);
                }
            }
        }
    }
    let result = match result {
        Some(result) => result,
        None => running.await,
    };
    seen?;
    match result.map_err(|error| start_error(&error))? {
        Some(report) => Ok(Finish::Ended(report)),
        None => left(engine, id).await,
    }
}

/// How an execution stands that this process does not run any more.
async fn left(engine: &TenantEngine, id: jackfield::ExecutionId) -> Result<Finish, CliError> {
    let history = engine.history(id).await;
    let history = history.map_err(|error| stored_error(&error))?;
    let report = history.report().map_err(|error| stored_error(&error))?;
    if history.execution().state.has_ended() {
        return Ok(Finish::Ended(report));
    }
    Ok(Finish::Left(Box::new(history.execution().clone()), report))
}

/// Says for what nodes wait that only somebody outside can bring.
struct Announcer {
    /// How many events there were before.
    known: u64,
    waits: Waits,
}

impl Announcer {
    fn observe(
        &mut self,
        entry: &JournalEntry,
        name: impl Fn(jackfield::kernel::NodeIndex) -> String,
    ) -> Vec<String> {
        let event: &Event = &entry.event;
        let begins = self.waits.apply(event).cloned();
        let execution = entry.execution;
        if entry.sequence < self.known {
            return Vec::new();
        }
        if entry.sequence == self.known {
            let still = self.waits.iter();
            let still = still.filter_map(|(node, wait)| way_on(execution, &name(node), wait));
            return still.collect();
        }
        let node = event.kind.node();
        let text = begins
            .zip(node)
            .and_then(|(wait, node)| way_on(execution, &name(node), &wait));
        text.into_iter().collect()
    }
}

/// Prints what became of an execution, and says how the command ends.
pub(super) fn show(
    finish: Finish,
    format: RunOutput,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let (report, left) = match finish {
        Finish::Ended(report) => (report, None),
        Finish::Left(execution, report) => (report, Some(execution)),
    };
    match format {
        RunOutput::Pretty => {
            let stream = output.stream();
            output.text(&render::report::report(&report, stream))?;
        }
        RunOutput::Json => output.data(&report)?,
        RunOutput::Events => {}
    }
    if let Some(execution) = left {
        say(&render::kept::goes_on(&execution));
        return Ok(Exit::Left);
    }
    // The table shows it; whoever hands JSON on to a program would not see it.
    if format != RunOutput::Pretty
        && let Some(failure) = &report.failure
    {
        say(&render::report::failure_line(failure));
    }
    Ok(exit_of(&report))
}

/// As long as there is one, executions leave memory that wait for long, and with it this process.
pub(super) struct Parking {
    shutdown: CancellationToken,
    works: JoinHandle<()>,
}

impl Parking {
    /// Begins to have executions parked; `None` when none are kept.
    pub(super) fn begin(engine: &TenantEngine) -> Option<Self> {
        // It takes nothing up by itself: others do, when it is due.
        let worker = engine.worker(WorkerOptions {
            concurrency: 0,
            ..WorkerOptions::default()
        })?;
        let shutdown = CancellationToken::new();
        let works = tokio::spawn(worker.run(shutdown.clone()));
        Some(Self { shutdown, works })
    }

    pub(super) async fn end(self) {
        self.shutdown.cancel();
        if let Err(error) = self.works.await {
            tracing::error!(%error, "the worker broke off");
        }
    }
}

/// How a command ends that ran an execution.
pub(super) fn exit_of(report: &Report) -> Exit {
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
