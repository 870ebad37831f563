//! Names and globs as policies write them: parsed one by one, matched all at once.

use std::sync::Arc;

use globset::{GlobBuilder, GlobSet};
use jackfield_types::VersionSelectorError;

use super::pattern_set::{Pattern, PatternSet, Shape};

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
                "`*` stands for any text without `/`, `**` for any number of steps between `/`, `?` for one character, `[a-z]` for one of a range, `{a,b}` for either",
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
    pub(crate) const PUBLISHER: Self = Self {
        what: "publisher",
        allows: |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-',
        is_case_insensitive: false,
    };
    pub(crate) const SECRET: Self = Self {
        what: "name of a secret",
        allows: |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'),
        is_case_insensitive: false,
    };

    /// Parses one entry.
    pub(crate) fn parse(self, text: &str) -> Result<Pattern, PatternError> {
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        if text.len() > LONGEST_PATTERN {
            return Err(PatternError::TooLong { length: text.len() });
        }
        let is_special = |c| matches!(c, '?' | '[' | ']' | '{' | '}' | ',' | '!' | '^');
        let is_possible = |c| c == '*' || is_special(c) || (self.allows)(c);
        if let Some(character) = text.chars().find(|&c| !is_possible(c)) {
            return Err(PatternError::Character {
                what: self.what,
                text: text.to_owned(),
                character,
            });
        }
        let folded = if self.is_case_insensitive {
            text.to_ascii_lowercase()
        } else {
            text.to_owned()
        };
        let shape = match text {
            // `*` stops at a `/`; by itself it is written for everything.
            "*" | "**" => Shape::All,
            text if text.contains("**") || text.contains(is_special) => {
                let glob = GlobBuilder::new(&folded)
                    .literal_separator(true)
                    .backslash_escape(false)
                    .build();
                // A matcher panics where a set reports, such as at braces that are nested deep.
                let glob = glob.and_then(|glob| GlobSet::new([glob.clone()]).map(|_| glob));
                Shape::Glob(glob.map_err(|error| PatternError::Glob {
                    text: text.to_owned(),
                    reason: error.kind().to_string(),
                })?)
            }
            text if text.contains('*') => Shape::Stars,
            _ => Shape::Literal,
        };
        Ok(Pattern {
            text: folded.into(),
            shape,
        })
    }
}

/// Several globs of one field of a policy. It says which entry matches, as a rule that people can
/// find again.
#[derive(Debug, Clone)]
pub(crate) struct NameSet {
    rules: Vec<Arc<str>>,
    set: PatternSet,
}

impl NameSet {
    /// Compiles the entries of a field.
    pub(crate) fn compile(
        kind: NameKind,
        field: &'static str,
        entries: &[String],
    ) -> Result<Self, PatternSetError> {
        let patterns = entries.iter().map(|entry| kind.parse(entry));
        Ok(Self {
            rules: rules(field, entries),
            set: build(field, kind, patterns)?,
        })
    }

    /// The rule of the first entry that matches.
    pub(crate) fn find(&self, name: &str) -> Option<&Arc<str>> {
        let matches = self.set.matches(name);
        matches.first().and_then(|&place| self.rules.get(place))
    }

    pub(crate) fn matches(&self, name: &str) -> bool {
        !self.set.matches(name).is_empty()
    }
}

/// Why a list could not be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}`, entry {place}: {error}")]
pub(crate) struct PatternSetError {
    /// The field.
    field: &'static str,
    /// The place of the entry that is wrong.
    place: usize,
    /// What is wrong with it.
    error: PatternError,
}

impl PatternSetError {
    /// What is wrong with the entry.
    pub(crate) fn cause(&self) -> &PatternError {
        &self.error
    }
}

/// Puts the entries of a field together.
pub(super) fn build(
    field: &'static str,
    kind: NameKind,
    patterns: impl Iterator<Item = Result<Pattern, PatternError>>,
) -> Result<PatternSet, PatternSetError> {
    let parsed: Result<Vec<Pattern>, PatternSetError> = patterns
        .enumerate()
        .map(|(place, pattern)| {
            pattern.map_err(|error| PatternSetError {
                field,
                place,
                error,
            })
        })
        .collect();
    Ok(PatternSet::compile(kind.is_case_insensitive, parsed?))
}

/// `field[place] entry`, for each entry.
pub(super) fn rules(field: &str, entries: &[String]) -> Vec<Arc<str>> {
    let entries = entries.iter().enumerate();
    entries
        .map(|(place, entry)| format!("{field}[{place}] `{entry}`").into())
        .collect()
}
