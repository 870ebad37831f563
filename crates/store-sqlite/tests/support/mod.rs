//! Files for tests, and stores in them.

use std::fs;
use std::path::{Path, PathBuf};

use jackfield_store_sqlite::SqliteOptions;
use tempfile::TempDir;

/// Options for a file in a folder.
pub(crate) fn options(folder: &TempDir) -> SqliteOptions {
    SqliteOptions::new(database(folder))
}

/// The file in a folder.
pub(crate) fn database(folder: &TempDir) -> PathBuf {
    folder.path().join("store.db")
}

/// A file with another ending.
pub(crate) fn beside(database: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", database.display()))
}

/// The files as they are on the disk now, in a folder of their own: what another process would find
/// after a crash. The index of the log is left out, as it does not outlive a crash of the machine.
pub(crate) fn copy(database: &Path) -> TempDir {
    let folder = TempDir::new().expect("a folder");
    for suffix in ["", "-wal"] {
        let from = beside(database, suffix);
        if from.exists() {
            fs::copy(from, beside(&folder.path().join("store.db"), suffix)).expect("a copy");
        }
    }
    folder
}
