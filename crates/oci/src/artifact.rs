use std::collections::BTreeMap;

use jackfield_registry::discovery::{Package, sha256};
use jackfield_types::{ByteSize, Digest, PluginId, PluginOrigin};
use oci_client::annotations::{
    ORG_OPENCONTAINERS_IMAGE_DESCRIPTION, ORG_OPENCONTAINERS_IMAGE_LICENSES,
    ORG_OPENCONTAINERS_IMAGE_TITLE, ORG_OPENCONTAINERS_IMAGE_URL, ORG_OPENCONTAINERS_IMAGE_VERSION,
};
use oci_client::manifest::{OCI_IMAGE_MEDIA_TYPE, OciDescriptor, OciImageManifest};
use semver::Version;
use serde::Serialize;
use serde_json::json;

use crate::error::{OciErrorKind, shorten};

/// The type of artifacts that are packages of plugins.
pub const ARTIFACT_TYPE: &str = "application/vnd.jackfield.plugin.v1";
/// The type of the configuration of such an artifact.
pub const CONFIG_MEDIA_TYPE: &str = "application/vnd.jackfield.plugin.config.v1+json";
/// The type of its one layer: a `.jfp` file.
pub const PACKAGE_MEDIA_TYPE: &str = "application/vnd.jackfield.plugin.package.v1.tar+zstd";

/// The annotation with the digest of the package.
const DIGEST: &str = "dev.jackfield.package.digest";
/// The annotation with the id of the plugin.
const PLUGIN: &str = "dev.jackfield.plugin.id";
/// The most bytes that the manifest of an artifact has.
const LARGEST_MANIFEST: ByteSize = ByteSize::kib(256);

/// What an artifact says that it is. Nothing of it is sure before it was pulled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RemotePackage {
    /// The plugin.
    pub plugin: PluginId,
    /// Its version.
    pub version: Version,
    /// The digest of the package, which lock files and plans pin.
    pub digest: Digest,
    /// The digest of the artifact, by which the registry knows it.
    pub artifact: Digest,
    /// The digest of the `.jfp` file.
    pub file: Digest,
    /// The size of the `.jfp` file.
    pub size: ByteSize,
}

/// An artifact that is ready to be pushed.
pub(crate) struct Artifact {
    pub(crate) manifest: Vec<u8>,
    pub(crate) digest: Digest,
    pub(crate) config: Vec<u8>,
    pub(crate) config_digest: Digest,
    pub(crate) file: Vec<u8>,
    pub(crate) file_digest: Digest,
}

impl Artifact {
    /// Makes an artifact of a package and its `.jfp` file: always the same of the same file. There is
    /// no time in it.
    pub(crate) fn new(package: &Package, file: Vec<u8>) -> Result<Self, OciErrorKind> {
        let unwritable = |error: serde_json::Error| OciErrorKind::NotAPackage {
            reason: shorten(&error.to_string()),
        };
        let manifest = package.manifest();
        let node_types: Vec<_> = manifest
            .node_types()
            .iter()
            .map(|one| &one.node_type)
            .collect();
        let config = serde_json::to_vec(&json!({
            "plugin": package.id(),
            "version": package.version(),
            "contract": manifest.contract(),
            "digest": package.digest(),
            "nodeTypes": node_types,
        }))
        .map_err(unwritable)?;
        let (config_digest, file_digest) = (sha256(&config), sha256(&file));
        let mut annotations = BTreeMap::from([
            (PLUGIN.to_owned(), package.id().to_string()),
            (DIGEST.to_owned(), package.digest().to_string()),
            (
                ORG_OPENCONTAINERS_IMAGE_TITLE.to_owned(),
                package.id().to_string(),
            ),
            (
                ORG_OPENCONTAINERS_IMAGE_VERSION.to_owned(),
                package.version().to_string(),
            ),
        ]);
        let described = [
            (
                ORG_OPENCONTAINERS_IMAGE_DESCRIPTION,
                Some(manifest.description()),
            ),
            (ORG_OPENCONTAINERS_IMAGE_LICENSES, manifest.license()),
            (ORG_OPENCONTAINERS_IMAGE_URL, manifest.homepage()),
        ];
        for (name, text) in described {
            let text = text.filter(|text| !text.is_empty());
            annotations.extend(text.map(|text| (name.to_owned(), text.to_owned())));
        }
        let image = OciImageManifest {
            media_type: Some(OCI_IMAGE_MEDIA_TYPE.to_owned()),
            artifact_type: Some(ARTIFACT_TYPE.to_owned()),
            config: descriptor(CONFIG_MEDIA_TYPE, &config_digest, &config)?,
            layers: vec![descriptor(PACKAGE_MEDIA_TYPE, &file_digest, &file)?],
            annotations: Some(annotations),
            ..OciImageManifest::default()
        };
        let manifest = serde_json::to_vec(&image).map_err(unwritable)?;
        if manifest.len() as u64 > LARGEST_MANIFEST.as_u64() {
            return Err(OciErrorKind::TooLarge {
                what: "what the package says of itself",
                limit: LARGEST_MANIFEST,
            });
        }
        Ok(Self {
            digest: sha256(&manifest),
            manifest,
            config,
            config_digest,
            file,
            file_digest,
        })
    }
}

fn descriptor(
    media_type: &str,
    digest: &Digest,
    content: &[u8],
) -> Result<OciDescriptor, OciErrorKind> {
    let size = i64::try_from(content.len()).map_err(|_| OciErrorKind::TooLarge {
        what: "the package",
        limit: ByteSize::bytes(i64::MAX.unsigned_abs()),
    })?;
    Ok(OciDescriptor {
        media_type: media_type.to_owned(),
        digest: digest.to_string(),
        size,
        ..OciDescriptor::default()
    })
}

impl RemotePackage {
    /// Reads the manifest of an artifact.
    pub(crate) fn read(manifest: &[u8], packed: ByteSize) -> Result<Self, OciErrorKind> {
        let refuse = |reason: String| OciErrorKind::NotAPackage { reason };
        if manifest.len() as u64 > LARGEST_MANIFEST.as_u64() {
            return Err(OciErrorKind::TooLarge {
                what: "the manifest of the artifact",
                limit: LARGEST_MANIFEST,
            });
        }
        let image: OciImageManifest = serde_json::from_slice(manifest)
            .map_err(|error| refuse(format!("its manifest cannot be read: {error}")))?;
        if image.config.media_type != CONFIG_MEDIA_TYPE {
            let found = shorten(&image.config.media_type);
            return Err(refuse(format!("it is of the type `{found}`")));
        }
        let [layer] = image.layers.as_slice() else {
            let found = image.layers.len();
            return Err(refuse(format!("it has {found} layers, and not one")));
        };
        if layer.media_type != PACKAGE_MEDIA_TYPE {
            let found = shorten(&layer.media_type);
            return Err(refuse(format!("its layer is of the type `{found}`")));
        }
        let annotations = image.annotations.unwrap_or_default();
        let said = |name: &str| {
            let text = annotations.get(name).map(String::as_str);
            text.ok_or_else(|| refuse(format!("it has no annotation `{name}`")))
        };
        let unreadable = |name: &str| refuse(format!("its annotation `{name}` cannot be read"));
        let size = u64::try_from(layer.size)
            .map_err(|_| refuse("its layer has a size below zero".to_owned()))?;
        if size > packed.as_u64() {
            return Err(OciErrorKind::TooLarge {
                what: "the package",
                limit: packed,
            });
        }
        Ok(Self {
            plugin: said(PLUGIN)?.parse().map_err(|_| unreadable(PLUGIN))?,
            version: Version::parse(said(ORG_OPENCONTAINERS_IMAGE_VERSION)?)
                .map_err(|_| unreadable(ORG_OPENCONTAINERS_IMAGE_VERSION))?,
            digest: said(DIGEST)?.parse().map_err(|_| unreadable(DIGEST))?,
            artifact: sha256(manifest),
            file: layer
                .digest
                .parse()
                .map_err(|_| refuse("its layer has no SHA-256 digest".to_owned()))?,
            size: ByteSize::bytes(size),
        })
    }

    /// Refuses a package that is another one.
    pub(crate) fn check(&self, package: &Package) -> Result<(), OciErrorKind> {
        let is_same = *package.id() == self.plugin
            && *package.version() == self.version
            && *package.digest() == self.digest;
        if is_same {
            return Ok(());
        }
        let name = |plugin: &PluginId, version: &Version, digest: &Digest| {
            shorten(&format!("`{plugin}` {version} ({digest})"))
        };
        Err(OciErrorKind::Mismatch {
            said: name(&self.plugin, &self.version, &self.digest),
            found: name(package.id(), package.version(), package.digest()),
        })
    }

    /// The plugin in the version and content that the artifact speaks of, signed by nobody.
    pub fn origin(&self) -> PluginOrigin {
        PluginOrigin {
            plugin: self.plugin.clone(),
            version: self.version.clone(),
            digest: self.digest,
            signer: None,
        }
    }
}
