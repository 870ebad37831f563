//! Why a package is not trusted, and what can be wrong with keys, signatures and rules.

use std::io;
use std::path::PathBuf;

use jackfield_types::{ErrorCode, PluginId};

use super::key::PublicKey;
use super::publisher::PublisherName;
use super::signature::SIGNATURE_FILE;

/// Why a package is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// Nobody signed it.
    #[error("`{plugin}` is not signed")]
    Unsigned {
        /// The plugin.
        plugin: PluginId,
    },
    /// Nobody signed it, though it bears a name that only a publisher who is trusted signs for:
    /// that one has to sign it, even where others need not.
    #[error("`{plugin}` is not signed, and is for `{publisher}` to sign")]
    UnsignedClaim {
        /// The plugin.
        plugin: PluginId,
        /// Who has to sign it.
        publisher: PublisherName,
    },
    /// The file with the signatures cannot be read.
    #[error("the signatures of `{plugin}` cannot be read: {source}")]
    Malformed {
        /// The plugin.
        plugin: PluginId,
        /// What is wrong with them.
        source: SignatureFileError,
    },
    /// A signature is not one of this package: it was altered since it was signed, or the signature
    /// was taken from another one.
    #[error("`{plugin}` was altered since it was signed with `{key}`")]
    Altered {
        /// The plugin.
        plugin: PluginId,
        /// The key that the signature should be made with.
        key: PublicKey,
    },
    /// Those who signed it are not known.
    #[error("`{plugin}` is signed with `{key}`, which is not a key that this instance trusts")]
    UnknownKey {
        /// The plugin.
        plugin: PluginId,
        /// The first key that it is signed with.
        key: PublicKey,
    },
    /// A publisher signed it whose signature is not good for this plugin.
    #[error("`{plugin}` is signed by `{publisher}`, who is not trusted to sign it")]
    OutOfScope {
        /// The plugin.
        plugin: PluginId,
        /// Who signed it.
        publisher: PublisherName,
    },
}

impl TrustError {
    /// The stable code.
    pub fn code(&self) -> ErrorCode {
        ErrorCode::UNTRUSTED_PLUGIN
    }

    /// The way out.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unsigned { .. } => {
                "sign it by `jackfield plugin sign`, or let the instance take unsigned packages (`signatures = \"optional\"`)"
            }
            Self::UnsignedClaim { .. } => {
                "fetch the package that this publisher signed, or sign it with a key of theirs by `jackfield plugin sign`"
            }
            Self::Malformed { .. } => "fetch the package again, or sign it anew",
            Self::Altered { .. } => {
                "fetch the package again; if the change is your own, sign it anew"
            }
            Self::UnknownKey { .. } => {
                "ask the publisher, by another way than the package came, whether the key is theirs; if so, trust it by `jackfield plugin key trust`"
            }
            Self::OutOfScope { .. } => {
                "add the plugin to the `plugins` of that publisher in the rules of the instance if that is meant"
            }
        }
    }
}

/// What is wrong with the file that holds the signatures of a package.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{SIGNATURE_FILE}`: {reason}")]
pub struct SignatureFileError {
    /// What.
    pub reason: String,
}

impl SignatureFileError {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
        }
    }
}

/// Why a key cannot be made, read or kept. It never tells what stands in a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The system gave no randomness to make a key of.
    #[error("the system gives no randomness")]
    Randomness(#[source] getrandom::Error),
    /// It is no key.
    #[error("it is no Ed25519 key as PKCS #8 in PEM")]
    Malformed,
    /// There is a key of that name already; it is left as it is.
    #[error("there is a key `{name}` already in `{}`", folder.display())]
    Exists {
        /// The name.
        name: PublisherName,
        /// The folder.
        folder: PathBuf,
    },
    /// There is no key of that name.
    #[error("there is no key `{name}` in `{}`", folder.display())]
    Missing {
        /// The name.
        name: PublisherName,
        /// The folder.
        folder: PathBuf,
    },
    /// Others than its owner may read or change the file.
    #[error("others may read `{}` (its mode is {mode:03o})", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// A file holds something else than a key.
    #[error("`{}` holds no key", path.display())]
    File {
        /// The file.
        path: PathBuf,
    },
    /// A file cannot be read or written.
    #[error("`{}` cannot be read or written", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl KeyError {
    /// The way out.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Randomness(_) => "try again",
            Self::Malformed | Self::File { .. } => {
                "make a key by `jackfield plugin key new`, or by `openssl genpkey -algorithm ed25519`"
            }
            Self::Exists { .. } => "choose another name, or move the old key away",
            Self::Missing { .. } => "see `jackfield plugin key list` for those that are there",
            Self::Exposed { .. } => {
                "take the rights away by `chmod 600`, and think of the key as lost if others could have read it"
            }
            Self::Io { .. } => "see that the folder is there and is yours",
        }
    }
}

/// What is wrong with the rules of an instance.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustRulesError {
    /// They cannot be read as rules.
    #[error("{}line {line}, column {column}: {reason}", place(path.as_ref()))]
    Malformed {
        /// The file, if they came from one.
        path: Option<PathBuf>,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong.
        reason: String,
    },
    /// The file cannot be read or written.
    #[error("`{}` cannot be read or written", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is larger than rules are.
    #[error("`{}` has more than 1 MiB", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// Two publishers have the same key.
    #[error("`{key}` is a key of `{first}` and cannot be one of `{second}` too")]
    SharedKey {
        /// The key.
        key: PublicKey,
        /// Who has it already.
        first: PublisherName,
        /// Who was to have it too.
        second: PublisherName,
    },
}

fn place(path: Option<&PathBuf>) -> String {
    path.map_or_else(String::new, |path| format!("`{}`, ", path.display()))
}
