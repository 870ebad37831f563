//! `jackfield executions list`.

use jackfield::store::{ExecutionFilter, Page, PageRequest, StoreError};
use jackfield::{StoredError, StoredExecution, TenantEngine};
use serde::Serialize;

use crate::args::{ListArgs, PlainOutput, PluginArgs};
use crate::commands::visit::Visit;
use crate::error::CliError;
use crate::exit::Exit;
use crate::kept_error::{store_error, stored_error};
use crate::output::Output;
use crate::render;
use crate::terminal::Terminal;

/// A page of executions, for programs.
#[derive(Serialize)]
struct Listed {
    executions: Vec<StoredExecution>,
    /// What `--after` is given to get the next page.
    next: Option<String>,
}

/// Lists executions.
pub(super) fn list(
    args: &ListArgs,
    terminal: Terminal,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let visit = Visit::unrecorded(&args.visit, &PluginArgs::default(), terminal)?;
    let found = visit.wait(find(args, &visit));
    visit.end()?;
    let Page { entries, next } = found?;
    match args.output {
        PlainOutput::Pretty => {
            output.text(&render::kept::executions(&entries, output.stream()))?;
            if let Some(next) = next {
                output.text(&format!("\nthere are more: --after {next}"))?;
            }
        }
        PlainOutput::Json => output.document(&Listed {
            executions: entries,
            next,
        })?,
    }
    Ok(Exit::Success)
}

async fn find(args: &ListArgs, visit: &Visit) -> Result<Page<StoredExecution>, CliError> {
    let now = visit
        .store
        .now()
        .await
        .map_err(|error| store_error(&error))?;
    let filter = ExecutionFilter {
        workflow: args.workflow.clone(),
        state: args.state.map(|state| state.as_str().to_owned()),
        status: args.status.map(|status| status.as_str().to_owned()),
        from: args.since.map(|since| since.before(now)),
        until: args.until.map(|until| until.before(now)),
        ..ExecutionFilter::default()
    };
    let page = PageRequest {
        after: args.after.clone(),
        limit: args.limit,
    };
    let engine: &TenantEngine = &visit.session.engine;
    let found = engine.stored_executions(&filter, &page).await;
    found.map_err(|error| match error {
        StoredError::Store(StoreError::Refused { .. }) if args.after.is_some() => CliError::usage(
            "`--after` is given what no page has ended with",
            "give it the cursor that the page before has shown",
        ),
        error => stored_error(&error),
    })
}
