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
        // What a tool has to say comes first; the way through its own code says nothing to authors.
        .env_remove("RUST_BACKTRACE")
        .output()
        .map_err(|source| BuildError::Start {
            program: command.get_program().to_string_lossy().into_owned(),
            source,
        })?;
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

/// What a program writes to its standard output, if it is there and ends well.
pub(crate) fn ask(program: impl AsRef<OsStr>, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    let output = run(command.args(arguments)).ok()?;
    String::from_utf8(output).ok()
}

/// The first two numbers of a version such as `v18.20.4` or `rustc 1.95.0 (…)`.
pub(crate) fn version(text: &str) -> Option<(u32, u32)> {
    let begin = text.find(|one: char| one.is_ascii_digit())?;
    let mut numbers = text[begin..].split(|one: char| !one.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_programs_say() {
        for (text, found) in [
            ("v18.20.4\n", Some((18, 20))),
            ("Python 3.9.2", Some((3, 9))),
            ("rustc 1.96.0 (ac68faa20 2026-05-25)", Some((1, 96))),
            ("release: 2.0-nightly", Some((2, 0))),
            ("99999999999.1", None),
            ("7", None),
            ("", None),
        ] {
            assert_eq!(version(text), found, "{text}");
        }
    }

    #[test]
    fn what_a_tool_says_is_told_and_a_tool_that_is_not_there_is_named() {
        let error = run(Command::new("cargo").arg("no-such-command")).unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("`cargo no-such-command` ended with"),
            "{text}"
        );
        assert!(text.lines().count() > 1, "{text}");
        let error = run(&mut Command::new("no-such-program")).unwrap_err();
        assert!(error.to_string().contains("`no-such-program`"), "{error}");
    }
}
