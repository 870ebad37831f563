//! The component of a plugin, as a host gets it.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use jackfield_types::{Digest, PluginOrigin};

use super::hash::sha256;
use super::manifest::PluginManifest;
use super::package::{PackageError, PackageFiles};

/// The component of a plugin, not read yet. Cloning is cheap.
#[derive(Clone)]
pub struct ComponentSource {
    manifest: Arc<PluginManifest>,
    origin: Arc<PluginOrigin>,
    digest: Digest,
    path: Arc<Path>,
    content: Content,
}

#[derive(Clone)]
enum Content {
    Bytes(Arc<[u8]>),
    Package(Arc<PackageFiles>),
}

impl ComponentSource {
    /// A component that is in memory already, with the manifest of its plugin, for tests and for
    /// hosts without files. The digest of the plugin is the one of the component.
    pub fn from_bytes(manifest: Arc<PluginManifest>, bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes = bytes.into();
        let digest = sha256(&bytes);
        let origin = PluginOrigin {
            plugin: manifest.id().clone(),
            version: manifest.version().clone(),
            digest,
            signer: None,
        };
        Self {
            path: Path::new(manifest.entry().as_str()).into(),
            manifest,
            origin: Arc::new(origin),
            digest,
            content: Content::Bytes(bytes),
        }
    }

    pub(super) fn in_package(
        manifest: Arc<PluginManifest>,
        origin: Arc<PluginOrigin>,
        digest: Digest,
        files: Arc<PackageFiles>,
    ) -> Self {
        Self {
            path: Arc::clone(files.path()),
            manifest,
            origin,
            digest,
            content: Content::Package(files),
        }
    }

    /// The manifest of the plugin: limits, capabilities, node types.
    pub fn manifest(&self) -> &Arc<PluginManifest> {
        &self.manifest
    }

    /// The plugin: id, version, digest of the whole package.
    pub fn origin(&self) -> &Arc<PluginOrigin> {
        &self.origin
    }

    /// The digest of the component alone. Two plugins with the same component share it.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The package that it is in, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the component and checks it against its digest. This blocks, and may take long: it
    /// belongs on a thread that may wait.
    ///
    /// # Errors
    /// [`PackageError`] when it cannot be read, or is not what it was when the package was found.
    pub fn read(&self) -> Result<Arc<[u8]>, PackageError> {
        match &self.content {
            Content::Bytes(bytes) => Ok(Arc::clone(bytes)),
            Content::Package(files) => files
                .read(self.manifest.entry(), self.digest)
                .map(Into::into)
                .map_err(|kind| PackageError::new(files.path(), kind)),
        }
    }
}

impl fmt::Debug for ComponentSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ComponentSource")
            .field("plugin", &self.origin.plugin)
            .field("version", &self.origin.version)
            .field("digest", &self.digest)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
