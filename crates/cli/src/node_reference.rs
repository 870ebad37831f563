//! A node type on the command line: `string.upper`, `string.upper@1.0`.

use std::str::FromStr;

use jackfield::{NameError, NodeTypeId, VersionSelector, VersionSelectorError};

/// A node type, and which version of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NodeReference {
    pub(crate) node_type: NodeTypeId,
    pub(crate) version: VersionSelector,
}

/// A text that names no node type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NodeReferenceError {
    #[error(transparent)]
    Name(#[from] NameError),
    #[error(transparent)]
    Version(#[from] VersionSelectorError),
}

impl FromStr for NodeReference {
    type Err = NodeReferenceError;

    fn from_str(text: &str) -> Result<Self, NodeReferenceError> {
        // A leading `@` belongs to the name: `@acme/tools.slugify`.
        let (name, version) = match text.rfind('@') {
            Some(place) if place > 0 => (&text[..place], text[place + 1..].parse()?),
            Some(_) | None => (text, VersionSelector::Newest),
        };
        Ok(Self {
            node_type: NodeTypeId::parse(name)?,
            version,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_follows_the_last_at_sign() {
        let plain: NodeReference = "@acme/tools.slugify".parse().unwrap();
        assert_eq!(plain.node_type.as_str(), "@acme/tools.slugify");
        assert_eq!(plain.version, VersionSelector::Newest);
        let versioned: NodeReference = "@acme/tools.slugify@1.2.0".parse().unwrap();
        assert_eq!(versioned.node_type.as_str(), "@acme/tools.slugify");
        assert_eq!(versioned.version.to_string(), "1.2.0");
        assert!("string.upper@new".parse::<NodeReference>().is_err());
        assert!("".parse::<NodeReference>().is_err());
    }
}
