use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::{BuildError, Language, WIT, files, javascript, python, rust};

/// What the component of a package is called.
pub const COMPONENT: &str = "plugin.wasm";
/// What the file in which a package describes its node types is called: what the component answers
/// when it is asked.
pub const NODE_TYPES: &str = "node-types.json";

/// Whoever builds holds this file locked.
const LOCK: &str = ".lock";
/// How a WebAssembly binary begins.
const MAGIC: &[u8] = b"\0asm";
/// What follows in a component of the layer that there is.
const COMPONENT_LAYER: &[u8] = &[0x0d, 0, 1, 0];

/// Makes components of folders.
#[derive(Debug, Clone)]
pub struct Builder {
    target: PathBuf,
}

impl Builder {
    /// A builder that keeps its tools and what it makes in a folder of its own.
    pub fn new(target: impl Into<PathBuf>) -> Self {
        Self {
            target: target.into(),
        }
    }

    /// Builds the plugin in a folder, and says where the component is. What was built of the same
    /// sources before is not built again. Others that build with the same folder for tools wait.
    ///
    /// # Errors
    /// [`BuildError`] says what is missing, or what the compiler said.
    pub fn build(&self, folder: &Path) -> Result<PathBuf, BuildError> {
        let language = Language::of(folder)?;
        let folder = folder.canonicalize().map_err(BuildError::file(folder))?;
        fs::create_dir_all(&self.target).map_err(BuildError::file(&self.target))?;
        let target = self.target.canonicalize();
        let target = target.map_err(BuildError::file(&self.target))?;
        // Tools, staged sources and components are shared by all that build here. Held until the
        // file is dropped.
        let path = target.join(LOCK);
        let lock = File::create(&path).map_err(BuildError::file(&path))?;
        lock.lock().map_err(BuildError::file(&path))?;
        let component = match language {
            Language::Rust => rust::build(&folder, &target)?,
            Language::JavaScript => javascript::build(&folder, &target)?,
            Language::Python => python::build(&folder, &target)?,
        };
        check(&component)?;
        Ok(component)
    }
}

/// Puts the contract where tools read it from.
pub(crate) fn contract(target: &Path) -> Result<PathBuf, BuildError> {
    let folder = target.join("wit");
    files::write_all(&[WIT], &folder)?;
    Ok(folder)
}

/// Where the component of a folder goes.
pub(crate) fn output(folder: &Path, target: &Path) -> Result<PathBuf, BuildError> {
    let name = folder.file_name().unwrap_or("plugin".as_ref());
    let output = target.join("components").join(name).join(COMPONENT);
    if let Some(parent) = output.parent() {
        fs::create_dir_all(parent).map_err(BuildError::file(parent))?;
    }
    Ok(output)
}

fn check(path: &Path) -> Result<(), BuildError> {
    let mut head = Vec::with_capacity(8);
    let read = File::open(path).and_then(|file| file.take(8).read_to_end(&mut head));
    read.map_err(BuildError::file(path))?;
    let refuse = |reason| {
        let path = path.to_path_buf();
        Err(BuildError::NoComponent { path, reason })
    };
    match head.strip_prefix(MAGIC) {
        None => refuse("it is no WebAssembly"),
        Some(COMPONENT_LAYER) => Ok(()),
        Some(_) => refuse("it is a module, which lacks what a component says of itself"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_components_are_taken_for_components() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wasm");
        for (bytes, taken) in [
            (b"\0asm\x0d\0\x01\0rest".as_slice(), true),
            (b"\0asm\x01\0\0\0", false),
            (b"\0asm", false),
            (b"", false),
            (b"#!/bin/sh", false),
        ] {
            fs::write(&path, bytes).unwrap();
            assert_eq!(check(&path).is_ok(), taken, "{bytes:?}");
        }
    }
}
