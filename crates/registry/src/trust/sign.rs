use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use jackfield_types::PluginOrigin;
use tempfile::NamedTempFile;

use super::error::SignatureFileError;
use super::key::SecretKey;
use super::signature::{PackageSignatures, SIGNATURE_FILE, SignedPackage};
use crate::discovery::{Package, PackageError, PackageForm, PackageLimits};

/// Why a package was not signed. It is as it was before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The package is broken.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// The signatures that it has cannot be read, or are too many.
    #[error(transparent)]
    Signatures(#[from] SignatureFileError),
    /// It cannot be written.
    #[error("`{}` cannot be written", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Signs the package in a folder or `.jfp` file, beside those who signed it before. Signatures of what
/// it was before it was changed are left out. This blocks.
///
/// All its files are read and checked first: who signs vouches for each of them. In a folder that has
/// no digests yet, the signature is good as long as no file changes.
///
/// # Errors
/// [`SignError`]; whatever goes wrong, the package is as it was.
pub fn sign_package(
    path: &Path,
    key: &SecretKey,
    limits: &PackageLimits,
) -> Result<PluginOrigin, SignError> {
    let package = Package::open(path, limits)?;
    package.verify()?;
    let statement = SignedPackage {
        plugin: package.id(),
        version: package.version(),
        digest: package.digest(),
    };
    let mut signatures = match package.signature() {
        Some(bytes) => PackageSignatures::parse(bytes)?,
        None => PackageSignatures::default(),
    };
    signatures.retain_valid(&statement);
    signatures.sign(&statement, key)?;
    let text = signatures.to_text().into_bytes();
    match package.form() {
        PackageForm::Folder => replace(&path.join(SIGNATURE_FILE), &text)?,
        PackageForm::Archive => replace(path, &package.to_archive(Some(&text))?)?,
    }
    Ok(package.origin())
}

/// Puts a file in the place of another one, all of it or nothing.
fn replace(path: &Path, content: &[u8]) -> Result<(), SignError> {
    let unwritable = |source| SignError::Io {
        path: path.to_path_buf(),
        source,
    };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    };
    let mut file = NamedTempFile::with_prefix_in(".signing-", folder).map_err(unwritable)?;
    file.write_all(content).map_err(unwritable)?;
    // Made for its owner alone; what it replaces may be read by others.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;

        let mode = path
            .metadata()
            .map_or(0o644, |old| old.permissions().mode());
        let permissions = std::fs::Permissions::from_mode(mode & 0o777);
        file.as_file()
            .set_permissions(permissions)
            .map_err(unwritable)?;
    }
    file.as_file().sync_all().map_err(unwritable)?;
    file.persist(path)
        .map(drop)
        .map_err(|error| unwritable(error.error))
}
