//! The `jackfield` command: workflows and node types from a shell.
//!
//! It reads what it is given, checks all of it, hands it to the engine, and shows what comes back.
//! Data goes to standard output and everything else to standard error; [`exit::Exit`] says how it
//! ends.

mod args;
mod commands;
mod contents;
mod credentials;
mod error;
mod exit;
mod file;
mod folder;
mod home;
mod input;
mod kept_error;
mod logging;
mod moment;
mod node_reference;
mod output;
mod plugin_reference;
mod plugins;
mod progress;
mod recording;
mod render;
mod session;
mod settings;
mod settle;
mod signals;
mod store;
mod terminal;
mod waits;
mod workflow_file;

use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

use clap::Parser;

use crate::args::{Cli, Command};
use crate::commands::say;
use crate::commands::signal::Decision;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;
use crate::settings::Settings;
use crate::terminal::Terminal;

fn main() -> ExitCode {
    // A panic of a node is caught by the engine and ends up in its result; one of ours is caught
    // below. Neither prints a backtrace at somebody who cannot do anything about it.
    panic::set_hook(Box::new(|panic| tracing::error!(%panic, "panicked")));
    let cli = Cli::parse();
    let terminal = Terminal::detect(cli.global.color);
    let exit = match panic::catch_unwind(AssertUnwindSafe(|| start(cli, terminal))) {
        Ok(Ok(exit)) => exit,
        Ok(Err(error)) => {
            let exit = error.exit();
            say(&render::findings::error(error, terminal.stderr));
            exit
        }
        Err(_) => {
            say(
                "error[INTERNAL] jackfield made a mistake and cannot go on; please report it, \
                 with what `--log error` prints",
            );
            Exit::Internal
        }
    };
    exit.into()
}

fn start(mut cli: Cli, terminal: Terminal) -> Result<Exit, CliError> {
    logging::start(cli.global.log.as_deref(), terminal.stderr)?;
    if settle::takes_settings(&cli.command) {
        let settings = Settings::read(cli.global.settings.as_deref())?;
        settle::settle(&mut cli.command, &settings);
    }
    let mut output = Output::new(terminal.stdout);
    let exit = match cli.command {
        Command::Run(args) => commands::run::run(*args, terminal, &mut output),
        Command::Resume(args) => commands::resume::resume(&args, terminal, &mut output),
        Command::Executions(command) => {
            commands::executions::executions(command, terminal, &mut output)
        }
        Command::Signal(args) => commands::signal::signal(&args, terminal, &mut output),
        Command::Approve(args) => {
            commands::signal::decide(&args, Decision::Approved, terminal, &mut output)
        }
        Command::Reject(args) => {
            commands::signal::decide(&args, Decision::Rejected, terminal, &mut output)
        }
        Command::Replay(args) => commands::replay::replay(&args, terminal, &mut output),
        Command::Gc(args) => commands::gc::gc(&args, &mut output),
        Command::Credential(command) => commands::credential::credential(command, &mut output),
        Command::Variable(command) => commands::variable::variable(command, terminal, &mut output),
        Command::Validate(args) => commands::validate::validate(&args, terminal, &mut output),
        Command::Plan(args) => commands::plan::plan(&args, terminal, &mut output),
        Command::Exec(args) => commands::exec::exec(*args, terminal, &mut output),
        Command::Nodes(command) => commands::nodes::nodes(command, &mut output),
        Command::Plugin(command) => commands::plugin::plugin(command, &mut output),
        Command::Policy(command) => commands::policy::policy(command, terminal, &mut output),
        Command::Audit(command) => commands::audit::audit(&command, &mut output),
        Command::Schema(command) => commands::schema::schema(&command, &mut output),
        Command::Completions { shell } => commands::completions::completions(shell, &mut output),
    }?;
    output.finish()?;
    Ok(exit)
}
