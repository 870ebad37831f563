use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use jackfield_types::Secret;

use super::error::KeyError;
use super::signature::{Signature, SignedPackage};

/// What public keys begin with when they are written down.
const ALGORITHM: &str = "ed25519:";

/// The public half of an Ed25519 key: what signatures are checked with. Written `ed25519:` and 43
/// characters of URL-safe Base64.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicKey([u8; 32]);

/// A text that is no public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a public key is written `ed25519:` and 43 characters of URL-safe Base64")]
pub struct PublicKeyError;

impl PublicKey {
    /// Takes the 32 bytes of a key.
    ///
    /// # Errors
    /// [`PublicKeyError`] when they are no point of the curve, or one of the few for which a
    /// signature of everything can be made up.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, PublicKeyError> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| PublicKeyError)?;
        // A point may be written in more than one way; only one of them is taken.
        let is_canonical = key.to_edwards().compress().as_bytes() == bytes;
        if key.is_weak() || !is_canonical {
            return Err(PublicKeyError);
        }
        Ok(Self(*bytes))
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether a signature of a package was made with this key's other half.
    pub fn verifies(&self, package: &SignedPackage<'_>, signature: &Signature) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(signature.as_bytes());
        let statement = package.to_statement();
        VerifyingKey::from_bytes(&self.0)
            .and_then(|key| key.verify_strict(&statement, &signature))
            .is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{ALGORITHM}{}", URL_SAFE_NO_PAD.encode(self.as_bytes()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PublicKey {
    type Err = PublicKeyError;

    fn from_str(text: &str) -> Result<Self, PublicKeyError> {
        let encoded = text.strip_prefix(ALGORITHM).ok_or(PublicKeyError)?;
        let bytes: [u8; 32] = decode(encoded).ok_or(PublicKeyError)?;
        Self::from_bytes(&bytes)
    }
}

/// Reads Base64 of a length that is known.
pub(super) fn decode<const LENGTH: usize>(encoded: &str) -> Option<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    // Anything longer does not fit and is an error.
    let read = URL_SAFE_NO_PAD.decode_slice(encoded, &mut bytes).ok()?;
    (read == LENGTH).then_some(bytes)
}

pub(super) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The secret half of an Ed25519 key: whoever has it signs in the name of its publisher. Its memory
/// is overwritten when it goes.
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// Makes a new key from the system's randomness.
    ///
    /// # Errors
    /// [`KeyError::Randomness`] when the system has none.
    pub fn generate() -> Result<Self, KeyError> {
        let mut seed = ed25519_dalek::SecretKey::default();
        getrandom::fill(&mut seed).map_err(KeyError::Randomness)?;
        Ok(Self(SigningKey::from_bytes(&seed)))
    }

    /// Reads a key in the form that other tools write too: PKCS #8 in PEM (`openssl genpkey
    /// -algorithm ed25519`).
    ///
    /// # Errors
    /// [`KeyError::Malformed`], which tells nothing of what was given.
    pub fn from_pem(pem: &Secret<String>) -> Result<Self, KeyError> {
        SigningKey::from_pkcs8_pem(pem.expose())
            .map(Self)
            .map_err(|_| KeyError::Malformed)
    }

    /// Writes the key as PKCS #8 in PEM.
    ///
    /// # Errors
    /// [`KeyError::Malformed`]; no key that was made or read by this type has that.
    pub fn to_pem(&self) -> Result<Secret<String>, KeyError> {
        let pem = self.0.to_pkcs8_pem(LineEnding::LF);
        pem.map(|pem| Secret::new(pem.as_str().to_owned()))
            .map_err(|_| KeyError::Malformed)
    }

    /// The public half.
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// Signs a package.
    pub fn sign(&self, package: &SignedPackage<'_>) -> Signature {
        Signature::from_bytes(self.0.sign(&package.to_statement()).to_bytes())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey([redacted] of {})", self.public_key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first key of the test vectors in RFC 8032, section 7.1.
    const SEED: [u8; 32] = [
        0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c,
        0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae,
        0x7f, 0x60,
    ];
    const PUBLIC: &str = "ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    #[test]
    fn a_public_key_is_written_in_one_way() {
        let key = SecretKey(SigningKey::from_bytes(&SEED)).public_key();
        assert_eq!(key.to_string(), PUBLIC);
        assert_eq!(PUBLIC.parse(), Ok(key));
        let padded = format!("{PUBLIC}=");
        // The last character has two bits to spare.
        let spare = format!("{}p", &PUBLIC[..PUBLIC.len() - 1]);
        let upper = PUBLIC.replace("ed25519", "ED25519");
        for text in [
            "",
            "ed25519:",
            &PUBLIC[8..],
            &PUBLIC[..50],
            &padded,
            &spare,
            &upper,
        ] {
            assert_eq!(text.parse::<PublicKey>(), Err(PublicKeyError), "{text}");
        }
    }

    #[test]
    fn keys_that_would_verify_anything_are_refused() {
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let mut spelled_otherwise = [0xff; 32];
        spelled_otherwise[0] = 0xee;
        spelled_otherwise[31] = 0x7f;
        for bytes in [[0; 32], neutral, spelled_otherwise] {
            assert_eq!(PublicKey::from_bytes(&bytes), Err(PublicKeyError));
        }
    }

    #[test]
    fn a_secret_key_survives_being_written_and_shows_itself_nowhere() {
        let key = SecretKey::generate().unwrap();
        let pem = key.to_pem().unwrap();
        let read = SecretKey::from_pem(&pem).unwrap();
        assert_eq!(read.public_key(), key.public_key());
        assert!(pem.expose().starts_with("-----BEGIN PRIVATE KEY-----\n"));
        assert_eq!(
            format!("{key:?}"),
            format!("SecretKey([redacted] of {})", key.public_key())
        );
        let other = SecretKey::generate().unwrap();
        assert_ne!(other.public_key(), key.public_key());
    }

    #[test]
    fn keys_of_other_tools_are_read() {
        // What `openssl genpkey -algorithm ed25519` writes, for the key above.
        let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";
        let key = SecretKey::from_pem(&Secret::new(pem.to_owned())).unwrap();
        assert_eq!(key.public_key().to_string(), PUBLIC);
        for text in [
            "",
            "hello",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        ] {
            let error = SecretKey::from_pem(&Secret::new(text.to_owned())).unwrap_err();
            assert!(matches!(error, KeyError::Malformed), "{error}");
        }
    }
}
