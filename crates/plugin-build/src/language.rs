use std::fmt;
use std::path::Path;
use std::str::FromStr;

use crate::BuildError;

/// A language that plugins are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// Rust, by cargo.
    Rust,
    /// JavaScript, by `componentize-qjs`.
    JavaScript,
    /// Python, by `componentize-py`.
    Python,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Rust, Self::JavaScript, Self::Python];

    /// The language of the sources in a folder.
    ///
    /// # Errors
    /// [`BuildError::NoSources`].
    pub fn of(folder: &Path) -> Result<Self, BuildError> {
        let has = |name: &str| folder.join(name).is_file();
        if has("Cargo.toml") {
            Ok(Self::Rust)
        } else if has("package.json") || has("plugin.js") {
            Ok(Self::JavaScript)
        } else if has("plugin.py") {
            Ok(Self::Python)
        } else {
            let folder = folder.to_path_buf();
            Err(BuildError::NoSources { folder })
        }
    }

    /// The short name that commands take: `rust`, `js`, `python`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::JavaScript => "js",
            Self::Python => "python",
        }
    }
}

/// A text that names no language.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("plugins are written in `rust`, `js` or `python`")]
pub struct LanguageError;

impl FromStr for Language {
    type Err = LanguageError;

    fn from_str(text: &str) -> Result<Self, LanguageError> {
        let found = Self::ALL.into_iter().find(|one| one.as_str() == text);
        found.ok_or(LanguageError)
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rust => "Rust",
            Self::JavaScript => "JavaScript",
            Self::Python => "Python",
        })
    }
}
