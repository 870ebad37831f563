//! The file that an execution is exported to, and how much of one is believed.
//!
//! It is one JSON document: the workflow, what the execution is pinned to, its records and payloads,
//! and the report of what became of it. It ends with the digest of all before it, and with a sum of
//! each kibibyte, so that it can be said where it was changed; that tells mistakes, and stops nobody
//! who makes up a file. So everything else is checked as well, before much memory is taken: the size,
//! the depth, the number of values, each payload by its digest, and each record by what it does.

use std::collections::BTreeMap;
use std::fmt;
use std::io;

use bytes::Bytes;
use jackfield_store_api::{StoreError, StoreFuture, limits};
use jackfield_types::{Digest, ExecutionId, UserId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::StoredError;
use super::record::Record;
use super::replay::PayloadSource;

/// The format of exported executions.
const FORMAT: u32 = 2;
/// The format without digest and sums. It can be replayed still.
const WITHOUT_DIGEST: u32 = 1;

/// How large an exported execution may be.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    /// How many bytes it has at most.
    bytes: usize,
    /// How many values: each takes much more memory than it has bytes.
    values: usize,
    /// How deep they are in each other.
    depth: usize,
}

const BOUNDS: Bounds = Bounds {
    bytes: 256 << 20,
    values: 8_000_000,
    depth: 120,
};

/// How many bytes have a sum.
const BLOCK: usize = 1_024;
const SUMS: &str = ",\"sums\":[";
const DIGEST: &str = ",\"digest\":\"";
/// How many bytes come after the place where the digest begins.
const DIGEST_BYTES: usize = "sha256:".len() + 64 + "\"}".len();

/// An exported execution: everything that is needed to replay it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct File {
    /// The format. Its name tells what the file is.
    jackfield_execution: u32,
    pub(super) id: ExecutionId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<UserId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) retry_of: Option<ExecutionId>,
    created_at: Timestamp,
    pub(super) workflow: FileWorkflow,
    /// What it is pinned to.
    pub(super) pinned: Value,
    pub(super) records: Vec<Value>,
    /// Lists that the records name by digest.
    pub(super) payloads: BTreeMap<String, Value>,
    /// What became of it.
    pub(super) report: Value,
    /// These come in when it is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sums: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct FileWorkflow {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) document: String,
}

/// What an execution is, beside what happened in it.
pub(super) struct Head {
    pub(super) id: ExecutionId,
    pub(super) user: Option<UserId>,
    pub(super) retry_of: Option<ExecutionId>,
    pub(super) created_at: Timestamp,
    pub(super) workflow: FileWorkflow,
    pub(super) pinned: Value,
}

/// What a file has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// Just as it was written.
    Unchanged,
    /// Changed, perhaps: whoever replays it is told what differs.
    Any,
}

impl File {
    pub(super) fn new(
        head: Head,
        records: Vec<Value>,
        payloads: BTreeMap<String, Value>,
        report: Value,
    ) -> Self {
        Self {
            jackfield_execution: FORMAT,
            id: head.id,
            user: head.user,
            retry_of: head.retry_of,
            created_at: head.created_at,
            workflow: head.workflow,
            pinned: head.pinned,
            records,
            payloads,
            report,
            sums: None,
            digest: None,
        }
    }

    /// Writes it, if it is one that would be read.
    pub(super) fn write(&self) -> Result<Vec<u8>, StoredError> {
        let too_large = |reason: String| {
            StoredError::invalid(format!("execution `{}` is not exported: {reason}", self.id))
        };
        let mut written = Bounded::default();
        serde_json::to_writer(&mut written, self).map_err(|error| too_large(error.to_string()))?;
        let mut written = written.0;
        // In place of the brace that closes it.
        written.pop();
        seal(&mut written);
        check_shape(&written, BOUNDS).map_err(|wrong| too_large(wrong.to_string()))?;
        Ok(written)
    }

    pub(super) fn read(exported: &[u8], trust: Trust) -> Result<Self, StoredError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Format {
            jackfield_execution: u32,
        }
        check_shape(exported, BOUNDS).map_err(|wrong| StoredError::invalid(wrong.to_string()))?;
        let wrong = |error: serde_json::Error| {
            StoredError::invalid(format!("this is no exported execution: {error}"))
        };
        let format: Format = serde_json::from_slice(exported).map_err(wrong)?;
        match (format.jackfield_execution, trust) {
            (FORMAT, Trust::Unchanged) => check_seal(exported)?,
            (FORMAT | WITHOUT_DIGEST, Trust::Any) => {}
            (WITHOUT_DIGEST, Trust::Unchanged) => {
                return Err(StoredError::invalid(format!(
                    "the exported execution has format version {WITHOUT_DIGEST}, which does not \
                     show whether it was changed: it can be replayed, and has to be exported again \
                     to be taken in"
                )));
            }
            (found, _) => {
                return Err(StoredError::invalid(format!(
                    "the exported execution has format version {found}, and this program knows \
                     {FORMAT}; read it with the program that wrote it, or a newer one"
                )));
            }
        }
        serde_json::from_slice(exported).map_err(wrong)
    }

    /// Makes it another tenant's, whose signals are counted from 1.
    pub(super) fn belong_to(&mut self, tenant: &str) {
        if let Some(Value::Object(first)) = self.records.first_mut() {
            first.insert("tenant".to_owned(), Value::from(tenant));
        }
        let count = self.records.len() as u64;
        for (place, record) in (0..).zip(&mut self.records) {
            if record.get("event").and_then(Value::as_str) == Some("signal-received")
                && let Value::Object(record) = record
            {
                record.insert("signal".to_owned(), Value::from(u64::MAX - count + place));
            }
        }
    }
}

/// What is wrong with the shape of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Long { bytes: usize, most: usize },
    Deep { at: usize, most: usize },
    Many { at: usize, most: usize },
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Long { bytes, most } => {
                write!(
                    f,
                    "an exported execution has at most {most} bytes, this one has {bytes}"
                )
            }
            Self::Deep { at, most } => write!(
                f,
                "an exported execution has values in each other at most {most} deep, this one has \
                 deeper ones at byte {at}"
            ),
            Self::Many { at, most } => write!(
                f,
                "an exported execution has at most {most} values, this one has more than that \
                 before byte {at}"
            ),
        }
    }
}

/// Refuses what is too large to be looked at.
pub(super) fn check_size(exported: &[u8]) -> Result<(), StoredError> {
    let (bytes, most) = (exported.len(), BOUNDS.bytes);
    if bytes > most {
        let wrong = Shape::Long { bytes, most };
        return Err(StoredError::invalid(wrong.to_string()));
    }
    Ok(())
}

/// Goes through a document that may be none, to see how much would come of it.
fn check_shape(exported: &[u8], bounds: Bounds) -> Result<(), Shape> {
    if exported.len() > bounds.bytes {
        return Err(Shape::Long {
            bytes: exported.len(),
            most: bounds.bytes,
        });
    }
    let (mut depth, mut values) = (0usize, 0usize);
    let (mut is_text, mut is_escaped) = (false, false);
    for (at, &byte) in exported.iter().enumerate() {
        if is_text {
            is_text = is_escaped || byte != b'"';
            is_escaped = byte == b'\\' && !is_escaped;
            continue;
        }
        match byte {
            b'"' => is_text = true,
            b'[' | b'{' => {
                depth += 1;
                values += 1;
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' | b':' => values += 1,
            _ => {}
        }
        if depth > bounds.depth {
            let most = bounds.depth;
            return Err(Shape::Deep { at, most });
        }
        if values > bounds.values {
            let most = bounds.values;
            return Err(Shape::Many { at, most });
        }
    }
    Ok(())
}

/// The sum of a block.
fn sum(block: &[u8]) -> String {
    let digest = limits::digest_of(block);
    let [a, b, c, d, ..] = *digest.as_bytes();
    format!("{:08x}", u32::from_be_bytes([a, b, c, d]))
}

/// Adds sums and digest to an object that is not closed yet, and closes it.
fn seal(written: &mut Vec<u8>) {
    let sums: Vec<String> = written
        .chunks(BLOCK)
        .map(|block| format!("\"{}\"", sum(block)))
        .collect();
    written.extend_from_slice(SUMS.as_bytes());
    written.extend_from_slice(sums.join(",").as_bytes());
    written.push(b']');
    let digest = limits::digest_of(written);
    written.extend_from_slice(format!("{DIGEST}{digest}\"}}").as_bytes());
}

/// Checks that a file is just what was written, and says where it is not.
fn check_seal(exported: &[u8]) -> Result<(), StoredError> {
    let exported = exported.trim_ascii_end();
    let place = exported.len().checked_sub(DIGEST_BYTES + DIGEST.len());
    let Some((content, end)) = place.and_then(|place| exported.split_at_checked(place)) else {
        return Err(changed(exported.len(), exported.len()));
    };
    let expected = format!("{DIGEST}{}\"}}", limits::digest_of(content));
    if end == expected.as_bytes() {
        return Ok(());
    }
    // Sums have no quote and bracket in them, so that they begin with the last of these.
    let at = content
        .windows(SUMS.len())
        .rposition(|window| window == SUMS.as_bytes());
    let Some(at) = at else {
        return Err(changed(content.len(), exported.len()));
    };
    let (written, sums) = content.split_at(at);
    let sums = String::from_utf8_lossy(&sums[SUMS.len()..]);
    let mut sums = sums.split(',').map(|sum| sum.trim_matches(['"', ']']));
    for (number, block) in written.chunks(BLOCK).enumerate() {
        if sums.next() != Some(&sum(block)) {
            let from = number * BLOCK;
            return Err(changed(from, from + block.len()));
        }
    }
    Err(changed(at, exported.len()))
}

fn changed(from: usize, to: usize) -> StoredError {
    StoredError::invalid(format!(
        "the exported execution is not what was written: it was changed, or cut off, between the \
         bytes {from} and {to}; take the file as it was exported"
    ))
}

/// What is written up to the size that may be read.
#[derive(Default)]
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, some: &[u8]) -> io::Result<usize> {
        if self.0.len() + some.len() > BOUNDS.bytes {
            let bytes = self.0.len() + some.len();
            let most = BOUNDS.bytes;
            return Err(io::Error::other(Shape::Long { bytes, most }.to_string()));
        }
        self.0.extend_from_slice(some);
        Ok(some.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A value as JSON, unless it is larger than an exported execution may be.
pub(super) fn bounded_value(of: &impl Serialize) -> Result<Value, String> {
    let mut written = Bounded::default();
    serde_json::to_writer(&mut written, of).map_err(|error| error.to_string())?;
    check_shape(&written.0, BOUNDS).map_err(|wrong| wrong.to_string())?;
    serde_json::from_slice(&written.0).map_err(|error| error.to_string())
}

/// The records and payloads of a file, as a store has them.
pub(super) struct Contents {
    pub(super) records: Vec<Bytes>,
    payloads: BTreeMap<Digest, Bytes>,
}

impl Contents {
    pub(super) fn read(file: &File) -> Result<Self, StoredError> {
        let bytes = |value: &Value| {
            let bytes = serde_json::to_vec(value).map(Bytes::from);
            bytes.map_err(|error| StoredError::invalid(error.to_string()))
        };
        let mut payloads = BTreeMap::new();
        for (name, value) in &file.payloads {
            let content = bytes(value)?;
            let digest = limits::digest_of(&content);
            if digest.to_string() != *name {
                return Err(StoredError::invalid(format!(
                    "payload `{name}` is not what its name says, but `{digest}`"
                )));
            }
            payloads.insert(digest, content);
        }
        let records = file.records.iter().map(bytes).collect::<Result<_, _>>()?;
        Ok(Self { records, payloads })
    }

    /// The contents that a record names, as far as they are there.
    pub(super) fn named_by(&self, record: &[u8]) -> Vec<(Digest, Bytes)> {
        let record = Record::decode(record);
        let named = record.iter().flat_map(Record::payloads);
        let there = named.filter_map(|digest| Some((digest, self.payloads.get(&digest)?.clone())));
        there.collect()
    }
}

impl PayloadSource for Contents {
    fn payload(&self, digest: Digest) -> StoreFuture<'_, Bytes> {
        let found = self.payloads.get(&digest).cloned();
        let missing = || StoreError::not_found(format!("payload `{digest}` in the file"));
        let found = found.ok_or_else(missing);
        Box::pin(std::future::ready(found))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Bounds = Bounds {
        bytes: 64,
        values: 6,
        depth: 3,
    };

    #[test]
    fn what_would_take_much_memory_is_refused_before_it_does() {
        let check = |text: &str| check_shape(text.as_bytes(), SMALL);
        assert_eq!(check("[[[]]]"), Ok(()));
        assert_eq!(check("[[[[]]]]"), Err(Shape::Deep { at: 3, most: 3 }));
        assert_eq!(check("[1,1,1,1,1,1]"), Ok(()));
        assert_eq!(
            check("[1,1,1,1,1,1,1]"),
            Err(Shape::Many { at: 12, most: 6 })
        );
        assert_eq!(check(r#"["[[[[,,,,,,\"[[[[,,,,,,\\"]"#), Ok(()));
        assert_eq!(
            check(r#"["\\",[[[]]]]"#),
            Err(Shape::Deep { at: 8, most: 3 })
        );
        let long = " ".repeat(65);
        assert_eq!(
            check(&long),
            Err(Shape::Long {
                bytes: 65,
                most: 64
            })
        );
        assert_eq!(check("]]]]"), Ok(()), "which is no JSON");
    }

    #[test]
    fn what_is_short_and_becomes_long_is_not_held_in_memory() {
        let text = "x".repeat(1 << 20);
        let shared = vec![&text; 300];
        let wrong = bounded_value(&shared).unwrap_err();
        assert!(
            wrong.starts_with("an exported execution has at most 268435456 bytes"),
            "{wrong}"
        );
        assert!(bounded_value(&[&text, &text]).is_ok());
    }

    #[test]
    fn a_change_is_found_where_it_is() {
        let mut sealed = b"{\"text\":\"".to_vec();
        sealed.extend(std::iter::repeat_n(b'x', 5_000));
        sealed.push(b'"');
        seal(&mut sealed);
        assert!(check_seal(&sealed).is_ok());
        let value: Value = serde_json::from_slice(&sealed).unwrap();
        assert_eq!(value["sums"].as_array().unwrap().len(), 5);
        let mut ended = sealed.clone();
        ended.extend_from_slice(b"\n");
        assert!(check_seal(&ended).is_ok(), "a line's end is none of it");
        for (at, expected) in [(2_100, "2048 and 3072"), (4_999, "4096 and 5010")] {
            let mut other = sealed.clone();
            other[at] = b'y';
            let said = check_seal(&other).unwrap_err().to_string();
            assert!(said.contains(expected), "{said}");
        }
        for at in 0..sealed.len() {
            assert!(check_seal(&sealed[..at]).is_err(), "cut at {at}");
        }
    }
}
