use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek};
use std::path::{Path, PathBuf};

use jackfield_types::TenantId;

use super::encoding::LINE_LIMIT;
use super::folder::trail_path;
use super::{AuditError, AuditRecord};

/// The lines of a file, one at a time, however long they are.
pub(super) struct Lines {
    reader: BufReader<File>,
    line: Vec<u8>,
    number: u64,
}

/// What was found where a line should be.
pub(super) enum Line<'a> {
    /// A whole one, without its line feed.
    Whole(&'a [u8]),
    /// One that is longer than any record.
    TooLong,
    /// The last one, without a line feed.
    Torn,
}

impl Lines {
    /// The lines of a file from its beginning, whatever was read of it before.
    pub(super) fn new(mut file: File) -> io::Result<Self> {
        file.rewind()?;
        Ok(Self {
            reader: BufReader::with_capacity(LINE_LIMIT, file),
            line: Vec::new(),
            number: 0,
        })
    }

    /// The number of the last line that was read, from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.line.clear();
        let mut is_too_long = false;
        loop {
            let bytes = self.reader.fill_buf()?;
            if bytes.is_empty() {
                if self.line.is_empty() && !is_too_long {
                    return Ok(None);
                }
                self.number += 1;
                return Ok(Some(Line::Torn));
            }
            let end = bytes.iter().position(|b| *b == b'\n');
            let part = &bytes[..end.unwrap_or(bytes.len())];
            is_too_long |= self.line.len() + part.len() > LINE_LIMIT;
            if is_too_long {
                self.line.clear();
            } else {
                self.line.extend_from_slice(part);
            }
            let length = part.len() + usize::from(end.is_some());
            self.reader.consume(length);
            if end.is_some() {
                self.number += 1;
                return Ok(Some(if is_too_long {
                    Line::TooLong
                } else {
                    Line::Whole(&self.line)
                }));
            }
        }
    }
}

/// Reads a tenant's trail, record by record. What is being written at the moment is not there yet.
///
/// It does not verify: [`verify_audit`](super::verify_audit) does.
pub struct AuditReader {
    tenant: TenantId,
    path: PathBuf,
    lines: Option<Lines>,
}

impl AuditReader {
    /// Opens a tenant's trail in a folder, whether somebody writes it or not.
    ///
    /// # Errors
    /// [`AuditError::NoTrail`] and [`AuditError::File`].
    pub fn open(folder: &Path, tenant: &TenantId) -> Result<Self, AuditError> {
        let path = trail_path(folder, tenant);
        let lines = Lines::new(open_trail(folder, tenant)?);
        Ok(Self {
            tenant: tenant.clone(),
            lines: Some(lines.map_err(|error| AuditError::file(&path, error))?),
            path,
        })
    }

    /// Reads nothing.
    pub(super) fn empty(tenant: &TenantId) -> Self {
        Self {
            tenant: tenant.clone(),
            path: PathBuf::new(),
            lines: None,
        }
    }
}

impl Iterator for AuditReader {
    type Item = Result<AuditRecord, AuditError>;

    /// The next record. After one that cannot be read it goes on with the one behind it.
    fn next(&mut self) -> Option<Self::Item> {
        let lines = self.lines.as_mut()?;
        let reason = match lines.next() {
            Err(error) => {
                self.lines = None;
                return Some(Err(AuditError::file(&self.path, error)));
            }
            Ok(None | Some(Line::Torn)) => {
                self.lines = None;
                return None;
            }
            Ok(Some(Line::TooLong)) => "it is too long".to_owned(),
            Ok(Some(Line::Whole(line))) => match serde_json::from_slice::<AuditRecord>(line) {
                Ok(record) if record.tenant == self.tenant => return Some(Ok(record)),
                Ok(_) => "it is a record of another tenant".to_owned(),
                Err(error) => error.to_string(),
            },
        };
        let error = AuditError::Unreadable {
            tenant: self.tenant.clone(),
            line: lines.number(),
            reason,
        };
        Some(Err(error))
    }
}

pub(super) fn open_trail(folder: &Path, tenant: &TenantId) -> Result<File, AuditError> {
    let path = trail_path(folder, tenant);
    File::open(&path).map_err(|error| {
        if error.kind() == io::ErrorKind::NotFound {
            AuditError::NoTrail {
                tenant: tenant.clone(),
                folder: folder.to_owned(),
            }
        } else {
            AuditError::file(path, error)
        }
    })
}
