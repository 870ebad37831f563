//! Where master keys come from: the environment, files, commands.

use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::str::FromStr;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use zeroize::Zeroizing;

use crate::key::{KeyError, KeyId, MasterKey, MasterKeys};

/// The most bytes that are read where a key should be.
const MOST_BYTES: u64 = 4_096;
/// How long a command may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A master key that has not been read yet: its id, and where it is.
///
/// As text it is `ID=env:VARIABLE`, `ID=file:PATH` or `ID=command:PROGRAM ARGUMENT…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySource {
    /// What the key is called.
    pub id: KeyId,
    /// Where it is.
    pub place: KeyPlace,
}

/// Where a key is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyPlace {
    /// A variable of the environment.
    Environment {
        /// Its name.
        variable: String,
    },
    /// A file that nobody but its owner may read.
    File {
        /// Its path.
        path: PathBuf,
    },
    /// What a command writes to its standard output. No shell reads it.
    Command {
        /// The program.
        program: PathBuf,
        /// Its arguments.
        arguments: Vec<String>,
    },
}

/// Why a master key could not be read. It never tells what was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeySourceError {
    /// The text that says where the key is.
    #[error(
        "a master key is given as `ID=env:VARIABLE`, `ID=file:PATH` or `ID=command:PROGRAM ARGUMENT…`"
    )]
    Text,
    /// What was found is no key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The variable is not set, or no text.
    #[error("master key `{id}`: the environment has no text under `{variable}`")]
    Variable {
        /// The key.
        id: KeyId,
        /// The variable.
        variable: String,
    },
    /// The file cannot be read.
    #[error("master key `{id}`: `{}` cannot be read", path.display())]
    Unreadable {
        /// The key.
        id: KeyId,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is no file, or has more in it than a key.
    #[error("master key `{id}`: `{}` is no file of at most {MOST_BYTES} bytes", path.display())]
    NoKeyFile {
        /// The key.
        id: KeyId,
        /// The path.
        path: PathBuf,
    },
    /// Others may read the file.
    #[error(
        "master key `{id}`: `{}` can be read or changed by others than its owner (mode {mode:03o}); `chmod 600` it",
        path.display()
    )]
    Shared {
        /// The key.
        id: KeyId,
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Somebody else owns the file, and can change what is in it at any time.
    #[error(
        "master key `{id}`: `{}` belongs to user {owner}, and neither to the user of this process nor to root",
        path.display()
    )]
    Owner {
        /// The key.
        id: KeyId,
        /// The file.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
    },
    /// The command did not give a key.
    #[error("master key `{id}`: the command `{}` {problem}", program.display())]
    Command {
        /// The key.
        id: KeyId,
        /// The program.
        program: PathBuf,
        /// What went wrong.
        problem: String,
    },
}

impl FromStr for KeySource {
    type Err = KeySourceError;

    fn from_str(text: &str) -> Result<Self, KeySourceError> {
        let (id, place) = text.split_once('=').ok_or(KeySourceError::Text)?;
        let (kind, place) = place.split_once(':').ok_or(KeySourceError::Text)?;
        if place.trim().is_empty() {
            return Err(KeySourceError::Text);
        }
        let id = KeyId::parse(id)?;
        let place = match kind {
            "env" => KeyPlace::Environment {
                variable: place.to_owned(),
            },
            "file" => KeyPlace::File { path: place.into() },
            "command" => {
                let mut words = place.split_whitespace().map(str::to_owned);
                let program = words.next().ok_or(KeySourceError::Text)?;
                KeyPlace::Command {
                    program: program.into(),
                    arguments: words.collect(),
                }
            }
            _ => return Err(KeySourceError::Text),
        };
        Ok(Self { id, place })
    }
}

impl KeySource {
    /// Reads the key.
    ///
    /// # Errors
    /// [`KeySourceError`]; it never tells what was found.
    pub async fn read(&self) -> Result<MasterKey, KeySourceError> {
        let id = &self.id;
        let found = match &self.place {
            KeyPlace::Environment { variable } => from_environment(id, variable)?,
            KeyPlace::File { path } => from_file(id, path)?,
            KeyPlace::Command { program, arguments } => from_command(program, arguments)
                .await
                .map_err(|problem| KeySourceError::Command {
                    id: id.clone(),
                    program: program.clone(),
                    problem,
                })?,
        };
        // What is no text is no key either.
        let text = std::str::from_utf8(&found).unwrap_or_default();
        Ok(MasterKey::parse_text(id.clone(), text)?)
    }
}

impl MasterKeys {
    /// Reads keys, of which the first is the one to encrypt with.
    ///
    /// # Errors
    /// The first [`KeySourceError`].
    pub async fn read(sources: &[KeySource]) -> Result<Self, KeySourceError> {
        let mut keys = Vec::with_capacity(sources.len());
        for source in sources {
            keys.push(source.read().await?);
        }
        Ok(Self::new(keys)?)
    }
}

fn from_environment(id: &KeyId, variable: &str) -> Result<Zeroizing<Vec<u8>>, KeySourceError> {
    let is_name = !variable.is_empty() && !variable.contains(['=', '\0']);
    let found = is_name.then(|| std::env::var_os(variable)).flatten();
    found
        .map(OsString::into_encoded_bytes)
        .map(Zeroizing::new)
        .ok_or_else(|| KeySourceError::Variable {
            id: id.clone(),
            variable: variable.to_owned(),
        })
}

fn from_file(id: &KeyId, path: &Path) -> Result<Zeroizing<Vec<u8>>, KeySourceError> {
    let unreadable = |source| KeySourceError::Unreadable {
        id: id.clone(),
        path: path.to_owned(),
        source,
    };
    let no_file = || KeySourceError::NoKeyFile {
        id: id.clone(),
        path: path.to_owned(),
    };
    // Opening a pipe would wait for whoever writes to it.
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(no_file());
    }
    let file = std::fs::File::open(path).map_err(unreadable)?;
    // Of what was opened, which need not be what the path names by now.
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(no_file());
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        if !is_trusted(metadata.uid(), rustix::process::geteuid().as_raw()) {
            return Err(KeySourceError::Owner {
                id: id.clone(),
                path: path.to_owned(),
                owner: metadata.uid(),
            });
        }
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeySourceError::Shared {
                id: id.clone(),
                path: path.to_owned(),
                mode,
            });
        }
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(MOST_BYTES as usize + 1));
    file.take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(no_file());
    }
    Ok(bytes)
}

/// Whether what a user owns can be trusted to be what the operator wrote.
#[cfg(unix)]
fn is_trusted(owner: u32, own: u32) -> bool {
    owner == 0 || owner == own
}

/// A command that is running, with everything that it has started: all of it ends with this.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(id) = self.0.id().and_then(|id| i32::try_from(id).ok())
            && let Some(group) = rustix::process::Pid::from_raw(id)
        {
            // It may have ended by itself, and then there is nobody to end.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        // Not unix, or the leader of the group alone: it is what it is.
        let _ = self.0.start_kill();
    }
}

async fn from_command(program: &Path, arguments: &[String]) -> Result<Zeroizing<Vec<u8>>, String> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        // It may hold what it should not.
        .stderr(Stdio::null())
        .kill_on_drop(true);
    #[cfg(unix)]
    command.process_group(0);
    let child = command
        .spawn()
        .map_err(|error| format!("cannot be started: {error}"))?;
    let mut running = Running(child);
    tokio::time::timeout(PATIENCE, output(&mut running.0))
        .await
        .unwrap_or_else(|_| Err(format!("took longer than {} s", PATIENCE.as_secs())))
}

async fn output(child: &mut Child) -> Result<Zeroizing<Vec<u8>>, String> {
    let stdout = child.stdout.take().ok_or("has no output")?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(MOST_BYTES as usize + 1));
    stdout
        .take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)
        .await
        .map_err(|error| format!("cannot be read: {error}"))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(format!("wrote more than {MOST_BYTES} bytes"));
    }
    let status = child
        .wait()
        .await
        .map_err(|error| format!("cannot be waited for: {error}"))?;
    if status.success() {
        Ok(bytes)
    } else {
        Err(format!("ended with {status}"))
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_belongs_to_who_reads_it_or_to_root() {
        assert!(is_trusted(0, 1000) && is_trusted(1000, 1000) && is_trusted(0, 0));
        assert!(!is_trusted(1001, 1000) && !is_trusted(1000, 0));
    }
}
