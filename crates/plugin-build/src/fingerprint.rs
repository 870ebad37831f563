//! Whether something has to be built again.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::{BuildError, files};

/// What a component was made of, so that it is not made again of the same. Compilers that know by
/// themselves don't need it.
pub(crate) struct Fingerprint {
    text: String,
    /// Where it is kept.
    path: PathBuf,
}

impl Fingerprint {
    /// Takes the fingerprint of the sources in a folder, of what they are built against, and of the
    /// tool.
    pub(crate) fn take(
        folder: &Path,
        against: &[crate::SourceFile],
        tool: &str,
        output: &Path,
    ) -> Result<Self, BuildError> {
        let mut hash = Sha256::new();
        let mut add = |part: &[u8]| {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        };
        add(tool.as_bytes());
        for file in against.iter().chain([&crate::WIT]) {
            add(file.path.as_bytes());
            add(file.text.as_bytes());
        }
        files::visit(folder, &mut |path, within| {
            add(within.as_os_str().as_encoded_bytes());
            add(&fs::read(path).map_err(BuildError::file(path))?);
            Ok(())
        })?;
        let text = hash
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let path = output.with_extension("fingerprint");
        Ok(Self { text, path })
    }

    /// Whether `output` was made of just that.
    pub(crate) fn is_of(&self, output: &Path) -> bool {
        output.is_file() && fs::read_to_string(&self.path).is_ok_and(|kept| kept == self.text)
    }

    /// Keeps it, beside the output that was just made.
    pub(crate) fn keep(&self) -> Result<(), BuildError> {
        files::write(&self.path, self.text.as_bytes())
    }
}
