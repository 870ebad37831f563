//! Building: one at a time in a folder of tools, and each plugin in a place of its own.

use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::fingerprint::hexadecimal;
use crate::step::Say;
use crate::{BuildError, BuildStep, Language, WIT, files, javascript, python, rust};

/// What the component of a package is called.
pub const COMPONENT: &str = "plugin.wasm";
/// What the file in which a package describes its node types is called: what the component answers
/// when it is asked.
pub const NODE_TYPES: &str = "node-types.json";

/// Whoever builds holds this file locked.
const LOCK: &str = ".lock";
/// The folder in which each plugin has a place for what is made of it.
const COMPONENTS: &str = "components";
/// Holds, beside a component, the folder that it was built of.
const BUILT_OF: &str = "built-of";
/// So much of the digest of its folder is in the name of what is made of a plugin.
const TELLING: usize = 16;
/// How a WebAssembly binary begins.
const MAGIC: &[u8] = b"\0asm";
/// What follows in a component of the layer that there is.
const COMPONENT_LAYER: &[u8] = &[0x0d, 0, 1, 0];

/// Makes components of folders.
#[derive(Clone)]
pub struct Builder {
    target: PathBuf,
    watcher: Option<Arc<Watcher>>,
}

/// Who is told what a build does.
type Watcher = dyn Fn(&BuildStep) + Send + Sync;

impl Builder {
    /// A builder that keeps its tools and what it makes in a folder of its own.
    pub fn new(target: impl Into<PathBuf>) -> Self {
        Self {
            target: target.into(),
            watcher: None,
        }
    }

    /// Has somebody told what a build does, as it goes: the first one takes minutes. It is called
    /// in the thread that builds.
    #[must_use]
    pub fn on_step(mut self, watcher: impl Fn(&BuildStep) + Send + Sync + 'static) -> Self {
        self.watcher = Some(Arc::new(watcher));
        self
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
        let say: Say<'_> = &|step| {
            if let Some(watcher) = &self.watcher {
                watcher(&step);
            }
        };
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                say(BuildStep::Waiting);
                lock.lock().map_err(BuildError::file(&path))?;
            }
            Err(TryLockError::Error(error)) => return Err(BuildError::file(&path)(error)),
        }
        remove_forsaken(&target);
        let component = match language {
            Language::Rust => rust::build(&folder, &target, say)?,
            Language::JavaScript => javascript::build(&folder, &target, say)?,
            Language::Python => python::build(&folder, &target, say)?,
        };
        check(&component)?;
        Ok(component)
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

/// Puts the contract where tools read it from.
pub(crate) fn contract(target: &Path) -> Result<PathBuf, BuildError> {
    let folder = target.join("wit");
    files::write_all(&[WIT], &folder)?;
    Ok(folder)
}

/// Where the component of a folder goes: a place that no other folder has, be its name the same,
/// for whoever built a component reads it when others may build again.
pub(crate) fn output(folder: &Path, target: &Path) -> Result<PathBuf, BuildError> {
    let path = folder.as_os_str().as_encoded_bytes();
    let mut name = folder.file_name().unwrap_or("plugin".as_ref()).to_owned();
    let digest = hexadecimal(Sha256::digest(path));
    name.push("-");
    name.push(&digest[..TELLING]);
    let place = target.join(COMPONENTS).join(name);
    fs::create_dir_all(&place).map_err(BuildError::file(&place))?;
    if let Some(folder) = folder.to_str() {
        files::write(&place.join(BUILT_OF), folder.as_bytes())?;
    }
    Ok(place.join(COMPONENT))
}

/// Removes what was made of folders that are not there any more.
fn remove_forsaken(target: &Path) {
    let Ok(entries) = fs::read_dir(target.join(COMPONENTS)) else {
        return;
    };
    for place in entries.flatten().map(|entry| entry.path()) {
        let built_of = fs::read_to_string(place.join(BUILT_OF));
        if built_of.is_ok_and(|folder| matches!(fs::exists(folder), Ok(false))) {
            // It is in nobody's way.
            let _ = fs::remove_dir_all(place);
        }
    }
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
    fn folders_of_the_same_name_have_places_of_their_own_for_as_long_as_they_are_there() {
        let root = tempfile::tempdir().unwrap();
        let (target, name) = (root.path().join("target"), "plugin");
        let folders = ["a", "b"].map(|around| root.path().join(around).join(name));
        let [first, second] = folders.each_ref().map(|folder| {
            fs::create_dir_all(folder).unwrap();
            let made = output(folder, &target).unwrap();
            assert_eq!(output(folder, &target).unwrap(), made);
            fs::write(&made, folder.as_os_str().as_encoded_bytes()).unwrap();
            made
        });
        assert_ne!(first, second);
        remove_forsaken(&target);
        let made = folders[0].as_os_str().as_encoded_bytes();
        assert_eq!(fs::read(&first).unwrap(), made);
        fs::remove_dir(&folders[0]).unwrap();
        remove_forsaken(&target);
        assert!(!first.exists() && second.exists());
    }

    #[test]
    fn who_waits_for_another_build_is_told() {
        use std::sync::mpsc;

        let root = tempfile::tempdir().unwrap();
        let (folder, target) = (root.path().join("plugin"), root.path().join("target"));
        // It is not built: what it says of itself is wrong.
        files::write(&folder.join("package.json"), b"{").unwrap();
        fs::create_dir_all(&target).unwrap();
        let other = File::create(target.join(LOCK)).unwrap();
        other.lock().unwrap();
        let (sender, steps) = mpsc::channel();
        let builder = Builder::new(&target).on_step(move |step| sender.send(step.clone()).unwrap());
        let built = std::thread::spawn(move || builder.build(&folder));
        assert_eq!(steps.recv().unwrap(), BuildStep::Waiting);
        drop(other);
        let error = built.join().unwrap().unwrap_err();
        assert!(matches!(error, BuildError::Sources { .. }), "{error}");
    }

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
