use std::sync::Arc;

use jackfield_types::{
    NodeTypeId, NodeTypeMetadata, PluginOrigin, ValidationIssue, VersionSelector,
};
use semver::Version;
use serde_json::Value;

/// Where planning looks up node types. Registries implement it.
pub trait Catalog {
    /// Finds the node type that a node asks for.
    ///
    /// # Errors
    /// [`CatalogError`] says whether the name or the version is unknown.
    fn find(
        &self,
        node_type: &NodeTypeId,
        version: &VersionSelector,
    ) -> Result<Arc<dyn CatalogEntry>, CatalogError>;

    /// Why a node type that was found may not be used: the words of the rule that refuses it, and
    /// for whom it holds. `None`: it may be used. Asked for each node type and version that a
    /// workflow names, those of fallbacks and compensations too; a refusal is an error with the
    /// code [`TENANT_FORBIDDEN`](jackfield_types::ErrorCode::TENANT_FORBIDDEN).
    ///
    /// By default everything may be used.
    fn refusal(&self, node_type: &NodeTypeId, entry: &dyn CatalogEntry) -> Option<String> {
        let _ = (node_type, entry);
        None
    }

    /// Why a node type that is not there may not be used, in whichever version it may come: words
    /// as [`refusal`](Self::refusal) gives them. A recovery strategy for unknown node types does
    /// not get round it.
    ///
    /// By default everything may be used.
    fn refusal_by_name(&self, node_type: &NodeTypeId) -> Option<String> {
        let _ = node_type;
        None
    }

    /// Whether expressions of the workflow will be given a secret. Asked for each name that one
    /// reads.
    ///
    /// By default they will: who knows of no secrets has nothing to object.
    fn secret(&self, name: &str) -> SecretGrant {
        let _ = name;
        SecretGrant::Granted
    }

    /// The names of the secrets that there are, for hints.
    fn secret_names(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Whether a secret may be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretGrant {
    /// It is there, and may be read.
    Granted,
    /// There is none of that name:
    /// [`CREDENTIAL_MISSING`](jackfield_types::ErrorCode::CREDENTIAL_MISSING).
    Missing,
    /// It may not be read, by this rule:
    /// [`TENANT_FORBIDDEN`](jackfield_types::ErrorCode::TENANT_FORBIDDEN).
    Refused(String),
}

/// A node type in just one version, as planning sees it.
pub trait CatalogEntry: Send + Sync {
    /// What it says of itself.
    fn metadata(&self) -> &Arc<NodeTypeMetadata>;

    /// Checks parameters against the schema and the executor's own rules.
    ///
    /// `unknown` holds JSON Pointers of values that an expression will give later. Nothing is
    /// said about them, nor about what depends on them; with any of them the executor's own rules
    /// are left for later too.
    fn check(&self, parameters: &Value, unknown: &[String]) -> Vec<ValidationIssue>;

    /// The plugin that it comes from, if it comes from one.
    fn origin(&self) -> Option<&PluginOrigin> {
        None
    }
}

/// Why a node type was not found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// There is none of that name.
    #[error("unknown node type `{node_type}`")]
    UnknownNodeType {
        /// What was asked for.
        node_type: NodeTypeId,
        /// Names that are written nearly like it, nearest first.
        nearest: Vec<NodeTypeId>,
    },
    /// There is one of that name, but in no version that is wanted.
    #[error("node type `{node_type}` has no version {version}")]
    UnknownVersion {
        /// What was asked for.
        node_type: NodeTypeId,
        /// In which version.
        version: VersionSelector,
        /// The versions that there are, newest first.
        available: Vec<Version>,
    },
}
