//! Whether something has to be built again.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::{BuildError, SourceFile, files};

/// What a component was made of, so that it is not made again of the same. Compilers that know by
/// themselves don't need it.
pub(crate) struct Fingerprint {
    text: String,
    /// Where it is kept.
    path: PathBuf,
}

impl Fingerprint {
    /// Takes the fingerprint of the sources in a folder, of what they are built against, and of what
    /// pins the tools.
    pub(crate) fn take(
        folder: &Path,
        against: &[SourceFile],
        tools: &[SourceFile],
        output: &Path,
    ) -> Result<Self, BuildError> {
        let mut hash = Sha256::new();
        let mut add = |part: &[u8]| {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        };
        add(env!("CARGO_PKG_VERSION").as_bytes());
        for file in against.iter().chain(tools).chain([&crate::WIT]) {
            add(file.path.as_bytes());
            add(file.text.as_bytes());
        }
        files::visit(folder, &mut |path, within| {
            add(within.as_os_str().as_encoded_bytes());
            add(&fs::read(path).map_err(BuildError::file(path))?);
            Ok(())
        })?;
        let text = hexadecimal(hash.finalize());
        let path = output.with_extension("fingerprint");
        Ok(Self { text, path })
    }

    /// Whether `output` was made of just that, whole, and is as it was made.
    pub(crate) fn is_of(&self, output: &Path) -> bool {
        let kept = fs::read_to_string(&self.path);
        let made = fs::read(output);
        made.is_ok_and(|made| kept.is_ok_and(|kept| kept == self.with(&made)))
    }

    /// Takes over what a tool made of that: gives it its name, and is kept beside it.
    pub(crate) fn keep(&self, made: &Path, output: &Path) -> Result<(), BuildError> {
        let bytes = fs::read(made).map_err(BuildError::file(made))?;
        fs::rename(made, output).map_err(BuildError::file(output))?;
        files::write(&self.path, self.with(&bytes).as_bytes())
    }

    fn with(&self, made: &[u8]) -> String {
        format!("{} {}", self.text, hexadecimal(Sha256::digest(made)))
    }
}

pub(crate) fn hexadecimal(digest: impl AsRef<[u8]>) -> String {
    let digits = digest.as_ref().iter().map(|byte| format!("{byte:02x}"));
    digits.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_component_was_made_of_counts_and_so_does_the_component() {
        let folder = tempfile::tempdir().unwrap();
        let sources = folder.path().join("sources");
        let (made, output) = (
            folder.path().join("made"),
            folder.path().join("plugin.wasm"),
        );
        let tool = |text| SourceFile { path: "lock", text };
        let take = |tools: SourceFile, against: &[SourceFile]| {
            Fingerprint::take(&sources, against, &[tools], &output).unwrap()
        };
        files::write(&sources.join("plugin.py"), b"1").unwrap();
        let before = take(tool("1"), &[]);
        assert!(!before.is_of(&output), "nothing was made yet");
        fs::write(&made, "component").unwrap();
        before.keep(&made, &output).unwrap();
        assert!(take(tool("1"), &[]).is_of(&output));
        assert!(!take(tool("2"), &[]).is_of(&output), "other tools");
        assert!(
            !take(tool("1"), &[crate::WIT]).is_of(&output),
            "another SDK"
        );
        files::write(&sources.join("a/b.py"), b"2").unwrap();
        assert!(!take(tool("1"), &[]).is_of(&output), "another file");
        fs::remove_dir_all(sources.join("a")).unwrap();
        fs::write(&output, "compo").unwrap();
        assert!(!take(tool("1"), &[]).is_of(&output), "cut short");
    }
}
