use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;
use std::str::FromStr;

use jackfield_types::TenantId;
use serde::{Deserialize, Serialize};

use super::encoding::{hash_of, write_sealed};
use super::folder::{head_path, next_head_path, private};
use super::record::FORMAT;
use super::seal::Seal;
use super::{AuditHash, AuditHashError};

/// A head file is far smaller.
const SIZE_LIMIT: u64 = 4_096;

/// Where a trail ends: how many records it has, and the hash of the last one. Written as
/// `records:hash`.
///
/// Noted elsewhere, it shows later that nothing up to there was changed, whoever has the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditHead {
    /// How many records there are.
    pub records: u64,
    /// The hash of the last one.
    pub hash: AuditHash,
}

/// A text that is no head of a trail.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuditHeadError {
    /// No number and hash.
    #[error("a head is written as `records:hash`, such as `17:0f3a…`")]
    Shape,
    /// What should be the hash is none.
    #[error(transparent)]
    Hash(#[from] AuditHashError),
}

impl fmt::Display for AuditHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.records, self.hash)
    }
}

impl FromStr for AuditHead {
    type Err = AuditHeadError;

    fn from_str(text: &str) -> Result<Self, AuditHeadError> {
        let (records, hash) = text.split_once(':').ok_or(AuditHeadError::Shape)?;
        Ok(Self {
            records: records.parse().map_err(|_| AuditHeadError::Shape)?,
            hash: hash.parse()?,
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct HeadLine {
    format: u32,
    tenant: TenantId,
    records: u64,
    last: AuditHash,
    hash: AuditHash,
}

/// What a head file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeadFile {
    Missing,
    /// There is none beside a trail in a store.
    NotKept,
    /// Not ours, or changed.
    Unreadable,
    Sound(AuditHead),
}

/// Reads the head beside a trail.
pub(super) fn read_head(folder: &Path, tenant: &TenantId, seal: &Seal) -> io::Result<HeadFile> {
    let file = match File::open(head_path(folder, tenant)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(HeadFile::Missing),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(SIZE_LIMIT).read_to_end(&mut bytes)?;
    let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let read = serde_json::from_slice::<HeadLine>(line).ok();
    let sound = read.filter(|head| {
        head.format == FORMAT && head.tenant == *tenant && hash_of(line, seal) == Some(head.hash)
    });
    Ok(sound.map_or(HeadFile::Unreadable, |head| {
        HeadFile::Sound(AuditHead {
            records: head.records,
            hash: head.last,
        })
    }))
}

/// Puts a new head in the place of the one before, at once or not at all.
pub(super) fn write_head(
    folder: &Path,
    tenant: &TenantId,
    head: AuditHead,
    seal: &Seal,
    sync: bool,
) -> io::Result<()> {
    let line = HeadLine {
        format: FORMAT,
        tenant: tenant.clone(),
        records: head.records,
        last: head.hash,
        hash: AuditHash::ZERO,
    };
    let mut bytes = Vec::with_capacity(512);
    write_sealed(&line, seal, &mut bytes)?;
    let next = next_head_path(folder, tenant);
    let mut options = OpenOptions::new();
    let mut file = private(options.write(true).create(true).truncate(true)).open(&next)?;
    file.write_all(&bytes)?;
    if sync {
        file.sync_data()?;
    }
    fs::rename(&next, head_path(folder, tenant))
}
