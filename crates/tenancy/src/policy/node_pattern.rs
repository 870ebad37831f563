//! Lists of node types: globs with version requirements behind them.

use std::ops::Range;
use std::sync::Arc;

use jackfield_types::VersionSelector;
use semver::Version;

use super::pattern::{LONGEST_PATTERN, NameKind, PatternError, PatternSetError, build, rules};
use super::pattern_set::{Pattern, PatternSet};

/// What a list does with what it matches. It decides what becomes of doubtful versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// A pre-release is in a range only if the range names it.
    Allow,
    /// A pre-release is in a range also if the release that it leads to is, and what is built
    /// otherwise is the same version.
    Refuse,
}

/// One entry of a list of node types.
#[derive(Debug, Clone)]
pub(crate) struct NodePattern {
    pub(crate) name: Pattern,
    pub(crate) versions: Option<VersionSelector>,
}

impl NodePattern {
    /// Parses `glob` or `glob@requirement`. A name may begin with an `@` of its own.
    pub(crate) fn parse(text: &str) -> Result<Self, PatternError> {
        let (name, requirement) = match name_length(text) {
            length if length < text.len() => (&text[..length], Some(&text[length + 1..])),
            _ => (text, None),
        };
        let versions = match requirement {
            None => None,
            Some(requirement) if requirement.trim().is_empty() => {
                return Err(PatternError::NoRequirement {
                    text: shortened(text),
                });
            }
            Some(requirement) if requirement.len() > LONGEST_PATTERN => {
                return Err(PatternError::TooLong { length: text.len() });
            }
            Some(requirement) => {
                let parsed = requirement
                    .parse()
                    .map_err(|error| PatternError::Requirement {
                        text: text.to_owned(),
                        error,
                    })?;
                Some(parsed)
            }
        };
        let name = NameKind::NODE_TYPE.parse(name)?;
        Ok(Self { name, versions })
    }
}

/// How much of an entry is the name, without `@requirement`.
pub(crate) fn name_length(text: &str) -> usize {
    match text.rfind('@') {
        Some(at) if at > 0 => at,
        Some(_) | None => text.len(),
    }
}

/// Whether a version is one that an entry means.
fn is_meant(versions: &VersionSelector, version: &Version, effect: Effect) -> bool {
    if versions.matches(version) {
        return true;
    }
    if effect == Effect::Allow || (version.pre.is_empty() && version.build.is_empty()) {
        return false;
    }
    let without_build = Version {
        build: semver::BuildMetadata::EMPTY,
        ..version.clone()
    };
    let release = Version::new(version.major, version.minor, version.patch);
    match versions {
        VersionSelector::Newest => true,
        VersionSelector::Exact(exact) => {
            let exact = Version {
                build: semver::BuildMetadata::EMPTY,
                ..exact.clone()
            };
            exact == without_build
        }
        VersionSelector::Requirement(requirement) => {
            requirement.matches(&without_build) || requirement.matches(&release)
        }
    }
}

/// A list of node types, compiled.
#[derive(Debug, Clone)]
pub(crate) struct NodePatterns {
    effect: Effect,
    rules: Vec<Arc<str>>,
    versions: Vec<Option<VersionSelector>>,
    set: PatternSet,
}

/// What one entry says about a node type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryMatch {
    /// It is not meant.
    No,
    /// It is meant.
    Yes,
    /// Its name is meant, but not this version.
    OtherVersion,
    /// Its name is meant, and some versions are; nobody said which it is.
    SomeVersions,
}

impl NodePatterns {
    /// Compiles the entries of a field.
    pub(crate) fn compile(
        effect: Effect,
        field: &'static str,
        entries: &[String],
    ) -> Result<Self, PatternSetError> {
        let mut versions = Vec::with_capacity(entries.len());
        let names = entries.iter().map(|entry| {
            let pattern = NodePattern::parse(entry)?;
            versions.push(pattern.versions);
            Ok(pattern.name)
        });
        let set = build(field, NameKind::NODE_TYPE, names)?;
        Ok(Self {
            effect,
            rules: rules(field, entries),
            versions,
            set,
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The rule of the first entry that means this node type.
    pub(crate) fn find(&self, name: &str, version: &Version) -> Option<&Arc<str>> {
        if self.rules.is_empty() {
            return None;
        }
        let matches = self.set.matches(name);
        matches
            .into_iter()
            .find(|&place| match self.versions.get(place) {
                Some(Some(versions)) => is_meant(versions, version, self.effect),
                Some(None) | None => true,
            })
            .and_then(|place| self.rules.get(place))
    }

    /// What each entry says about a node type.
    pub(crate) fn explain<'a>(
        &'a self,
        name: &str,
        version: Option<&'a Version>,
    ) -> impl Iterator<Item = (&'a Arc<str>, EntryMatch)> + use<'a> {
        let matches = self.set.matches(name);
        let entries = self.rules.iter().zip(&self.versions).enumerate();
        entries.map(move |(place, (rule, versions))| {
            let found = match (matches.contains(&place), versions, version) {
                (false, _, _) => EntryMatch::No,
                (true, None, _) => EntryMatch::Yes,
                (true, Some(_), None) => EntryMatch::SomeVersions,
                (true, Some(versions), Some(version)) => {
                    if is_meant(versions, version, self.effect) {
                        EntryMatch::Yes
                    } else {
                        EntryMatch::OtherVersion
                    }
                }
            };
            (rule, found)
        })
    }
}

fn shortened(text: &str) -> String {
    const SHOWN: Range<usize> = 0..100;
    text.chars().take(SHOWN.end).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(effect: Effect, entries: &[&str]) -> NodePatterns {
        let entries: Vec<String> = entries.iter().map(|&entry| entry.to_owned()).collect();
        NodePatterns::compile(effect, "list", &entries).unwrap()
    }

    fn matches(entry: &str, name: &str) -> bool {
        list(Effect::Allow, &[entry])
            .find(name, &Version::new(1, 2, 3))
            .is_some()
    }

    #[test]
    fn a_star_stops_at_a_slash_unless_it_stands_alone() {
        assert!(matches("*", "acme/slugify") && matches("*", "string.upper"));
        assert!(matches("acme/*", "acme/slugify") && !matches("acme/*", "acme/text/slugify"));
        assert!(matches("acme/**", "acme/text/slugify"));
        assert!(!matches("*", "") || matches("**", ""));
        assert!(matches("string.*", "string.upper") && !matches("string.*", "acme/string.upper"));
        assert!(!matches("string.*", "String.upper"));
        assert!(!matches("string.upper", "string-upper"));
    }

    #[test]
    fn a_requirement_stands_behind_the_last_at_that_is_not_first() {
        assert!(matches("http-request@^1.2", "http-request"));
        assert!(!matches("http-request@^1.3", "http-request"));
        assert!(matches("@n8n/*", "@n8n/agent"));
        assert!(matches("@n8n/*@1", "@n8n/agent") && !matches("@n8n/*@2", "@n8n/agent"));
        assert!(matches("@n8n/agent@>=1, <2", "@n8n/agent"));
        assert!(matches!(
            NodePattern::parse("x@"),
            Err(PatternError::NoRequirement { .. })
        ));
        assert!(matches!(
            NodePattern::parse("x@new"),
            Err(PatternError::Requirement { .. })
        ));
    }

    #[test]
    fn a_refused_range_holds_its_pre_releases_and_builds_and_an_allowed_one_does_not() {
        let beta = Version::parse("1.5.0-beta.1").unwrap();
        assert!(list(Effect::Refuse, &["x@<2"]).find("x", &beta).is_some());
        assert!(list(Effect::Allow, &["x@<2"]).find("x", &beta).is_none());
        let built = Version::parse("1.2.3+again").unwrap();
        assert!(
            list(Effect::Refuse, &["x@1.2.3"])
                .find("x", &built)
                .is_some()
        );
        assert!(
            list(Effect::Allow, &["x@1.2.3"])
                .find("x", &built)
                .is_none()
        );
    }

    #[test]
    fn what_never_matches_is_refused() {
        for entry in [
            "",
            " ",
            "a b",
            "string.\u{430}*",
            "a[",
            "{a",
            "a\\b",
            "[z-a]",
        ] {
            assert!(NodePattern::parse(entry).is_err(), "{entry:?}");
        }
        assert!(NodePattern::parse(&"x".repeat(LONGEST_PATTERN + 1)).is_err());
    }

    #[test]
    fn a_glob_that_is_too_much_is_refused_and_the_largest_one_is_compiled() {
        let nested = "{".repeat(255) + "a" + &"}".repeat(255);
        assert!(NodePattern::parse(&nested).is_err());
        for piece in ["?", "[a-z]", "{a,b}", "**/", "[!/]"] {
            let glob = piece.repeat(LONGEST_PATTERN / piece.len());
            let found = list(Effect::Refuse, &[&glob])
                .find("b", &Version::new(1, 0, 0))
                .cloned();
            assert_eq!(found.is_some(), piece == "**/", "{piece}");
        }
    }
}
