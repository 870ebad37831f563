//! Lines that end with the hash of what stands before it.
//!
//! The hash is taken over the bytes of the line, not over what they mean, so there is only one
//! way to write a record, and anybody can check one with nothing but SHA-256: it covers the line
//! up to and without `,"hash":"…"}`.

use std::io;

use serde::Serialize;

use super::AuditHash;
use super::seal::Seal;

/// The most bytes of a line. A record is bounded far below by its fields.
pub(super) const LINE_LIMIT: usize = 64 * 1024;

const BEFORE_HASH: &[u8] = b",\"hash\":\"";
const AFTER_HASH: &[u8] = b"\"}";
const HASH_FIELD: usize = BEFORE_HASH.len() + AuditHash::TEXT_LENGTH + AFTER_HASH.len();

/// Writes something whose last field is `hash` to the end of `out`, with its hash and a line feed,
/// and gives the hash.
pub(super) fn write_sealed(
    line: &impl Serialize,
    seal: &Seal,
    out: &mut Vec<u8>,
) -> io::Result<AuditHash> {
    let begin = out.len();
    let sealed = (|| {
        serde_json::to_writer(&mut *out, line)?;
        let covered = covered_length(&out[begin..])
            .ok_or_else(|| io::Error::other("the hash is not the last field"))?;
        let hash = seal.hash(&out[begin..begin + covered]);
        out.truncate(begin + covered);
        out.extend_from_slice(BEFORE_HASH);
        out.extend_from_slice(hash.to_string().as_bytes());
        out.extend_from_slice(AFTER_HASH);
        out.push(b'\n');
        Ok(hash)
    })();
    if sealed.is_err() {
        out.truncate(begin);
    }
    sealed
}

/// The hash that a line without its line feed should have, if it ends with a hash at all.
pub(super) fn hash_of(line: &[u8], seal: &Seal) -> Option<AuditHash> {
    covered_length(line).map(|covered| seal.hash(&line[..covered]))
}

fn covered_length(line: &[u8]) -> Option<usize> {
    let covered = line.len().checked_sub(HASH_FIELD)?;
    let field = &line[covered..];
    (field.starts_with(BEFORE_HASH) && field.ends_with(AFTER_HASH)).then_some(covered)
}
