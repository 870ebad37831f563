use std::borrow::{Borrow, Cow};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What is wrong with a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Nothing was given.
    #[error("a {kind} must not be empty")]
    Empty {
        /// What was named.
        kind: &'static str,
    },
    /// Longer than its kind may be.
    #[error("a {kind} has at most {limit} bytes, this one has {length}")]
    TooLong {
        /// What was named.
        kind: &'static str,
        /// The most bytes that it may have.
        limit: usize,
        /// The bytes that were given.
        length: usize,
    },
    /// It begins or ends as its kind may not, or holds `..`.
    #[error(
        "a {kind} begins and ends with a letter or digit and has no two dots in a row, unlike `{text}`"
    )]
    Shape {
        /// What was named.
        kind: &'static str,
        /// What was given.
        text: String,
    },
    /// A character that its kind may not have.
    #[error("a {kind} is made of {allowed}, not {character:?}")]
    Character {
        /// What was named.
        kind: &'static str,
        /// What it may be made of.
        allowed: &'static str,
        /// The first character that it may not have.
        character: char,
    },
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $limit:literal, $allowed:literal, $check:expr) => {
        name!($(#[$doc])* $name, $kind, $limit, $allowed, $check, |_| true);
    };
    ($(#[$doc:meta])* $name:ident, $kind:literal, $limit:literal, $allowed:literal, $check:expr, $shape:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks and wraps a text.
            ///
            /// # Errors
            /// A [`NameError`] that says which rule the text breaks.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                let check: fn(char) -> bool = $check;
                if text.is_empty() {
                    return Err(NameError::Empty { kind: $kind });
                }
                if text.len() > $limit {
                    return Err(NameError::TooLong { kind: $kind, limit: $limit, length: text.len() });
                }
                if let Some(character) = text.chars().find(|c| !check(*c)) {
                    return Err(NameError::Character { kind: $kind, allowed: $allowed, character });
                }
                let shape: fn(&str) -> bool = $shape;
                if !shape(text) {
                    return Err(NameError::Shape { kind: $kind, text: text.to_owned() });
                }
                Ok(Self(text.into()))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::parse(text)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = NameError;

            fn try_from(text: &str) -> Result<Self, NameError> {
                Self::parse(text)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                &*self.0 == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                &*self.0 == *other
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Cow::<'de, str>::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
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
                json_schema!({ "type": "string", "minLength": 1, "maxLength": $limit })
            }
        }
    };
}

name!(
    /// What a plugin provides: `dbal-read`, `string.upper`, `acme/slugify`.
    NodeTypeId,
    "node type",
    214,
    "ASCII letters, digits and `@ / . _ -`",
    |c| c.is_ascii_alphanumeric() || matches!(c, '@' | '/' | '.' | '_' | '-')
);

name!(
    /// The name of a node, shown to people and used in expressions. Unique in its workflow.
    NodeName,
    "node name",
    1024,
    "printable text",
    |c| c != '\0'
);

name!(
    /// The id of a node. Unique in its workflow.
    NodeId,
    "node id",
    1024,
    "printable text",
    |c| c != '\0'
);

name!(
    /// What a signal to an execution is called.
    SignalName,
    "signal name",
    256,
    "printable text",
    |c| !c.is_control()
);

name!(
    /// On whose behalf something runs.
    ///
    /// Lower case only, and no name that a file system or a database could read as anything else:
    /// two tenants never look alike, and never share a file.
    TenantId,
    "tenant",
    128,
    "lower-case ASCII letters, digits and `. _ -`",
    |c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-'),
    |text| is_bounded_by_alphanumerics(text) && !text.contains("..")
);

name!(
    /// Who acts for a tenant.
    UserId,
    "user",
    256,
    "ASCII letters, digits and `. _ - + @ :`",
    |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | '@' | ':')
);

fn is_bounded_by_alphanumerics(text: &str) -> bool {
    let bounds = [text.chars().next(), text.chars().next_back()];
    bounds
        .iter()
        .all(|bound| bound.is_some_and(|c| c.is_ascii_alphanumeric()))
}

impl TenantId {
    /// The tenant of an engine that has only one.
    pub fn default_tenant() -> Self {
        Self("default".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_types_of_both_worlds_are_accepted() {
        for text in [
            "dbal-read",
            "string.upper",
            "acme/slugify",
            "@n8n/n8n-nodes-langchain.agent",
        ] {
            assert_eq!(NodeTypeId::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn a_name_that_breaks_a_rule_says_which() {
        let error = NodeTypeId::parse("a b").unwrap_err();
        assert_text(
            &error,
            "a node type is made of ASCII letters, digits and `@ / . _ -`, not ' '",
        );
        assert_text(
            &TenantId::parse("").unwrap_err(),
            "a tenant must not be empty",
        );
        assert!(matches!(
            NodeId::parse(&"x".repeat(2000)),
            Err(NameError::TooLong { .. })
        ));
    }

    #[test]
    fn a_tenant_is_no_path_and_looks_like_no_other() {
        for text in ["acme", "acme-2", "a.b_c", "0190f5e2-1111"] {
            assert!(TenantId::parse(text).is_ok(), "{text}");
        }
        for text in [
            "",
            ".",
            "..",
            "a/..",
            "a..b",
            "-a",
            "a.",
            "Acme",
            "acme ",
            "acm\u{435}",
            "a/b",
            "a'b",
            "a\0",
        ] {
            assert!(TenantId::parse(text).is_err(), "{text:?}");
        }
    }

    fn assert_text(error: &NameError, expected: &str) {
        assert_eq!(error.to_string(), expected);
    }
}
