//! `jackfield credential key`: master keys.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, absolute};

use jackfield::credentials::{KeyId, MasterKey};

use crate::args::CredentialKeyCommand;
use crate::commands::say;
use crate::credentials::credential_error;
use crate::error::{CliError, describe_io};
use crate::exit::Exit;
use crate::output::Output;

/// Runs one of the subcommands.
pub(super) fn key(command: &CredentialKeyCommand, output: &mut Output) -> Result<Exit, CliError> {
    match command {
        CredentialKeyCommand::Generate { id, to } => generate(id, to, output)?,
    }
    Ok(Exit::Success)
}

/// Writes a new key into a file that nobody else may read. One that is there is never overwritten:
/// nobody could read what it encrypts.
fn generate(id: &KeyId, file: &Path, output: &mut Output) -> Result<(), CliError> {
    let key = MasterKey::generate(id.clone()).map_err(|error| credential_error(&error.into()))?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let text = key.to_text();
    let written = options.open(file).and_then(|mut opened| {
        opened.write_all(text.expose().as_bytes())?;
        opened.write_all(b"\n")?;
        opened.sync_all()
    });
    written.map_err(|error| {
        let reason = match error.kind() {
            std::io::ErrorKind::AlreadyExists => "there is a file already".to_owned(),
            _ => describe_io(&error),
        };
        CliError::usage(
            format!(
                "the key cannot be written to `{}`: {reason}",
                file.display()
            ),
            "name a file that is not there yet, in a folder that is",
        )
    })?;
    let file = absolute(file).unwrap_or_else(|_| file.to_owned());
    output.text(&format!("{id}=file:{}", file.display()))?;
    say(&format!(
        "key `{id}` is written; keep a copy of it apart from the store: without it nobody reads what it \
         encrypts"
    ));
    Ok(())
}
