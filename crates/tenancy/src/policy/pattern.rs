//! Names and globs as policies write them: parsed one by one, matched all at once.

use std::ops::Range;
use std::sync::Arc;

use globset::{Candidate, Glob, GlobBuilder, GlobSet, GlobSetBuilder};
use jackfield_types::{VersionSelector, VersionSelectorError};
use semver::Version;

/// How long one entry may be.
pub(crate) const LONGEST_PATTERN: usize = 512;

/// What is wrong with a name or glob.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PatternError {
    /// There is nothing.
    #[error("an empty text matches nothing")]
    Empty,
    /// More than anybody means.
    #[error("an entry has at most {LONGEST_PATTERN} bytes, this one has {length}")]
    TooLong {
        /// The bytes that were given.
        length: usize,
    },
    /// A character that no name has.
    #[error("no {what} has {character:?}, so `{text}` never matches")]
    Character {
        /// What is matched.
        what: &'static str,
        /// What was given.
        text: String,
        /// The character.
        character: char,
    },
    /// The glob is not well-formed.
    #[error("`{text}` is no glob: {reason}")]
    Glob {
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There is an `@`, and nothing behind it.
    #[error("`{text}` has no version requirement behind its `@`")]
    NoRequirement {
        /// What was given.
        text: String,
    },
    /// What stands behind the `@` is no requirement.
    #[error("`{text}`: {error}")]
    Requirement {
        /// What was given.
        text: String,
        /// What is wrong with it.
        error: VersionSelectorError,
    },
}

impl PatternError {
    /// The way out.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Empty => Some("take it out; `*` matches everything"),
            Self::TooLong { .. } => Some("write several entries"),
            Self::Character { character, .. } if character.is_whitespace() => {
                Some("take the blank out")
            }
            Self::Character { character, .. } if !character.is_ascii() => {
                Some("it may look like an ASCII letter and be another one; type it anew")
            }
            Self::Character { .. } => None,
            Self::Glob { .. } => Some(
                "`*` stands for any text without `/`, `**` for any text, `?` for one character, `[a-z]` for one of a range, `{a,b}` for either",
            ),
            Self::NoRequirement { .. } => {
                Some("write `name@^1.2`, or the name alone for any version")
            }
            Self::Requirement { .. } => None,
        }
    }
}

/// A set of names of one kind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NameKind {
    /// What they are names of.
    pub(crate) what: &'static str,
    /// The characters that such a name may have, those of globs aside.
    pub(crate) allows: fn(char) -> bool,
    /// Whether upper and lower case are the same.
    pub(crate) is_case_insensitive: bool,
}

impl NameKind {
    pub(crate) const NODE_TYPE: Self = Self {
        what: "node type",
        allows: |c| c.is_ascii_alphanumeric() || matches!(c, '@' | '/' | '.' | '_' | '-'),
        is_case_insensitive: false,
    };
    pub(crate) const ALLOWED_USER: Self = Self {
        what: "user",
        allows: |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | '@' | ':'),
        is_case_insensitive: false,
    };
    /// Whoever is blocked as `mallory` is blocked as `Mallory` too.
    pub(crate) const BLOCKED_USER: Self = Self {
        is_case_insensitive: true,
        ..Self::ALLOWED_USER
    };
    pub(crate) const ENVIRONMENT: Self = Self {
        what: "name of the environment",
        allows: |c| c.is_ascii_graphic() && c != '=',
        is_case_insensitive: false,
    };
    pub(crate) const SECRET: Self = Self {
        what: "name of a secret",
        allows: |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'),
        is_case_insensitive: false,
    };

    /// Parses one entry.
    pub(crate) fn parse(self, text: &str) -> Result<Glob, PatternError> {
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        if text.len() > LONGEST_PATTERN {
            return Err(PatternError::TooLong { length: text.len() });
        }
        let is_glob = |c| matches!(c, '*' | '?' | '[' | ']' | '{' | '}' | ',' | '!' | '^');
        if let Some(character) = text.chars().find(|&c| !(self.allows)(c) && !is_glob(c)) {
            return Err(PatternError::Character {
                what: self.what,
                text: text.to_owned(),
                character,
            });
        }
        // `*` stops at a `/`; by itself it is written for everything.
        let glob = if text == "*" { "**" } else { text };
        GlobBuilder::new(glob)
            .literal_separator(true)
            .backslash_escape(false)
            .case_insensitive(self.is_case_insensitive)
            .build()
            .map_err(|error| PatternError::Glob {
                text: text.to_owned(),
                reason: error.kind().to_string(),
            })
    }
}

/// Several globs of one field of a policy. It says which entry matches, as a rule that people can
/// find again.
#[derive(Debug, Clone)]
pub(crate) struct NameSet {
    rules: Vec<Arc<str>>,
    set: GlobSet,
}

impl NameSet {
    /// Compiles the entries of a field.
    pub(crate) fn compile(
        kind: NameKind,
        field: &'static str,
        entries: &[String],
    ) -> Result<Self, PatternSetError> {
        let globs = entries.iter().map(|entry| kind.parse(entry));
        Ok(Self {
            rules: rules(field, entries),
            set: build(field, globs)?,
        })
    }

    /// The rule of the first entry that matches.
    pub(crate) fn find(&self, name: &str) -> Option<&Arc<str>> {
        let matches = self.set.matches_candidate(&Candidate::new(name));
        matches.first().and_then(|&place| self.rules.get(place))
    }

    pub(crate) fn matches(&self, name: &str) -> bool {
        self.set.is_match_candidate(&Candidate::new(name))
    }
}

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
    pub(crate) glob: Glob,
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
        let glob = NameKind::NODE_TYPE.parse(name)?;
        Ok(Self { glob, versions })
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
    set: GlobSet,
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
        let globs = entries.iter().map(|entry| {
            let pattern = NodePattern::parse(entry)?;
            versions.push(pattern.versions);
            Ok(pattern.glob)
        });
        let set = build(field, globs)?;
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
        let matches = self.set.matches_candidate(&Candidate::new(name));
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
        let matches = self.set.matches_candidate(&Candidate::new(name));
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

/// Why a list could not be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PatternSetError {
    /// One entry is wrong.
    #[error("{error}")]
    Entry {
        /// The field.
        field: &'static str,
        /// The entry's place in it.
        place: usize,
        /// What is wrong with it.
        error: PatternError,
    },
    /// All together are more than can be matched.
    #[error("the entries of `{field}` cannot be matched together: {reason}")]
    Together {
        /// The field.
        field: &'static str,
        /// What stands against it.
        reason: String,
    },
}

fn build(
    field: &'static str,
    globs: impl Iterator<Item = Result<Glob, PatternError>>,
) -> Result<GlobSet, PatternSetError> {
    let mut set = GlobSetBuilder::new();
    for (place, glob) in globs.enumerate() {
        set.add(glob.map_err(|error| PatternSetError::Entry {
            field,
            place,
            error,
        })?);
    }
    set.build().map_err(|error| PatternSetError::Together {
        field,
        reason: error.kind().to_string(),
    })
}

/// `field[place] entry`, for each entry.
fn rules(field: &str, entries: &[String]) -> Vec<Arc<str>> {
    let entries = entries.iter().enumerate();
    entries
        .map(|(place, entry)| format!("{field}[{place}] `{entry}`").into())
        .collect()
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
}
