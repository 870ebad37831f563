//! Files in a folder: read without following links, and without waiting for what is no file.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use jackfield_types::ByteSize;

use super::{FileAction, PackageErrorKind};

pub(super) struct Folder<'a> {
    path: &'a Path,
}

impl<'a> Folder<'a> {
    pub(super) fn new(path: &'a Path) -> Self {
        Self { path }
    }

    /// Reads a file of at most so many bytes; `None` when it is not there.
    pub(super) fn read(&self, file: &str, limit: u64) -> Result<Option<Vec<u8>>, PackageErrorKind> {
        let failed = |source| PackageErrorKind::Io {
            file: file.to_owned(),
            action: FileAction::Read,
            source,
        };
        let opened = match open(self.path, file) {
            Ok(opened) => opened,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if is_link(&error) => {
                let entry = file.to_owned();
                let reason = "it is a link, or behind one".to_owned();
                return Err(PackageErrorKind::Entry { entry, reason });
            }
            Err(error) => return Err(failed(error)),
        };
        let size = regular_size(&opened, file)?;
        read_bounded(opened, size, limit)
            .map_err(failed)?
            .map(Some)
            .ok_or_else(|| PackageErrorKind::TooLarge {
                what: format!("`{file}`"),
                limit: ByteSize::bytes(limit),
            })
    }
}

/// The size of what was opened, if it is a file.
pub(super) fn regular_size(opened: &File, name: &str) -> Result<u64, PackageErrorKind> {
    let found = opened.metadata().map_err(|source| PackageErrorKind::Io {
        file: name.to_owned(),
        action: FileAction::Read,
        source,
    })?;
    if found.is_file() {
        return Ok(found.len());
    }
    Err(PackageErrorKind::Entry {
        entry: name.to_owned(),
        reason: "it is no file".to_owned(),
    })
}

/// Reads everything; `None` when it is more than the limit.
pub(super) fn read_bounded(
    reader: impl Read,
    expected: u64,
    limit: u64,
) -> io::Result<Option<Vec<u8>>> {
    if expected > limit {
        return Ok(None);
    }
    // What a header says may be a lie; memory is taken for what comes.
    let capacity = usize::try_from(expected).unwrap_or(0).min(1 << 20);
    let mut bytes = Vec::with_capacity(capacity);
    reader
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)?;
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    Ok((length <= limit).then_some(bytes))
}

#[cfg(unix)]
fn open(folder: &Path, file: &str) -> io::Result<File> {
    use rustix::fs::{CWD, Mode, OFlags, openat};
    let within = OFlags::RDONLY | OFlags::CLOEXEC;
    let mut at = openat(CWD, folder, within | OFlags::DIRECTORY, Mode::empty())?;
    let mut steps = file.split('/').peekable();
    while let Some(step) = steps.next() {
        // A pipe would keep whoever opens it waiting.
        let kind = if steps.peek().is_some() {
            OFlags::DIRECTORY
        } else {
            OFlags::NONBLOCK
        };
        at = openat(&at, step, within | kind | OFlags::NOFOLLOW, Mode::empty())?;
    }
    Ok(File::from(at))
}

#[cfg(unix)]
fn is_link(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let link = [Errno::LOOP, Errno::NOTDIR, Errno::MLINK];
    Errno::from_io_error(error).is_some_and(|errno| link.contains(&errno))
}

#[cfg(not(unix))]
fn open(folder: &Path, file: &str) -> io::Result<File> {
    let mut path = folder.to_path_buf();
    for step in file.split('/') {
        path.push(step);
        if std::fs::symlink_metadata(&path)?.is_symlink() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
    }
    File::open(path)
}

#[cfg(not(unix))]
fn is_link(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidInput
}
