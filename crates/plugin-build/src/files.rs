//! Writing and copying files.

use std::fs;
use std::path::Path;

use crate::{BuildError, COMPONENT, NODE_TYPES, SourceFile};

/// What is no source, at the top of a plugin's folder: what was built, what it is tried with, and
/// what belongs to other tools.
const LEFT_OUT: [&str; 6] = ["target", ".git", ".venv", "fixtures", COMPONENT, NODE_TYPES];
/// What is no source anywhere.
const NOWHERE: &str = "__pycache__";

/// Writes files below a folder. One that is right already is left alone, so that tools which look
/// at times see no change.
pub(crate) fn write_all(files: &[SourceFile], folder: &Path) -> Result<(), BuildError> {
    for file in files {
        write(&folder.join(file.path), file.text.as_bytes())?;
    }
    Ok(())
}

pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), BuildError> {
    if fs::read(path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(BuildError::file(parent))?;
    }
    fs::write(path, bytes).map_err(BuildError::file(path))
}

/// Visits the files below a folder in the order of their names, with their paths in it. Links and
/// what was built are left out.
pub(crate) fn visit(
    folder: &Path,
    visitor: &mut dyn FnMut(&Path, &Path) -> Result<(), BuildError>,
) -> Result<(), BuildError> {
    fn walk(
        root: &Path,
        folder: &Path,
        visitor: &mut dyn FnMut(&Path, &Path) -> Result<(), BuildError>,
    ) -> Result<(), BuildError> {
        let entries = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let mut entries = entries.map_err(BuildError::file(folder))?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            let kind = entry.file_type().map_err(BuildError::file(&path))?;
            let name = entry.file_name();
            let is_left_out = name == NOWHERE
                || root == folder && LEFT_OUT.iter().any(|left_out| name == *left_out);
            if is_left_out {
                continue;
            }
            if kind.is_dir() {
                walk(root, &path, visitor)?;
            } else if kind.is_file() {
                visitor(&path, path.strip_prefix(root).unwrap_or(&path))?;
            }
        }
        Ok(())
    }
    walk(folder, folder, visitor)
}

/// Makes a folder hold what another one holds, and nothing else.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), BuildError> {
    if to.exists() {
        fs::remove_dir_all(to).map_err(BuildError::file(to))?;
    }
    fs::create_dir_all(to).map_err(BuildError::file(to))?;
    visit(from, &mut |path, within| {
        let bytes = fs::read(path).map_err(BuildError::file(path))?;
        write(&to.join(within), &bytes)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_the_sources_and_what_they_need_and_nothing_that_was_built() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        for name in [
            "plugin.py",
            "plugin.wasm",
            "node-types.json",
            "target/x",
            "fixtures/a.json",
            "a/__pycache__/y",
            "node_modules/left/target/z.js",
        ] {
            write(&from.join(name), b"text").unwrap();
        }
        write(&to.join("stale"), b"text").unwrap();
        copy(&from, &to).unwrap();
        let mut copied = Vec::new();
        visit(&to, &mut |_, within| {
            copied.push(within.to_string_lossy().replace('\\', "/"));
            Ok(())
        })
        .unwrap();
        assert_eq!(copied, ["node_modules/left/target/z.js", "plugin.py"]);
    }
}
