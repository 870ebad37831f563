//! A credential as it is written.
//!
//! | bytes | what |
//! | --- | --- |
//! | 4 | `JFC`, and the version of the format |
//! | 4 | the length of the header, most significant byte first |
//! | … | the header: JSON, authenticated, not encrypted |
//! | 1 | the length of the id of the master key |
//! | … | the id of the master key |
//! | 16 | what tells that key from others of the same id |
//! | 24, 48 | a nonce, and the data key, encrypted with the master key |
//! | 24, … | a nonce, and the fields as JSON, encrypted with the data key |
//!
//! Every byte of it is authenticated or compared with what it has to be.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::key::{CHECK_BYTES, KEY_BYTES, KeyId};

/// What each row begins with; the version of the format follows.
const MAGIC: &[u8; 3] = b"JFC";
/// The version of the format that is written.
pub(crate) const VERSION: u8 = 1;
/// The bytes of a nonce.
pub(crate) const NONCE_BYTES: usize = 24;
/// The bytes that an encrypted text has more than the text.
pub(crate) const TAG_BYTES: usize = 16;
/// The bytes of an encrypted data key.
pub(crate) const WRAPPED_BYTES: usize = KEY_BYTES + TAG_BYTES;
/// The most bytes of a header.
pub(crate) const MOST_HEADER: usize = 256 * 1_024;

/// What is known of a credential without a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Header {
    /// The name of its type.
    pub(crate) r#type: String,
    /// Which data key it is encrypted with.
    pub(crate) data_key: String,
    /// The hosts that it is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) hosts: Option<Vec<String>>,
    /// The node types that it is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) node_types: Option<Vec<String>>,
    /// When there first was one of its name.
    pub(crate) created_at: Timestamp,
    /// When somebody last changed it.
    pub(crate) changed_at: Timestamp,
    /// When it was last encrypted.
    pub(crate) encrypted_at: Timestamp,
}

/// A row, taken apart. Nothing of it has been verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) header: Header,
    /// The header as it was written, which is what is authenticated.
    pub(crate) header_bytes: Box<[u8]>,
    pub(crate) key: KeyId,
    pub(crate) check: [u8; CHECK_BYTES],
    pub(crate) wrap_nonce: [u8; NONCE_BYTES],
    pub(crate) wrapped: [u8; WRAPPED_BYTES],
    pub(crate) nonce: [u8; NONCE_BYTES],
    pub(crate) body: Box<[u8]>,
}

/// Why something is no row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowProblem {
    /// It is of another version.
    Version(u8),
    /// It cannot be what was written.
    Shape(&'static str),
}

impl Row {
    /// Takes a row apart.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, RowProblem> {
        let mut rest = Rest(bytes);
        let magic = rest.array::<3>().ok_or(CUT)?;
        let [version] = rest.array().ok_or(CUT)?;
        if magic != *MAGIC {
            return Err(RowProblem::Shape("it does not begin as credentials do"));
        }
        if version != VERSION {
            return Err(RowProblem::Version(version));
        }
        let length = u32::from_be_bytes(rest.array().ok_or(CUT)?);
        let length = usize::try_from(length).ok();
        let length = length.filter(|&length| length <= MOST_HEADER);
        let length = length.ok_or(RowProblem::Shape("its header is too long"))?;
        let header_bytes = rest.slice(length).ok_or(CUT)?;
        let header = serde_json::from_slice(header_bytes)
            .map_err(|_| RowProblem::Shape("its header cannot be read"))?;
        let [length] = rest.array().ok_or(CUT)?;
        let key = rest.slice(length.into()).ok_or(CUT)?;
        let key = std::str::from_utf8(key).ok();
        let key = key.and_then(|key| KeyId::parse(key).ok());
        let row = Self {
            header,
            header_bytes: header_bytes.into(),
            key: key.ok_or(RowProblem::Shape("the id of its key cannot be read"))?,
            check: rest.array().ok_or(CUT)?,
            wrap_nonce: rest.array().ok_or(CUT)?,
            wrapped: rest.array().ok_or(CUT)?,
            nonce: rest.array().ok_or(CUT)?,
            body: rest.0.into(),
        };
        if row.body.len() < TAG_BYTES {
            return Err(CUT);
        }
        Ok(row)
    }

    /// Puts it together again.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(MAGIC);
        bytes.push(VERSION);
        // Neither is longer than its length can say: both were bounded when they were made.
        let length = u32::try_from(self.header_bytes.len()).unwrap_or(u32::MAX);
        bytes.extend(length.to_be_bytes());
        bytes.extend(&self.header_bytes);
        let key = self.key.as_str().as_bytes();
        bytes.push(u8::try_from(key.len()).unwrap_or(u8::MAX));
        bytes.extend(key);
        bytes.extend(self.check);
        bytes.extend(self.wrap_nonce);
        bytes.extend(self.wrapped);
        bytes.extend(self.nonce);
        bytes.extend(&self.body);
        bytes
    }
}

const CUT: RowProblem = RowProblem::Shape("it breaks off");

/// What is left to be read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn slice(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.slice(N)?.try_into().ok()
    }
}
