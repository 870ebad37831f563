use std::fmt;
use std::str::FromStr;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use super::AuditKey;

const LENGTH: usize = 32;

/// The hash that seals a record.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AuditHash([u8; LENGTH]);

/// A text that is no hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an audit hash is 64 lower-case hexadecimal digits")]
pub struct AuditHashError;

impl AuditHash {
    /// What stands for the hash before the first record.
    pub const ZERO: Self = Self([0; LENGTH]);

    /// The number of characters when written.
    pub(super) const TEXT_LENGTH: usize = 2 * LENGTH;
}

impl fmt::Display for AuditHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; Self::TEXT_LENGTH];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for AuditHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for AuditHash {
    type Err = AuditHashError;

    fn from_str(text: &str) -> Result<Self, AuditHashError> {
        if text.len() != Self::TEXT_LENGTH {
            return Err(AuditHashError);
        }
        let mut bytes = [0; LENGTH];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            *byte = (digit(pair[0])? << 4) | digit(pair[1])?;
        }
        Ok(Self(bytes))
    }
}

/// Only lower case, so that a hash is written in one way.
fn digit(character: u8) -> Result<u8, AuditHashError> {
    match character {
        b'0'..=b'9' => Ok(character - b'0'),
        b'a'..=b'f' => Ok(character - b'a' + 10),
        _ => Err(AuditHashError),
    }
}

impl Serialize for AuditHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AuditHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// How the records of a trail are sealed.
#[derive(Clone)]
pub(super) enum Seal {
    /// By SHA-256.
    Plain,
    /// By HMAC-SHA-256.
    Keyed {
        /// With the key in it, ready to be fed.
        mac: Box<Hmac<Sha256>>,
        /// Tells keys apart, and tells nothing about them.
        key_id: Box<str>,
    },
}

impl Seal {
    pub(super) fn new(key: Option<AuditKey>) -> Self {
        let Some(key) = key else { return Self::Plain };
        let mac =
            Hmac::<Sha256>::new_from_slice(key.bytes()).expect("HMAC takes keys of every length");
        let of_id = Self::Keyed {
            mac: Box::new(mac.clone()),
            key_id: Box::default(),
        };
        let id = of_id.hash(b"jackfield audit key").to_string();
        Self::Keyed {
            mac: Box::new(mac),
            key_id: id[..16].into(),
        }
    }

    pub(super) fn key_id(&self) -> Option<&str> {
        match self {
            Self::Plain => None,
            Self::Keyed { key_id, .. } => Some(key_id),
        }
    }

    pub(super) fn hash(&self, bytes: &[u8]) -> AuditHash {
        AuditHash(match self {
            Self::Plain => Sha256::digest(bytes).into(),
            Self::Keyed { mac, .. } => {
                let mut mac = (**mac).clone();
                mac.update(bytes);
                mac.finalize().into_bytes().into()
            }
        })
    }
}
