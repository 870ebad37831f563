//! The node types that a filter is for.

use jackfield_types::{NodeTypeId, VersionSelector};
use semver::Version;

use super::rules::{RedactionPlace, RedactionProblem};
use crate::policy::{NodePattern, PatternSet};

/// Entries as in the lists of node types of a policy, matched as those are.
#[derive(Debug, Clone)]
pub(super) struct NodeTypes {
    set: PatternSet,
    /// The versions that each entry means; nothing stands for all.
    versions: Vec<Option<VersionSelector>>,
}

impl NodeTypes {
    pub(super) fn compile(
        entries: &[String],
        filter: usize,
        problems: &mut Vec<RedactionProblem>,
    ) -> Self {
        let (mut names, mut versions) = (Vec::new(), Vec::new());
        for (node_type, entry) in entries.iter().enumerate() {
            match NodePattern::parse(entry) {
                Ok(pattern) => {
                    names.push(pattern.name);
                    versions.push(pattern.versions);
                }
                Err(error) => {
                    let place = RedactionPlace::FilterNodeType { filter, node_type };
                    let hint = "write it like an entry of `allowedNodeTypes`, such as `http-*` or `acme/crm@^1.2`";
                    problems.push(RedactionProblem::new(place, error.to_string(), hint));
                }
            }
        }
        let set = PatternSet::compile(false, names);
        Self { set, versions }
    }

    pub(super) fn matches(&self, node_type: &NodeTypeId, version: &Version) -> bool {
        // A pre-release is on the way to its release: rather filtered once too often.
        let release = Version::new(version.major, version.minor, version.patch);
        let is_meant =
            |selector: &VersionSelector| selector.matches(version) || selector.matches(&release);
        let entries = self.set.matches(node_type.as_str());
        let mut versions = entries.iter().filter_map(|entry| self.versions.get(*entry));
        versions.any(|selector| selector.as_ref().is_none_or(is_meant))
    }
}
