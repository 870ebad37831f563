use jackfield_types::ByteSize;

use crate::discovery::manifest::MAX_MANIFEST_SIZE;

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
}
