use std::collections::BTreeMap;
use std::mem;
use std::path::Path;

use jackfield_types::TenantId;

use super::encoding::hash_of;
use super::folder::{head_path, trail_path};
use super::head::{HeadFile, read_head};
use super::reader::{Line, Lines, open_trail};
use super::seal::Seal;
use super::trail::check_seal;
use super::{AuditError, AuditHash, AuditHead, AuditKey, AuditRecord};

/// How many findings are listed. Who finds as many need not know the others.
pub(super) const FINDINGS: usize = 1_000;

/// What a trail is verified against.
#[derive(Debug, Clone, Default)]
pub struct VerifyOptions {
    /// The key that it is sealed with.
    pub key: Option<AuditKey>,
    /// A head that was noted elsewhere at some time.
    pub expected_head: Option<AuditHead>,
}

/// What verifying a trail showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditVerification {
    /// How many lines there are.
    pub lines: u64,
    /// Where the trail ends: worth noting elsewhere. Nothing when it holds no record.
    pub head: Option<AuditHead>,
    /// What is wrong, in the order in which it was found; the first thousand.
    pub findings: Vec<AuditFinding>,
}

impl AuditVerification {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }
}

/// Something that is wrong with a trail.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuditFinding {
    /// A line is no record.
    #[error("line {line} is no record: {reason}")]
    Unreadable {
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// A record was changed, or put in the place of another.
    #[error("record {sequence} (line {line}) was altered")]
    Altered {
        /// The place in the trail where it stands.
        sequence: u64,
        /// The line, from 1.
        line: u64,
    },
    /// Records are missing.
    #[error("records {first} to {last} were removed")]
    Removed {
        /// The first that is missing.
        first: u64,
        /// The last of them.
        last: u64,
    },
    /// A record stands behind one that came after it.
    #[error("record {sequence} (line {line}) is not in its place")]
    Reordered {
        /// Its place in the trail.
        sequence: u64,
        /// The line where it is, from 1.
        line: u64,
    },
    /// A record is there for the second time.
    #[error("record {sequence} is there again in line {line}")]
    Repeated {
        /// Its place in the trail.
        sequence: u64,
        /// The line where it is again, from 1.
        line: u64,
    },
    /// A record of another tenant.
    #[error("line {line} is a record of the tenant `{tenant}`")]
    ForeignTenant {
        /// The line, from 1.
        line: u64,
        /// Whose record it is.
        tenant: TenantId,
    },
    /// Records are missing at the end.
    #[error("the trail had {expected} records and ends after {found}")]
    Truncated {
        /// How many there were.
        expected: u64,
        /// How many there are.
        found: u64,
    },
    /// The last line is cut off, as a crash leaves it, or is being written.
    #[error("line {line} is cut off")]
    Torn {
        /// The line, from 1.
        line: u64,
    },
    /// The head beside the trail is gone.
    #[error("the head of the trail is missing, so records may be missing at the end")]
    HeadMissing,
    /// The head beside the trail was changed.
    #[error("the head of the trail was altered, so records may be missing at the end")]
    HeadAltered,
    /// The trail is not the one whose head was noted.
    #[error("record {sequence} is not the one that was noted: the trail was made anew")]
    NotAsNoted {
        /// The last record that the noted head covers.
        sequence: u64,
    },
}

/// Verifies a tenant's trail, and says what is wrong with it.
///
/// # Errors
/// [`AuditError::NoTrail`], [`AuditError::File`], and [`AuditError::KeyMissing`],
/// [`AuditError::OtherKey`], [`AuditError::NotKeyed`] or [`AuditError::Format`] when the trail
/// was not begun with these options.
pub fn verify_audit(
    folder: &Path,
    tenant: &TenantId,
    options: &VerifyOptions,
) -> Result<AuditVerification, AuditError> {
    let seal = Seal::new(options.key.clone());
    let path = trail_path(folder, tenant);
    let at_path = |error| AuditError::file(&path, error);
    // Read first: when the trail is being written, it goes on while it is read.
    let head = read_head(folder, tenant, &seal)
        .map_err(|error| AuditError::file(head_path(folder, tenant), error))?;
    let mut chain = Chain::new(tenant, head, options.expected_head);
    let file = match open_trail(folder, tenant) {
        // Its head says how much is gone.
        Err(AuditError::NoTrail { .. }) if head != HeadFile::Missing => return Ok(chain.end()),
        file => file?,
    };
    check_seal(&file, tenant, &seal).map_err(at_path)??;
    let mut lines = Lines::new(file).map_err(at_path)?;
    while let Some(line) = lines.next().map_err(at_path)? {
        match line {
            Line::Whole(bytes) => match serde_json::from_slice::<AuditRecord>(bytes) {
                Ok(record) => chain.record(&record, hash_of(bytes, &seal)),
                Err(error) => chain.unreadable(error.to_string()),
            },
            Line::TooLong => chain.unreadable("it is too long".to_owned()),
            Line::Torn => chain.torn(),
        }
        if chain.findings.len() >= FINDINGS {
            break;
        }
    }
    Ok(chain.end())
}

/// The chain as far as it was read.
pub(super) struct Chain<'a> {
    tenant: &'a TenantId,
    line: u64,
    /// The sequence that comes next.
    next: u64,
    /// How many lines that are no records stand before it. Each may be what became of a record, or
    /// have been put there.
    doubtful: u64,
    /// The hash that the next record should hold; not known behind one that cannot be trusted.
    link: Option<AuditHash>,
    /// Where the last record stands.
    last: Option<Place>,
    /// Records that were not where they should be: the first that is missing, by the one behind
    /// the last.
    missing: BTreeMap<u64, u64>,
    head: HeadFile,
    noted: Option<AuditHead>,
    findings: Vec<AuditFinding>,
}

struct Place {
    sequence: u64,
    hash: AuditHash,
    line: u64,
}

impl<'a> Chain<'a> {
    fn new(tenant: &'a TenantId, head: HeadFile, noted: Option<AuditHead>) -> Self {
        Self {
            tenant,
            line: 0,
            next: 0,
            doubtful: 0,
            link: Some(AuditHash::ZERO),
            last: None,
            missing: BTreeMap::new(),
            head,
            noted,
            findings: Vec::new(),
        }
    }

    /// The chain of a trail that has no head beside it, and is not missed.
    pub(super) fn without_head(tenant: &'a TenantId, noted: Option<AuditHead>) -> Self {
        Self::new(tenant, HeadFile::NotKept, noted)
    }

    pub(super) fn findings(&self) -> usize {
        self.findings.len()
    }

    pub(super) fn unreadable(&mut self, reason: String) {
        self.line += 1;
        let line = self.line;
        self.findings
            .push(AuditFinding::Unreadable { line, reason });
        self.doubtful += 1;
    }

    fn torn(&mut self) {
        self.line += 1;
        let line = self.line;
        self.findings.push(AuditFinding::Torn { line });
    }

    pub(super) fn record(&mut self, record: &AuditRecord, hash: Option<AuditHash>) {
        self.line += 1;
        let line = self.line;
        if hash != Some(record.hash) {
            return self.altered(record);
        }
        if record.tenant != *self.tenant {
            let tenant = record.tenant.clone();
            return self
                .findings
                .push(AuditFinding::ForeignTenant { line, tenant });
        }
        if record.sequence < self.next {
            return self.behind(record.sequence);
        }
        self.count_doubtful(record.sequence);
        if record.sequence > self.next {
            self.skip_to(record.sequence);
        } else if self.link.is_some_and(|link| link != record.previous) {
            // It is sealed, but it follows another record than the one that stands there now.
            let (sequence, line) = match &self.last {
                Some(last) => (record.sequence.saturating_sub(1), last.line),
                None => (record.sequence, line),
            };
            self.findings.push(AuditFinding::Altered { sequence, line });
        }
        self.accept(record.sequence, record.hash, Some(record.hash));
    }

    /// Takes lines that are no records for what became of those that are missing before a place.
    fn count_doubtful(&mut self, sequence: u64) {
        let missing = sequence.saturating_sub(self.next);
        let became = missing.min(mem::take(&mut self.doubtful));
        if became > 0 {
            self.next += became;
            self.link = None;
        }
    }

    /// A record whose hash is not the one of what stands there.
    fn altered(&mut self, record: &AuditRecord) {
        self.count_doubtful(record.sequence);
        // What it says about its place is believed only where it does not follow the one before
        // it: then records are missing.
        let follows = self.link.is_none_or(|link| link == record.previous);
        if !follows
            && record.sequence > self.next
            && record.sequence - self.next < u64::from(u32::MAX)
        {
            self.skip_to(record.sequence);
        }
        let (sequence, line) = (self.next, self.line);
        self.findings.push(AuditFinding::Altered { sequence, line });
        // Perhaps only what it says was altered, and not its hash. Either way it is one finding.
        self.accept(sequence, record.hash, None);
    }

    fn accept(&mut self, sequence: u64, hash: AuditHash, link: Option<AuditHash>) {
        self.next = sequence.saturating_add(1);
        self.link = link;
        let line = self.line;
        self.last = Some(Place {
            sequence,
            hash,
            line,
        });
        let noted = self.noted.filter(|noted| noted.records == self.next);
        if noted.is_some_and(|noted| noted.hash != hash) {
            self.findings.push(AuditFinding::NotAsNoted { sequence });
        }
        if let HeadFile::Sound(head) = self.head
            && head.records == self.next
            && head.hash != hash
            && link.is_some()
        {
            self.findings.push(AuditFinding::Altered { sequence, line });
        }
    }

    fn skip_to(&mut self, sequence: u64) {
        self.missing.insert(sequence, self.next);
        self.link = None;
        self.next = sequence;
        if self.missing.len() >= FINDINGS {
            self.report_missing();
        }
    }

    /// A record with a place that has been passed already.
    fn behind(&mut self, sequence: u64) {
        let line = self.line;
        let gap = self.missing.range(sequence + 1..).next();
        let gap = gap.map(|(end, first)| (*end, *first));
        match gap.filter(|(_, first)| *first <= sequence) {
            Some((end, first)) => {
                self.missing.remove(&end);
                if first < sequence {
                    self.missing.insert(sequence, first);
                }
                if sequence + 1 < end {
                    self.missing.insert(end, sequence + 1);
                }
                self.findings
                    .push(AuditFinding::Reordered { sequence, line });
            }
            None => self
                .findings
                .push(AuditFinding::Repeated { sequence, line }),
        }
    }

    fn report_missing(&mut self) {
        for (end, first) in mem::take(&mut self.missing) {
            let last = end - 1;
            self.findings.push(AuditFinding::Removed { first, last });
        }
    }

    pub(super) fn end(mut self) -> AuditVerification {
        self.report_missing();
        match self.head {
            HeadFile::Missing => self.findings.push(AuditFinding::HeadMissing),
            HeadFile::Unreadable => self.findings.push(AuditFinding::HeadAltered),
            HeadFile::Sound(_) | HeadFile::NotKept => {}
        }
        let head = match self.head {
            HeadFile::Sound(head) => head.records,
            HeadFile::Missing | HeadFile::Unreadable | HeadFile::NotKept => 0,
        };
        let expected = head.max(self.noted.map_or(0, |noted| noted.records));
        self.count_doubtful(expected);
        if expected > self.next {
            let found = self.next;
            self.findings
                .push(AuditFinding::Truncated { expected, found });
        }
        self.findings.truncate(FINDINGS);
        AuditVerification {
            lines: self.line,
            head: self.last.map(|last| AuditHead {
                records: last.sequence.saturating_add(1),
                hash: last.hash,
            }),
            findings: self.findings,
        }
    }
}
