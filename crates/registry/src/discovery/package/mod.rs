//! Packages: reading them, checking them against their digests, and making them.
//!
//! Opening a package reads its manifest and what that names to describe node types, and nothing
//! else; whatever is read later is checked against the digests that were found then. Nothing is
//! ever unpacked to a disk.

mod archive;
mod error;
mod files;
mod folder;
mod limits;
mod pack;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use jackfield_definition::{Diagnostic, Diagnostics, SourceText};
use jackfield_types::{Digest, ErrorCode, PluginId, PluginOrigin};
use semver::Version;

use self::files::Files;
use super::ComponentSource;
use super::hash::sha256;
use super::manifest::{Draft, MANIFEST, PackagePath, PluginManifest};

pub use error::{FileAction, PackageError, PackageErrorKind};
pub(super) use files::Files as PackageFiles;
pub use files::PackageForm;
pub use limits::PackageLimits;

/// The most bytes that the file with signatures has.
const MAX_SIGNATURE_SIZE: u64 = 16 << 10;

/// A package whose manifest was read.
#[derive(Clone)]
pub struct Package {
    files: Arc<Files>,
    manifest: Arc<PluginManifest>,
    digests: Arc<BTreeMap<PackagePath, Digest>>,
    digest: Digest,
    signature: Option<Arc<[u8]>>,
}

/// What is read when a package is opened.
struct Opened {
    manifest: Vec<u8>,
    signature: Option<Vec<u8>>,
    described: BTreeMap<PackagePath, Vec<u8>>,
}

impl Package {
    /// Opens a folder or a `.jfp` file and reads its manifest. This blocks.
    ///
    /// A folder whose manifest has no digests is somebody's work in progress: all its files are
    /// read, and what they are now is what they have to be later.
    ///
    /// # Errors
    /// [`PackageError`] names the file that is wrong, and why.
    pub fn open(path: &Path, limits: &PackageLimits) -> Result<Self, PackageError> {
        let files = Files::find(path, limits)?;
        let failed = |kind| PackageError::new(files.path(), kind);
        match files.form() {
            PackageForm::Folder => Self::open_folder(&files).map_err(failed),
            PackageForm::Archive => Self::open_archive(&files).map_err(failed),
        }
    }

    fn open_folder(files: &Arc<Files>) -> Result<Self, PackageErrorKind> {
        let folder = files.folder();
        let Some(manifest) = folder.read(MANIFEST, files.limits().manifest())? else {
            return Err(PackageErrorKind::NoManifest { place: "in it" });
        };
        let signature = folder.read(pack::SIGNATURE, MAX_SIGNATURE_SIZE)?;
        let source = source(&manifest)?;
        let draft = Draft::read(&source)?;
        let mut described = BTreeMap::new();
        let mut budget = files.limits().described();
        for file in draft.files() {
            let limit = files.limits().manifest();
            let bytes = folder.read(file.as_str(), limit)?;
            let bytes = bytes.ok_or_else(|| PackageErrorKind::missing(file))?;
            budget.take(&bytes)?;
            described.insert(file.clone(), bytes);
        }
        Self::complete(
            files,
            Opened {
                manifest,
                signature,
                described,
            },
            draft,
            true,
        )
    }

    fn open_archive(files: &Arc<Files>) -> Result<Self, PackageErrorKind> {
        let mut archive = files.archive()?;
        let manifest = match archive.next()? {
            Some(entry) if entry.path().as_str() == MANIFEST => {
                entry.read(files.limits().manifest())?
            }
            Some(_) | None => {
                let place = "at the beginning of the archive";
                return Err(PackageErrorKind::NoManifest { place });
            }
        };
        let source = source(&manifest)?;
        let draft = Draft::read(&source)?;
        let mut signature = None;
        let mut described = BTreeMap::new();
        let mut budget = files.limits().described();
        let mut is_second = true;
        while is_second || draft.files().any(|file| !described.contains_key(file)) {
            let Some(entry) = archive.next()? else { break };
            let is_signature = entry.path().as_str() == pack::SIGNATURE;
            if is_second && is_signature {
                signature = Some(entry.read(MAX_SIGNATURE_SIZE)?);
            } else if draft.files().any(|file| file == entry.path()) {
                let path = entry.path().clone();
                let bytes = entry.read(files.limits().manifest())?;
                budget.take(&bytes)?;
                described.insert(path, bytes);
            } else if draft.files().next().is_some() {
                // Or all that stands before it would have to be unpacked to find a manifest wrong.
                let reason = "it stands before the files that describe node types";
                return Err(PackageErrorKind::entry(entry.path(), reason));
            }
            is_second = false;
        }
        let missing = draft.files().find(|file| !described.contains_key(file));
        if let Some(file) = missing {
            return Err(PackageErrorKind::missing(file));
        }
        Self::complete(
            files,
            Opened {
                manifest,
                signature,
                described,
            },
            draft,
            false,
        )
    }

    fn complete(
        files: &Arc<Files>,
        opened: Opened,
        draft: Draft<'_>,
        may_lack_digests: bool,
    ) -> Result<Self, PackageErrorKind> {
        let Opened {
            manifest: text,
            signature,
            described,
        } = opened;
        if let Some(digests) = draft.digests() {
            for (file, bytes) in &described {
                // The manifest has a digest of each file that it names.
                let expected = digests.get(file).copied().unwrap_or_else(|| sha256(&[]));
                files::check(file, bytes, expected)?;
            }
        } else if !may_lack_digests {
            let message = "the manifest of an archive has the digests of its files";
            let finding = Diagnostic::new(ErrorCode::INVALID_PACKAGE, message)
                .with_hint("pack the plugin by `jackfield plugin pack`");
            return Err(Diagnostics::collect([finding], None).into());
        }
        let manifest = draft.complete(&described)?;
        let (digests, digest) = match manifest.digests() {
            Some(digests) => (digests.clone(), sha256(&text)),
            None => {
                let mut digests = BTreeMap::new();
                let named = manifest.files();
                let mut budget = files.limits().whole(named.len())?;
                for file in named {
                    let bytes = match described.get(file) {
                        Some(bytes) => Cow::Borrowed(bytes),
                        None => Cow::Owned(files.read_unchecked(file)?),
                    };
                    budget.take(&bytes)?;
                    digests.insert(file.clone(), sha256(&bytes));
                }
                let digest = sha256(&pack::with_digests(&text, &digests));
                (digests, digest)
            }
        };
        Ok(Self {
            files: Arc::clone(files),
            manifest: Arc::new(manifest),
            digests: Arc::new(digests),
            digest,
            signature: signature.map(Into::into),
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Arc<Path> {
        self.files.path()
    }

    /// Whether it is a folder or a file.
    pub fn form(&self) -> PackageForm {
        self.files.form()
    }

    /// What it says of itself.
    pub fn manifest(&self) -> &Arc<PluginManifest> {
        &self.manifest
    }

    /// The plugin.
    pub fn id(&self) -> &PluginId {
        self.manifest.id()
    }

    /// Its version.
    pub fn version(&self) -> &Version {
        self.manifest.version()
    }

    /// What it is: the digest of its manifest, which has the digests of all other files. A folder
    /// has the same one as the archive that is packed of it.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The digest of each file but the manifest and its signature.
    pub fn digests(&self) -> &BTreeMap<PackagePath, Digest> {
        &self.digests
    }

    /// What is written in `plugin.sig`, if it is there.
    pub fn signature(&self) -> Option<&[u8]> {
        self.signature.as_deref()
    }

    /// The plugin in just this version and content, signed by nobody.
    pub fn origin(&self) -> PluginOrigin {
        PluginOrigin {
            plugin: self.id().clone(),
            version: self.version().clone(),
            digest: self.digest,
            signer: None,
        }
    }

    /// Reads a file and checks it against its digest. This blocks.
    ///
    /// # Errors
    /// [`PackageErrorKind::Altered`] when it is not what it was, and whatever else can be wrong
    /// with it.
    pub fn read(&self, file: &PackagePath) -> Result<Vec<u8>, PackageError> {
        let read = || {
            let digest = self.digests.get(file);
            let digest = digest.ok_or_else(|| PackageErrorKind::unlisted(file))?;
            self.files.read(file, *digest)
        };
        read().map_err(|kind| PackageError::new(self.path(), kind))
    }

    /// Reads all files and checks each against its digest, and that there are no others. This
    /// blocks.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn verify(&self) -> Result<(), PackageError> {
        let verified = self.files.verify(&self.digests);
        verified.map_err(|kind| PackageError::new(self.path(), kind))
    }

    /// The component, with who signed the package.
    pub fn component(&self, signer: Option<String>) -> ComponentSource {
        let origin = PluginOrigin {
            signer,
            ..self.origin()
        };
        self.component_with(Arc::new(origin), Arc::clone(&self.manifest))
    }

    pub(super) fn component_with(
        &self,
        origin: Arc<PluginOrigin>,
        manifest: Arc<PluginManifest>,
    ) -> ComponentSource {
        let digest = self.digests.get(manifest.entry());
        // Each file that a manifest names has a digest.
        let digest = digest.copied().unwrap_or_else(|| sha256(&[]));
        ComponentSource::in_package(manifest, origin, digest, Arc::clone(&self.files))
    }

    /// The same package with another manifest, which says less.
    pub(super) fn with_manifest(&self, manifest: PluginManifest) -> Self {
        Self {
            manifest: Arc::new(manifest),
            signature: None,
            ..self.clone()
        }
    }
}

fn source(manifest: &[u8]) -> Result<SourceText, PackageErrorKind> {
    Ok(SourceText::from_bytes(MANIFEST, manifest.to_vec())?)
}

impl fmt::Debug for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Package")
            .field("path", self.path())
            .field("plugin", self.id())
            .field("version", self.version())
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}
