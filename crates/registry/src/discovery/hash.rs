use jackfield_types::Digest;
use sha2::{Digest as _, Sha256};

/// The SHA-256 of some bytes.
pub fn sha256(bytes: &[u8]) -> Digest {
    Digest::from_bytes(Sha256::digest(bytes).into())
}
