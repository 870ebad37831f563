//! `jackfield executions`: a module for each of its commands.

mod ask;
mod events;
mod list;
mod retry;
mod show;
mod transfer;

use jackfield::store::Request;

pub(crate) use self::transfer::LARGEST;
use crate::args::ExecutionsCommand;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;
use crate::terminal::Terminal;

/// Runs one of the subcommands.
pub(crate) fn executions(
    command: ExecutionsCommand,
    terminal: Terminal,
    output: &mut Output,
) -> Result<Exit, CliError> {
    match command {
        ExecutionsCommand::List(args) => list::list(&args, terminal, output),
        ExecutionsCommand::Show(args) => show::show(&args, terminal, output),
        ExecutionsCommand::Events(args) => events::events(&args, terminal, output),
        ExecutionsCommand::Cancel(args) => ask::ask(&args, Request::Cancel, terminal, output),
        ExecutionsCommand::Pause(args) => ask::ask(&args, Request::Pause, terminal, output),
        ExecutionsCommand::Resume(args) => ask::ask(&args, Request::Resume, terminal, output),
        ExecutionsCommand::Retry(args) => retry::retry(&args, terminal, output),
        ExecutionsCommand::Export(args) => transfer::export(&args, terminal, output),
        ExecutionsCommand::Import(args) => transfer::import(&args, terminal, output),
    }
}
