//! One tenant's trail as the writer keeps it: where its chain stands, and what is not on the disk
//! yet.

use std::error::Error;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::mem;
use std::path::Path;
use std::time::{Duration, Instant};

use jackfield_types::TenantId;
use jiff::Timestamp;
use tracing::error;

use super::encoding::{LINE_LIMIT, hash_of, write_sealed};
use super::folder::trail_path;
use super::head::{HeadFile, read_head};
use super::record::FORMAT;
use super::seal::Seal;
use super::writer::LONGEST_WAIT;
use super::{AuditAction, AuditEntry, AuditError, AuditHash, AuditHead, AuditRecord};

/// The first wait before a failed write is tried again.
const FIRST_WAIT: Duration = Duration::from_millis(100);

pub(super) struct Trail {
    /// The sequence of the next record.
    next: u64,
    /// The hash of the last one.
    last: AuditHash,
    /// Whole lines that are not written yet; the first may be the rest of one.
    unwritten: Vec<u8>,
    /// How many records those are.
    unwritten_records: u64,
    /// Whether there is a file.
    pub(super) exists: bool,
    /// How many records could not be kept since the trail last said so.
    pub(super) lost: u64,
    /// What is in the way of writing.
    pub(super) trouble: Option<Trouble>,
}

/// Why a trail cannot be written, and when it is tried again.
pub(super) struct Trouble {
    pub(super) error: AuditError,
    pub(super) wait: Duration,
    pub(super) retry_at: Instant,
}

impl Trouble {
    /// What is in the way now, after what was in the way before, if anything was.
    pub(super) fn after(before: Option<&Self>, tenant: &TenantId, error: AuditError) -> Self {
        let wait = match before {
            Some(trouble) => (trouble.wait * 2).min(LONGEST_WAIT),
            None => {
                error!(%tenant, error = &error as &dyn Error, "an audit trail cannot be written, and is tried again");
                FIRST_WAIT
            }
        };
        Self {
            error,
            wait,
            retry_at: Instant::now() + wait,
        }
    }
}

impl Trail {
    /// A trail that begins with the next record.
    pub(super) fn new() -> Self {
        Self {
            next: 0,
            last: AuditHash::ZERO,
            unwritten: Vec::new(),
            unwritten_records: 0,
            exists: false,
            lost: 0,
            trouble: None,
        }
    }

    /// Adds a record to the chain, to be written later. A trail begins with a record of
    /// its own.
    pub(super) fn append(
        &mut self,
        tenant: &TenantId,
        at: Timestamp,
        entry: AuditEntry,
        seal: &Seal,
    ) -> io::Result<()> {
        if self.next == 0 {
            let entry = AuditEntry::allowed(AuditAction::TrailBegun);
            let mut record = AuditRecord::new(tenant.clone(), at, entry, (0, self.last));
            record.format = Some(FORMAT);
            record.key_id = seal.key_id().map(Into::into);
            self.add(&record, seal)?;
        }
        let place = (self.next, self.last);
        self.add(&AuditRecord::new(tenant.clone(), at, entry, place), seal)
    }

    fn add(&mut self, record: &AuditRecord, seal: &Seal) -> io::Result<()> {
        self.last = write_sealed(record, seal, &mut self.unwritten)?;
        // A head that somebody made up may leave no room.
        self.next = self.next.saturating_add(1);
        self.unwritten_records += 1;
        Ok(())
    }

    /// Adds a record that says how many are missing, if some are.
    pub(super) fn append_lost(&mut self, tenant: &TenantId, seal: &Seal) -> io::Result<()> {
        if self.lost == 0 {
            return Ok(());
        }
        let mut entry = AuditEntry::allowed(AuditAction::RecordsLost);
        entry.note = Some(format!("{} records could not be kept", self.lost).into());
        self.append(tenant, Timestamp::now(), entry, seal)?;
        self.lost = 0;
        Ok(())
    }

    pub(super) fn unwritten_bytes(&self) -> usize {
        self.unwritten.len()
    }

    pub(super) fn unwritten_records(&self) -> u64 {
        self.unwritten_records
    }

    /// Whether there is anything to write.
    pub(super) fn has_unwritten(&self) -> bool {
        !self.unwritten.is_empty() || self.lost > 0
    }

    /// What is in the way of so many records, if something is.
    pub(super) fn in_the_way(&self, records: u64) -> Option<AuditError> {
        let trouble = self.trouble.as_ref()?;
        Some(AuditError::Unwritten {
            records,
            source: Box::new(trouble.error.clone()),
        })
    }

    /// Notes that it cannot be written, and when it is tried again.
    pub(super) fn hinder(&mut self, tenant: &TenantId, error: AuditError) {
        self.trouble = Some(Trouble::after(self.trouble.as_ref(), tenant, error));
    }

    /// Where the chain ends, once all of it is written.
    pub(super) fn head(&self) -> AuditHead {
        AuditHead {
            records: self.next,
            hash: self.last,
        }
    }

    /// Writes what is not written, and says how many records that were. What a failure leaves over
    /// goes on where it stopped.
    pub(super) fn write_to(&mut self, file: &mut impl Write) -> io::Result<u64> {
        let mut written = 0;
        let result = loop {
            if written == self.unwritten.len() {
                break Ok(());
            }
            match file.write(&self.unwritten[written..]) {
                Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        self.unwritten.drain(..written);
        result.map(|()| mem::take(&mut self.unwritten_records))
    }

    /// Finds out where a trail that is there ends, and what to say if it does not end as it was
    /// left: then the next record says it.
    pub(super) fn recover(
        folder: &Path,
        tenant: &TenantId,
        seal: &Seal,
    ) -> Result<Self, AuditError> {
        let path = trail_path(folder, tenant);
        let at_path = |error| AuditError::file(&path, error);
        let head = read_head(folder, tenant, seal).map_err(at_path)?;
        let end = match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(mut file) => {
                check_seal(&file, tenant, seal).map_err(at_path)??;
                Some(TrailEnd::mend(&mut file, seal).map_err(at_path)?)
            }
            // Only its head is left.
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(at_path(error)),
        };
        let exists = end.is_some();
        let end = end.unwrap_or_default();
        let (place, note) = end.resume(head);
        let mut trail = Self {
            next: place.records,
            last: place.hash,
            exists,
            ..Self::new()
        };
        if end.needs_line_feed {
            trail.unwritten.push(b'\n');
        }
        if !note.is_empty() {
            let mut entry = AuditEntry::allowed(AuditAction::TrailRecovered);
            entry.note = Some(note.join("; ").into());
            trail
                .append(tenant, Timestamp::now(), entry, seal)
                .map_err(at_path)?;
        }
        Ok(trail)
    }
}

/// Makes sure that a trail is sealed as it was begun, as far as its first record can be read.
pub(super) fn check_seal(
    file: &File,
    tenant: &TenantId,
    seal: &Seal,
) -> io::Result<Result<(), AuditError>> {
    let mut line = Vec::new();
    BufReader::new(file.take(LINE_LIMIT as u64)).read_until(b'\n', &mut line)?;
    Ok(check_first(&line, tenant, seal))
}

/// Makes sure that a trail is sealed as its first line says, as far as that can be read.
pub(super) fn check_first(line: &[u8], tenant: &TenantId, seal: &Seal) -> Result<(), AuditError> {
    let Ok(first) = serde_json::from_slice::<AuditRecord>(line) else {
        return Ok(());
    };
    if first.sequence != 0 {
        return Ok(());
    }
    let tenant = tenant.clone();
    match (first.format, first.key_id.as_deref(), seal.key_id()) {
        (Some(format), ..) if format > FORMAT => Err(AuditError::Format { tenant, format }),
        (_, None, None) => Ok(()),
        (_, Some(_), None) => Err(AuditError::KeyMissing { tenant }),
        (_, None, Some(_)) => Err(AuditError::NotKeyed { tenant }),
        (_, Some(theirs), Some(ours)) if theirs != ours => Err(AuditError::OtherKey { tenant }),
        (_, Some(_), Some(_)) => Ok(()),
    }
}

/// How a trail's file ends.
#[derive(Default)]
struct TrailEnd {
    /// The last record, if it is one and sealed.
    last: Option<AuditHead>,
    /// How many lines there are, when there is no such record.
    lines: u64,
    /// What was done to the end.
    notes: Vec<String>,
    needs_line_feed: bool,
}

impl TrailEnd {
    /// Reads the end of a file, and takes off a line that was cut off by a crash.
    fn mend(file: &mut File, seal: &Seal) -> io::Result<Self> {
        let length = file.seek(SeekFrom::End(0))?;
        let tail_length = length.min(2 * LINE_LIMIT as u64);
        let tail_begin = length - tail_length;
        file.seek(SeekFrom::Start(tail_begin))?;
        let mut tail = Vec::new();
        (&*file).take(tail_length).read_to_end(&mut tail)?;

        let mut end = Self::default();
        let whole = tail
            .iter()
            .rposition(|b| *b == b'\n')
            .map_or(0, |at| at + 1);
        let torn = &tail[whole..];
        if !torn.is_empty() {
            if let Some(head) = sealed_head(torn, seal) {
                end.last = Some(head);
                end.needs_line_feed = true;
                end.notes
                    .push("the last record had no line feed".to_owned());
                return Ok(end);
            }
            if whole == 0 && tail_begin > 0 {
                end.needs_line_feed = true;
                end.notes
                    .push("the last line is far too long for a record".to_owned());
            } else {
                file.set_len(tail_begin + whole as u64)?;
                let note = format!(
                    "{} bytes of a record that was cut off were removed",
                    torn.len()
                );
                end.notes.push(note);
            }
        }
        let lines = &tail[..whole.saturating_sub(1)];
        let begin = lines
            .iter()
            .rposition(|b| *b == b'\n')
            .map_or(0, |at| at + 1);
        end.last = sealed_head(&lines[begin..], seal);
        if end.last.is_none() {
            end.lines = count_lines(file)?;
        }
        Ok(end)
    }

    /// Where the chain goes on, and what there is to say about it.
    fn resume(&self, head: HeadFile) -> (AuditHead, Vec<String>) {
        let mut notes = self.notes.clone();
        let fresh = AuditHead {
            records: self.lines,
            hash: AuditHash::ZERO,
        };
        let place = match (self.last, head) {
            (Some(last), HeadFile::Sound(head)) if head.records > last.records => {
                let missing = head.records - last.records;
                notes.push(format!("the last {missing} records are missing"));
                head
            }
            (Some(last), HeadFile::Sound(_)) => last,
            (Some(last), HeadFile::Missing | HeadFile::NotKept) => {
                notes.push("the head was missing".to_owned());
                last
            }
            (Some(last), HeadFile::Unreadable) => {
                notes.push("the head was changed".to_owned());
                last
            }
            (None, HeadFile::Sound(head)) => {
                notes.push("the last record cannot be read".to_owned());
                head
            }
            (None, HeadFile::Missing | HeadFile::NotKept | HeadFile::Unreadable) => {
                if self.lines > 0 {
                    notes.push("neither the last record nor the head can be read".to_owned());
                }
                fresh
            }
        };
        (place, notes)
    }
}

/// Where the chain ends if it ends with this line.
fn sealed_head(line: &[u8], seal: &Seal) -> Option<AuditHead> {
    let record = serde_json::from_slice::<AuditRecord>(line).ok()?;
    let is_sealed = hash_of(line, seal) == Some(record.hash);
    Some(AuditHead {
        records: record.sequence.checked_add(1)?,
        hash: record.hash,
    })
    .filter(|_| is_sealed)
}

fn count_lines(file: &mut File) -> io::Result<u64> {
    file.seek(SeekFrom::Start(0))?;
    let mut reader = BufReader::with_capacity(LINE_LIMIT, &*file);
    let mut lines = 0;
    loop {
        let bytes = reader.fill_buf()?;
        if bytes.is_empty() {
            return Ok(lines);
        }
        lines += bytes.iter().map(|b| u64::from(*b == b'\n')).sum::<u64>();
        let length = bytes.len();
        reader.consume(length);
    }
}
