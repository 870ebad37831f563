use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use jackfield_definition::Diagnostics;
use jackfield_types::{ByteSize, Digest, ErrorCode};

use crate::discovery::manifest::PackagePath;

/// What is wrong with a package.
#[derive(Debug)]
pub struct PackageError {
    /// The folder or file.
    pub path: Arc<Path>,
    /// What is wrong with it.
    pub kind: PackageErrorKind,
}

/// What can be wrong with a package.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackageErrorKind {
    /// A file of it cannot be read or written.
    #[error("`{file}` cannot be {}", .action.as_str())]
    Io {
        /// The file, as the package calls it.
        file: String,
        /// What was tried.
        action: FileAction,
        /// What the system said.
        source: io::Error,
    },
    /// It has no manifest, or not where one belongs.
    #[error("there is no `plugin.toml` {place}")]
    NoManifest {
        /// Where it should be.
        place: &'static str,
    },
    /// The manifest has mistakes.
    #[error("the manifest is wrong")]
    Manifest(#[from] Diagnostics),
    /// It is no archive of the kind that packages are, or it is damaged.
    #[error("{reason}")]
    Archive {
        /// What is wrong with it.
        reason: String,
    },
    /// It holds something that packages do not hold: a link, a device, a path that leads out.
    #[error("`{entry}`: {reason}")]
    Entry {
        /// The name of the entry, shortened.
        entry: String,
        /// Why it is refused.
        reason: String,
    },
    /// Something in it is too large, or too much.
    #[error("{what} has more than {limit}")]
    TooLarge {
        /// What.
        what: String,
        /// The most that it may have.
        limit: ByteSize,
    },
    /// It holds too many files.
    #[error("it holds more than {limit} files")]
    TooManyFiles {
        /// The most that it may hold.
        limit: usize,
    },
    /// A file that the manifest names is not there.
    #[error("`{file}` is named in the manifest and is not there")]
    MissingFile {
        /// The file.
        file: String,
    },
    /// A file is there that the manifest has no digest of.
    #[error("`{file}` is not among the `digests` of the manifest")]
    Unlisted {
        /// The file.
        file: String,
    },
    /// A file is not the one that the manifest was made with.
    #[error("`{file}` has the digest {found}, and not {expected}")]
    Altered {
        /// The file.
        file: String,
        /// What its digest should be.
        expected: Digest,
        /// What it is.
        found: Digest,
    },
    /// The package changed since it was found.
    #[error("it was changed since it was found: its digest was {expected} and is {found}")]
    Changed {
        /// What its digest was.
        expected: Digest,
        /// What it is now.
        found: Digest,
    },
}

/// What was tried with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileAction {
    /// To read it.
    Read,
    /// To write it.
    Write,
}

impl FileAction {
    fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "written",
        }
    }
}

impl PackageErrorKind {
    pub(super) fn missing(file: &PackagePath) -> Self {
        let file = file.to_string();
        Self::MissingFile { file }
    }

    pub(super) fn entry(file: &PackagePath, reason: &str) -> Self {
        let (entry, reason) = (file.to_string(), reason.to_owned());
        Self::Entry { entry, reason }
    }

    pub(super) fn unlisted(file: &PackagePath) -> Self {
        let file = file.to_string();
        Self::Unlisted { file }
    }
}

impl PackageError {
    pub(crate) fn new(path: &Arc<Path>, kind: PackageErrorKind) -> Self {
        Self {
            path: Arc::clone(path),
            kind,
        }
    }

    /// The stable code.
    pub fn code(&self) -> ErrorCode {
        let is_limit = matches!(
            &self.kind,
            PackageErrorKind::TooLarge { .. } | PackageErrorKind::TooManyFiles { .. }
        );
        if is_limit {
            ErrorCode::LIMIT_EXCEEDED
        } else {
            ErrorCode::INVALID_PACKAGE
        }
    }

    /// Whether trying again, with nothing changed, can help.
    pub fn is_transient(&self) -> bool {
        matches!(&self.kind, PackageErrorKind::Io { .. })
    }

    /// The way out.
    pub fn hint(&self) -> &'static str {
        match &self.kind {
            PackageErrorKind::Io { .. } => "see that the file is there and may be read and written",
            PackageErrorKind::NoManifest { .. } => {
                "a package is a folder, or a `.jfp` file that `jackfield plugin pack` made of one"
            }
            PackageErrorKind::Manifest(_) => "mend what is found wrong in `plugin.toml`",
            PackageErrorKind::Archive { .. } | PackageErrorKind::Entry { .. } => {
                "fetch the package again, or make it anew by `jackfield plugin pack`"
            }
            PackageErrorKind::TooLarge { .. } | PackageErrorKind::TooManyFiles { .. } => {
                "leave out what the plugin does not need, or raise the limit of the instance"
            }
            PackageErrorKind::MissingFile { .. } => "add the file, or name the one that is meant",
            PackageErrorKind::Unlisted { .. } | PackageErrorKind::Altered { .. } => {
                "fetch the package again; in a folder of your own, take `[digests]` out of the manifest"
            }
            PackageErrorKind::Changed { .. } => {
                "discover the plugins again to take what is there now"
            }
        }
    }
}

impl fmt::Display for PackageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "package `{}`: {}", self.path.display(), self.kind)
    }
}

impl Error for PackageError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.kind.source()
    }
}
