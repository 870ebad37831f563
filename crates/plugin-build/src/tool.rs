//! Running the tools of others.

use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;

use crate::BuildError;

/// The most bytes of what a tool wrote that an error tells: the end, where errors are.
const LONGEST_OUTPUT: usize = 8 << 10;

/// Runs a command to its end, and gives each line that it writes to its standard output as it
/// comes; in the end all of them.
pub(crate) fn watch(
    command: &mut Command,
    on_line: &mut dyn FnMut(&[u8]),
) -> Result<Vec<u8>, BuildError> {
    let program = shown(command);
    let name = command.get_program().to_string_lossy().into_owned();
    let broken = |source| BuildError::Start {
        program: name,
        source,
    };
    let child = command
        .stdin(Stdio::null())
        // As in `run`.
        .env_remove("RUST_BACKTRACE")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let watched = child.and_then(|mut child| {
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        // Both are read at once, or it could wait for the one while the other one is read.
        let listen = move || {
            let mut text = Vec::new();
            stderr
                .map_or(Ok(0), |mut stderr| stderr.read_to_end(&mut text))
                .map(|_| text)
        };
        thread::scope(|scope| {
            let listener = thread::Builder::new().spawn_scoped(scope, listen);
            let read = listener.and_then(|listener| {
                let stdout = stdout.map_or(Ok(Vec::new()), |stdout| lines(stdout, on_line))?;
                let stderr = listener.join().unwrap_or_else(|_| Ok(Vec::new()))?;
                Ok((stdout, stderr))
            });
            if read.is_err() {
                // Nobody listens any more.
                let _ = child.kill();
            }
            let status = child.wait()?;
            let (stdout, stderr) = read?;
            Ok(Output {
                status,
                stdout,
                stderr,
            })
        })
    });
    ended(program, watched.map_err(broken)?)
}

fn lines(stdout: impl Read, on_line: &mut dyn FnMut(&[u8])) -> io::Result<Vec<u8>> {
    let (mut stdout, mut all) = (BufReader::new(stdout), Vec::new());
    loop {
        let begin = all.len();
        if stdout.read_until(b'\n', &mut all)? == 0 {
            return Ok(all);
        }
        on_line(&all[begin..]);
    }
}

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
    ended(program, output)
}

/// What a program wrote to its standard output, if it ended well.
fn ended(program: String, output: Output) -> Result<Vec<u8>, BuildError> {
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
    fn lines_are_given_as_they_come_and_errors_with_what_was_said() {
        let mut seen = Vec::new();
        let mut on_line = |line: &[u8]| seen.push(String::from_utf8(line.to_vec()).unwrap());
        let all = watch(Command::new("cargo").args(["help", "build"]), &mut on_line).unwrap();
        assert!(seen.len() > 10, "{seen:?}");
        assert_eq!(seen.concat().as_bytes(), all);
        let error = watch(Command::new("cargo").arg("no-such-command"), &mut |_| ());
        let text = error.unwrap_err().to_string();
        let begin = "`cargo no-such-command` ended with";
        assert!(
            text.starts_with(begin) && text.lines().count() > 1,
            "{text}"
        );
        let error = watch(&mut Command::new("no-such-program"), &mut |_| ());
        let text = error.unwrap_err().to_string();
        assert!(text.contains("`no-such-program`"), "{text}");
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
