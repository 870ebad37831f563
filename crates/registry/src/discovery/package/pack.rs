//! Making archives: of the same files always the same bytes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};

use jackfield_types::Digest;
use zstd::stream::write::Encoder;

use super::{FileAction, Package, PackageError, PackageErrorKind};
use crate::discovery::hash::sha256;
use crate::discovery::manifest::{MANIFEST, PackagePath};

/// The file that says who signed a package.
pub(super) const SIGNATURE: &str = crate::trust::SIGNATURE_FILE;
/// How hard it is compressed: as hard as is fast, with a window that every reader takes.
const LEVEL: i32 = 9;

impl Package {
    /// Packs it as a `.jfp` file, signed or not: of the same files always the same bytes. All files
    /// are read and checked. This blocks.
    ///
    /// # Errors
    /// [`PackageErrorKind::Changed`] when the manifest is not what it was when the package was
    /// opened, [`PackageErrorKind::Altered`] when another file is not.
    pub fn to_archive(&self, signature: Option<&[u8]>) -> Result<Vec<u8>, PackageError> {
        self.packed(signature)
            .map_err(|kind| PackageError::new(self.path(), kind))
    }

    fn packed(&self, signature: Option<&[u8]>) -> Result<Vec<u8>, PackageErrorKind> {
        let mut manifest = self.files.read_manifest()?;
        if sha256(&manifest) != self.digest {
            manifest = with_digests(&manifest, &self.digests);
        }
        let found = sha256(&manifest);
        if found != self.digest {
            let expected = self.digest;
            return Err(PackageErrorKind::Changed { expected, found });
        }
        let mut budget = self.files.limits().whole(self.digests.len())?;
        let mut contents = vec![(MANIFEST, manifest)];
        contents.extend(signature.map(|signature| (SIGNATURE, signature.to_vec())));
        // What describes node types stands before what may be large.
        let (described, others): (Vec<_>, Vec<_>) = self
            .digests
            .iter()
            .partition(|(file, _)| self.manifest.described_in().contains(*file));
        for (file, digest) in described.into_iter().chain(others) {
            let bytes = self.files.read(file, *digest)?;
            budget.take(&bytes)?;
            contents.push((file.as_str(), bytes));
        }
        let packed = archive(&contents).map_err(|source| PackageErrorKind::Io {
            file: "the archive".to_owned(),
            action: FileAction::Write,
            source,
        })?;
        // Nobody would read it.
        let limit = self.files.limits().packed;
        if packed.len() as u64 > limit.as_u64() {
            let what = "the archive".to_owned();
            return Err(PackageErrorKind::TooLarge { what, limit });
        }
        Ok(packed)
    }
}

/// A manifest with the digests of all other files.
pub(super) fn with_digests(manifest: &[u8], digests: &BTreeMap<PackagePath, Digest>) -> Vec<u8> {
    let mut table = String::from("\n[digests]\n");
    for (file, digest) in digests {
        // Writing to a string cannot fail, and a path has nothing that needs an escape.
        let _ = writeln!(table, "\"{file}\" = \"{digest}\"");
    }
    let mut text = manifest.to_vec();
    if !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    text.extend_from_slice(table.as_bytes());
    text
}

fn archive(contents: &[(&str, Vec<u8>)]) -> io::Result<Vec<u8>> {
    let mut encoder = Encoder::new(Vec::new(), LEVEL)?;
    encoder.include_checksum(true)?;
    let mut archive = tar::Builder::new(encoder);
    for (path, bytes) in contents {
        let mut header = tar::Header::new_ustar();
        header.set_path(path)?;
        header.set_size(u64::try_from(bytes.len()).map_err(io::Error::other)?);
        header.set_mode(0o644);
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        header.set_cksum();
        archive.append(&header, &bytes[..])?;
    }
    let mut encoder = archive.into_inner()?;
    encoder.flush()?;
    encoder.finish()
}
