use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jackfield_types::TenantId;

use super::encoding::LINE_LIMIT;
use super::folder::trail_path;
use super::stored::AuditStore;
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

/// How many lines of a trail in a store are read at once.
const PAGE: u32 = 1_000;

/// The lines of a trail in a store, one at a time.
pub(super) struct StoredLines {
    store: Arc<dyn AuditStore>,
    tenant: TenantId,
    /// Those that were read and not given yet.
    read: std::vec::IntoIter<Vec<u8>>,
    line: Vec<u8>,
    number: u64,
}

impl StoredLines {
    pub(super) fn new(store: Arc<dyn AuditStore>, tenant: &TenantId) -> Self {
        Self {
            store,
            tenant: tenant.clone(),
            read: Vec::new().into_iter(),
            line: Vec::new(),
            number: 0,
        }
    }

    pub(super) fn next(&mut self) -> Result<Option<&[u8]>, AuditError> {
        if self.read.len() == 0 {
            let read = self.store.read(&self.tenant, self.number, PAGE);
            let read = read.map_err(|error| error.at(&*self.store))?;
            self.read = read.into_iter();
        }
        let Some(line) = self.read.next() else {
            return Ok(None);
        };
        self.number += 1;
        self.line = line;
        Ok(Some(&self.line))
    }
}

/// A record, or why a line is none, and the number of the line.
type Found = (Result<AuditRecord, String>, u64);

/// Where lines are read from.
enum Source {
    File { path: PathBuf, lines: Lines },
    Store(StoredLines),
}

/// Reads a tenant's trail, record by record. What is being written at the moment is not there yet.
///
/// It does not verify: [`verify_audit`](super::verify_audit) does.
pub struct AuditReader {
    tenant: TenantId,
    /// Nothing once all is read.
    source: Option<Source>,
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
            source: Some(Source::File {
                lines: lines.map_err(|error| AuditError::file(&path, error))?,
                path,
            }),
        })
    }

    /// Reads nothing.
    pub(super) fn empty(tenant: &TenantId) -> Self {
        Self {
            tenant: tenant.clone(),
            source: None,
        }
    }

    /// Reads what a store has.
    pub(super) fn over(lines: StoredLines, tenant: &TenantId) -> Self {
        Self {
            tenant: tenant.clone(),
            source: Some(Source::Store(lines)),
        }
    }
}

impl Iterator for AuditReader {
    type Item = Result<AuditRecord, AuditError>;

    /// The next record. After one that cannot be read it goes on with the one behind it.
    fn next(&mut self) -> Option<Self::Item> {
        let source = self.source.as_mut()?;
        let (read, line) = match source.next(&self.tenant) {
            Ok(Some(found)) => found,
            Ok(None) => {
                self.source = None;
                return None;
            }
            Err(error) => {
                self.source = None;
                return Some(Err(error));
            }
        };
        let tenant = self.tenant.clone();
        Some(read.map_err(|reason| AuditError::Unreadable {
            tenant,
            line,
            reason,
        }))
    }
}

impl Source {
    /// The next record, or why a line is none, with the number of its line.
    fn next(&mut self, tenant: &TenantId) -> Result<Option<Found>, AuditError> {
        match self {
            Self::File { path, lines } => {
                let line = lines
                    .next()
                    .map_err(|error| AuditError::file(&*path, error))?;
                let read = match line {
                    None | Some(Line::Torn) => return Ok(None),
                    Some(Line::TooLong) => Err("it is too long".to_owned()),
                    Some(Line::Whole(line)) => record_of(line, tenant),
                };
                Ok(Some((read, lines.number())))
            }
            Self::Store(lines) => {
                let Some(line) = lines.next()? else {
                    return Ok(None);
                };
                let read = record_of(line, tenant);
                Ok(Some((read, lines.number)))
            }
        }
    }
}

fn record_of(line: &[u8], tenant: &TenantId) -> Result<AuditRecord, String> {
    match serde_json::from_slice::<AuditRecord>(line) {
        Ok(record) if record.tenant == *tenant => Ok(record),
        Ok(_) => Err("it is a record of another tenant".to_owned()),
        Err(error) => Err(error.to_string()),
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
