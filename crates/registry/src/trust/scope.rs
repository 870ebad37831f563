use std::fmt;
use std::str::FromStr;

use jackfield_types::PluginId;

use super::publisher::PublisherName;

/// Which plugins a publisher's signature is good for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// Just this one: `acme/slugify`.
    Plugin(PluginId),
    /// All whose ids begin with this name: `acme/*`.
    Publisher(PublisherName),
    /// All of them: `*`.
    All,
}

/// A text that names no plugins.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` names no plugins: write `publisher/name`, `publisher/*` or `*`")]
pub struct ScopeError {
    /// What was given, or the beginning of it.
    pub text: String,
}

impl Scope {
    /// Whether a plugin is among those that are meant.
    pub fn covers(&self, plugin: &PluginId) -> bool {
        match self {
            Self::All => true,
            Self::Publisher(_) | Self::Plugin(_) => self.names(plugin),
        }
    }

    /// Whether a plugin is meant by its name or its publisher's, and not only along with all others.
    pub(super) fn names(&self, plugin: &PluginId) -> bool {
        match self {
            Self::Plugin(own) => own == plugin,
            Self::Publisher(publisher) => publisher.as_str() == plugin.publisher(),
            Self::All => false,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plugin(plugin) => fmt::Display::fmt(plugin, f),
            Self::Publisher(publisher) => write!(f, "{publisher}/*"),
            Self::All => f.write_str("*"),
        }
    }
}

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let refuse = || ScopeError {
            text: text.chars().take(150).collect(),
        };
        if text == "*" {
            return Ok(Self::All);
        }
        if let Some(publisher) = text.strip_suffix("/*") {
            let publisher = PublisherName::parse(publisher).map_err(|_| refuse())?;
            return Ok(Self::Publisher(publisher));
        }
        let plugin = PluginId::parse(text).map_err(|_| refuse())?;
        Ok(Self::Plugin(plugin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_one_plugin_those_of_a_publisher_or_all() {
        let plugin: PluginId = "acme/slugify".parse().unwrap();
        let near: PluginId = "acme2/slugify".parse().unwrap();
        for (text, covers, covers_near) in [
            ("acme/slugify", true, false),
            ("acme/*", true, false),
            ("acme/other", false, false),
            ("*", true, true),
        ] {
            let scope: Scope = text.parse().unwrap();
            assert_eq!(scope.to_string(), text);
            assert_eq!(scope.covers(&plugin), covers, "{text}");
            assert_eq!(scope.covers(&near), covers_near, "{text}");
        }
        for text in ["", "acme", "*/*", "acme/s*", "**", "unsigned/*", "acme/a/*"] {
            assert!(text.parse::<Scope>().is_err(), "{text:?}");
        }
    }
}
