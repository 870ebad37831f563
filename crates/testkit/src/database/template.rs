use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::account::Account;
use super::{DatabaseError, programs};

/// Makes a temporary folder for a server.
pub(super) fn folder(name: &str) -> Result<TempDir, DatabaseError> {
    let made = tempfile::Builder::new().prefix(name).tempdir();
    made.map_err(|source| DatabaseError::Folder {
        folder: env::temp_dir(),
        source,
    })
}

/// Fills a data folder: with a copy of one that was made before, or with what `make` makes, which
/// is kept for the next time. `key` tells apart what differs.
pub(super) fn fill(
    data: &Path,
    key: &str,
    account: Account,
    make: impl FnOnce() -> Result<(), DatabaseError>,
) -> Result<(), DatabaseError> {
    let Some(kept) = kept_folder() else {
        return make();
    };
    let template = kept.join(format!("{key}-{}", account.label()));
    if template.is_dir() {
        return copy(&template, data);
    }
    make()?;
    // It is kept in one step, so that nobody copies half of it. That it cannot be kept, because
    // somebody else just did or the disk is full, is no reason to fail.
    let Ok(half) = tempfile::Builder::new().prefix(key).tempdir_in(&kept) else {
        return Ok(());
    };
    let copied = half.path().join("data");
    if copy(data, &copied).is_ok() {
        let _ = fs::rename(&copied, &template);
    }
    Ok(())
}

/// The folder for temporary files beside what cargo builds, if the process is one that cargo built.
fn kept_folder() -> Option<PathBuf> {
    let program = env::current_exe().ok()?;
    let target = program
        .ancestors()
        .find(|folder| folder.join("CACHEDIR.TAG").is_file())?;
    let folder = target.join("tmp");
    fs::create_dir_all(&folder).ok()?;
    Some(folder)
}

fn copy(from: &Path, to: &Path) -> Result<(), DatabaseError> {
    let copy = |command: &mut Command| {
        command.arg("-a").arg(from).arg(to);
    };
    programs::run(Path::new("cp"), Account::Own, copy).map(drop)
}
