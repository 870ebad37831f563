//! What a package says of itself, in `plugin.toml`.

mod agreement;
mod control;
mod files;
mod host_pattern;
mod node_types;
mod path;
mod read;

use std::collections::{BTreeMap, BTreeSet};

use jackfield_definition::{Diagnostics, SourceText};
use jackfield_types::{ByteSize, Capability, Digest, NodeTypeMetadata, PluginId, Span};
use semver::{Version, VersionReq};
use serde::Serialize;

pub use host_pattern::{HostPattern, HostPatternError};
pub use path::{PackagePath, PackagePathError};
pub(super) use read::Draft;

/// The name of the manifest in its package.
pub const MANIFEST: &str = "plugin.toml";
/// How large a manifest may be, and each file with node types or a schema that it names.
pub const MAX_MANIFEST_SIZE: ByteSize = ByteSize::mib(1);

/// What a package says of itself: checked, and right.
#[derive(Debug, Clone, PartialEq)]
pub struct PluginManifest {
    pub(super) id: PluginId,
    pub(super) version: Version,
    pub(super) contract: Version,
    pub(super) entry: PackagePath,
    pub(super) description: String,
    pub(super) license: Option<String>,
    pub(super) homepage: Option<String>,
    pub(super) node_types: Vec<NodeTypeMetadata>,
    pub(super) dependencies: Vec<PluginDependency>,
    pub(super) capabilities: BTreeMap<Capability, CapabilityRequest>,
    pub(super) limits: PluginLimits,
    pub(super) include: Vec<PackagePath>,
    pub(super) digests: Option<BTreeMap<PackagePath, Digest>>,
    /// The files that describe node types.
    pub(super) described_in: BTreeSet<PackagePath>,
}

/// Another plugin that a plugin needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PluginDependency {
    /// The plugin.
    pub plugin: PluginId,
    /// The versions that will do.
    #[serde(serialize_with = "as_text")]
    pub version: VersionReq,
}

/// What a plugin asks for, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CapabilityRequest {
    /// Why it needs that; shown to whoever grants it.
    pub reason: String,
    /// The hosts that it reaches, with [`Capability::Http`]. At least one there, else none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<HostPattern>,
    /// The names that it reads, with [`Capability::Secrets`] and [`Capability::Config`]. At least
    /// one there, else none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
}

/// What a plugin says that it needs. A host gives at most what its own limits allow; where nothing
/// is said it gives what it always gives.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PluginLimits {
    /// The memory of one instance, all its linear memories together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<ByteSize>,
    /// How long one call may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Span>,
    /// The most that one call may give, as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<ByteSize>,
    /// How many calls of the host one call may make.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_calls: Option<u32>,
    /// How many instances there may be at once, for one tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instances: Option<u32>,
    /// Whether an instance serves more than one call.
    pub reuse: PluginReuse,
}

/// Whether an instance of a plugin serves more than one call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum PluginReuse {
    /// Each call gets a fresh one.
    #[default]
    Never,
    /// An instance may serve calls of the same tenant, and of no other, one after the other.
    Tenant,
}

impl PluginManifest {
    /// Reads a manifest that describes its node types itself, and not in files beside it.
    ///
    /// # Errors
    /// All findings, each with its place.
    pub fn parse(source: &SourceText) -> Result<Self, Diagnostics> {
        Draft::read(source)?.complete(&BTreeMap::new())
    }

    /// The plugin.
    pub fn id(&self) -> &PluginId {
        &self.id
    }

    /// Its version.
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// The version of the plugin contract that it was made for.
    pub fn contract(&self) -> &Version {
        &self.contract
    }

    /// The component.
    pub fn entry(&self) -> &PackagePath {
        &self.entry
    }

    /// One sentence about it; may be empty.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Under which licence it comes, as an SPDX expression.
    pub fn license(&self) -> Option<&str> {
        self.license.as_deref()
    }

    /// Where there is more about it.
    pub fn homepage(&self) -> Option<&str> {
        self.homepage.as_deref()
    }

    /// What it provides; at least one, and none twice.
    pub fn node_types(&self) -> &[NodeTypeMetadata] {
        &self.node_types
    }

    /// The plugins that it needs.
    pub fn dependencies(&self) -> &[PluginDependency] {
        &self.dependencies
    }

    /// What it asks for.
    pub fn capabilities(&self) -> &BTreeMap<Capability, CapabilityRequest> {
        &self.capabilities
    }

    /// What it says of how much it needs.
    pub fn limits(&self) -> &PluginLimits {
        &self.limits
    }

    /// The files that belong to the package besides the manifest and its signature.
    pub fn files(&self) -> BTreeSet<&PackagePath> {
        let named = self.include.iter().chain(&self.described_in);
        named.chain([&self.entry]).collect()
    }

    /// The files that describe node types.
    pub(super) fn described_in(&self) -> &BTreeSet<PackagePath> {
        &self.described_in
    }

    /// The same manifest with other node types, or none.
    pub(super) fn with_node_types(&self, node_types: Vec<NodeTypeMetadata>) -> Self {
        Self {
            node_types,
            id: self.id.clone(),
            version: self.version.clone(),
            contract: self.contract.clone(),
            entry: self.entry.clone(),
            description: self.description.clone(),
            license: self.license.clone(),
            homepage: self.homepage.clone(),
            dependencies: self.dependencies.clone(),
            capabilities: self.capabilities.clone(),
            limits: self.limits.clone(),
            include: self.include.clone(),
            digests: self.digests.clone(),
            described_in: self.described_in.clone(),
        }
    }

    /// Files that are packed besides those that it needs.
    pub fn include(&self) -> &[PackagePath] {
        &self.include
    }

    /// The digest of each other file of the package. A folder need not have them.
    pub fn digests(&self) -> Option<&BTreeMap<PackagePath, Digest>> {
        self.digests.as_ref()
    }
}

fn as_text<S: serde::Serializer>(
    requirement: &VersionReq,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(requirement)
}
