//! From a name and a wanted version to a registration.

use std::sync::Arc;

use jackfield_definition::{Catalog, CatalogEntry, CatalogError};
use jackfield_types::{NodeTypeId, NodeTypeMetadata, VersionSelector};
use semver::{Version, VersionReq};

use crate::nearest::nearest;
use crate::snapshot::Snapshot;
use crate::{Registration, Registry};

/// How many names an error about an unknown one suggests.
const SUGGESTIONS: usize = 3;

impl Registry {
    /// Finds the registration that serves a node type in a wanted version.
    ///
    /// With no version wanted it is the newest that is not a pre-release, or else the newest. When
    /// no version that is registered is a wanted one, the newest whose `supportedVersions` cover a
    /// wanted one serves.
    ///
    /// # Errors
    /// [`CatalogError::UnknownNodeType`] with names that are written nearly like it, or
    /// [`CatalogError::UnknownVersion`] with the versions that there are.
    pub fn resolve(
        &self,
        node_type: &NodeTypeId,
        wanted: &VersionSelector,
    ) -> Result<Arc<Registration>, CatalogError> {
        let snapshot = self.snapshot();
        let versions = snapshot.versions(node_type.as_str());
        let Some(found) = select(versions, wanted) else {
            return Err(unknown(&snapshot, node_type, wanted));
        };
        tracing::debug!(
            target: "registry",
            %node_type,
            %wanted,
            version = %found.version(),
            "node type resolved"
        );
        Ok(Arc::clone(found))
    }

    /// What now stands under the node type and version of a registration: the same one as long as
    /// nobody replaced it, `None` when it was unregistered.
    ///
    /// A call asks this when it starts; it costs a few nanoseconds as long as nothing changed.
    pub fn current(&self, registration: &Arc<Registration>) -> Option<Arc<Registration>> {
        if !registration.is_retired() && self.owns(registration) {
            return Some(Arc::clone(registration));
        }
        let snapshot = self.snapshot();
        let mut versions = snapshot.versions(registration.node_type().as_str()).iter();
        versions
            .find(|one| one.version() == registration.version())
            .cloned()
    }

    /// What a node type says of itself, in its newest version that is not a pre-release, or else
    /// in its newest one.
    pub fn plugin_info(&self, node_type: &str) -> Option<Arc<NodeTypeMetadata>> {
        let snapshot = self.snapshot();
        select(snapshot.versions(node_type), &VersionSelector::Newest)
            .map(|found| Arc::clone(found.metadata()))
    }

    /// Everything that is registered, sorted by name, and newest version first.
    pub fn executors(&self) -> Vec<Arc<Registration>> {
        let snapshot = self.snapshot();
        snapshot
            .sorted()
            .into_iter()
            .flat_map(|versions| versions.iter().cloned())
            .collect()
    }

    /// The versions of one node type, newest first.
    pub fn versions(&self, node_type: &str) -> Vec<Arc<Registration>> {
        self.snapshot().versions(node_type).to_vec()
    }
}

impl Catalog for Registry {
    fn find(
        &self,
        node_type: &NodeTypeId,
        version: &VersionSelector,
    ) -> Result<Arc<dyn CatalogEntry>, CatalogError> {
        self.resolve(node_type, version)
            .map(|found| found as Arc<dyn CatalogEntry>)
    }
}

/// The version among `versions`, which stand newest first, that serves a wanted one.
pub(crate) fn select<'a>(
    versions: &'a [Arc<Registration>],
    wanted: &VersionSelector,
) -> Option<&'a Arc<Registration>> {
    match wanted {
        VersionSelector::Newest => versions
            .iter()
            .find(|one| one.version().pre.is_empty())
            .or(versions.first()),
        VersionSelector::Exact(exact) => versions
            .iter()
            .find(|one| one.version() == exact)
            .or_else(|| versions.iter().find(|one| supports(one, exact))),
        VersionSelector::Requirement(requirement) => {
            matching(versions, requirement).or_else(|| {
                let named = lowest_versions(requirement);
                versions
                    .iter()
                    .find(|one| named.iter().any(|version| supports(one, version)))
            })
        }
    }
}

/// The newest version that meets a requirement by itself.
pub(crate) fn matching<'a>(
    versions: &'a [Arc<Registration>],
    requirement: &VersionReq,
) -> Option<&'a Arc<Registration>> {
    // `*` means anything; semver leaves out pre-releases, which serve when there is nothing else.
    let own = versions
        .iter()
        .find(|one| requirement.matches(one.version()));
    own.or_else(|| {
        versions
            .first()
            .filter(|_| *requirement == VersionReq::STAR)
    })
}

fn supports(registration: &Registration, version: &Version) -> bool {
    let supported = &registration.summary().supported_versions;
    supported
        .iter()
        .any(|requirement| requirement.matches(version))
}

/// The lowest versions that a requirement names and accepts: what somebody who writes `1` means
/// first of all.
fn lowest_versions(requirement: &VersionReq) -> Vec<Version> {
    let named = requirement.comparators.iter().map(|comparator| Version {
        pre: comparator.pre.clone(),
        ..Version::new(
            comparator.major,
            comparator.minor.unwrap_or(0),
            comparator.patch.unwrap_or(0),
        )
    });
    named
        .filter(|version| requirement.matches(version))
        .collect()
}

fn unknown(snapshot: &Snapshot, node_type: &NodeTypeId, wanted: &VersionSelector) -> CatalogError {
    let versions = snapshot.versions(node_type.as_str());
    if versions.is_empty() {
        return CatalogError::UnknownNodeType {
            node_type: node_type.clone(),
            nearest: nearest_names(snapshot, node_type.as_str()),
        };
    }
    CatalogError::UnknownVersion {
        node_type: node_type.clone(),
        version: wanted.clone(),
        available: versions.iter().map(|one| one.version().clone()).collect(),
    }
}

/// Names that are written nearly like one that is not there.
pub(crate) fn nearest_names(snapshot: &Snapshot, wanted: &str) -> Vec<NodeTypeId> {
    let names = snapshot.names().map(NodeTypeId::as_str);
    let near = nearest(wanted, names, SUGGESTIONS);
    near.into_iter()
        .filter_map(|name| NodeTypeId::parse(name).ok())
        .collect()
}
