use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};

use jackfield_types::Secret;
use tokio::time::Instant;

/// The most bytes of a file with one value.
const MOST_BYTES: u64 = 64 * 1024;

/// What was read of a tenant's files, and when.
pub(super) struct Files {
    pub(super) at: Instant,
    /// What was in each, or why that is not known.
    pub(super) found: BTreeMap<PathBuf, Result<Secret<String>, &'static str>>,
}

impl Files {
    pub(super) fn read(paths: BTreeSet<PathBuf>) -> Self {
        let at = Instant::now();
        let found = paths.into_iter().map(|path| {
            let value = read_value(&path);
            (path, value)
        });
        Self {
            at,
            found: found.collect(),
        }
    }
}

fn read_value(path: &Path) -> Result<Secret<String>, &'static str> {
    let unreadable = |_| "it cannot be read";
    // Opening a pipe would wait for whoever writes to it.
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err("it is no file");
    }
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err("it has more than 64 KiB");
    }
    let mut text = String::from_utf8(bytes).map_err(|_| "it is no text")?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(Secret::new(text))
}
