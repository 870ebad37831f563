//! Tools from npm and PyPI: installed once, in versions and with digests that are pinned.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{BuildError, SourceFile, files};

/// Holds what the tools beside it were installed by. Written last, so that what was broken off is
/// begun anew.
const INSTALLED: &str = "installed";

/// Sees to it that tools are in a folder, and are those that the lock files pin. `install` gets a
/// folder that holds nothing else.
pub(crate) fn ensure(
    folder: PathBuf,
    locks: &[SourceFile],
    works: impl Fn(&Path) -> Result<(), BuildError>,
    install: impl FnOnce(&Path) -> Result<(), BuildError>,
) -> Result<PathBuf, BuildError> {
    let marker = folder.join(INSTALLED);
    let texts: String = locks.iter().map(|lock| lock.text).collect();
    let is_installed = fs::read_to_string(&marker).is_ok_and(|installed| installed == texts);
    if is_installed && works(&folder).is_ok() {
        return Ok(folder);
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(BuildError::file(&folder))?;
    }
    files::write_all(locks, &folder)?;
    install(&folder)?;
    works(&folder)?;
    files::write(&marker, texts.as_bytes())?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn tools_are_installed_again_when_they_break_change_or_were_broken_off() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("tools");
        let lock = |text| [SourceFile { path: "lock", text }];
        let installs = Cell::new(0);
        let is_there = |folder: &Path| folder.join("tool").is_file();
        let works = |folder: &Path| match is_there(folder) {
            true => Ok(()),
            false => Err(BuildError::NoSources {
                folder: folder.to_path_buf(),
            }),
        };
        let install = |folder: &Path| {
            installs.set(installs.get() + 1);
            assert!(!is_there(folder), "the folder is empty but for the lock");
            files::write(&folder.join("tool"), b"")
        };
        let broken_off = |folder: &Path| {
            files::write(&folder.join("tool"), b"")?;
            let folder = folder.to_path_buf();
            Err(BuildError::NotEmpty { folder })
        };
        ensure(folder.clone(), &lock("1"), works, broken_off).unwrap_err();
        for (text, count) in [("1", 1), ("1", 1), ("2", 2), ("2", 2)] {
            ensure(folder.clone(), &lock(text), works, install).unwrap();
            assert_eq!(installs.get(), count, "{text}");
        }
        fs::remove_file(folder.join("tool")).unwrap();
        ensure(folder.clone(), &lock("2"), works, install).unwrap();
        assert_eq!(installs.get(), 3);
        let broken = ensure(folder, &lock("3"), works, |_| Ok(())).unwrap_err();
        assert!(matches!(broken, BuildError::NoSources { .. }), "{broken}");
    }
}
