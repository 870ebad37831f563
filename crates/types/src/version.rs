use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use semver::{Version, VersionReq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Which version of a node type is wanted.
///
/// Written as nothing (the newest that is not a pre-release), a whole version (`"1.2.3"`: just
/// that one), the beginning of one (`1`, `1.2`, `"1.2"`: the newest that begins so), or a semver
/// requirement (`">=1.2, <3"`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum VersionSelector {
    /// The newest version that is not a pre-release, or else the newest.
    #[default]
    Newest,
    /// Just this version.
    Exact(Version),
    /// The newest version that meets the requirement.
    Requirement(VersionReq),
}

/// A text that selects no version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` selects no version: write `1`, `1.2`, `1.2.3` or a requirement such as `>=1.2, <3`"
)]
pub struct VersionSelectorError {
    /// What was given.
    pub text: String,
}

impl VersionSelector {
    /// Whether a version is one that is wanted.
    pub fn matches(&self, version: &Version) -> bool {
        match self {
            Self::Newest => true,
            Self::Exact(exact) => exact == version,
            Self::Requirement(requirement) => requirement.matches(version),
        }
    }
}

impl FromStr for VersionSelector {
    type Err = VersionSelectorError;

    fn from_str(text: &str) -> Result<Self, VersionSelectorError> {
        let trimmed = text.trim();
        if let Ok(version) = Version::parse(trimmed) {
            return Ok(Self::Exact(version));
        }
        let begins_a_version =
            !trimmed.is_empty() && trimmed.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let requirement = if begins_a_version {
            format!("~{trimmed}")
        } else {
            trimmed.to_owned()
        };
        VersionReq::parse(&requirement)
            .map(Self::Requirement)
            .map_err(|_| VersionSelectorError {
                text: text.to_owned(),
            })
    }
}

impl fmt::Display for VersionSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Newest => f.write_str("*"),
            Self::Exact(version) => version.fmt(f),
            Self::Requirement(requirement) => {
                let text = requirement.to_string();
                let beginning = text.strip_prefix('~').unwrap_or(&text);
                let is_beginning = beginning.bytes().all(|b| b.is_ascii_digit() || b == b'.');
                f.write_str(if is_beginning { beginning } else { &text })
            }
        }
    }
}

impl Serialize for VersionSelector {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for VersionSelector {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::Null => Ok(Self::Newest),
            serde_json::Value::String(text) => text.parse().map_err(serde::de::Error::custom),
            other => other.to_string().parse().map_err(serde::de::Error::custom),
        }
    }
}

impl JsonSchema for VersionSelector {
    fn schema_name() -> Cow<'static, str> {
        "VersionSelector".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["number", "string"],
            "description": "`1`, `1.2`: the newest version that begins so; `\"1.2.3\"`: just that one; or a requirement such as `\">=1.2, <3\"`"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selects(selector: &str, version: &str) -> bool {
        let selector: VersionSelector = serde_json::from_str(selector).unwrap();
        selector.matches(&Version::parse(version).unwrap())
    }

    #[test]
    fn beginnings_whole_versions_and_requirements_select() {
        assert!(selects("1", "1.9.3") && !selects("1", "2.0.0"));
        assert!(selects("1.2", "1.2.9") && !selects("1.2", "1.3.0"));
        assert!(selects("\"1.2.3\"", "1.2.3") && !selects("\"1.2.3\"", "1.2.4"));
        assert!(selects("\">=1.2, <3\"", "2.5.0") && !selects("\">=1.2, <3\"", "3.0.0"));
        assert!(selects("null", "7.0.0"));
        for written in ["7", "1.2", ">=1.2, <3", "1.2.3"] {
            assert_eq!(
                written.parse::<VersionSelector>().unwrap().to_string(),
                written
            );
        }
        assert!(serde_json::from_str::<VersionSelector>("\"new\"").is_err());
        assert!(serde_json::from_str::<VersionSelector>("{}").is_err());
    }
}
