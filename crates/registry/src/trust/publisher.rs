use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jackfield_types::PluginId;

/// What stands, where publishers are named, for packages that nobody signed whom the instance
/// knows. No publisher is called so.
pub const UNSIGNED: &str = "unsigned";

/// The name under which an instance keeps the keys of a publisher. By itself a publisher signs the
/// plugins whose ids begin with this name.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublisherName(Arc<str>);

/// A text that cannot be the name of a publisher.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` cannot be the name of a publisher: it has at most 64 lower-case ASCII letters, digits and single `-`, and is not `unsigned`"
)]
pub struct PublisherNameError {
    /// What was given, or the beginning of it.
    pub text: String,
}

impl PublisherName {
    /// Checks and wraps a text.
    ///
    /// # Errors
    /// [`PublisherNameError`] when no plugin could have such a publisher, or it is [`UNSIGNED`].
    pub fn parse(text: &str) -> Result<Self, PublisherNameError> {
        let refuse = || PublisherNameError {
            text: text.chars().take(100).collect(),
        };
        if text == UNSIGNED || text.contains('/') {
            return Err(refuse());
        }
        // Publishers are named in ids of plugins by the same rule.
        PluginId::parse(&format!("{text}/any")).map_err(|_| refuse())?;
        Ok(Self(text.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PublisherName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PublisherName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl FromStr for PublisherName {
    type Err = PublisherNameError;

    fn from_str(text: &str) -> Result<Self, PublisherNameError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_publisher_is_named_as_in_the_ids_of_its_plugins() {
        for text in ["acme", "acme-2", "7"] {
            assert_eq!(PublisherName::parse(text).unwrap().as_str(), text);
        }
        let long = "a".repeat(65);
        for text in [
            "", "Acme", "acme/", "a b", "-a", "..", "unsigned", "*", &long,
        ] {
            assert!(PublisherName::parse(text).is_err(), "{text:?}");
        }
    }
}
