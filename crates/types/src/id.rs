use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// What is wrong with the text of an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdError {
    /// The id is of another kind.
    #[error("expected an id that begins with `{expected}_`")]
    Prefix {
        /// The prefix that ids of this kind have.
        expected: &'static str,
    },
    /// What follows the prefix is not a UUID.
    #[error("expected `{expected}_` and 32 hexadecimal digits")]
    Uuid {
        /// The prefix that ids of this kind have.
        expected: &'static str,
    },
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            /// Makes a new id, later in order than every earlier one of this process.
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }

            /// Wraps a UUID that was made elsewhere.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID.
            pub const fn as_uuid(&self) -> &Uuid {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), self.0.as_simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let digits = text
                    .strip_prefix(concat!($prefix, "_"))
                    .ok_or(IdError::Prefix { expected: $prefix })?;
                Uuid::try_parse(digits)
                    .map(Self)
                    .map_err(|_| IdError::Uuid { expected: $prefix })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// One run of a plan: `exec_…`.
    ExecutionId,
    "exec"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_prints_with_prefix_and_parses_back() {
        let id = ExecutionId::generate();
        assert!(id.to_string().starts_with("exec_"));
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn id_of_another_kind_is_refused() {
        let error = "ten_0190a6ad5a6f7f0a8c2f0f5f1b7e9d10".parse::<ExecutionId>();
        assert_eq!(error, Err(IdError::Prefix { expected: "exec" }));
        assert_eq!(
            "exec_7".parse::<ExecutionId>(),
            Err(IdError::Uuid { expected: "exec" })
        );
    }
}
