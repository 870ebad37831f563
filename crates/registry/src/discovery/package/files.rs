//! The files of a package, whether they lie in a folder or in an archive.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use jackfield_types::Digest;
use serde::Serialize;

use super::archive::Archive;
use super::folder::Folder;
use super::{FileAction, PackageError, PackageErrorKind, PackageLimits, pack};
use crate::discovery::hash::sha256;
use crate::discovery::manifest::{MANIFEST, PackagePath};
use crate::discovery::place::place;

/// What a package is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum PackageForm {
    /// A folder.
    Folder,
    /// A `.jfp` file.
    Archive,
}

/// Where the files of a package are.
pub(in crate::discovery) struct Files {
    path: Arc<Path>,
    form: PackageForm,
    limits: PackageLimits,
}

impl Files {
    /// Looks what is at a path.
    pub(super) fn find(at: &Path, limits: &PackageLimits) -> Result<Arc<Self>, PackageError> {
        let path: Arc<Path> = place(at).into();
        let form = match fs::metadata(&path) {
            Ok(found) if found.is_dir() => PackageForm::Folder,
            Ok(found) if found.is_file() => PackageForm::Archive,
            Ok(_) => {
                let reason = "it is neither a folder nor a file".to_owned();
                return Err(PackageError::new(
                    &path,
                    PackageErrorKind::Archive { reason },
                ));
            }
            Err(source) => {
                let kind = PackageErrorKind::Io {
                    file: path.display().to_string(),
                    action: FileAction::Read,
                    source,
                };
                return Err(PackageError::new(&path, kind));
            }
        };
        let limits = limits.clone();
        Ok(Arc::new(Self { path, form, limits }))
    }

    pub(in crate::discovery) fn path(&self) -> &Arc<Path> {
        &self.path
    }

    pub(super) fn form(&self) -> PackageForm {
        self.form
    }

    pub(super) fn limits(&self) -> &PackageLimits {
        &self.limits
    }

    pub(super) fn folder(&self) -> Folder<'_> {
        Folder::new(&self.path)
    }

    pub(super) fn archive(&self) -> Result<Archive, PackageErrorKind> {
        Archive::open(&self.path, &self.limits)
    }

    /// Reads a file and checks it against its digest.
    pub(in crate::discovery) fn read(
        &self,
        file: &PackagePath,
        digest: Digest,
    ) -> Result<Vec<u8>, PackageErrorKind> {
        let bytes = self.read_unchecked(file)?;
        check(file, &bytes, digest)?;
        Ok(bytes)
    }

    pub(super) fn read_unchecked(&self, file: &PackagePath) -> Result<Vec<u8>, PackageErrorKind> {
        let limit = self.limits.file.as_u64();
        let bytes = match self.form {
            PackageForm::Folder => self.folder().read(file.as_str(), limit)?,
            PackageForm::Archive => {
                let mut archive = self.archive()?;
                loop {
                    match archive.next()? {
                        Some(entry) if entry.path() == file => break Some(entry.read(limit)?),
                        Some(_) => {}
                        None => break None,
                    }
                }
            }
        };
        bytes.ok_or_else(|| PackageErrorKind::missing(file))
    }

    /// Reads the manifest as it is now.
    pub(super) fn read_manifest(&self) -> Result<Vec<u8>, PackageErrorKind> {
        let limit = self.limits.manifest();
        let bytes = match self.form {
            PackageForm::Folder => self.folder().read(MANIFEST, limit)?,
            PackageForm::Archive => match self.archive()?.next()? {
                Some(entry) => Some(entry.read(limit)?),
                None => None,
            },
        };
        bytes.ok_or(PackageErrorKind::NoManifest { place: "any more" })
    }

    /// Checks all files against their digests, and that an archive has no others.
    pub(super) fn verify(
        &self,
        digests: &BTreeMap<PackagePath, Digest>,
    ) -> Result<(), PackageErrorKind> {
        if self.form == PackageForm::Folder {
            let mut budget = self.limits.whole(digests.len())?;
            for (file, digest) in digests {
                budget.take(&self.read(file, *digest)?)?;
            }
            return Ok(());
        }
        let mut archive = self.archive()?;
        let mut seen = BTreeSet::new();
        while let Some(entry) = archive.next()? {
            let path = entry.path().clone();
            if !seen.insert(path.clone()) {
                let reason = "it is in the archive twice";
                return Err(PackageErrorKind::entry(&path, reason));
            }
            match path.as_str() {
                MANIFEST => continue,
                pack::SIGNATURE if seen.len() == 2 => continue,
                pack::SIGNATURE => {
                    let reason = "it stands right after the manifest, or nobody looks at it";
                    return Err(PackageErrorKind::entry(&path, reason));
                }
                _ => {}
            }
            let digest = digests.get(&path);
            let digest = digest.ok_or_else(|| PackageErrorKind::unlisted(&path))?;
            check(&path, &entry.read(self.limits.file.as_u64())?, *digest)?;
        }
        match digests.keys().find(|file| !seen.contains(file)) {
            Some(file) => Err(PackageErrorKind::missing(file)),
            None => Ok(()),
        }
    }
}

pub(super) fn check(
    file: &PackagePath,
    bytes: &[u8],
    expected: Digest,
) -> Result<(), PackageErrorKind> {
    let found = sha256(bytes);
    if found == expected {
        return Ok(());
    }
    Err(PackageErrorKind::Altered {
        file: file.to_string(),
        expected,
        found,
    })
}
