use std::fmt;
use std::str::FromStr;

use jackfield_types::Digest;
use oci_client::Reference;
use semver::Version;

/// What references may begin with.
const SCHEME: &str = "oci://";
/// The most characters that a reference has.
const LONGEST: usize = 600;
/// The most characters that a tag has.
const LONGEST_TAG: usize = 128;

/// Where a package is: `HOST[:PORT]/REPOSITORY[:TAG][@DIGEST]`, with `oci://` before it or not.
///
/// The host is always named: there is no registry that is meant when none is. With a digest just
/// that artifact is meant, whatever the tag points to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageReference {
    host: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// A text that says not where a package is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no place of a package: {reason}")]
pub struct ReferenceError {
    /// What was given, or the beginning of it.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl PackageReference {
    /// Reads a reference.
    ///
    /// # Errors
    /// [`ReferenceError`] says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        let refuse = |reason| ReferenceError {
            text: text.chars().take(200).collect(),
            reason,
        };
        if text.len() > LONGEST {
            return Err(refuse("it is too long"));
        }
        let place = text.strip_prefix(SCHEME).unwrap_or(text);
        let (host, _) = place.split_once('/').ok_or_else(|| {
            refuse("write `HOST/REPOSITORY:TAG`, such as `ghcr.io/acme/slugify:1.2.0`")
        })?;
        // As container tools tell a host from the first step of a repository.
        if !host.contains(['.', ':']) && host != "localhost" {
            return Err(refuse(
                "it begins with the host of a registry, such as `ghcr.io`",
            ));
        }
        let parsed: Reference = place
            .parse()
            .map_err(|_| refuse("write `HOST/REPOSITORY:TAG` or `HOST/REPOSITORY@sha256:…`"))?;
        let digest = parsed
            .digest()
            .map(|digest| {
                digest
                    .parse()
                    .map_err(|_| refuse("a digest is written `sha256:` and 64 hexadecimal digits"))
            })
            .transpose()?;
        // When nothing is said the parser says `latest`; nothing is what was meant.
        let names_tag = place
            .split('@')
            .next()
            .and_then(|name| name.rsplit('/').next())
            .is_some_and(|last| last.contains(':'));
        Ok(Self {
            host: host.to_owned(),
            repository: parsed.repository().to_owned(),
            tag: parsed.tag().filter(|_| names_tag).map(str::to_owned),
            digest,
        })
    }

    /// The host of the registry, with its port if one is named.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The repository.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag, if one is named.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest of the artifact, if one is named.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// The same repository with the tag of a version.
    #[must_use]
    pub fn with_version(&self, version: &Version) -> Self {
        Self {
            tag: Some(tag_of(version)),
            digest: None,
            ..self.clone()
        }
    }

    /// The same repository with just this artifact.
    #[must_use]
    pub fn with_digest(&self, digest: Digest) -> Self {
        Self {
            digest: Some(digest),
            ..self.clone()
        }
    }

    /// As the client takes it; `latest` where nothing is named.
    pub(crate) fn to_reference(&self) -> Reference {
        let (host, repository) = (self.host.clone(), self.repository.clone());
        match (&self.digest, &self.tag) {
            (Some(digest), _) => Reference::with_digest(host, repository, digest.to_string()),
            (None, Some(tag)) => Reference::with_tag(host, repository, tag.clone()),
            (None, None) => Reference::with_tag(host, repository, "latest".to_owned()),
        }
    }
}

/// The tag of a version: tags cannot have a `+`, so it becomes a `_`, as other tools do it.
pub fn tag_of(version: &Version) -> String {
    version.to_string().replace('+', "_")
}

/// The version that a tag stands for, if it stands for one.
pub fn version_of(tag: &str) -> Option<Version> {
    if tag.len() > LONGEST_TAG {
        return None;
    }
    Version::parse(&tag.replacen('_', "+", 1)).ok()
}

impl fmt::Display for PackageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.host, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl FromStr for PackageReference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_names_host_repository_and_what_is_meant_there() {
        let digest = format!("sha256:{}", "a7".repeat(32));
        for (text, tag, has_digest) in [
            ("oci://ghcr.io/acme/slugify", None, false),
            ("oci://ghcr.io/acme/slugify:1.2.0", Some("1.2.0"), false),
            ("oci://localhost:5000/slugify:latest", Some("latest"), false),
            (&format!("oci://127.0.0.1:5000/a/b/c@{digest}"), None, true),
            (&format!("oci://example.org/a:1@{digest}"), Some("1"), true),
        ] {
            for given in [text, text.trim_start_matches(SCHEME)] {
                let reference = PackageReference::parse(given).unwrap();
                assert_eq!(reference.to_string(), text);
                assert_eq!(reference.tag(), tag);
                assert_eq!(reference.digest().is_some(), has_digest);
            }
        }
        let reference = PackageReference::parse("localhost:5000/acme/x:2").unwrap();
        assert_eq!(reference.host(), "localhost:5000");
        assert_eq!(reference.repository(), "acme/x");
    }

    #[test]
    fn what_names_no_place_is_refused() {
        let long = format!("ghcr.io/{}", "a".repeat(600));
        let digest = "b".repeat(63);
        for text in [
            "",
            "slugify",
            "acme/slugify",
            "library/slugify:1",
            "ghcr.io/",
            "ghcr.io/Acme/x",
            "ghcr.io/a b",
            "https://ghcr.io/acme/x",
            "ghcr.io/../x",
            "ghcr.io/a:",
            "ghcr.io/a@1",
            "ghcr.io/a:t g",
            "user@ghcr.io/a",
            &format!("ghcr.io/a@sha256:{digest}"),
            &format!("ghcr.io/a@md5:{digest}"),
            &long,
            "ghcr.io/a?x=1",
            "ghcr.io/a#b",
        ] {
            assert!(PackageReference::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_version_has_a_tag_and_a_tag_may_have_a_version() {
        for text in ["1.2.0", "1.0.0-rc.1", "1.0.0+build.7"] {
            let version = Version::parse(text).unwrap();
            assert_eq!(version_of(&tag_of(&version)), Some(version));
        }
        assert_eq!(
            tag_of(&Version::parse("1.0.0+build.7").unwrap()),
            "1.0.0_build.7"
        );
        for tag in ["latest", "v1.0.0", "1.0", ""] {
            assert_eq!(version_of(tag), None, "{tag}");
        }
    }
}
