//! Folders and files that nobody else can write to.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Who but the owner may write.
const WRITABLE_BY_OTHERS: u32 = 0o022;
/// Who writes to a folder may put something else in the place of what is in it,
const WRITABLE_BY_ALL: u32 = 0o002;
/// but only what is his own where this is set too.
const STICKY: u32 = 0o1000;

/// Why a folder cannot hold compiled code.
#[derive(Debug, thiserror::Error)]
#[error("the folder `{}` cannot hold compiled code", .path.display())]
pub struct CacheError {
    /// The folder.
    pub path: PathBuf,
    /// What is wrong with it.
    #[source]
    pub kind: CacheErrorKind,
}

/// What can be wrong with a folder for compiled code.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheErrorKind {
    /// It cannot be made or looked at.
    #[error("it cannot be made or looked at")]
    Io(#[source] io::Error),
    /// It is no folder.
    #[error("it is no folder")]
    NoFolder,
    /// Somebody else could put code into it.
    #[error(
        "others could put code into it; make it your own with `chown` and `chmod go-w`, or name another"
    )]
    NotPrivate,
    /// Somebody else could put another folder in its place.
    #[error(
        "everybody may write to `{}`, and could replace it; use `chmod o-w`, or name another",
        .parent.display()
    )]
    Replaceable {
        /// The folder around it.
        parent: PathBuf,
    },
}

/// Makes a folder if it is not there, and finds out where it really is: links on the way to it may
/// lead elsewhere tomorrow.
pub(super) fn private_folder(folder: &Path) -> Result<PathBuf, CacheErrorKind> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    let made = builder.create(folder).and_then(|()| folder.canonicalize());
    let folder = made.map_err(CacheErrorKind::Io)?;
    let metadata = |path: &Path| fs::metadata(path).map_err(CacheErrorKind::Io);
    let found = metadata(&folder)?;
    if !found.is_dir() {
        return Err(CacheErrorKind::NoFolder);
    }
    if !is_private(&found) {
        return Err(CacheErrorKind::NotPrivate);
    }
    for parent in folder.ancestors().skip(1) {
        if metadata(parent)?.mode() & (WRITABLE_BY_ALL | STICKY) == WRITABLE_BY_ALL {
            return Err(CacheErrorKind::Replaceable {
                parent: parent.to_owned(),
            });
        }
    }
    Ok(folder)
}

fn is_private(metadata: &fs::Metadata) -> bool {
    metadata.uid() == rustix::process::geteuid().as_raw()
        && metadata.mode() & WRITABLE_BY_OTHERS == 0
}

/// What there is to know about a file, if it is one, and nobody else's.
pub(super) fn private_file(path: &Path) -> Option<fs::Metadata> {
    let metadata = fs::symlink_metadata(path).ok()?;
    (metadata.is_file() && is_private(&metadata)).then_some(metadata)
}
