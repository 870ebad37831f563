//! Master keys: what the keys of credentials are encrypted with.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jackfield_types::Secret;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Sha256;
use zeroize::Zeroizing;

/// How many bytes a key has.
pub(crate) const KEY_BYTES: usize = 32;
/// How many bytes tell a key from another one.
pub(crate) const CHECK_BYTES: usize = 16;
/// The most bytes of the id of a key.
const LONGEST_ID: usize = 64;
/// What is authenticated with a key to tell it from others.
const CHECKED: &[u8] = b"jackfield: which master key is this";

/// What a master key is called: 1 to 64 letters, digits and `. _ -`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(Arc<str>);

/// Why something is no master key, or no set of them. It never tells what was given as a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The id breaks a rule.
    #[error("the id of a master key has 1 to {LONGEST_ID} letters, digits and `. _ -`")]
    Id,
    /// The key is written otherwise than keys are.
    #[error(
        "master key `{id}` is not {KEY_BYTES} bytes in base64 or hexadecimal; make one with `openssl rand -base64 {KEY_BYTES}`"
    )]
    Shape {
        /// The id.
        id: KeyId,
    },
    /// Nobody drew it at random.
    #[error(
        "master key `{id}` is not random: its bytes are all the same; make one with `openssl rand -base64 {KEY_BYTES}`"
    )]
    Weak {
        /// The id.
        id: KeyId,
    },
    /// Two keys have the same id.
    #[error("two master keys have the id `{id}`; give each an id of its own")]
    Duplicate {
        /// The id.
        id: KeyId,
    },
    /// There is none.
    #[error("there is no master key; give at least one")]
    None,
    /// The system gives no random bytes.
    #[error("the system gives no random bytes: {reason}")]
    Random {
        /// What it said.
        reason: String,
    },
}

impl KeyId {
    /// Checks and wraps a text.
    ///
    /// # Errors
    /// [`KeyError::Id`].
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if text.is_empty() || text.len() > LONGEST_ID || !text.chars().all(is_allowed) {
            return Err(KeyError::Id);
        }
        Ok(Self(text.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl Serialize for KeyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for KeyId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// A master key. It is overwritten when it is dropped, and `Debug` shows its id alone.
#[derive(Clone)]
pub struct MasterKey {
    id: KeyId,
    bytes: Zeroizing<[u8; KEY_BYTES]>,
    check: [u8; CHECK_BYTES],
}

impl MasterKey {
    /// Reads a key: 32 bytes in base64 (44 characters) or hexadecimal (64 digits), with blanks and
    /// line ends around it.
    ///
    /// # Errors
    /// [`KeyError::Shape`] and [`KeyError::Weak`].
    pub fn parse(id: KeyId, text: &Secret<String>) -> Result<Self, KeyError> {
        Self::parse_text(id, text.expose())
    }

    pub(crate) fn parse_text(id: KeyId, text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        let bytes = Zeroizing::new(if text.len() == 2 * KEY_BYTES {
            from_hexadecimal(text)
        } else {
            STANDARD.decode(text).ok()
        });
        let bytes = bytes.as_deref().and_then(|bytes| bytes.try_into().ok());
        match bytes {
            Some(bytes) => Self::new(id, Zeroizing::new(bytes)),
            None => Err(KeyError::Shape { id }),
        }
    }

    /// Draws a new key.
    ///
    /// # Errors
    /// [`KeyError::Random`].
    pub fn generate(id: KeyId) -> Result<Self, KeyError> {
        Self::new(id, random()?)
    }

    fn new(id: KeyId, bytes: Zeroizing<[u8; KEY_BYTES]>) -> Result<Self, KeyError> {
        if bytes.iter().all(|byte| *byte == bytes[0]) {
            return Err(KeyError::Weak { id });
        }
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&*bytes)
            .expect("a key of this algorithm may have any length");
        mac.update(CHECKED);
        let mut check = [0; CHECK_BYTES];
        check.copy_from_slice(&mac.finalize().into_bytes()[..CHECK_BYTES]);
        Ok(Self { id, bytes, check })
    }

    /// What it is called.
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// The key in base64, as [`MasterKey::parse`] reads it: for whoever has it kept.
    pub fn to_text(&self) -> Secret<String> {
        Secret::new(STANDARD.encode(self.bytes.as_slice()))
    }

    pub(crate) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.bytes
    }

    /// What tells it from other keys of the same id, and tells nothing of it.
    pub(crate) fn check(&self) -> &[u8; CHECK_BYTES] {
        &self.check
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Random bytes of the system, which are overwritten when they are dropped.
pub(crate) fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, KeyError> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(&mut *bytes).map_err(|error| KeyError::Random {
        reason: error.to_string(),
    })?;
    Ok(bytes)
}

fn from_hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks_exact(2);
    let digit = |byte: u8| char::from(byte).to_digit(16);
    digits
        .map(|pair| u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok())
        .collect()
}

/// The master keys at hand: one to encrypt with, and others that can still be read with.
#[derive(Clone, Debug)]
pub struct MasterKeys {
    /// The current one first.
    keys: Arc<[MasterKey]>,
}

impl Default for MasterKeys {
    fn default() -> Self {
        Self::none()
    }
}

impl MasterKeys {
    /// Takes keys, of which the first is the one to encrypt with.
    ///
    /// # Errors
    /// [`KeyError::None`] and [`KeyError::Duplicate`].
    pub fn new(keys: Vec<MasterKey>) -> Result<Self, KeyError> {
        if keys.is_empty() {
            return Err(KeyError::None);
        }
        for (place, key) in keys.iter().enumerate() {
            if keys[..place].iter().any(|other| other.id == key.id) {
                return Err(KeyError::Duplicate { id: key.id.clone() });
            }
        }
        Ok(Self { keys: keys.into() })
    }

    /// No key at all: names, types and bindings can be listed, and credentials deleted; each one
    /// that is to be read tells which key it needs.
    pub fn none() -> Self {
        Self {
            keys: Arc::default(),
        }
    }

    /// The one to encrypt with, if there is any.
    pub fn current(&self) -> Option<&MasterKey> {
        self.keys.first()
    }

    pub(crate) fn sealing(&self) -> Result<&MasterKey, KeyError> {
        self.current().ok_or(KeyError::None)
    }

    /// The ids of all of them, the current one first.
    pub fn ids(&self) -> impl Iterator<Item = &KeyId> {
        self.keys.iter().map(MasterKey::id)
    }

    pub(crate) fn find(&self, id: &KeyId) -> Option<&MasterKey> {
        self.keys.iter().find(|key| key.id == *id)
    }

    /// The ids, for a message.
    pub(crate) fn names(&self) -> String {
        if self.keys.is_empty() {
            return "none".to_owned();
        }
        let ids: Vec<String> = self.ids().map(|id| format!("`{id}`")).collect();
        ids.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> KeyId {
        KeyId::parse(text).unwrap()
    }

    fn parse(text: &str) -> Result<MasterKey, KeyError> {
        MasterKey::parse(id("k"), &Secret::new(text.to_owned()))
    }

    #[test]
    fn a_key_is_read_from_base64_and_hexadecimal_and_shows_nothing() {
        let key = MasterKey::generate(id("2025-11")).unwrap();
        let text = key.to_text().expose().clone();
        let again = parse(&format!(" {text}\n")).unwrap();
        assert_eq!(again.bytes(), key.bytes());
        assert_eq!(again.check(), key.check());
        let digits: String = key
            .bytes()
            .iter()
            .map(|byte| format!("{byte:02X}"))
            .collect();
        assert_eq!(parse(&digits).unwrap().bytes(), key.bytes());
        let keys = MasterKeys::new(vec![key]).unwrap();
        let shown = format!("{keys:?} {:?}", keys.current().map(MasterKey::to_text));
        assert!(
            !shown.contains(&text) && shown.contains("2025-11"),
            "{shown}"
        );
    }

    #[test]
    fn what_is_no_key_is_refused_without_being_shown() {
        for text in [
            String::new(),
            "hunter2".to_owned(),
            "hunter2".repeat(20),
            "g".repeat(64),
            "\u{e9}".repeat(32),
            "00".repeat(32),
            "7777".repeat(16),
            STANDARD.encode([7_u8; 31]),
            STANDARD.encode([7_u8; 32]),
            STANDARD.encode([7_u8; 33]),
        ] {
            let error = parse(&text).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(text.is_empty() || !shown.contains(&text), "{shown}");
        }
        for text in ["", "a b", "\u{430}", "a/b", &"k".repeat(65)] {
            assert_eq!(KeyId::parse(text), Err(KeyError::Id), "{text:?}");
        }
    }

    #[test]
    fn a_set_of_keys_has_one_at_least_and_no_id_twice() {
        assert_eq!(MasterKeys::new(Vec::new()).unwrap_err(), KeyError::None);
        let key = || MasterKey::generate(id("k")).unwrap();
        assert_eq!(
            MasterKeys::new(vec![key(), key()]).unwrap_err(),
            KeyError::Duplicate { id: id("k") }
        );
    }
}
