use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use jackfield_store_api::StoreError;

use crate::error::Place;

/// The right to run executions in a file. The system takes it back when the process ends, however
/// it ends.
#[derive(Debug)]
pub(crate) struct WorkerLock {
    _file: File,
}

impl WorkerLock {
    /// Gets the right, unless another process has it.
    pub(crate) fn acquire(database: &Path, place: &Place) -> Result<Self, StoreError> {
        let path = beside(database, ".lock");
        let mut file = private()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| place.io(&format!("opening {}", path.display()), error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::InUse {
                    store: place.0.to_string(),
                    reason: format!(
                        "{} runs executions in it; stop it first, or keep them in PostgreSQL, which several processes can share",
                        holder(&mut file)
                    ),
                });
            }
            Err(TryLockError::Error(error)) => {
                return Err(place.io(&format!("locking {}", path.display()), error));
            }
        }
        // Who it is only helps the reader of a message: no room for it is no reason to stop.
        let _ = file
            .set_len(0)
            .and_then(|()| write!(file, "{}", std::process::id()));
        Ok(Self { _file: file })
    }
}

/// A file beside another one, with a longer name.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// For files that nobody else on the machine may read.
pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file
        .rewind()
        .and_then(|()| file.take(32).read_to_string(&mut text));
    match (read, text.trim().parse::<u32>()) {
        (Ok(_), Ok(process)) => format!("process {process}"),
        _ => "another process".to_owned(),
    }
}
