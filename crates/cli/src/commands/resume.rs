//! `jackfield resume`: goes on with executions that are kept, with one or with all that nobody runs.

use std::collections::HashSet;
use std::process;

use jackfield::store::ExecutionState;
use jackfield::{
    ExecutionId, ExecutionStatus, JournalEntry, Report, StoredExecution, TenantId, WorkerNotice,
    WorkerOptions, format_duration,
};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::follow::{self, DRAIN, INTERRUPTED, Keeping, Watch};
use super::{say, warn_all};
use crate::args::{ResumeArgs, RunOutput, RunningArgs};
use crate::contents::Contents;
use crate::error::CliError;
use crate::exit::Exit;
use crate::kept_error::{start_error, store_error, stored_error};
use crate::output::Output;
use crate::render::findings;
use crate::render::kept::standing;
use crate::render::report::failure_line;
use crate::render::text::{count, line};
use crate::session::{self, Session};
use crate::signals::Interrupts;
use crate::store::{self, Purpose};
use crate::terminal::Terminal;

/// How many notices and events wait to be shown.
const WAITING: usize = 1_024;

/// Goes on with executions.
pub(crate) fn resume(
    args: &ResumeArgs,
    terminal: Terminal,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let runtime = session::runtime()?;
    let opened = store::open(&args.store, args.durability.level, Purpose::GoOn);
    let store = runtime.block_on(opened)?;
    let folder = &args.workflows.workflows;
    let RunningArgs {
        tenancy,
        credential_keys: keys,
        ..
    } = &args.running;
    let contents = Contents::to_run(&runtime, Some(&store), keys, &tenancy.tenant)?;
    let durable = Some(args.lease.options());
    let session = session::running(&args.running, Some(folder), &contents, durable)?;
    warn_all(&session.warnings, terminal.stderr);
    let done = runtime.block_on(async {
        let interrupts = Interrupts::listen()
            .map_err(|error| CliError::internal("signals cannot be listened to", &error))?;
        match args.execution {
            Some(id) => one(&session, id, args.output, terminal, interrupts, output).await,
            None => many(args, &session, terminal, interrupts, output).await,
        }
    });
    let recorded = session.finish();
    runtime.block_on(store::close(&store));
    runtime.shutdown_background();
    let exit = done?;
    recorded?;
    Ok(exit)
}

/// Goes on with one execution.
async fn one(
    session: &Session,
    id: ExecutionId,
    format: RunOutput,
    terminal: Terminal,
    mut interrupts: Interrupts,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let engine = &session.engine;
    let execution = engine
        .resume(id)
        .await
        .map_err(|error| stored_error(&error))?;
    let nodes = execution.journal().plan().nodes().len();
    let mut watch = Watch::new(format, nodes, terminal, output);
    let keeping = Keeping::InStore;
    let finish = follow::follow(engine, execution, keeping, &mut interrupts, &mut watch).await;
    watch.finish();
    follow::show(finish?, format, output)
}

/// Goes on with all that nobody runs.
async fn many(
    args: &ResumeArgs,
    session: &Session,
    terminal: Terminal,
    mut interrupts: Interrupts,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let options = WorkerOptions {
        concurrency: args.concurrency,
        drain: DRAIN,
        ..WorkerOptions::default()
    };
    let worker = if args.all_tenants {
        session.all.worker(options)
    } else {
        session.engine.worker(options)
    };
    let Some(worker) = worker else {
        return Err(CliError::internal(
            "no worker can be started",
            &"there is no store",
        ));
    };
    let (notices, mut noticed) = mpsc::channel(WAITING);
    let shutdown = CancellationToken::new();
    let worker = worker.telling(notices);
    let works = if args.watch {
        let working = worker.run(shutdown.clone());
        tokio::spawn(async move {
            working.await;
            Ok(())
        })
    } else {
        tokio::spawn(worker.catch_up(shutdown.clone()))
    };
    let (events, mut happened) = mpsc::channel(WAITING);
    let mut shown = Shown {
        session,
        names_tenants: args.all_tenants,
        format: args.output,
        terminal,
        output,
        events: (args.output == RunOutput::Events).then_some(events),
        counts: Counts::default(),
    };
    let mut is_stopping = false;
    let mut seen = Ok(());
    loop {
        let next = tokio::select! {
            biased;
            // Neither loses anything: what was sent stays in its channel.
            Some(entry) = happened.recv() => shown.event(&entry),
            notice = noticed.recv() => match notice {
                Some(notice) => shown.notice(notice).await,
                None => break,
            },
            // Dropping it loses nothing: a signal is kept until it is asked for.
            () = interrupts.next() => {
                if is_stopping {
                    process::exit(INTERRUPTED);
                }
                is_stopping = true;
                shutdown.cancel();
                Ok(())
            }
        };
        if seen.is_ok() && next.is_err() {
            shutdown.cancel();
            seen = next;
        }
    }
    let worked = works
        .await
        .map_err(|error| CliError::internal("the worker broke off", &error))?;
    // Those who read journals end with them, and then there is nobody left who sends.
    shown.events = None;
    while let Some(entry) = happened.recv().await {
        if seen.is_ok() {
            seen = shown.event(&entry);
        }
    }
    seen?;
    let counts = shown.counts;
    say(&counts.summary());
    worked.map_err(|error| store_error(&error))?;
    Ok(if args.watch {
        Exit::Success
    } else if is_stopping {
        Exit::Left
    } else if counts.failed > 0 || !counts.stuck.is_empty() {
        Exit::ExecutionFailed
    } else {
        Exit::Success
    })
}

/// What became of the executions that were taken up. Many are taken up more than once.
#[derive(Debug, Default)]
struct Counts {
    succeeded: usize,
    failed: usize,
    cancelled: usize,
    stuck: HashSet<(TenantId, ExecutionId)>,
    left: HashSet<(TenantId, ExecutionId)>,
}

impl Counts {
    /// What is known of an execution so far is not so any more.
    fn forget(&mut self, tenant: &TenantId, execution: ExecutionId) {
        let key = (tenant.clone(), execution);
        self.stuck.remove(&key);
        self.left.remove(&key);
    }

    fn summary(&self) -> String {
        let parts = [
            (self.succeeded, "succeeded"),
            (self.failed, "failed"),
            (self.cancelled, "cancelled"),
            (self.stuck.len(), "stuck"),
            (self.left.len(), "to go on later"),
        ];
        let all = parts.iter().map(|(number, _)| number).sum();
        if all == 0 {
            return "nothing is left to do now".to_owned();
        }
        let parts: Vec<_> = parts
            .iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, what)| format!("{number} {what}"))
            .collect();
        format!("{}: {}", count(all, "execution"), parts.join(", "))
    }
}

/// Shows what a worker does.
struct Shown<'a> {
    session: &'a Session,
    names_tenants: bool,
    format: RunOutput,
    terminal: Terminal,
    output: &'a mut Output,
    /// Where the events of executions are gathered, if they are shown.
    events: Option<mpsc::Sender<JournalEntry>>,
    counts: Counts,
}

/// What became of an execution here, for programs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Taken<'a> {
    tenant: &'a TenantId,
    execution_id: ExecutionId,
    workflow: &'a str,
    #[serde(flatten)]
    state: &'a ExecutionState,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a jackfield::ReportFailure>,
}

impl Shown<'_> {
    fn event(&mut self, entry: &JournalEntry) -> Result<(), CliError> {
        self.output.json_line(entry)
    }

    async fn notice(&mut self, notice: WorkerNotice) -> Result<(), CliError> {
        match notice {
            WorkerNotice::TakenUp {
                execution, events, ..
            } => {
                if let Some(sender) = self.events.clone() {
                    let mut read = execution.events();
                    drop(execution);
                    // Ends with the journal.
                    tokio::spawn(async move {
                        while let Some(entry) = read.next().await {
                            let is_new = entry.sequence > events;
                            if is_new && sender.send(entry).await.is_err() {
                                return;
                            }
                        }
                    });
                }
                Ok(())
            }
            WorkerNotice::Ended { tenant, report } => self.ended(&tenant, &report),
            WorkerNotice::Left { tenant, execution } => {
                let engine = self.session.all.tenant(&tenant);
                let found = engine.stored_execution(execution).await;
                self.left(&tenant, &found.map_err(|error| stored_error(&error))?)
            }
            WorkerNotice::Failed {
                tenant,
                execution,
                error,
            } => {
                self.counts.forget(&tenant, execution);
                self.counts.failed += 1;
                say(&findings::error(start_error(&error), self.terminal.stderr));
                Ok(())
            }
            // What a newer engine tells besides is not shown.
            _ => Ok(()),
        }
    }

    fn ended(&mut self, tenant: &TenantId, report: &Report) -> Result<(), CliError> {
        self.counts.forget(tenant, report.execution_id);
        match report.status {
            ExecutionStatus::Success => self.counts.succeeded += 1,
            ExecutionStatus::Cancelled => self.counts.cancelled += 1,
            ExecutionStatus::Error | ExecutionStatus::TimedOut | ExecutionStatus::Running => {
                self.counts.failed += 1;
            }
        }
        let status = report.status.as_str().to_owned();
        match self.format {
            RunOutput::Pretty => {
                let failure = report.failure.as_ref().map(failure_line);
                let text = format!(
                    "{}{} {}: {} in {}{}",
                    self.prefix(tenant),
                    report.execution_id,
                    line(&report.workflow, 80),
                    status,
                    format_duration(report.duration),
                    failure.map(|text| format!(": {text}")).unwrap_or_default(),
                );
                self.output.text_now(&text)
            }
            RunOutput::Json => self.output.json_line(&Taken {
                tenant,
                execution_id: report.execution_id,
                workflow: &report.workflow,
                state: &ExecutionState::Ended { status },
                duration_ms: Some((report.duration.as_secs_f64() * 1e6).round() / 1e3),
                error: report.failure.as_ref(),
            }),
            RunOutput::Events => Ok(()),
        }
    }

    fn left(&mut self, tenant: &TenantId, execution: &StoredExecution) -> Result<(), CliError> {
        self.counts.forget(tenant, execution.id);
        let key = (tenant.clone(), execution.id);
        match &execution.state {
            ExecutionState::Stuck { .. } => {
                self.counts.stuck.insert(key);
            }
            ExecutionState::Running
            | ExecutionState::Parked(_)
            | ExecutionState::Incomplete
            | ExecutionState::Paused => {
                self.counts.left.insert(key);
            }
            // It could not be run, and did not have to be.
            ExecutionState::Ended { .. } => self.counts.cancelled += 1,
        }
        match self.format {
            RunOutput::Pretty => {
                let text = format!(
                    "{}{} {}: {}",
                    self.prefix(tenant),
                    execution.id,
                    line(&execution.workflow.id, 80),
                    standing(execution)
                );
                self.output.text_now(&text)
            }
            RunOutput::Json => self.output.json_line(&Taken {
                tenant,
                execution_id: execution.id,
                workflow: &execution.workflow.id,
                state: &execution.state,
                duration_ms: None,
                error: None,
            }),
            RunOutput::Events => Ok(()),
        }
    }

    fn prefix(&self, tenant: &TenantId) -> String {
        if self.names_tenants {
            format!("{tenant} ")
        } else {
            String::new()
        }
    }
}
