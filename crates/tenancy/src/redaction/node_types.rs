//! The node types that a filter is for.

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};
use jackfield_types::{NodeTypeId, VersionSelector};
use semver::Version;

use super::rules::{RedactionPlace, RedactionProblem};

#[derive(Debug, Clone)]
pub(super) struct NodeTypes {
    set: GlobSet,
    /// The versions that each entry means.
    versions: Vec<VersionSelector>,
}

impl NodeTypes {
    pub(super) fn compile(
        entries: &[String],
        filter: usize,
        problems: &mut Vec<RedactionProblem>,
    ) -> Self {
        let mut set = GlobSetBuilder::new();
        let mut versions = Vec::new();
        for (node_type, entry) in entries.iter().enumerate() {
            match parse(entry) {
                Ok((glob, selector)) => {
                    set.add(glob);
                    versions.push(selector);
                }
                Err(message) => {
                    let place = RedactionPlace::FilterNodeType { filter, node_type };
                    let hint = "write it like an entry of `allowedNodeTypes`, such as `http-*` or `acme/crm@^1.2`";
                    problems.push(RedactionProblem::new(place, message, hint));
                }
            }
        }
        let set = set.build().unwrap_or_else(|error| {
            let place = RedactionPlace::FilterPath { filter };
            let message = format!(
                "its node types cannot be matched together: {}",
                error.kind()
            );
            problems.push(RedactionProblem::new(place, message, "write fewer"));
            GlobSet::empty()
        });
        Self { set, versions }
    }

    pub(super) fn matches(&self, node_type: &NodeTypeId, version: &Version) -> bool {
        let entries = self.set.matches(node_type.as_str());
        let selectors = entries.iter().filter_map(|entry| self.versions.get(*entry));
        // A pre-release is on the way to its release: rather filtered once too often.
        let release = Version::new(version.major, version.minor, version.patch);
        let mut selectors = selectors;
        selectors.any(|selector| selector.matches(version) || selector.matches(&release))
    }
}

fn parse(entry: &str) -> Result<(Glob, VersionSelector), String> {
    // A name may begin with an `@` of its own.
    let at = entry.rfind('@').filter(|at| *at > 0);
    let (name, selector) = match at {
        None => (entry, VersionSelector::Newest),
        Some(at) => {
            let selector = entry[at + 1..].parse();
            (
                &entry[..at],
                selector
                    .map_err(|error: jackfield_types::VersionSelectorError| error.to_string())?,
            )
        }
    };
    if name.is_empty() {
        return Err("an empty text matches nothing".to_owned());
    }
    // `*` stops at a `/`; by itself it is written for everything.
    let glob = GlobBuilder::new(if name == "*" { "**" } else { name })
        .literal_separator(true)
        .backslash_escape(false)
        .build()
        .map_err(|error| format!("`{name}` is no glob: {}", error.kind()))?;
    Ok((glob, selector))
}
