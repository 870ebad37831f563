//! Which plugin is meant: its id, its digest, and where a node type comes from.

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::str::FromStr;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use semver::Version;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The most bytes that a publisher's name or a plugin's may have.
const LONGEST_PART: usize = 64;
/// What digests begin with when they are written down.
const ALGORITHM: &str = "sha256:";

/// The id of a plugin: `publisher/name`. The node types that it provides begin with the same
/// publisher.
///
/// Lower case only, so that no two ids look alike and each can be a path.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PluginId(Arc<str>);

/// A text that is no id of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no plugin: write `publisher/name`, each of at most 64 lower-case ASCII letters, digits and single `-`, as in `acme/slugify`"
)]
pub struct PluginIdError {
    /// What was given, or the beginning of it.
    pub text: String,
}

impl PluginId {
    /// Checks and wraps a text.
    ///
    /// # Errors
    /// [`PluginIdError`] when it is not made of two names with `/` between them.
    pub fn parse(text: &str) -> Result<Self, PluginIdError> {
        match text.split_once('/') {
            Some((publisher, name)) if is_part(publisher) && is_part(name) => Ok(Self(text.into())),
            Some(_) | None => Err(PluginIdError {
                text: text.chars().take(2 * LONGEST_PART).collect(),
            }),
        }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whose plugin it is.
    pub fn publisher(&self) -> &str {
        self.0
            .split_once('/')
            .map_or("", |(publisher, _)| publisher)
    }

    /// What its publisher calls it.
    pub fn name(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, name)| name)
    }
}

fn is_part(text: &str) -> bool {
    text.len() <= LONGEST_PART
        && text.split('-').all(|word| {
            let mut letters = word.bytes();
            !word.is_empty() && letters.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        })
}

/// SHA-256 of something; written `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

/// A text that is no digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a digest is written `sha256:` and 64 hexadecimal digits")]
pub struct DigestError;

impl Digest {
    /// Wraps what a hash function gave.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The 64 hexadecimal digits, with nothing before them: a name for files.
    pub fn to_hex(&self) -> String {
        let mut digits = String::with_capacity(64);
        for byte in self.0 {
            // Writing to a string cannot fail.
            let _ = write!(digits, "{byte:02x}");
        }
        digits
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(ALGORITHM)?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let digits = text.strip_prefix(ALGORITHM).ok_or(DigestError)?;
        let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
        if pairs.len() != 32 || !rest.is_empty() {
            return Err(DigestError);
        }
        let mut bytes = [0; 32];
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = hex_digit(*high)? << 4 | hex_digit(*low)?;
        }
        Ok(Self(bytes))
    }
}

/// Lower case only: each digest is written in one way.
fn hex_digit(digit: u8) -> Result<u8, DigestError> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(DigestError),
    }
}

/// The plugin that a node type comes from, in just one version and content.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PluginOrigin {
    /// The plugin.
    pub plugin: PluginId,
    /// Its version.
    pub version: Version,
    /// The digest of its package, which covers every file in it.
    pub digest: Digest,
    /// Who signed the package, as the keeper of the trusted keys calls them; `None` when nobody
    /// whom the instance knows did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<String>,
}

impl fmt::Display for PluginOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.plugin, self.version)
    }
}

impl fmt::Display for PluginId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PluginId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl FromStr for PluginId {
    type Err = PluginIdError;

    fn from_str(text: &str) -> Result<Self, PluginIdError> {
        Self::parse(text)
    }
}

macro_rules! as_text {
    ($name:ident, $pattern:literal) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $pattern })
            }
        }
    };
}

as_text!(PluginId, "^[a-z0-9]+(-[a-z0-9]+)*/[a-z0-9]+(-[a-z0-9]+)*$");
as_text!(Digest, "^sha256:[0-9a-f]{64}$");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_two_names_that_look_like_no_others() {
        let id: PluginId = "acme-2/csv-to-items".parse().unwrap();
        assert_eq!((id.publisher(), id.name()), ("acme-2", "csv-to-items"));
        let long = format!("a/{}", "b".repeat(65));
        for text in [
            "",
            "acme",
            "/a",
            "a/",
            "a/b/c",
            "A/b",
            "a/b c",
            "a/..",
            "a/-b",
            "a/b-",
            "a/b--c",
            "a/b.c",
            "a/\u{435}",
            &long,
        ] {
            assert!(PluginId::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_digest_is_written_in_one_way() {
        let digest = Digest::from_bytes([0xa7; 32]);
        let text = format!("sha256:{}", "a7".repeat(32));
        assert_eq!(digest.to_string(), text);
        assert_eq!(text.parse(), Ok(digest));
        let long = format!("{text}0");
        let upper = format!("sha256:{}", "A7".repeat(32));
        let foreign = format!("sha512:{}", "a7".repeat(32));
        let wide = format!("sha256:{}", "\u{e9}".repeat(32));
        for text in ["", "sha256:", &text[..70], &long, &upper, &foreign, &wide] {
            assert_eq!(text.parse::<Digest>(), Err(DigestError), "{text:?}");
        }
    }
}
