//! Reading files whose size is bounded before a byte of them is read.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use jackfield::ByteSize;

use crate::error::{CliError, describe_io};
use crate::input::InputError;

/// Reads a whole file, unless it is larger than `limit`.
pub(crate) fn read_file(path: &Path, limit: ByteSize) -> Result<Vec<u8>, CliError> {
    let cannot = |reason: String, hint: Option<&str>| CliError::File {
        path: path.to_owned(),
        reason,
        hint: hint.map(str::to_owned),
    };
    let io_error = |error: io::Error| {
        let hint = (error.kind() == io::ErrorKind::NotFound)
            .then_some("paths are relative to the current folder");
        cannot(describe_io(&error), hint)
    };
    let file = File::open(path).map_err(io_error)?;
    let metadata = file.metadata().map_err(io_error)?;
    if metadata.is_dir() {
        return Err(cannot(
            "it is a directory".to_owned(),
            Some("name a file in it"),
        ));
    }
    if metadata.is_file() && metadata.len() > limit.as_u64() {
        let size = ByteSize::bytes(metadata.len());
        return Err(cannot(too_large(&size.to_string(), limit), None));
    }
    // Pipes and devices say nothing about their size beforehand.
    read_bounded(file, limit)
        .map_err(io_error)?
        .ok_or_else(|| cannot(too_large(&format!("more than {limit}"), limit), None))
}

/// Reads a whole file, or standard input for `-`, unless it is larger than `limit`.
pub(crate) fn read_file_or_stdin(path: &Path, limit: ByteSize) -> Result<Vec<u8>, CliError> {
    if path != Path::new("-") {
        return read_file(path, limit);
    }
    Ok(read_stdin(limit)?)
}

/// Reads standard input to its end, unless there is more than `limit`.
pub(crate) fn read_stdin(limit: ByteSize) -> Result<Vec<u8>, InputError> {
    let bytes = read_bounded(io::stdin().lock(), limit).map_err(|error| InputError::Stdin {
        reason: error.to_string(),
    })?;
    bytes.ok_or_else(|| InputError::TooLarge {
        name: "standard input".to_owned(),
        limit,
    })
}

/// Reads to the end; `None` when there is more than `limit`.
pub(crate) fn read_bounded(source: impl Read, limit: ByteSize) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    source
        .take(limit.as_u64().saturating_add(1))
        .read_to_end(&mut bytes)?;
    let is_complete = u64::try_from(bytes.len()).is_ok_and(|length| length <= limit.as_u64());
    Ok(is_complete.then_some(bytes))
}

fn too_large(size: &str, limit: ByteSize) -> String {
    format!("it has {size}, and at most {limit} are read")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_larger_than_the_limit_is_not_kept() {
        let limit = ByteSize::bytes(3);
        assert_eq!(
            read_bounded(&b"abc"[..], limit).unwrap(),
            Some(b"abc".to_vec())
        );
        assert_eq!(read_bounded(&b"abcd"[..], limit).unwrap(), None);
    }
}
