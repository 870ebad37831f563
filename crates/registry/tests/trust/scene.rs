//! Publishers with keys, and packages that they sign.

use jackfield_registry::discovery::sha256;
use jackfield_registry::trust::{PackageSignatures, PublisherName, SecretKey, SignedPackage};
use jackfield_types::{Digest, PluginId};
use semver::Version;

/// A package, as far as trust looks at it.
pub(crate) struct Package {
    pub(crate) plugin: PluginId,
    pub(crate) version: Version,
    pub(crate) digest: Digest,
}

impl Package {
    pub(crate) fn signed(&self) -> SignedPackage<'_> {
        SignedPackage {
            plugin: &self.plugin,
            version: &self.version,
            digest: &self.digest,
        }
    }

    /// The file that says that these keys signed it.
    pub(crate) fn signatures(&self, keys: &[&SecretKey]) -> Vec<u8> {
        let mut signatures = PackageSignatures::default();
        for key in keys {
            signatures.sign(&self.signed(), key).unwrap();
        }
        signatures.to_text().into_bytes()
    }
}

pub(crate) fn package(plugin: &str, version: &str, content: &str) -> Package {
    Package {
        plugin: plugin.parse().unwrap(),
        version: version.parse().unwrap(),
        digest: sha256(content.as_bytes()),
    }
}

pub(crate) fn slugify() -> Package {
    package("acme/slugify", "1.2.0", "manifest")
}

pub(crate) fn key() -> SecretKey {
    SecretKey::generate().unwrap()
}

pub(crate) fn publisher(name: &str) -> PublisherName {
    name.parse().unwrap()
}
