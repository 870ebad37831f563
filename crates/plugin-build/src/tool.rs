//! Running the tools of others.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::BuildError;

/// The most bytes of what a tool wrote that an error tells: the end, where errors are.
const LONGEST_OUTPUT: usize = 8 << 10;

/// Runs a command to its end and gives what it wrote to its standard output.
pub(crate) fn run(command: &mut Command) -> Result<Vec<u8>, BuildError> {
    let program = shown(command);
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(BuildError::file(Path::new(command.get_program())))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let mut text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if text.is_empty() {
        text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    }
    let begin = text.ceil_char_boundary(text.len().saturating_sub(LONGEST_OUTPUT));
    Err(BuildError::Tool {
        program,
        status: output.status.to_string(),
        output: text.split_off(begin),
    })
}

/// Whether a program is there and answers.
pub(crate) fn answers(program: impl AsRef<OsStr>, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .is_ok_and(|output| output.status.success())
}

/// The program, and its first argument.
fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(command.get_program());
    let mut text = name.to_string_lossy().into_owned();
    if let Some(first) = command.get_args().next() {
        text.push(' ');
        text.push_str(&first.to_string_lossy());
    }
    text
}
