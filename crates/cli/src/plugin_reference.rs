//! Plugins and packages on the command line: `acme/slugify@1.0.0`, `oci://ghcr.io/acme/slugify`.

use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;

use jackfield::types::{PluginId, PluginIdError};
use semver::Version;

/// A plugin, in one version or in all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PluginReference {
    pub(crate) plugin: PluginId,
    pub(crate) version: Option<Version>,
}

/// A text that names no plugin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PluginReferenceError {
    #[error(transparent)]
    Id(#[from] PluginIdError),
    #[error("`{text}` is no version, such as `1.0.0`")]
    Version { text: String },
}

impl FromStr for PluginReference {
    type Err = PluginReferenceError;

    fn from_str(text: &str) -> Result<Self, PluginReferenceError> {
        let (plugin, version) = match text.split_once('@') {
            Some((plugin, version)) => (plugin, Some(version)),
            None => (text, None),
        };
        let version = version.map(|version| {
            Version::parse(version).map_err(|_| PluginReferenceError::Version {
                text: version.chars().take(100).collect(),
            })
        });
        Ok(Self {
            plugin: PluginId::parse(plugin)?,
            version: version.transpose()?,
        })
    }
}

/// Where a package is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PackageSource {
    /// On this machine.
    Path(PathBuf),
    /// In a registry of container images.
    Remote(String),
}

impl FromStr for PackageSource {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(if text.starts_with("oci://") {
            Self::Remote(text.to_owned())
        } else {
            Self::Path(PathBuf::from(text))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_may_be_named_with_a_version() {
        let all: PluginReference = "acme/slugify".parse().unwrap();
        assert_eq!((all.plugin.as_str(), all.version), ("acme/slugify", None));
        let one: PluginReference = "acme/slugify@1.2.0".parse().unwrap();
        assert_eq!(one.version, Some(Version::new(1, 2, 0)));
        for text in ["", "slugify", "acme/slugify@", "acme/slugify@1"] {
            assert!(text.parse::<PluginReference>().is_err(), "{text}");
        }
    }
}
