use jackfield_store_api::StoreError;
use jackfield_tenancy::{BindingError, Refusal, SecretError};
use jackfield_types::{ErrorCode, TenantId};

use crate::key::{KeyError, KeyId};

/// Why something could not be done with a credential. It never tells what is in one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// The name breaks a rule.
    #[error("the name of a credential has 1 to 256 letters, digits and `. _ -`")]
    Name,
    /// There is none of that name.
    #[error("tenant `{tenant}` has no credential `{name}`")]
    Missing {
        /// Whose it would be.
        tenant: TenantId,
        /// What was asked for.
        name: String,
    },
    /// There is no such type.
    #[error("there is no credential type `{credential_type}`; there are {known}")]
    UnknownType {
        /// What was asked for.
        credential_type: String,
        /// Those that there are.
        known: String,
    },
    /// It is of a type that this program does not know.
    #[error(
        "credential `{name}` is of type `{credential_type}`, which this program does not know; there are {known}; run one that has the type, or put the credential anew"
    )]
    TypeGone {
        /// The credential.
        name: String,
        /// Its type.
        credential_type: String,
        /// Those that there are.
        known: String,
    },
    /// The fields are not what the type takes. Values are not shown.
    #[error("the fields are not those of a credential of type `{credential_type}`: {}", problems.join("; "))]
    Fields {
        /// The type.
        credential_type: String,
        /// What is wrong, each with what the schema of the type says.
        problems: Vec<String>,
    },
    /// What it is to be bound to means nothing.
    #[error("a credential cannot be bound so")]
    Binding(#[source] BindingError),
    /// It is larger than credentials are.
    #[error("the fields of a credential have at most {most} bytes as JSON")]
    TooLarge {
        /// So many.
        most: usize,
    },
    /// What it is to be bound to takes more room than there is.
    #[error("what a credential is bound to has at most {most} bytes as JSON; write globs")]
    BindingTooLarge {
        /// So many.
        most: usize,
    },
    /// The tenant has too many.
    #[error("tenant `{tenant}` has {most} credentials, and no tenant may have more; delete some")]
    TooMany {
        /// The tenant.
        tenant: TenantId,
        /// The most that there may be.
        most: usize,
    },
    /// It may not be used so.
    #[error("{0}")]
    Refused(Refusal),
    /// The master key is not at hand.
    #[error(
        "credential `{name}` needs the master key `{wanted}`, and there are {held}; give `{wanted}` too, and rotate before it is taken away"
    )]
    KeyMissing {
        /// The credential.
        name: String,
        /// The id of the key.
        wanted: KeyId,
        /// The ids of those at hand.
        held: String,
    },
    /// Another key has the id.
    #[error(
        "credential `{name}` was encrypted with another key than the one that is called `{wanted}` now (there are {held}); give the key that was called `{wanted}` then, and the new one under an id of its own"
    )]
    KeyWrong {
        /// The credential.
        name: String,
        /// The id of the key.
        wanted: KeyId,
        /// The ids of those at hand.
        held: String,
    },
    /// It is not as it was written.
    #[error(
        "credential `{name}` cannot be trusted: {reason}; restore it from a copy, or put it anew"
    )]
    Damaged {
        /// The credential.
        name: String,
        /// What shows it.
        reason: &'static str,
    },
    /// It was written by another version of the program.
    #[error(
        "credential `{name}` is written in format {found}, and this program knows {known}; run the program that wrote it, or put it anew"
    )]
    Format {
        /// The credential.
        name: String,
        /// Its format.
        found: u8,
        /// The one that this program knows.
        known: u8,
    },
    /// There is something wrong with the keys, or with the system that draws them.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Something could not be encrypted.
    #[error("a credential could not be encrypted")]
    Encryption,
    /// The store did not do what it was asked.
    #[error("the credentials cannot be read or written")]
    Store(#[from] StoreError),
}

impl CredentialError {
    /// Whether the same call can succeed later, with nothing changed by the caller.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_transient())
    }

    /// The code.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Name
            | Self::UnknownType { .. }
            | Self::Fields { .. }
            | Self::Binding(_)
            | Self::TooLarge { .. }
            | Self::BindingTooLarge { .. }
            | Self::TooMany { .. }
            | Self::Key(_) => ErrorCode::INVALID_INPUT,
            Self::Missing { .. } => ErrorCode::CREDENTIAL_MISSING,
            Self::Refused(_) => ErrorCode::TENANT_FORBIDDEN,
            Self::TypeGone { .. }
            | Self::KeyMissing { .. }
            | Self::KeyWrong { .. }
            | Self::Damaged { .. }
            | Self::Format { .. }
            | Self::Encryption => ErrorCode::CREDENTIAL_UNREADABLE,
            Self::Store(error) => error.code(),
        }
    }

    /// What it is to those who ask a tenant for secrets.
    pub(crate) fn into_secret_error(self) -> SecretError {
        match self {
            Self::Missing { tenant, name } => SecretError::Missing { tenant, name },
            Self::Refused(refusal) => SecretError::Refused(refusal),
            other => SecretError::Unreadable {
                reason: other.to_string(),
            },
        }
    }
}
