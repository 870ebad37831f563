//! Names of fields whose values may not come out.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use parking_lot::RwLock;
use rustc_hash::FxHashMap;

use super::rules::{RedactionPlace, RedactionProblem};

const LONGEST: usize = 512;

/// How many names are remembered.
const MOST_REMEMBERED: usize = 4_096;

/// Globs for names of fields, without regard to case.
#[derive(Debug)]
pub(super) struct FieldNames {
    set: GlobSet,
    /// What was found out about names: items have the same ones again and again.
    remembered: RwLock<FxHashMap<Box<str>, bool>>,
}

impl FieldNames {
    pub(super) fn compile(patterns: &[String], problems: &mut Vec<RedactionProblem>) -> Self {
        let mut set = GlobSetBuilder::new();
        for (place, pattern) in patterns.iter().enumerate() {
            let place = RedactionPlace::FieldPattern { pattern: place };
            if pattern.is_empty() || pattern.len() > LONGEST {
                let message = format!("a name or glob has 1 to {LONGEST} bytes");
                problems.push(RedactionProblem::new(place, message, "take it out"));
                continue;
            }
            // Folded here rather than by the set, which knows only ASCII letters.
            let glob = GlobBuilder::new(&folded(pattern))
                .literal_separator(false)
                .backslash_escape(true)
                .build();
            match glob {
                Ok(glob) => {
                    set.add(glob);
                }
                Err(error) => {
                    let message = format!("`{pattern}` is no glob: {}", error.kind());
                    let hint = "`*` stands for any text, `?` for one character, `[ab]` for one of several, `{a,b}` for either";
                    problems.push(RedactionProblem::new(place, message, hint));
                }
            }
        }
        let set = set.build().unwrap_or_else(|error| {
            let place = RedactionPlace::FieldPattern { pattern: 0 };
            let message = format!("the patterns cannot be matched together: {}", error.kind());
            problems.push(RedactionProblem::new(place, message, "write fewer"));
            GlobSet::empty()
        });
        Self {
            set,
            remembered: RwLock::default(),
        }
    }

    pub(super) fn matches(&self, name: &str) -> bool {
        if let Some(matches) = self.remembered.read().get(name) {
            return *matches;
        }
        let matches = self.set.is_match(folded(name));
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
