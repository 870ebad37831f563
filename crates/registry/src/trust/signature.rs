use std::fmt::{self, Write};

use jackfield_types::{Digest, PluginId};
use semver::Version;
use serde::Deserialize;

use super::error::SignatureFileError;
use super::key::{PublicKey, SecretKey, decode, encode};

/// The file of a package that says who signed it. The manifest does not list it.
pub const SIGNATURE_FILE: &str = "plugin.sig";

/// The form of the file that is written and read.
const FORMAT: u32 = 1;
/// How large the file may be.
const LARGEST_FILE: usize = 16 * 1024;
/// How many may sign the same package.
const MOST_SIGNATURES: usize = 8;
/// How many bytes a signature has.
const LENGTH: usize = 64;

/// What is signed: one package, and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedPackage<'a> {
    /// The plugin.
    pub plugin: &'a PluginId,
    /// Its version.
    pub version: &'a Version,
    /// The digest of the package.
    pub digest: &'a Digest,
}

impl SignedPackage<'_> {
    /// The bytes that are signed. They begin with what they are, so that no signature of anything
    /// else that was made with the same key can be taken for one of these. None of the three that
    /// follow can have a line break.
    pub(super) fn to_statement(self) -> Vec<u8> {
        let Self {
            plugin,
            version,
            digest,
        } = self;
        format!("jackfield plugin signature {FORMAT}\n{plugin}\n{version}\n{digest}\n").into_bytes()
    }
}

/// An Ed25519 signature of a package.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; LENGTH]);

impl Signature {
    pub(super) fn from_bytes(bytes: [u8; LENGTH]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; LENGTH] {
        &self.0
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encode(&self.0))
    }
}

/// Who signed a package: what stands in its [`SIGNATURE_FILE`], not checked yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PackageSignatures {
    /// In the order of the file; no key is there twice.
    entries: Vec<(PublicKey, Signature)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileDocument {
    format: u32,
    #[serde(default)]
    signatures: Vec<EntryDocument>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryDocument {
    key: String,
    signature: String,
}

impl PackageSignatures {
    /// Reads the file.
    ///
    /// # Errors
    /// [`SignatureFileError`] says what is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, SignatureFileError> {
        if bytes.len() > LARGEST_FILE {
            return Err(SignatureFileError::new("it has more than 16 KiB"));
        }
        let text =
            std::str::from_utf8(bytes).map_err(|_| SignatureFileError::new("it is not UTF-8"))?;
        let document: FileDocument = toml::from_str(text).map_err(|error| {
            // The message may quote the file.
            let reason: String = error.message().chars().take(200).collect();
            SignatureFileError::new(reason)
        })?;
        if document.format != FORMAT {
            return Err(SignatureFileError::new(format!(
                "its form is {}, and this version knows only {FORMAT}",
                document.format
            )));
        }
        if document.signatures.len() > MOST_SIGNATURES {
            return Err(SignatureFileError::new(format!(
                "it has more than {MOST_SIGNATURES} signatures"
            )));
        }
        let mut entries: Vec<(PublicKey, Signature)> = Vec::new();
        for (place, entry) in document.signatures.iter().enumerate() {
            let key: PublicKey = entry.key.parse().map_err(|error| {
                SignatureFileError::new(format!("signature {}: {error}", place + 1))
            })?;
            let signature = decode(&entry.signature).map(Signature).ok_or_else(|| {
                SignatureFileError::new(format!(
                    "signature {}: a signature is written as 86 characters of URL-safe Base64",
                    place + 1
                ))
            })?;
            if entries.iter().any(|(other, _)| *other == key) {
                return Err(SignatureFileError::new(format!("`{key}` signs it twice")));
            }
            entries.push((key, signature));
        }
        Ok(Self { entries })
    }

    /// Signs a package, beside those who signed it before. A signature that was made with the same
    /// key earlier is replaced.
    ///
    /// # Errors
    /// [`SignatureFileError`] when too many have signed it already.
    pub fn sign(
        &mut self,
        package: &SignedPackage<'_>,
        key: &SecretKey,
    ) -> Result<(), SignatureFileError> {
        let public = key.public_key();
        self.entries.retain(|(other, _)| *other != public);
        if self.entries.len() >= MOST_SIGNATURES {
            return Err(SignatureFileError::new(format!(
                "{MOST_SIGNATURES} have signed it already"
            )));
        }
        self.entries.push((public, key.sign(package)));
        Ok(())
    }

    /// Leaves out the signatures that are not of this package, such as those of one that it was
    /// before it was changed.
    pub fn retain_valid(&mut self, package: &SignedPackage<'_>) {
        self.entries
            .retain(|(key, signature)| key.verifies(package, signature));
    }

    /// The keys and what was signed with them, in the order of the file.
    pub fn entries(&self) -> impl Iterator<Item = (&PublicKey, &Signature)> {
        self.entries.iter().map(|(key, signature)| (key, signature))
    }

    /// Whether nobody signed.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The file, as it is written; always the same for the same signatures.
    pub fn to_text(&self) -> String {
        let mut text = format!(
            "# Who signed this package. Made by `jackfield plugin sign`.\nformat = {FORMAT}\n"
        );
        for (key, signature) in &self.entries {
            let signature = encode(&signature.0);
            // Writing to a string cannot fail.
            let _ = write!(
                text,
                "\n[[signatures]]\nkey = \"{key}\"\nsignature = \"{signature}\"\n"
            );
        }
        text
    }
}
