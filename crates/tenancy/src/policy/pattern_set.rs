//! Many names and globs matched at once.
//!
//! Nearly all entries of policies are plain names, or text and stars. Those are matched right
//! here: a compiled set of regular expressions costs several times the memory, and tens of
//! microseconds when it is asked for the first time. What is more than that is `globset`'s, one
//! by one: its sets are made for paths of files, in which `..` is no name that a glob could mean.

use globset::{Glob, GlobMatcher};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// One entry, parsed.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    /// In lower case, if case does not matter.
    pub(super) text: Box<str>,
    pub(super) shape: Shape,
}

#[derive(Debug, Clone)]
pub(super) enum Shape {
    /// Everything.
    All,
    /// Just this text.
    Literal,
    /// Text with stars, each of which stands for any text without `/`.
    Stars,
    /// Something else.
    Glob(Glob),
}

/// The places of the entries that match, in order.
pub(crate) type Matches = SmallVec<[usize; 8]>;

/// Several entries.
#[derive(Debug, Clone)]
pub(crate) struct PatternSet {
    ignores_case: bool,
    all: Vec<usize>,
    literals: FxHashMap<Box<str>, SmallVec<[usize; 2]>>,
    stars: Vec<(Box<str>, usize)>,
    globs: Vec<(GlobMatcher, usize)>,
}

impl PatternSet {
    /// Compiles patterns, which are called by their places from then on.
    pub(crate) fn compile(ignores_case: bool, patterns: impl IntoIterator<Item = Pattern>) -> Self {
        let mut set = Self {
            ignores_case,
            all: Vec::new(),
            literals: FxHashMap::default(),
            stars: Vec::new(),
            globs: Vec::new(),
        };
        for (place, pattern) in patterns.into_iter().enumerate() {
            match pattern.shape {
                Shape::All => set.all.push(place),
                Shape::Literal => set.literals.entry(pattern.text).or_default().push(place),
                Shape::Stars => set.stars.push((pattern.text, place)),
                Shape::Glob(glob) => set.globs.push((glob.compile_matcher(), place)),
            }
        }
        set
    }

    /// The places of the patterns that match, in order.
    pub(crate) fn matches(&self, name: &str) -> Matches {
        let folded;
        let name = if self.ignores_case {
            folded = name.to_ascii_lowercase();
            &folded
        } else {
            name
        };
        let mut matches: Matches = self.all.iter().copied().collect();
        matches.extend(self.literals.get(name).into_iter().flatten().copied());
        let stars = self.stars.iter();
        matches.extend(
            stars
                .filter(|(glob, _)| matches_stars(glob.as_bytes(), name.as_bytes(), Some(b'/')))
                .map(|(_, place)| *place),
        );
        let globs = self.globs.iter().filter(|(glob, _)| glob.is_match(name));
        matches.extend(globs.map(|(_, place)| *place));
        matches.sort_unstable();
        matches
    }
}

/// Whether a text is one that a glob of text and stars means, where a star stands for no text with
/// `stop` in it. It goes back no further than to the last star, so it takes no longer than both
/// lengths multiplied.
pub(crate) fn matches_stars(glob: &[u8], text: &[u8], stop: Option<u8>) -> bool {
    let (mut glob_at, mut text_at) = (0, 0);
    // Behind the last star, and where the text goes on behind what the star stands for.
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = text.get(text_at) {
        match glob.get(glob_at) {
            Some(b'*') => {
                glob_at += 1;
                star = Some((glob_at, text_at));
            }
            Some(wanted) if wanted == byte => {
                glob_at += 1;
                text_at += 1;
            }
            Some(_) | None => match star {
                Some((behind, from)) if Some(text[from]) != stop => {
                    star = Some((behind, from + 1));
                    glob_at = behind;
                    text_at = from + 1;
                }
                Some(_) | None => return false,
            },
        }
    }
    glob[glob_at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use globset::GlobBuilder;
    use proptest::prelude::{ProptestConfig, prop_assert_eq, proptest};

    use super::*;

    const SLASH: Option<u8> = Some(b'/');

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_096))]

        #[test]
        fn stars_mean_what_they_mean_to_globset(
            glob in "(a|b|ab|/|\\.|\\*a|\\*b|\\*/|\\*\\.){0,6}(\\*|)",
            text in "[ab/.*]{0,10}",
        ) {
            let built = GlobBuilder::new(&glob).literal_separator(true).build().unwrap();
            let expected = built.compile_matcher().is_match(&text);
            prop_assert_eq!(matches_stars(glob.as_bytes(), text.as_bytes(), SLASH), expected);
        }
    }

    #[test]
    fn a_glob_of_many_stars_takes_no_time_to_speak_of() {
        let glob = "a*".repeat(250) + "b";
        let text = "a".repeat(5_000);
        assert!(!matches_stars(glob.as_bytes(), text.as_bytes(), SLASH));
        assert!(matches_stars(
            glob.as_bytes(),
            (text + "b").as_bytes(),
            SLASH
        ));
    }
}
