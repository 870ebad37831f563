use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use jackfield_registry::discovery::PackageError;
use jackfield_registry::trust::TrustError;
use jackfield_types::{ByteSize, Digest, ErrorCode};
use oci_client::errors::OciDistributionError;

use crate::PackageReference;

/// Why a package was not pushed or pulled.
#[derive(Debug)]
pub struct OciError {
    /// Which package.
    pub reference: Box<PackageReference>,
    /// Why.
    pub kind: OciErrorKind,
}

/// What can go wrong between here and a registry.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OciErrorKind {
    /// There is no such repository, tag or artifact.
    #[error("there is none")]
    NotFound,
    /// The registry wants somebody whom it knows.
    #[error("the registry does not let in who asks")]
    Unauthorized,
    /// The registry refuses or cannot do it.
    #[error("the registry answers: {message}")]
    Answered {
        /// The HTTP status, if there was one.
        status: Option<u16>,
        /// What it said, shortened.
        message: String,
    },
    /// The registry could not be reached, or the connection broke.
    #[error("the registry cannot be reached")]
    Network(#[source] Box<dyn Error + Send + Sync>),
    /// It took too long.
    #[error("it took longer than {limit:?}")]
    TooSlow {
        /// The longest that it may take.
        limit: Duration,
    },
    /// What the registry sends is not what registries send.
    #[error("what the registry sends cannot be understood: {reason}")]
    Protocol {
        /// What is wrong with it.
        reason: String,
    },
    /// What was sent is not what was asked for.
    #[error("{what} has the digest {found}, and not {expected}")]
    DigestMismatch {
        /// What was sent.
        what: &'static str,
        /// The digest that it was asked for by.
        expected: String,
        /// The digest that it has, if it is known.
        found: String,
    },
    /// The artifact is no package of a plugin.
    #[error("it is no package of a plugin: {reason}")]
    NotAPackage {
        /// What it is instead, or lacks.
        reason: String,
    },
    /// The package is another one than the artifact says.
    #[error("the artifact says that it is {said}, and holds {found}")]
    Mismatch {
        /// What it says.
        said: String,
        /// What it holds.
        found: String,
    },
    /// More is sent than a package has.
    #[error("{what} has more than {limit}")]
    TooLarge {
        /// What.
        what: &'static str,
        /// The most that it may have.
        limit: ByteSize,
    },
    /// The tag points to another package already.
    #[error("the tag `{tag}` is taken by {found}")]
    TagTaken {
        /// The tag.
        tag: String,
        /// The artifact that it points to.
        found: Digest,
    },
    /// The package is broken.
    #[error(transparent)]
    Package(PackageError),
    /// Nobody signed the package who is trusted to.
    #[error(transparent)]
    Untrusted(TrustError),
    /// A file cannot be written.
    #[error("`{}` cannot be written", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl OciError {
    /// The stable code.
    pub fn code(&self) -> ErrorCode {
        match &self.kind {
            OciErrorKind::Network(_) | OciErrorKind::Protocol { .. } => ErrorCode::NETWORK_ERROR,
            OciErrorKind::Answered { .. } => ErrorCode::HTTP_STATUS,
            OciErrorKind::Unauthorized => ErrorCode::CREDENTIAL_MISSING,
            OciErrorKind::TooSlow { .. } => ErrorCode::TIMEOUT,
            OciErrorKind::TooLarge { .. } => ErrorCode::LIMIT_EXCEEDED,
            OciErrorKind::Package(error) => error.code(),
            OciErrorKind::Untrusted(error) => error.code(),
            OciErrorKind::NotFound | OciErrorKind::TagTaken { .. } | OciErrorKind::Io { .. } => {
                ErrorCode::INVALID_INPUT
            }
            OciErrorKind::DigestMismatch { .. }
            | OciErrorKind::NotAPackage { .. }
            | OciErrorKind::Mismatch { .. } => ErrorCode::INVALID_PACKAGE,
        }
    }

    /// The way out.
    pub fn hint(&self) -> &'static str {
        match &self.kind {
            OciErrorKind::NotFound => {
                "see that host, repository and tag are right; some registries say the same to those who may not know"
            }
            OciErrorKind::Unauthorized => {
                "name a user and a password or token that the registry knows, and may read or write there"
            }
            OciErrorKind::Answered { .. } => "the registry decides; ask those who keep it",
            OciErrorKind::Network(_) => {
                "see that the host is right and reachable; by TLS, unless somebody says otherwise"
            }
            OciErrorKind::TooSlow { .. } => "try again, or allow more time",
            OciErrorKind::Protocol { .. } => {
                "see that the host is a registry that follows the OCI distribution specification"
            }
            OciErrorKind::DigestMismatch { .. } => {
                "nothing was kept; the registry, or somebody between, sends something else than was asked for"
            }
            OciErrorKind::NotAPackage { .. } => "packages are pushed by `jackfield plugin push`",
            OciErrorKind::Mismatch { .. } => "nothing was kept; ask the publisher to push it anew",
            OciErrorKind::TooLarge { .. } => {
                "raise the limit if the package is meant to be so large"
            }
            OciErrorKind::TagTaken { .. } => {
                "give the package a new version, or say that the tag is to be moved"
            }
            OciErrorKind::Package(error) => error.hint(),
            OciErrorKind::Untrusted(error) => error.hint(),
            OciErrorKind::Io { .. } => "see that the folder is there and may be written",
        }
    }

    pub(crate) fn new(reference: &PackageReference, kind: impl Into<OciErrorKind>) -> Self {
        Self {
            reference: Box::new(reference.clone()),
            kind: kind.into(),
        }
    }
}

impl fmt::Display for OciError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.reference, self.kind)
    }
}

impl Error for OciError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.kind.source()
    }
}

impl From<OciDistributionError> for OciErrorKind {
    fn from(error: OciDistributionError) -> Self {
        match error {
            OciDistributionError::ImageManifestNotFoundError(_)
            | OciDistributionError::ServerError { code: 404, .. } => Self::NotFound,
            OciDistributionError::AuthenticationFailure(_)
            | OciDistributionError::UnauthorizedError { .. }
            | OciDistributionError::ServerError { code: 401, .. } => Self::Unauthorized,
            OciDistributionError::ServerError { code, message, .. } => Self::Answered {
                status: Some(code),
                message: shorten(&message),
            },
            OciDistributionError::RegistryError { envelope, .. } => answered(&envelope),
            OciDistributionError::DigestError(error) => from_digest_error(error),
            OciDistributionError::RequestError(error) => Self::Network(Box::new(error)),
            OciDistributionError::IoError(error) => from_io(error),
            other => Self::Protocol {
                reason: shorten(&other.to_string()),
            },
        }
    }
}

/// What broke while a body was read: the client reports wrong digests in that way too.
pub(crate) fn from_io(error: io::Error) -> OciErrorKind {
    match error.downcast::<oci_client::errors::DigestError>() {
        Ok(error) => from_digest_error(error),
        Err(error) => OciErrorKind::Network(Box::new(error)),
    }
}

fn from_digest_error(error: oci_client::errors::DigestError) -> OciErrorKind {
    match error {
        oci_client::errors::DigestError::VerificationError { expected, actual } => {
            OciErrorKind::DigestMismatch {
                what: "what was sent",
                expected: shorten(&expected),
                found: shorten(&actual),
            }
        }
        other => OciErrorKind::Protocol {
            reason: shorten(&other.to_string()),
        },
    }
}

fn answered(envelope: &oci_client::errors::OciEnvelope) -> OciErrorKind {
    use oci_client::errors::OciErrorCode;

    let is = |codes: &[OciErrorCode]| envelope.errors.iter().any(|one| codes.contains(&one.code));
    if is(&[
        OciErrorCode::ManifestUnknown,
        OciErrorCode::NameUnknown,
        OciErrorCode::BlobUnknown,
        OciErrorCode::NotFound,
    ]) {
        return OciErrorKind::NotFound;
    }
    if is(&[OciErrorCode::Unauthorized, OciErrorCode::Denied]) {
        return OciErrorKind::Unauthorized;
    }
    OciErrorKind::Answered {
        status: None,
        message: shorten(&envelope.to_string()),
    }
}

/// What somebody else says, cut to what a message can hold and without what moves the cursor.
pub(crate) fn shorten(text: &str) -> String {
    const SHOWN: usize = 200;
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    let mut shown: String = text.chars().take(SHOWN).map(printable).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}
