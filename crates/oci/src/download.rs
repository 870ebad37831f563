//! Reading what a registry sends, and no more than it said.

use futures_util::{Stream, StreamExt as _};
use jackfield_registry::discovery::sha256;
use jackfield_types::{ByteSize, Digest};
use std::io;

use crate::error::{OciErrorKind, from_io};

/// Reads a file of a size and a digest that are known. What is longer is not read to its end.
pub(crate) async fn read_exact<B: AsRef<[u8]>>(
    mut body: impl Stream<Item = Result<B, io::Error>> + Unpin,
    size: ByteSize,
    expected: &Digest,
) -> Result<Vec<u8>, OciErrorKind> {
    let mut bytes = Vec::new();
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(from_io)?;
        let length = bytes.len().saturating_add(chunk.as_ref().len()) as u64;
        if length > size.as_u64() {
            return Err(OciErrorKind::TooLarge {
                what: "the file that is sent",
                limit: size,
            });
        }
        bytes.extend_from_slice(chunk.as_ref());
    }
    let found = sha256(&bytes);
    if found != *expected || bytes.len() as u64 != size.as_u64() {
        return Err(OciErrorKind::DigestMismatch {
            what: "the file that is sent",
            expected: expected.to_string(),
            found: found.to_string(),
        });
    }
    Ok(bytes)
}
