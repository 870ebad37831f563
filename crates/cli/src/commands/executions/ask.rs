//! `jackfield executions cancel`, `pause` and `resume`: what executions are asked to do, wherever
//! they run.

use jackfield::store::Request;
use jackfield::{ExecutionId, StoredExecution};

use crate::args::{AskArgs, PlainOutput, PluginArgs};
use crate::commands::say;
use crate::commands::visit::Visit;
use crate::error::CliError;
use crate::exit::Exit;
use crate::kept_error::stored_error;
use crate::output::Output;
use crate::render::findings;
use crate::render::kept::standing;
use crate::terminal::Terminal;

/// Asks the same of all executions that are named. One that cannot be asked keeps no other from it.
pub(super) fn ask(
    args: &AskArgs,
    request: Request,
    terminal: Terminal,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let visit = Visit::begin(&args.visit, &PluginArgs::default(), terminal)?;
    let mut asked = Vec::new();
    let mut exit = Exit::Success;
    for id in &args.executions {
        match visit.wait(ask_one(&visit, *id, request)) {
            Ok(execution) => asked.push(execution),
            Err(error) => {
                exit = error.exit();
                say(&findings::error(error, terminal.stderr));
            }
        }
    }
    visit.end()?;
    match args.output {
        PlainOutput::Pretty => {
            for execution in &asked {
                output.text(&described(execution, request))?;
            }
        }
        PlainOutput::Json => output.document(&asked)?,
    }
    Ok(exit)
}

async fn ask_one(
    visit: &Visit,
    id: ExecutionId,
    request: Request,
) -> Result<StoredExecution, CliError> {
    let engine = &visit.session.engine;
    let asked = async {
        engine.request(id, request).await?;
        engine.stored_execution(id).await
    };
    asked.await.map_err(|error| stored_error(&error))
}

fn described(execution: &StoredExecution, request: Request) -> String {
    let id = execution.id;
    let what = match request {
        Request::Cancel => "to end",
        Request::Pause => "to pause",
        Request::Resume => "to go on",
    };
    format!(
        "{id} was asked {what} ({}); a worker that runs it does so, or `jackfield resume {id}`",
        standing(execution)
    )
}
