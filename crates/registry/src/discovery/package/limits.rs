use jackfield_types::ByteSize;

use super::PackageErrorKind;
use crate::discovery::manifest::MAX_MANIFEST_SIZE;

/// The most bytes that all files that describe node types have together.
const MOST_DESCRIBED: ByteSize = ByteSize::mib(8);

/// How large packages may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageLimits {
    /// A `.jfp` file.
    pub packed: ByteSize,
    /// All that is in a package, unpacked.
    pub unpacked: ByteSize,
    /// One file of it.
    pub file: ByteSize,
    /// How many files it has.
    pub files: usize,
}

impl Default for PackageLimits {
    /// 64 MiB packed, 256 MiB unpacked, 128 MiB a file, 1,000 files.
    fn default() -> Self {
        Self {
            packed: ByteSize::mib(64),
            unpacked: ByteSize::mib(256),
            file: ByteSize::mib(128),
            files: 1_000,
        }
    }
}

impl PackageLimits {
    /// The bound of a manifest and of the files that describe node types.
    pub(super) fn manifest(&self) -> u64 {
        MAX_MANIFEST_SIZE.min(self.file).as_u64()
    }

    /// What may be read of files that describe node types.
    pub(super) fn described(&self) -> Budget {
        Budget::new("what describes its node types", MOST_DESCRIBED)
    }

    /// What may be read of a whole package, which has so many files.
    pub(super) fn whole(&self, files: usize) -> Result<Budget, PackageErrorKind> {
        if files > self.files {
            return Err(PackageErrorKind::TooManyFiles { limit: self.files });
        }
        Ok(Budget::new("the package", self.unpacked))
    }
}

/// How many bytes may still be read.
pub(super) struct Budget {
    what: &'static str,
    limit: ByteSize,
    left: u64,
}

impl Budget {
    fn new(what: &'static str, limit: ByteSize) -> Self {
        Self {
            what,
            limit,
            left: limit.as_u64(),
        }
    }

    /// Takes away what was read.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<(), PackageErrorKind> {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let left = self.left.checked_sub(length);
        self.left = left.ok_or_else(|| PackageErrorKind::TooLarge {
            what: self.what.to_owned(),
            limit: self.limit,
        })?;
        Ok(())
    }
}
