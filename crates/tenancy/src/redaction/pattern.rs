//! Names of fields whose values may not come out.

use globset::{GlobBuilder, GlobMatcher, GlobSet};
use parking_lot::RwLock;
use rustc_hash::FxHashMap;

use crate::policy::matches_stars;

use super::rules::{RedactionPlace, RedactionProblem};

const LONGEST: usize = 256;

/// More patterns than anybody writes; each is tried for each new name.
const MOST_PATTERNS: usize = 256;

/// How many names are remembered.
const MOST_REMEMBERED: usize = 4_096;

/// Globs for names of fields, without regard to case.
#[derive(Debug)]
pub(super) struct FieldNames {
    /// Text and stars, which nearly all of them are: matched without regular expressions, which
    /// would cost many times the memory.
    stars: Vec<Box<str>>,
    globs: Vec<GlobMatcher>,
    /// What was found out about names: items have the same ones again and again.
    remembered: RwLock<FxHashMap<Box<str>, bool>>,
}

impl FieldNames {
    pub(super) fn compile(patterns: &[String], problems: &mut Vec<RedactionProblem>) -> Self {
        let mut names = Self {
            stars: Vec::new(),
            globs: Vec::new(),
            remembered: RwLock::default(),
        };
        if patterns.len() > MOST_PATTERNS {
            let place = RedactionPlace::FieldPattern {
                pattern: MOST_PATTERNS,
            };
            let message = format!("there are more than {MOST_PATTERNS} patterns");
            problems.push(RedactionProblem::new(
                place,
                message,
                "write fewer, with stars",
            ));
        }
        for (place, pattern) in patterns.iter().enumerate().take(MOST_PATTERNS) {
            let place = RedactionPlace::FieldPattern { pattern: place };
            if pattern.is_empty() || pattern.len() > LONGEST {
                let message = format!("a name or glob has 1 to {LONGEST} bytes");
                problems.push(RedactionProblem::new(place, message, "take it out"));
                continue;
            }
            let folded = folded(pattern);
            if !folded.contains(['?', '[', ']', '{', '}', '\\']) {
                names.stars.push(folded.into());
                continue;
            }
            let glob = GlobBuilder::new(&folded)
                .literal_separator(false)
                .backslash_escape(true)
                .build();
            // A matcher panics where a set reports, such as at braces that are nested deep.
            let glob = glob.and_then(|glob| GlobSet::new([glob.clone()]).map(|_| glob));
            match glob {
                Ok(glob) => names.globs.push(glob.compile_matcher()),
                Err(error) => {
                    let message = format!("`{pattern}` is no glob: {}", error.kind());
                    let hint = "`*` stands for any text, `?` for one character, `[ab]` for one of several, `{a,b}` for either";
                    problems.push(RedactionProblem::new(place, message, hint));
                }
            }
        }
        names
    }

    pub(super) fn matches(&self, name: &str) -> bool {
        if let Some(matches) = self.remembered.read().get(name) {
            return *matches;
        }
        let folded = folded(name);
        let mut stars = self.stars.iter();
        let matches = stars.any(|glob| matches_stars(glob.as_bytes(), folded.as_bytes(), None))
            || self.globs.iter().any(|glob| glob.is_match(&*folded));
        let mut remembered = self.remembered.write();
        if remembered.len() < MOST_REMEMBERED && name.len() <= LONGEST {
            remembered.insert(name.into(), matches);
        }
        matches
    }
}

fn folded(text: &str) -> String {
    text.to_lowercase()
}
