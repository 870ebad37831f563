//! Compiled code on disk: found by the component's digest and the engine that it was compiled for,
//! and checked before it is run.
//!
//! Compiled code is machine code, so whoever can write to it can do whatever the host can. The
//! folder and what is in it therefore have to belong to the host's user, and nobody else may be
//! able to write there, nor to put another folder in its place. Besides its code each file has a
//! record: which component and engine it is for, the digest of the code, and what the file system
//! said of the file (which file, its size, when it was changed) when that digest was last checked.
//! A file of which the system says the same still is what was checked; any other is read and
//! compared anew.
//!
//! Several processes may use one folder, in containers of their own too: what is written has a name
//! that nobody else comes up with until it is complete, and then takes its place in one step.

mod folder;

use std::fs::{self, File, OpenOptions};
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use jackfield_types::{ByteSize, Digest};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

pub use folder::{CacheError, CacheErrorKind};
use folder::{private_file, private_folder};

/// How old the last use of a file has to be to be noted again.
const USE_NOTED: Duration = Duration::from_secs(24 * 60 * 60);
/// How old a file has to be that was begun and never kept: older than any compilation.
const FORSAKEN: Duration = Duration::from_secs(24 * 60 * 60);
/// What the names of files begin with that are being written.
const DRAFT: &str = ".draft-";
/// The largest record.
const LARGEST_RECORD: u64 = 4_096;

/// A folder of compiled code.
pub(crate) struct CodeStore {
    folder: PathBuf,
    /// Tells code of one engine from code of another.
    engine: String,
    size: u64,
}

/// How a file stands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// There is none.
    Absent,
    /// It is what was checked.
    Checked,
    /// It may have been touched: read it before trusting it.
    Doubtful,
}

/// What is known about a file that was checked.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Record {
    /// The component.
    component: Digest,
    /// The engine.
    engine: String,
    /// The digest of the code.
    code: Digest,
    mark: Mark,
}

/// What the file system says of a file. It says something else as soon as anybody writes to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    device: u64,
    file: u64,
    size: u64,
    changed: (i64, i64),
    modified: (i64, i64),
}

impl Mark {
    fn of(metadata: &fs::Metadata) -> Self {
        Self {
            device: metadata.dev(),
            file: metadata.ino(),
            size: metadata.size(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

impl CodeStore {
    /// Uses a folder, and makes it if it is not there.
    ///
    /// # Errors
    /// [`CacheError`] when it cannot be used, or others may write to it.
    pub(crate) fn open(folder: &Path, size: ByteSize, engine: &Engine) -> Result<Self, CacheError> {
        let error = |kind| CacheError {
            path: folder.to_owned(),
            kind,
        };
        let folder = private_folder(folder).map_err(error)?;
        let mut hasher = Fingerprint(Sha256::new());
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let engine = Digest::from_bytes(hasher.0.finalize().into()).to_hex();
        let store = Self {
            folder,
            engine: engine[..16].to_owned(),
            size: size.as_u64(),
        };
        store.remove_forsaken();
        Ok(store)
    }

    /// How the code of a component stands.
    pub(crate) fn standing(&self, component: &Digest) -> Standing {
        let Some(found) = private_file(&self.code(component)) else {
            return Standing::Absent;
        };
        match self.record(component) {
            Some(record) if record.mark == Mark::of(&found) => Standing::Checked,
            Some(_) => Standing::Doubtful,
            None => Standing::Absent,
        }
    }

    /// Reads code that may have been touched and compares it with its digest. What differs is
    /// removed.
    pub(crate) fn check(&self, component: &Digest) -> Standing {
        let Some(record) = self.record(component) else {
            return Standing::Absent;
        };
        let path = self.code(component);
        let checked = digest_of(&path).and_then(|(digest, mark)| {
            if digest == record.code {
                self.put_record(component, &Record { mark, ..record })?;
                return Ok(Standing::Checked);
            }
            tracing::warn!(target: "wasm", path = %path.display(), "compiled code was altered");
            self.remove(component);
            Ok(Standing::Absent)
        });
        checked.unwrap_or(Standing::Absent)
    }

    /// Maps code whose standing is [`Standing::Checked`].
    ///
    /// # Errors
    /// Those of the runtime: the code is for another engine, or does not fit into its pool.
    #[expect(
        unsafe_code,
        reason = "running code that was compiled earlier means trusting the file; see below"
    )]
    pub(crate) fn map(&self, component: &Digest, engine: &Engine) -> wasmtime::Result<Component> {
        self.note_use(component);
        // SAFETY: the file was written by this store, from what the compiler of the same version
        // gave, and is not written to again: files are replaced by renaming. Its standing says that
        // its content is what it was then, and nobody but the host's own user can change it.
        unsafe { Component::deserialize_file(engine, self.code(component)) }
    }

    /// A new file for code, under a name that nobody looks for and nobody else comes up with: the
    /// numbers of processes are no such names, containers that share a folder have the same ones.
    ///
    /// # Errors
    /// Those of the file system.
    pub(crate) fn draft(&self) -> io::Result<Draft> {
        let name = format!("{DRAFT}{:032x}", rand::random::<u128>());
        let path = self.folder.join(name);
        let file = new_file(&path)?;
        Ok(Draft { path, file })
    }

    /// Removes what processes left behind that did not come to an end.
    fn remove_forsaken(&self) {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let is_draft = entry
                .file_name()
                .as_encoded_bytes()
                .starts_with(DRAFT.as_bytes());
            let changed = entry.metadata().and_then(|metadata| metadata.modified());
            let is_old =
                changed.is_ok_and(|changed| changed.elapsed().is_ok_and(|age| age > FORSAKEN));
            if is_draft && is_old {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// Keeps what is in a draft as the code of a component.
    ///
    /// # Errors
    /// Those of the file system.
    pub(crate) fn keep(&self, component: &Digest, draft: &Draft) -> io::Result<()> {
        draft.file.sync_all()?;
        let path = self.code(component);
        fs::rename(&draft.path, &path)?;
        let (code, mark) = digest_of(&path)?;
        let record = Record {
            component: *component,
            engine: self.engine.clone(),
            code,
            mark,
        };
        self.put_record(component, &record)?;
        self.make_room(component);
        Ok(())
    }

    fn put_record(&self, component: &Digest, record: &Record) -> io::Result<()> {
        let mut draft = self.draft()?;
        draft.file.write_all(&serde_json::to_vec(record)?)?;
        fs::rename(&draft.path, self.record_path(component))
    }

    fn record(&self, component: &Digest) -> Option<Record> {
        let path = self.record_path(component);
        private_file(&path)?;
        let mut text = Vec::new();
        let file = File::open(path).ok()?;
        file.take(LARGEST_RECORD).read_to_end(&mut text).ok()?;
        let record: Record = serde_json::from_slice(&text).ok()?;
        // Code under the name of another is not that one's code.
        let is_its_own = record.component == *component && record.engine == self.engine;
        is_its_own.then_some(record)
    }

    /// Removes code that is of no use.
    pub(crate) fn remove(&self, component: &Digest) {
        let _ = fs::remove_file(self.record_path(component));
        let _ = fs::remove_file(self.code(component));
    }

    /// Notes that code is used, as the age of its record, so that it is not the first to go.
    fn note_use(&self, component: &Digest) {
        let path = self.record_path(component);
        let is_noted = fs::metadata(&path)
            .and_then(|metadata| metadata.modified())
            .is_ok_and(|at| at.elapsed().is_ok_and(|age| age < USE_NOTED));
        if !is_noted {
            let file = OpenOptions::new().write(true).open(&path);
            // Nothing but the order in which code goes depends on it.
            let _ = file.and_then(|file| file.set_modified(SystemTime::now()));
        }
    }

    /// Removes what was not used for longest, until the rest fits. Code that runs stays mapped.
    fn make_room(&self, newest: &Digest) {
        let Ok(entries) = fs::read_dir(&self.folder) else {
            return;
        };
        let mut files = Vec::new();
        for path in entries.flatten().map(|entry| entry.path()) {
            if path
                .extension()
                .is_some_and(|extension| extension == "cwasm")
                && let Ok(code) = fs::metadata(&path)
            {
                let record = path.with_extension("json");
                let used = fs::metadata(&record).and_then(|metadata| metadata.modified());
                files.push((
                    used.unwrap_or(SystemTime::UNIX_EPOCH),
                    code.size(),
                    path,
                    record,
                ));
            }
        }
        let mut total: u64 = files.iter().map(|(_, size, ..)| size).sum();
        files.sort_unstable();
        let newest = self.code(newest);
        for (_, size, path, record) in files {
            if total <= self.size {
                return;
            }
            if path != newest {
                let _ = fs::remove_file(record);
                let _ = fs::remove_file(path);
                total = total.saturating_sub(size);
            }
        }
    }

    fn code(&self, component: &Digest) -> PathBuf {
        let name = format!("{}-{}.cwasm", component.to_hex(), self.engine);
        self.folder.join(name)
    }

    fn record_path(&self, component: &Digest) -> PathBuf {
        self.code(component).with_extension("json")
    }
}

/// A file that is being written. It goes when nobody keeps it.
pub(crate) struct Draft {
    pub(crate) path: PathBuf,
    pub(crate) file: File,
}

impl Drop for Draft {
    fn drop(&mut self) {
        // It is not there any more when it was kept.
        let _ = fs::remove_file(&self.path);
    }
}

/// Hashes what an engine says of itself.
struct Fingerprint(Sha256);

impl Hasher for Fingerprint {
    fn finish(&self) -> u64 {
        let digest = self.0.clone().finalize();
        u64::from_le_bytes(*digest.first_chunk().unwrap_or(&[0; 8]))
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}

fn new_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600).open(path)
}

/// The digest of a file, and what the file system says of just what was read.
fn digest_of(path: &Path) -> io::Result<(Digest, Mark)> {
    let mut file = File::open(path)?;
    let mark = Mark::of(&file.metadata()?);
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; 1 << 16];
    loop {
        let count = file.read(&mut chunk)?;
        if count == 0 {
            break;
        }
        hasher.update(&chunk[..count]);
    }
    if Mark::of(&file.metadata()?) != mark {
        return Err(io::Error::other("the file changed while it was read"));
    }
    Ok((Digest::from_bytes(hasher.finalize().into()), mark))
}

#[cfg(test)]
mod tests;
