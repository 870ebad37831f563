use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::DatabaseError;
use super::account::Account;

/// Finds a program in the path, or in one of some other folders.
pub(super) fn find(
    program: &'static str,
    others: &[PathBuf],
    package: &'static str,
) -> Result<PathBuf, DatabaseError> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(others.iter().cloned())
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
        .ok_or(DatabaseError::Missing { program, package })
}

/// Runs a program to its end and gives what it wrote to its standard output.
pub(super) fn run(
    program: &Path,
    account: Account,
    prepare: impl FnOnce(&mut Command),
) -> Result<String, DatabaseError> {
    let mut command = Command::new(program);
    command.env("LC_ALL", "C.UTF-8").current_dir("/");
    account.apply(&mut command);
    prepare(&mut command);
    let name = program.display().to_string();
    let output = command.output().map_err(|source| DatabaseError::Start {
        program: name.clone(),
        source,
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let mut text = String::from_utf8_lossy(&output.stderr).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stdout));
    Err(DatabaseError::Ended {
        program: name,
        output: text,
    })
}
