//! Asking whoever sits at the terminal.

use std::io::{self, Write};
use std::process;

use jackfield::credentials::CredentialField;

use super::Kept;
use crate::commands::follow::INTERRUPTED;
use crate::error::CliError;
use crate::signals::Interrupts;

/// Asks for a field. What is secret does not show while it is typed, and the terminal is as it was
/// when nobody wants to answer.
pub(super) fn ask(kept: &Kept, field: &CredentialField) -> Result<String, CliError> {
    let trouble = |error: &io::Error| CliError::internal("the terminal cannot be asked", error);
    let mut stderr = io::stderr();
    write!(stderr, "{}: ", field.name)
        .and_then(|()| stderr.flush())
        .map_err(|error| trouble(&error))?;
    let hidden = match field.is_secret {
        true => Some(Hidden::begin().map_err(|error| trouble(&error))?),
        false => None,
    };
    let line = kept.wait(async {
        let mut interrupts = Interrupts::listen()?;
        let line = tokio::task::spawn_blocking(|| {
            let mut line = String::new();
            io::stdin()
                .read_line(&mut line)
                .map(|read| (read > 0).then_some(line))
        });
        tokio::select! {
            line = line => line.map_err(io::Error::other)?,
            // Whoever reads the line is left where it is: the process ends.
            () = interrupts.next() => Ok(None),
        }
    });
    if hidden.is_some() {
        drop(hidden);
        let _ = writeln!(stderr);
    }
    let Some(mut line) = line.map_err(|error| trouble(&error))? else {
        process::exit(INTERRUPTED);
    };
    line.truncate(line.trim_end_matches(['\r', '\n']).len());
    Ok(line)
}

/// A terminal that does not show what is typed.
#[cfg(unix)]
struct Hidden(rustix::termios::Termios);

#[cfg(unix)]
impl Hidden {
    fn begin() -> io::Result<Self> {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
        let before = tcgetattr(io::stdin())?;
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &hidden)?;
        Ok(Self(before))
    }
}

#[cfg(unix)]
impl Drop for Hidden {
    fn drop(&mut self) {
        use rustix::termios::{OptionalActions, tcsetattr};
        // If this fails there is nothing left to try.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}

#[cfg(not(unix))]
struct Hidden;

#[cfg(not(unix))]
impl Hidden {
    fn begin() -> io::Result<Self> {
        Err(io::Error::other(
            "what is typed would be seen; give it by `--from-file` or `--from-env`",
        ))
    }
}
