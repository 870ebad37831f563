//! Archives: tar in zstd, read from the beginning to the end and never unpacked to a disk.
//!
//! Only plain files and folders with plain names are taken. Extensions of the format, by which one
//! entry says something about another one, are refused: readers disagree on what they mean.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use jackfield_types::ByteSize;
use zstd::stream::read::Decoder;

use super::folder::regular_size;
use super::{FileAction, PackageErrorKind, PackageLimits};
use crate::discovery::manifest::PackagePath;

/// The size of a block of a tar archive.
const BLOCK: usize = 512;
/// The largest window that is decoded with, as a power of two: 8 MiB of memory.
const LARGEST_WINDOW: u32 = 23;
/// How many bytes are read from the disk at once.
const BUFFER: usize = 16 << 10;

/// An archive that is being read.
pub(super) struct Archive {
    content: Bounded,
    /// What is left of the entry that was given last, with what fills its last block.
    left: u64,
    entries: usize,
    limits: PackageLimits,
}

/// A file in an archive, before its content is read.
pub(super) struct Entry<'a> {
    archive: &'a mut Archive,
    path: PackagePath,
    size: u64,
}

/// The unpacked bytes, of which only so many may come.
struct Bounded {
    decoder: Decoder<'static, BufReader<File>>,
    left: u64,
    limit: ByteSize,
}

impl Archive {
    pub(super) fn open(path: &Path, limits: &PackageLimits) -> Result<Self, PackageErrorKind> {
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        let name = name.unwrap_or_default();
        let failed = |source| PackageErrorKind::Io {
            file: name.clone(),
            action: FileAction::Read,
            source,
        };
        let file = open_plain(path).map_err(failed)?;
        if regular_size(&file, &name)? > limits.packed.as_u64() {
            return Err(PackageErrorKind::TooLarge {
                what: "the file".to_owned(),
                limit: limits.packed,
            });
        }
        let mut decoder =
            Decoder::with_buffer(BufReader::with_capacity(BUFFER, file)).map_err(failed)?;
        decoder.window_log_max(LARGEST_WINDOW).map_err(failed)?;
        Ok(Self {
            content: Bounded {
                decoder,
                left: limits.unpacked.as_u64(),
                limit: limits.unpacked,
            },
            left: 0,
            entries: 0,
            limits: limits.clone(),
        })
    }

    /// The next file; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Entry<'_>>, PackageErrorKind> {
        loop {
            self.content.skip(self.left)?;
            self.left = 0;
            let mut block = [0; BLOCK];
            self.content.fill(&mut block)?;
            if block.iter().all(|byte| *byte == 0) {
                return Ok(None);
            }
            self.entries += 1;
            if self.entries > self.limits.files {
                let limit = self.limits.files;
                return Err(PackageErrorKind::TooManyFiles { limit });
            }
            let mut header = tar::Header::new_old();
            header.as_mut_bytes().copy_from_slice(&block);
            let (path, size, is_file) = checked(&header)?;
            self.left = size
                .checked_next_multiple_of(BLOCK as u64)
                .ok_or_else(|| damaged("an entry has an impossible size"))?;
            if is_file {
                return Ok(Some(Entry {
                    archive: self,
                    path,
                    size,
                }));
            }
        }
    }
}

impl Entry<'_> {
    pub(super) fn path(&self) -> &PackagePath {
        &self.path
    }

    /// Reads the content, of at most so many bytes.
    pub(super) fn read(self, limit: u64) -> Result<Vec<u8>, PackageErrorKind> {
        let too_large = || PackageErrorKind::TooLarge {
            what: format!("`{}`", self.path),
            limit: ByteSize::bytes(limit),
        };
        if self.size > limit {
            return Err(too_large());
        }
        let size = usize::try_from(self.size).map_err(|_| too_large())?;
        // What the header says may be a lie; memory is taken for what comes.
        let mut bytes = Vec::new();
        let mut chunk = [0; BUFFER];
        while bytes.len() < size {
            let wanted = (size - bytes.len()).min(BUFFER);
            self.archive.content.fill(&mut chunk[..wanted])?;
            bytes.extend_from_slice(&chunk[..wanted]);
        }
        self.archive.left = self.archive.left.saturating_sub(self.size);
        Ok(bytes)
    }
}

impl Bounded {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), PackageErrorKind> {
        let wanted = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let Some(left) = self.left.checked_sub(wanted) else {
            return Err(PackageErrorKind::TooLarge {
                what: "the package".to_owned(),
                limit: self.limit,
            });
        };
        self.left = left;
        self.decoder.read_exact(bytes).map_err(|error| {
            if error.kind() == io::ErrorKind::UnexpectedEof {
                damaged("it ends before it is complete")
            } else {
                damaged(&error.to_string())
            }
        })
    }

    fn skip(&mut self, mut count: u64) -> Result<(), PackageErrorKind> {
        let mut chunk = [0; BUFFER];
        while count > 0 {
            let step = usize::try_from(count).map_or(BUFFER, |count| count.min(BUFFER));
            self.fill(&mut chunk[..step])?;
            count -= step as u64;
        }
        Ok(())
    }
}

/// Path and size of an entry, and whether it is a file.
fn checked(header: &tar::Header) -> Result<(PackagePath, u64, bool), PackageErrorKind> {
    let bytes = header.as_bytes();
    let spaces = 8 * u32::from(b' ');
    let sum: u32 = bytes[..148]
        .iter()
        .chain(&bytes[156..])
        .map(|byte| u32::from(*byte))
        .sum();
    if header.cksum().ok() != Some(sum + spaces) {
        return Err(damaged("the checksum of an entry is wrong"));
    }
    let name = header.path_bytes();
    let shown: String = String::from_utf8_lossy(&name).chars().take(200).collect();
    let refuse = |reason: &str| PackageErrorKind::Entry {
        entry: shown.escape_debug().to_string(),
        reason: reason.to_owned(),
    };
    let kind = header.entry_type();
    let is_file = kind.is_file();
    if kind.is_symlink() || kind.is_hard_link() {
        return Err(refuse("packages have no links"));
    }
    if !is_file && !kind.is_dir() {
        return Err(refuse(
            "packages have plain files and folders only, and no extensions of the format",
        ));
    }
    let size = header
        .entry_size()
        .map_err(|error| damaged(&error.to_string()))?;
    if kind.is_dir() && size > 0 {
        return Err(refuse("a folder has no content"));
    }
    let name = std::str::from_utf8(&name).map_err(|_| refuse("a path is made of ASCII letters"))?;
    let name = if is_file {
        name
    } else {
        name.trim_end_matches('/')
    };
    let path = PackagePath::parse(name).map_err(|error| refuse(error.reason))?;
    Ok((path, size, is_file))
}

fn damaged(reason: &str) -> PackageErrorKind {
    PackageErrorKind::Archive {
        reason: format!("the archive is damaged: {reason}"),
    }
}

#[cfg(unix)]
fn open_plain(path: &Path) -> io::Result<File> {
    use rustix::fs::{CWD, Mode, OFlags, openat};
    // A pipe would keep whoever opens it waiting.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    Ok(File::from(openat(CWD, path, flags, Mode::empty())?))
}

#[cfg(not(unix))]
fn open_plain(path: &Path) -> io::Result<File> {
    File::open(path)
}
