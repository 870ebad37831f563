//! `jackfield completions`: scripts that complete the command line.

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::args::Cli;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;

/// Prints the script for a shell.
pub(crate) fn completions(shell: Shell, output: &mut Output) -> Result<Exit, CliError> {
    // Into memory first: writing a script to a reader who goes away would be a panic.
    let mut script = Vec::new();
    generate(shell, &mut Cli::command(), "jackfield", &mut script);
    output.bytes(&script)?;
    Ok(Exit::Success)
}
