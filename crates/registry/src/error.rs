use std::error::Error;
use std::sync::Arc;

use jackfield_plugin_api::NodeError;
use jackfield_types::{ErrorCode, MetadataError, NodeTypeId};
use semver::Version;

/// Why a node type was not registered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// The metadata breaks a rule; the error names the field.
    #[error(transparent)]
    InvalidMetadata(#[from] MetadataError),
    /// This very version is registered already. Replacing it is a call of its own.
    #[error("node type `{node_type}` is registered already in version {version}")]
    Duplicate {
        /// The node type.
        node_type: NodeTypeId,
        /// Its version.
        version: Version,
    },
}

impl RegisterError {
    /// The field of the metadata that breaks a rule, as it is written in JSON.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::InvalidMetadata(error) => Some(&error.field),
            Self::Duplicate { .. } => None,
        }
    }
}

/// What the loader of an executor reports when there is nothing to give.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct LoaderError {
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
    refused: Option<ErrorCode>,
    stale: bool,
}

impl LoaderError {
    /// An error that needs no cause to be understood.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            source: None,
            refused: None,
            stale: false,
        }
    }

    /// Says that what was to be loaded does not lie in its place any more.
    pub(crate) fn stale(mut self) -> Self {
        self.stale = true;
        self
    }

    /// Says that trying again cannot help, and by which code the failure is known. Otherwise it is
    /// [`LOAD_FAILED`](ErrorCode::LOAD_FAILED), and may be retried.
    #[must_use]
    pub fn for_good(mut self, code: ErrorCode) -> Self {
        self.refused = Some(code);
        self
    }

    /// Adds what caused it.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

/// Why the executor of a node type could not be loaded. All callers that waited for the same load
/// get the same one.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the executor of node type `{node_type}` {version} could not be loaded")]
pub struct LoadError {
    /// The node type.
    pub node_type: NodeTypeId,
    /// Its version.
    pub version: Version,
    /// What the loader said.
    #[source]
    pub cause: Arc<LoaderError>,
}

impl LoadError {
    /// Whether what was to be loaded does not lie in its place any more: the package of a plugin was
    /// changed since it was found. See [`Registry::catch_up`](crate::Registry::catch_up).
    pub fn is_stale(&self) -> bool {
        self.cause.stale
    }
}

impl From<LoadError> for NodeError {
    /// A load may be tried again, and the error says so, unless the loader said otherwise.
    fn from(error: LoadError) -> Self {
        let failure = match &error.cause.refused {
            Some(code) => {
                let message = format!("{error}: {}", error.cause);
                Self::permanent(code.clone(), message)
            }
            None => Self::retryable(ErrorCode::LOAD_FAILED, error.to_string()),
        };
        failure.with(|failure| failure.source = Some(Box::new(error.cause)))
    }
}
