use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// The most bytes that a path has; what an archive can hold without extensions of its format.
const LONGEST: usize = 100;
/// The most steps that a path has.
const MOST_STEPS: usize = 8;
/// Names that Windows keeps for devices, whatever comes after a dot.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "com", "lpt"];

/// The path of a file in a package: relative, with `/`, and inside of it on every system.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PackagePath(Arc<str>);

/// A text that is no path of a file in a package.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct PackagePathError {
    /// What is wrong with it.
    pub reason: &'static str,
}

impl PackagePath {
    /// Checks and wraps a text.
    ///
    /// # Errors
    /// [`PackagePathError`] says what the path may not be.
    pub fn parse(text: &str) -> Result<Self, PackagePathError> {
        let refuse = |reason| Err(PackagePathError { reason });
        if text.is_empty() {
            return refuse("a path must not be empty");
        }
        if text.len() > LONGEST {
            return refuse("a path has at most 100 bytes");
        }
        if text.starts_with('/') {
            return refuse("a path begins in the package, not with `/`");
        }
        if text.split('/').count() > MOST_STEPS {
            return refuse("a path has at most 8 steps");
        }
        for step in text.split('/') {
            if step == ".." {
                return refuse("a path must not lead out of the package by `..`");
            }
            if step.is_empty() || step == "." {
                return refuse("a path has no empty steps and no `.`");
            }
            let is_plain =
                |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'+' | b'@');
            if !step.bytes().all(is_plain) {
                return refuse("a path is made of ASCII letters, digits, `. _ - + @` and `/`");
            }
            if step.ends_with('.') || is_device(step) {
                return refuse("a path has no step that some system reads as something else");
            }
        }
        Ok(Self(text.into()))
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The file in a folder.
    pub fn within(&self, folder: &Path) -> PathBuf {
        self.0
            .split('/')
            .fold(folder.to_path_buf(), |path, step| path.join(step))
    }
}

fn is_device(step: &str) -> bool {
    let name = step.split('.').next().unwrap_or(step).to_ascii_lowercase();
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = name.len() - stem.len();
    match stem {
        "com" | "lpt" => digits == 1,
        _ => digits == 0 && DEVICES.contains(&stem),
    }
}

impl fmt::Display for PackagePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PackagePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl Serialize for PackagePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_in_its_package_on_every_system() {
        for text in [
            "plugin.wasm",
            "schemas/a-b_c.json",
            "a/b/c/d/e/f/g/h",
            "com",
            "com10.txt",
        ] {
            let path = PackagePath::parse(text);
            assert_eq!(path.map(|path| path.to_string()), Ok(text.to_owned()));
        }
        let long = "a".repeat(101);
        for text in [
            "",
            "/etc/passwd",
            "..",
            "../a",
            "a/../b",
            "a//b",
            "a/",
            "./a",
            "a\\b",
            "C:a",
            "a b",
            "a\0",
            "a\n",
            "\u{e9}",
            "a.",
            "nul",
            "x/CON.wasm",
            "lpt1",
            "a/b/c/d/e/f/g/h/i",
            &long,
        ] {
            assert!(PackagePath::parse(text).is_err(), "{text:?}");
        }
    }
}
