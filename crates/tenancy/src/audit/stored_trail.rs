//! One tenant's trail in a store, as the writer keeps it: what is not there yet, and where the chain
//! stands as far as is known.

use std::collections::VecDeque;
use std::io;
use std::time::Instant;

use jackfield_types::TenantId;
use jiff::Timestamp;

use super::encoding::{hash_of, write_sealed};
use super::record::FORMAT;
use super::seal::Seal;
use super::stored::{AuditStore, AuditStoreError};
use super::trail::{Trouble, check_first};
use super::{AuditAction, AuditEntry, AuditError, AuditHash, AuditRecord};

/// How many records are added at once.
const BATCH: usize = 1_000;
/// How many lines are read at once.
const PAGE: u32 = 1_000;
/// How often in a row somebody else may have come before, until it is left for later.
const TURNS: u32 = 64;

#[derive(Default)]
pub(super) struct StoredTrail {
    /// What is not in the store yet, in order.
    waiting: VecDeque<(Timestamp, AuditEntry)>,
    /// How many records could not be kept since the trail last said so.
    pub(super) lost: u64,
    /// Whether what tells of lost ones waits, too. What is lost meanwhile is told after it.
    tells_of_lost: bool,
    /// What is in the way of writing.
    pub(super) trouble: Option<Trouble>,
    /// Where it ended when that was last looked up or written.
    end: End,
    /// Whether it still ends there.
    is_end_known: bool,
    /// What may have been added, or may yet be: nobody answered. It is known when something else is.
    doubtful: Option<Sent>,
}

/// Where a trail ends.
#[derive(Debug, Clone, Copy, Default)]
struct End {
    records: u64,
    hash: Option<AuditHash>,
}

/// Lines that were sent, so many records of those that wait.
struct Sent {
    after: u64,
    lines: Vec<Vec<u8>>,
    /// How many lines come before those records, and how many records there are.
    before: usize,
    records: usize,
    hash: AuditHash,
}

impl StoredTrail {
    pub(super) fn push(&mut self, at: Timestamp, entry: AuditEntry) {
        self.waiting.push_back((at, entry));
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Whether there is anything to write.
    pub(super) fn has_unwritten(&self) -> bool {
        !self.waiting.is_empty() || self.lost > 0
    }

    /// Adds all that waits, and gives how many lines that made.
    pub(super) fn write(
        &mut self,
        tenant: &TenantId,
        store: &dyn AuditStore,
        seal: &Seal,
    ) -> Result<u64, AuditError> {
        let mut written = 0;
        let mut turns = 0;
        while self.has_unwritten() {
            self.tell_of_lost();
            if !self.is_end_known {
                written += self.find_end(tenant, store, seal)?;
                if !self.has_unwritten() {
                    break;
                }
            }
            let sent = self
                .seal_next(tenant, seal)
                .map_err(|error| failed(&error).at(store))?;
            match store.append(tenant, sent.after, sent.lines.clone()) {
                Ok(()) => written += self.settle(&sent),
                Err(AuditStoreError::OutOfTurn) if turns < TURNS => {
                    turns += 1;
                    self.is_end_known = false;
                }
                Err(error) => {
                    self.is_end_known = false;
                    if error != AuditStoreError::OutOfTurn {
                        self.doubtful = Some(sent);
                    }
                    return Err(error.at(store));
                }
            }
        }
        Ok(written)
    }

    /// Has a record wait that tells of lost ones, behind those that came before them. It waits like
    /// any other: what may have been added of it is the same when it is tried again.
    fn tell_of_lost(&mut self) {
        if self.lost == 0 || self.tells_of_lost {
            return;
        }
        let mut entry = AuditEntry::allowed(AuditAction::RecordsLost);
        entry.note = Some(format!("{} records could not be kept", self.lost).into());
        self.waiting.push_back((Timestamp::now(), entry));
        self.lost = 0;
        self.tells_of_lost = true;
    }

    /// Takes away what waited and is kept now.
    fn forget(&mut self, records: usize) {
        for (_, entry) in self.waiting.drain(..records.min(self.waiting.len())) {
            if entry.action == AuditAction::RecordsLost {
                self.tells_of_lost = false;
            }
        }
    }

    /// Puts what waits, or the first part of it, into lines that continue the trail.
    fn seal_next(&self, tenant: &TenantId, seal: &Seal) -> io::Result<Sent> {
        let mut place = (self.end.records, self.end.hash.unwrap_or(AuditHash::ZERO));
        let mut lines = Vec::new();
        let mut add = |at: Timestamp, entry: AuditEntry| {
            let mut record = AuditRecord::new(tenant.clone(), at, entry, place);
            if place.0 == 0 {
                record.format = Some(FORMAT);
                record.key_id = seal.key_id().map(Into::into);
            }
            let mut line = Vec::new();
            let hash = write_sealed(&record, seal, &mut line)?;
            // The line feed.
            line.pop();
            lines.push(line);
            place = (place.0.saturating_add(1), hash);
            io::Result::Ok(())
        };
        let begun = self
            .waiting
            .front()
            .map_or_else(Timestamp::now, |(at, _)| *at);
        if self.end.records == 0 {
            add(begun, AuditEntry::allowed(AuditAction::TrailBegun))?;
        } else if self.end.hash.is_none() {
            let mut entry = AuditEntry::allowed(AuditAction::TrailRecovered);
            entry.note = Some("the last record cannot be read".into());
            add(begun, entry)?;
        }
        let before = usize::from(self.end.records == 0 || self.end.hash.is_none());
        let records = self.waiting.len().min(BATCH);
        for (at, entry) in self.waiting.iter().take(records) {
            add(*at, entry.clone())?;
        }
        Ok(Sent {
            after: self.end.records,
            hash: place.1,
            lines,
            before,
            records,
        })
    }

    /// Takes what was sent for kept, and gives how many lines that were.
    fn settle(&mut self, sent: &Sent) -> u64 {
        let lines = count(sent.lines.len());
        self.doubtful = None;
        self.forget(sent.records);
        self.end = End {
            records: sent.after.saturating_add(lines),
            hash: Some(sent.hash),
        };
        self.is_end_known = true;
        lines
    }

    /// Finds out where the trail ends, and what became of lines that may have been added. Gives how
    /// many of those were.
    fn find_end(
        &mut self,
        tenant: &TenantId,
        store: &dyn AuditStore,
        seal: &Seal,
    ) -> Result<u64, AuditError> {
        let line = |after: u64| -> Result<Option<Vec<u8>>, AuditError> {
            let read = store.read(tenant, after, 1);
            let read = read.map_err(|error| error.at(store))?;
            Ok(read.into_iter().next())
        };
        if let Some(first) = line(0)? {
            check_first(&first, tenant, seal)?;
        }
        let added = self.find_doubtful(tenant, store)?;
        let is_there = |place: u64| line(place).map(|line| line.is_some());
        let known = self.end.records;
        let mut from = if known > 0 && is_there(known - 1)? {
            known
        } else {
            0
        };
        // There are at least `from`, and not `beyond` and one more.
        let mut step: u64 = 1;
        while is_there(from.saturating_add(step).saturating_sub(1))? {
            from = from.saturating_add(step);
            step = step.saturating_mul(2);
        }
        let mut beyond = from.saturating_add(step).saturating_sub(1);
        while from < beyond {
            let middle = from + (beyond - from) / 2;
            if is_there(middle)? {
                from = middle + 1;
            } else {
                beyond = middle;
            }
        }
        let last = match from.checked_sub(1) {
            Some(place) => line(place)?,
            None => None,
        };
        let sealed = last.and_then(|line| {
            let record = serde_json::from_slice::<AuditRecord>(&line).ok()?;
            (hash_of(&line, seal) == Some(record.hash)).then_some(record.hash)
        });
        self.end = End {
            records: from,
            hash: sealed,
        };
        self.is_end_known = true;
        Ok(added)
    }

    /// Finds out how many of the lines that nobody answered for were added. An earlier try may have
    /// added the first of them only: with fewer records, it began with the same lines.
    fn find_doubtful(
        &mut self,
        tenant: &TenantId,
        store: &dyn AuditStore,
    ) -> Result<u64, AuditError> {
        let Some(sent) = &self.doubtful else {
            return Ok(0);
        };
        let mut same: usize = 0;
        while same < sent.lines.len() {
            let after = sent.after.saturating_add(count(same));
            let read = store.read(tenant, after, PAGE);
            let read = read.map_err(|error| error.at(store))?;
            let these = read.iter().zip(&sent.lines[same..]);
            let matching = these.take_while(|(there, sent)| there == sent).count();
            same += matching;
            if matching == 0 || matching < read.len() {
                break;
            }
        }
        if same == 0 {
            // It may be on its way.
            return Ok(0);
        }
        let records = same.saturating_sub(sent.before).min(sent.records);
        self.doubtful = None;
        self.forget(records);
        Ok(count(same))
    }

    /// When it is tried again, if something is in the way.
    pub(super) fn retry_at(&self) -> Option<Instant> {
        self.trouble.as_ref().map(|trouble| trouble.retry_at)
    }

    /// What is in the way of so many records, if something is.
    pub(super) fn in_the_way(&self, records: u64) -> Option<AuditError> {
        let trouble = self.trouble.as_ref()?;
        Some(AuditError::Unwritten {
            records,
            source: Box::new(trouble.error.clone()),
        })
    }
}

fn count(records: usize) -> u64 {
    u64::try_from(records).unwrap_or(u64::MAX)
}

fn failed(error: &io::Error) -> AuditStoreError {
    AuditStoreError::Failed {
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;

    /// A store whose first answers do not come. What is sent first arrives with the second call.
    #[derive(Default)]
    struct Late {
        lines: Mutex<Vec<Vec<u8>>>,
        on_its_way: Mutex<Vec<Vec<u8>>>,
        calls: Mutex<u32>,
    }

    impl AuditStore for Late {
        fn describe(&self) -> String {
            "memory".to_owned()
        }

        fn read(&self, _: &TenantId, after: u64, _: u32) -> Result<Vec<Vec<u8>>, AuditStoreError> {
            let lines = self.lines.lock();
            Ok(lines.iter().skip(after as usize).cloned().collect())
        }

        fn append(
            &self,
            _: &TenantId,
            after: u64,
            sent: Vec<Vec<u8>>,
        ) -> Result<(), AuditStoreError> {
            let (mut lines, mut calls) = (self.lines.lock(), self.calls.lock());
            *calls += 1;
            match *calls {
                1 => *self.on_its_way.lock() = sent.clone(),
                2 => *lines = self.on_its_way.lock().clone(),
                _ => {}
            }
            if *calls <= 2 {
                let reason = "the connection broke".to_owned();
                return Err(AuditStoreError::Failed { reason });
            }
            if lines.len() as u64 != after {
                return Err(AuditStoreError::OutOfTurn);
            }
            lines.extend(sent);
            Ok(())
        }
    }

    #[test]
    fn lost_records_are_told_of_once() {
        let (store, seal) = (Late::default(), Seal::new(None));
        let tenant = TenantId::parse("acme").unwrap();
        let mut trail = StoredTrail::default();
        let entry = || AuditEntry::allowed(AuditAction::NodeCalled);
        trail.push(Timestamp::now(), entry());
        trail.lost = 3;
        assert!(trail.write(&tenant, &store, &seal).is_err());
        // More come, and more are lost, before it is tried again.
        trail.push(Timestamp::now(), entry());
        trail.lost += 2;
        assert!(trail.write(&tenant, &store, &seal).is_err());
        trail.write(&tenant, &store, &seal).unwrap();
        assert!(!trail.has_unwritten());
        let lines = store.lines.lock();
        let read = lines.iter().map(|line| {
            let record: AuditRecord = serde_json::from_slice(line).unwrap();
            (record.action, record.note.map(|note| note.to_string()))
        });
        let lost = |count: u32| {
            let note = format!("{count} records could not be kept");
            (AuditAction::RecordsLost, Some(note))
        };
        let expected = [
            (AuditAction::TrailBegun, None),
            (AuditAction::NodeCalled, None),
            lost(3),
            (AuditAction::NodeCalled, None),
            lost(2),
        ];
        assert_eq!(read.collect::<Vec<_>>(), expected);
    }
}
